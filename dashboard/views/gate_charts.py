"""Charts of one gate: value against limit with its noise, both sides, its parts, its past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Cell, Chart, Column, Table
from dashboard.charts import BAND, BETTER, CANDIDATE, INCUMBENT, TARGET, WORSE, styled
from dashboard.run_data import RunData
from dashboard.units import shown
from dashboard.views.verdicts import RESULTS, STAGES, GateRow, gate_limit, gate_value

ERRORS = 2.0  # standard errors: the band in which a difference counts as noise
SHOWN = 25
IN_ORDER = "run, in the order of judging"
SLANTED = alt.Axis(labelAngle=-40, labelOverlap=True)
_SCALES: Mapping[str, tuple[float, str]] = {
    "dollars": (1e9, "billion dollars"),
    "bytes": (1e6, "megabytes"),
    "fraction of the target": (0.01, "per cent of the target"),
    "fraction of the expected cost": (0.01, "per cent of the expected cost"),
}


def axis_of(unit: str) -> tuple[float, str]:
    """Return by what a value is divided on an axis, and the title of the axis."""
    return _SCALES.get(unit, (1.0, unit))


def value_chart(run: RunData, rows: Sequence[GateRow]) -> Chart | None:
    """Return the value against the limit of each stage, with two standard errors either way.

    `rows` are one gate at every stage; None where it has no value.
    """
    gate = rows[0].gate
    if gate["value"] is None:
        return None
    table = _value_table(run, rows)
    unit, error = gate["unit"], gate["standard_error"]
    noise = f", and two standard errors ({shown(ERRORS * error, unit)}) either way" if error else ""
    limits = "; ".join(f"{row.stage} {gate_limit(run, row).text}" for row in rows)
    said = f"The value {gate_value(run, rows[0]).text} against the limits {limits}{noise}."
    return Chart("Value against the limit", said, styled(_value_layers(rows)), table)


def _value_table(run: RunData, rows: Sequence[GateRow]) -> Table:
    place, unit = rows[0].place, rows[0].gate["unit"]
    error = run.cell(RESULTS, f"/gates/{place}/standard_error", unit)
    lines = (
        (Cell("Value"), gate_value(run, rows[0])),
        (Cell("Standard error of the value"), error),
        *((Cell(f"Limit at stage {row.stage}"), gate_limit(run, row)) for row in rows),
    )
    return Table("Value, noise and limits", (Column("What"), Column("Value", numeric=True)), lines)


def _value_layers(rows: Sequence[GateRow]) -> Any:
    by, title = axis_of(rows[0].gate["unit"])
    value, error = rows[0].gate["value"], rows[0].gate["standard_error"] or 0.0
    points: list[dict[str, Any]] = [
        {
            "stage": row.stage,
            "value": value / by,
            "low": (value - ERRORS * error) / by,
            "high": (value + ERRORS * error) / by,
            "limit": None if row.at["limit"] is None else row.at["limit"] / by,
        }
        for row in rows
    ]
    base = alt.Chart(pd.DataFrame(points)).encode(y=alt.Y("stage:N", title=None))
    axis = alt.X("value:Q", title=title, scale=alt.Scale(zero=False, padding=24))
    band = base.mark_rule(strokeWidth=10, opacity=0.5, color=BAND).encode(x="low:Q", x2="high:Q")
    limit = base.mark_tick(thickness=3, size=34, color=WORSE).encode(x=alt.X("limit:Q"))
    point = base.mark_point(filled=True, size=110, color=CANDIDATE).encode(x=axis)
    named = base.mark_text(dy=-14, color=CANDIDATE).encode(x="value:Q", text=alt.value("value"))
    line = base.mark_text(dy=26, color=WORSE).encode(x="limit:Q", text=alt.value("limit"))
    return alt.layer(band, limit, point, named, line).properties(width="container", height=150)


def sides_chart(run: RunData, row: GateRow) -> Chart | None:
    """Return candidate and incumbent side by side; None where either is not measured."""
    gate, unit = row.gate, row.part_unit
    if gate["candidate"] is None or gate["incumbent"] is None:
        return None
    by, title = axis_of(unit)
    cells = {
        side: run.cell(RESULTS, f"/gates/{row.place}/{side}", unit)
        for side in ("candidate", "incumbent")
    }
    delta = run.cell(RESULTS, f"/gates/{row.place}/delta", unit, signed=True)
    lines = (
        *((Cell(side.capitalize()), cell) for side, cell in cells.items()),
        (Cell("Difference"), delta),
    )
    table = Table("Candidate and incumbent", (Column("Side"), Column("Value", numeric=True)), lines)
    points = [{"side": side, "value": gate[side] / by} for side in cells]
    colours = alt.Scale(domain=list(cells), range=[CANDIDATE, INCUMBENT])
    chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=title),
            y=alt.Y("side:N", title=None),
            color=alt.Color("side:N", scale=colours, legend=None),
        )
        .properties(width="container", height=80)
    )
    said = f"Candidate {cells['candidate'].text}, incumbent {cells['incumbent'].text}."
    return Chart("Candidate and incumbent", said, styled(chart), table)


def parts_chart(
    title: str, row: GateRow, parts: Sequence[Mapping[str, Any]], table: Table
) -> Chart:
    """Return the largest parts of a difference as bars, in the order of the record."""
    by, axis = axis_of(row.part_unit)
    parts = parts[:SHOWN]
    points = [{"part": part["name"], "value": part["value"] / by} for part in parts]
    colour: Any = alt.value(CANDIDATE)
    said = f"The {len(parts)} largest parts as bars, the largest first."
    if row.compares_errors:
        worse = alt.condition("datum.value > 0", alt.value(WORSE), alt.value(BETTER))
        colour, said = worse, f"{said} Bars to the right make the candidate worse."
    chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=axis),
            y=alt.Y("part:N", sort=None, title=None),
            color=colour,
        )
        .properties(width="container", height=alt.Step(18))
    )
    return Chart(title, said, styled(chart), table)


def past_chart(title: str, unit: str, points: Sequence[Mapping[str, Any]], table: Table) -> Chart:
    """Return a gate's value and limit run by run; `points` hold run, value, limit, shown.

    No line joins them: the runs may be held against different incumbents.
    """
    by, axis = axis_of(unit)
    scaled = [
        {
            "run": point["run"],
            "value": point["value"] / by,
            "limit": None if point["limit"] is None else point["limit"] / by,
            "shown": "this run" if point["shown"] else "other run",
        }
        for point in points
    ]
    base = alt.Chart(pd.DataFrame(scaled)).encode(
        x=alt.X("run:N", sort=None, title=IN_ORDER, axis=SLANTED)
    )
    names = ["this run", "other run"]
    colours = alt.Scale(domain=names, range=[CANDIDATE, TARGET])
    shapes = alt.Scale(domain=names, range=["square", "circle"])
    values = base.mark_point(filled=True, size=90).encode(
        y=alt.Y("value:Q", title=axis),
        color=alt.Color("shown:N", scale=colours),
        shape=alt.Shape("shown:N", scale=shapes),
    )
    limits = base.mark_tick(color=WORSE, thickness=2, orient="horizontal").encode(y="limit:Q")
    chart = alt.layer(values, limits).properties(width="container", height=220)
    said = "The value in each run as a point, the limit as a line through its place."
    return Chart(title, said, styled(chart), table)


def stage_rows(row: GateRow) -> tuple[GateRow, ...]:
    """Return the gate at every stage, the one of `row` first."""
    stages = sorted(STAGES, key=lambda each: each != row.stage)
    return tuple(GateRow(row.place, row.gate, stage) for stage in stages)
