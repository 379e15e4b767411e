"""The losses of local products place by place: states on a map, every place in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Cell, Chart, Column, Section, Table
from dashboard.charts import BETTER, WORSE, styled
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import words
from dashboard.views.local_pairs import LEVELS, OBJECTIVE, Pair, local_places
from dashboard.views.state_map import place_name, state_chart

_SHOWN = 20
_LOSSES = {GATING_LOSS: "broad loss", OBJECTIVE: "PE's objective"}


def places(pairs: Sequence[Pair]) -> Iterator[Section]:
    """Yield the losses by place of every run that has any, the first one unfolded."""
    first = True
    for pair in pairs:
        if pair.run is None or not local_places(pair.run):
            continue
        chart, whole = _by_place(pair.run)
        folded = Section("Every place below the nation", (whole,), open=False)
        blocks = (_closer(pair.run), state_chart(pair.run, GATING_LOSS), chart, folded)
        yield Section(f"By place: {pair.title}", blocks, open=first)
        first = False


def _closer(run: RunData) -> Table:
    """Return at how many places each file is closer to the targets, by level and loss."""
    levels = local_places(run)
    rows = []
    for loss, label in _LOSSES.items():
        parts = run.get("loss", pointer("losses", loss, "by_geography")) or {}
        for level, what in LEVELS.items():
            found = [parts[each] for each, at in levels.items() if at == level and each in parts]
            if found:
                rows.append((Cell(what), Cell(label), *_counts(run, found)))
    columns = (
        Column("Places"),
        Column("Loss"),
        Column("Candidate closer", True),
        Column("Incumbent closer", True),
        Column("Equal", True),
    )
    return Table("Number of places where each file is closer", columns, tuple(rows))


def _counts(run: RunData, parts: Sequence[Mapping[str, Any]]) -> Iterator[Cell]:
    gaps = [part["candidate"] - part["incumbent"] for part in parts]
    for count, rule in (
        (sum(gap < 0 for gap in gaps), "places with the lower mean error of the candidate"),
        (sum(gap > 0 for gap in gaps), "places with the lower mean error of the incumbent"),
        (sum(gap == 0 for gap in gaps), "places with equal mean errors"),
    ):
        yield run.derived(count, "", rule)


def _by_place(run: RunData) -> tuple[Chart, Table]:
    """Return the places that part the files most, as bars, and all places as a table."""
    levels = local_places(run)
    parts: Mapping[str, Any] = run.get("loss", pointer("losses", GATING_LOSS, "by_geography"))
    order = sorted(levels, key=lambda place: (-abs(parts[place]["delta"]), place))
    rows = tuple(_place_row(run, place, levels[place]) for place in order)
    columns = (
        Column("Place"),
        Column("Level"),
        Column("Targets", True),
        Column("Candidate", True, "Mean gating error of its rows."),
        Column("Incumbent", True, "Mean gating error of its rows."),
        Column("Part of the difference", True, "Part of the broad loss's difference."),
        Column("PE's objective, candidate", True, "Mean error of its rows, by this objective."),
        Column("PE's objective, incumbent", True, "Mean error of its rows, by this objective."),
    )
    note = "Places with the largest part of the difference first; below 0 the candidate is better."
    bars = [
        {
            "place": f"{place_name(place)} ({place})",
            "part": parts[place]["delta"],
            "closer": "candidate" if parts[place]["delta"] < 0 else "incumbent",
        }
        for place in order[:_SHOWN]
    ]
    colour = alt.Scale(domain=["candidate", "incumbent"], range=[BETTER, WORSE])
    chart = (
        alt.Chart(pd.DataFrame(bars))
        .mark_bar()
        .encode(
            y=alt.Y("place:N", sort=[bar["place"] for bar in bars], title=None),
            x=alt.X("part:Q", title="part of the broad loss's difference"),
            color=alt.Color("closer:N", scale=colour),
            tooltip=["place:N", "part:Q", "closer:N"],
        )
    )
    title = "Places that part the files most"
    description = (
        "Bars of the largest parts of the broad loss's difference by place: to the left of zero "
        "the candidate is closer to the targets, to the right the incumbent."
    )
    drawn = styled(chart.properties(width=420, height=alt.Step(18)))
    top = Table(title, columns, rows[:_SHOWN], note)
    return Chart(title, description, drawn, top), Table("Places", columns, rows, note)


def _place_row(run: RunData, place: str, level: str) -> tuple[Cell, ...]:
    at = ("losses", GATING_LOSS, "by_geography", place)
    own = ("losses", OBJECTIVE, "by_geography", place)
    return (
        Cell(place_name(place), note=place),
        Cell(words(level)),
        run.cell("loss", pointer(*at, "targets")),
        run.cell("loss", pointer(*at, "candidate"), "loss"),
        run.cell("loss", pointer(*at, "incumbent"), "loss"),
        run.cell("loss", pointer(*at, "delta"), "loss", signed=True),
        run.cell("loss", pointer(*own, "candidate"), "loss"),
        run.cell("loss", pointer(*own, "incumbent"), "loss"),
    )
