"""One target: what it is, how near both files come, what it weighs, which gates it enters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Figure,
    Figures,
    Link,
    Links,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.charts import CANDIDATE, INCUMBENT, TARGET, styled
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING, shown, words
from dashboard.views.empty import lacks_record_page
from dashboard.views.lookup import gate_at, place_of, short
from dashboard.views.states import place_name
from dashboard.views.target_filters import (
    ROLES,
    id_cell,
    target_cell,
    unit_of,
    word_cell,
)
from dashboard.views.target_sides import held_out_notices, sides_words

SLUG, TITLE = "target", "Target"
_VALUES = {"target": "Published target", "candidate": "Candidate", "incumbent": "Incumbent"}
_FACTS = {
    "target_id": "Target",
    "family": "Family",
    "source": "Source",
    "scope": "Scope (universe)",
    "entity": "Entity",
    "unit": "Unit",
    "geography_level": "Geography level",
    "geography_id": "Geography",
    "role": "Role",
    "holdout_group": "Group, held out or calibrated as a whole",
}


def target_page(run: RunData, target_id: str) -> Page:
    """Return the page of one target of a run; an id that is not in the record gets a notice."""
    if not run.has("loss", "/targets"):
        return lacks_record_page(run, "loss", SLUG, TITLE, "Targets")
    rows = run.get("loss", "/targets")
    place = place_of(rows, target_id, "target_id")
    if place is None:
        return _unknown(run, target_id)
    return Page(
        SLUG,
        target_id,
        f"One target of {len(rows):,} in run {run.run_id}, for "
        f"{place_name(rows[place]['geography_id'])}: {sides_words(run)}.",
        tuple(_blocks(run, place, rows)),
    )


def _unknown(run: RunData, target_id: str) -> Page:
    left_out = [
        *(run.get("loss", "/dropped") or []),
        *(run.get("suite", "/excluded_targets") or []),
    ]
    why = next((each["reason"] for each in left_out if each.get("target_id") == target_id), None)
    said = f"The target {target_id!r} was not compared in this run"
    said += f": {why}." if why else ": its loss record does not name it."
    at = {"run": run.key}
    links = Links(
        (
            Link("targets", at, "All targets of this run"),
            Link("coverage", at, "What is compared, held out and left out"),
        )
    )
    return Page(
        SLUG, TITLE, "This target is not among those compared.", (Notice("empty", said), links)
    )


def _blocks(run: RunData, place: int, rows: list[dict[str, Any]]) -> Iterator[Block]:
    row = rows[place]
    if row["role"] == "held_out":
        yield from held_out_notices(run, row["holdout_group"])
    yield Figures(
        (
            *(Figure(f"{_VALUES[side]} misses by", _error(run, place, side)) for side in _SIDES),
            Figure("Closer", word_cell(run, place, "winner")),
            Figure(
                "Part of the loss difference",
                target_cell(run, place, "contribution", signed=True, unit="loss"),
                "+ is worse for the candidate",
            ),
            Figure("Rank", _rank(run, row, rows), f"of {len(rows):,}; 1 raises the loss most"),
        )
    )
    yield _values_chart(run, place, row)
    yield Section("Which gates it enters", (_gates(run, row, place),))
    yield Section("What it is", (_facts(run, place), _provenance(run, row)))
    yield Links(_links(run, row))


_SIDES = ("candidate", "incumbent")
# axis labels in the words of `dashboard.units`, not in SI prefixes
_BRIEF = "replace(replace(replace(format(datum.value, '~s'), 'T', 'tn'), 'G', 'bn'), 'M', 'm')"


def _error(run: RunData, place: int, side: str) -> Cell:
    return target_cell(run, place, f"{side}_error", unit="share")


def _rank(run: RunData, row: dict[str, Any], rows: list[dict[str, Any]]) -> Cell:
    above = sum(each["contribution"] > row["contribution"] for each in rows)
    return run.derived(above + 1, "", "1 + number of targets with a larger contribution")


def _values_chart(run: RunData, place: int, row: dict[str, Any]) -> Chart:
    unit = unit_of(row["unit"])
    rows = tuple(
        (
            Cell(label),
            target_cell(run, place, name, unit=unit),
            _missed(run, row, name, unit),
            Cell(NOTHING) if name == "target" else _error(run, place, name),
        )
        for name, label in _VALUES.items()
    )
    columns = (
        Column("Figure"),
        Column("Value", numeric=True),
        Column("Less the target", numeric=True),
        Column("Error", numeric=True, hint="relative to the target"),
    )
    return Chart(
        "Target, candidate and incumbent on one scale",
        "Three points on one scale: the published target as a diamond, the candidate as a circle, "
        "the incumbent as a square. The nearer to the target the better.",
        _points(row, unit),
        Table("Target, candidate and incumbent", columns, rows),
    )


def _missed(run: RunData, row: dict[str, Any], name: str, unit: str) -> Cell:
    if name == "target":
        return Cell(NOTHING)
    return run.derived(row[name] - row["target"], unit, f"{name} - target", signed=True)


def _points(row: dict[str, Any], unit: str) -> Any:
    """Return the three points; their values are in the labels of the axis, in the page's ink."""
    figures = {name: f"{label}: {shown(row[name], unit)}" for name, label in _VALUES.items()}
    data = pd.DataFrame([{"figure": text, "value": row[name]} for name, text in figures.items()])
    order = list(figures.values())
    colours = alt.Scale(domain=order, range=[TARGET, CANDIDATE, INCUMBENT])
    shapes = alt.Scale(domain=order, range=["diamond", "circle", "square"])
    points = (
        alt.Chart(data)
        .mark_point(filled=True, size=140, opacity=1)
        .encode(
            x=alt.X(
                "value:Q",
                title="dollars" if unit == "usd" else unit or "value",
                scale=alt.Scale(zero=False, padding=30),
                axis=alt.Axis(labelExpr=_BRIEF),
            ),
            y=alt.Y("figure:N", sort=order, title=None),
            color=alt.Color("figure:N", scale=colours, legend=None),
            shape=alt.Shape("figure:N", scale=shapes, legend=None),
            tooltip=alt.Tooltip("figure:N"),
        )
    )
    return styled(points.properties(width="container", height=alt.Step(44)))


