"""Where the loss difference comes from: by source, family and state, and target by target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Block, Cell, Chart, Column, Link, Section, Table
from dashboard.charts import CANDIDATE, INCUMBENT, styled
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING, shown
from dashboard.views.state_map import state_chart
from dashboard.views.target_filters import ROLES, id_cell, target_cell, word_cell
from dashboard.views.target_sums import Part, counted, part_columns, part_row, tallies, total_row

_BARS = 20
_SIDES = {"lower": "lower loss", "higher": "higher loss"}


def part_sections(run: RunData, frame: pd.DataFrame) -> tuple[Section, ...]:
    """Return the parts of the loss difference: largest targets, by source, family and state."""
    return (
        Section("Top wins and losses by target", _top_tables(run, frame)),
        Section("By source family", (_part_chart(run, frame, "source", "by_source"),)),
        Section("By family", (_part_chart(run, frame, "family", "by_family"),)),
        Section("By state", (state_chart(run, GATING_LOSS, frame),)),
    )


def _top_tables(run: RunData, frame: pd.DataFrame) -> tuple[Block, ...]:
    places = {
        str(name): int(place) for name, place in zip(frame["target_id"], frame.index, strict=True)
    }
    titles = {
        "top_losses": "Targets that raise the candidate's loss most",
        "top_wins": "Targets that lower the candidate's loss most",
    }
    return tuple(_top_table(run, places, field, title) for field, title in titles.items())


def _top_table(run: RunData, places: Mapping[str, int], field: str, title: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for number, each in enumerate(run.get("loss", pointer(field)) or []):
        part = run.cell("loss", pointer(field, number, "value"), "loss", signed=True)
        row = places.get(each["name"])
        if row is None:  # the record names a target that it does not list
            rows.append(
                (run.cell("loss", pointer(field, number, "name")), *(Cell(NOTHING),) * 4, part)
            )
            continue
        errors = (
            target_cell(run, row, name, unit="share")
            for name in ("candidate_error", "incumbent_error")
        )
        said = (word_cell(run, row, "source"), word_cell(run, row, "role", ROLES))
        rows.append((id_cell(run, row), *said, *errors, part))
    columns = (
        Column("Target"),
        Column("Source"),
        Column("Role", hint="held-out targets may not be calibrated to"),
        Column("Candidate error", numeric=True),
        Column("Incumbent error", numeric=True),
        Column("Part of the loss difference", numeric=True),
    )
    return Table(title, columns, tuple(rows))


def _part_chart(run: RunData, frame: pd.DataFrame, column: str, field: str) -> Chart:
    """Return diverging bars of a loss's parts by one key, with the table of all of them."""
    parts: Mapping[str, Any] = run.get("loss", pointer("losses", GATING_LOSS, field)) or {}
    names = sorted(parts, key=lambda name: (-parts[name]["delta"], name))
    title = f"Part of the loss difference by {'source family' if column == 'source' else column}"
    return Chart(
        title,
        f"One bar per {column}: to the right where its targets raise the candidate's loss above "
        f"the incumbent's, to the left where they lower it; at most the {_BARS} largest.",
        _bars({name or NOTHING: parts[name]["delta"] for name in names}, column),
        Table(
            title,
            part_columns(column.capitalize()),
            _part_rows(run, frame, column, field, names),
            note="Worst for the candidate first. The parts add up to the whole difference.",
        ),
    )


def _part_rows(
    run: RunData, frame: pd.DataFrame, column: str, field: str, names: list[str]
) -> tuple[tuple[Cell, ...], ...]:
    rows = counted(run, frame, GATING_LOSS)
    tally, at = tallies(rows, rows[column]), ("losses", GATING_LOSS, field)
    parts = (Part(_name(run, column, name), at, (name,), tally[name]) for name in names)
    return *(part_row(run, part) for part in parts), total_row(run, "All", rows, GATING_LOSS)


def _name(run: RunData, column: str, name: str) -> Cell:
    link = Link("targets", {"run": run.key, column: name}, name) if name else None
    return Cell(name or NOTHING, name, link=link)


def _bars(deltas: Mapping[str, float], label: str) -> Any:
    """Return the largest parts as bars to both sides of nought, each with its figure."""
    largest = sorted(deltas, key=lambda name: -abs(deltas[name]))[:_BARS]
    rows = [
        {
            "name": name,
            "delta": delta,
            "text": shown(delta, "loss", signed=True),
            "side": _SIDES["higher" if delta > 0 else "lower"],
        }
        for name, delta in deltas.items()
        if name in largest
    ]
    order = [str(row["name"]) for row in rows]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("delta:Q", title="← lower | part of the loss difference | higher →"),
        y=alt.Y("name:N", sort=order, title=None),
        tooltip=[alt.Tooltip("name:N", title=label), alt.Tooltip("text:N", title="part")],
    )
    scale = alt.Scale(domain=list(_SIDES.values()), range=[CANDIDATE, INCUMBENT])
    bars = base.mark_bar().encode(color=alt.Color("side:N", scale=scale))
    return styled(bars.properties(width="container", height=alt.Step(20)))