def _gates(run: RunData, row: dict[str, Any], place: int) -> Table:
    rows = tuple(
        (_gate_name(run, gate), Cell(how), part, _gate_status(run, gate))
        for gate, how, part in _entered(run, row, place)
    )
    columns = (
        Column("Gate"),
        Column("How it enters"),
        Column("Part of the gate's difference", numeric=True),
        Column("Status of the gate", hint="At the stage that the run was judged for."),
    )
    return Table("Gates that this target enters", columns, rows)


def _entered(run: RunData, row: dict[str, Any], place: int) -> Iterator[tuple[str, str, Cell]]:
    """Yield each gate that is judged on the target, how, and its part of that gate's difference."""
    name, loss = row["target_id"], run.records["loss"]
    if name not in (run.get("loss", pointer("losses", GATING_LOSS, "dropped")) or []):
        part = target_cell(run, place, "contribution", signed=True, unit="loss")
        yield "loss.broad", "one of all compared targets", part
    if row["role"] == "held_out":
        yield "loss.held_out", "one of the held-out targets", Cell(NOTHING)
    for family, found in loss["families"].items():
        if name in found["targets"]:
            part = _family_part(run, family, name)
            yield f"family.{family}", "one of the family's declared targets", part
    for aggregate, found in loss["aggregates"].items():
        if name == found["target_id"]:
            at = pointer("aggregates", aggregate, "delta")
            part = run.cell("loss", at, "share", signed=True)
            yield f"aggregate.{aggregate}", "the published figure of the aggregate", part
    yield "targets.provenance", "must state source, scope and entity", Cell(NOTHING)


def _family_part(run: RunData, family: str, target_id: str) -> Cell:
    at = ("families", family, "contributors")
    number = place_of(run.get("loss", pointer(*at)), target_id, "name")
    if number is None:
        return Cell(NOTHING)
    return run.cell("loss", pointer(*at, number, "value"), "loss", signed=True)


def _gate_name(run: RunData, gate: str) -> Cell:
    at = gate_at(run, gate, "title")
    link = Link("gate", {"run": run.key, "gate": gate}, gate)
    if at is None:
        return Cell(gate, note="not judged in this run")
    return run.cell("gate_results", at, link=link, note=gate)


def _gate_status(run: RunData, gate: str) -> Cell:
    at = gate_at(run, gate, "status")
    if at is None:
        return Cell("not judged")
    cell = run.cell("gate_results", at)
    return Cell(words(cell.text), cell.raw, cell.source, status=run.get("gate_results", at))


def _facts(run: RunData, place: int) -> Table:
    rows = []
    for field, label in _FACTS.items():
        cell = id_cell(run, place) if field == "target_id" else word_cell(run, place, field, ROLES)
        note = place_name(cell.text) if field == "geography_id" else ""
        rows.append((Cell(label), Cell(cell.text, cell.raw, cell.source, note=note)))
    return Table(
        "The target as the record states it", (Column("What"), Column("Stated")), tuple(rows)
    )


def _provenance(run: RunData, row: dict[str, Any]) -> Table:
    rows = (
        (Cell("Target database"), run.cell("loss", "/target_db/id")),
        (Cell("Its hash"), short(run.cell("loss", "/target_db/sha256"))),
        (Cell("Suite"), run.cell("loss", "/suite/id")),
        (Cell("Its hash"), short(run.cell("loss", "/suite/sha256"))),
        (Cell("Target registry"), run.cell("suite", "/targets/registry")),
        (Cell("Was the candidate calibrated to its group?"), _calibrated(run, row)),
        (Cell("Can weights reach it?"), _reachable(run, row)),
    )
    return Table("Where the figures come from", (Column("What"), Column("Stated")), rows)


def _calibrated(run: RunData, row: dict[str, Any]) -> Cell:
    groups = run.get("candidate_manifest", "/target_groups/calibrated")
    if groups is None:
        return Cell("unknown", note=run.why_absent("candidate_manifest"))
    return Cell("yes" if row["holdout_group"] in groups else "no", note="by the manifest's groups")


def _reachable(run: RunData, row: dict[str, Any]) -> Cell:
    """Return what the calibration says of the target; it names only the worst twenty."""
    for place, each in enumerate(run.get("calibration", "/out_of_reach/named") or []):
        if each["target_id"] == row["target_id"]:
            cell = run.cell("calibration", pointer("out_of_reach", "named", place, "why"))
            return Cell(f"no: {words(cell.text)}", cell.raw, cell.source)
    return Cell("not said", note="the calibration report names only the farthest out of reach")


def _links(run: RunData, row: dict[str, Any]) -> tuple[Link, ...]:
    at = {"run": run.key}
    return (
        Link("targets", {**at, "family": row["family"]}, f"Targets of family {row['family']}"),
        Link("targets", {**at, "source": row["source"]}, f"Targets of source {row['source']}"),
        Link("targets", at, "All targets of this run"),
    )
