"""A map of the states with one equal tile each, so that the small ones can be read too.

A tile's colour is the part of the loss difference that the state's own targets carry; the same is
written in it, so that neither colour nor pointer is needed to read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Cell, Chart, Link, Table
from dashboard.charts import CANDIDATE, INCUMBENT, styled
from dashboard.run_data import RunData, pointer
from dashboard.units import shown
from dashboard.views.states import STATES, place_name, state_of
from dashboard.views.target_filters import target_frame
from dashboard.views.target_sums import Part, counted, part_columns, part_row, tallies, total_row

__all__ = ["STATES", "place_name", "state_chart", "state_of"]

_MIDDLE, _NO_ROWS = "#F2F2F2", "#C8C8C8"
_LIGHT_BLUE = "#7DB8E8"
_INK = "#111111"


def state_chart(run: RunData, loss: str, frame: pd.DataFrame | None = None) -> Chart:
    """Return the map of a loss's difference by state, with the table of all places behind it.

    The table has the national targets and all other places too: its parts add up to the whole.
    `frame` are the run's targets, where they are at hand already.
    """
    parts = run.get("loss", pointer("losses", loss, "by_geography")) or {}
    places = _by_place(parts)
    deltas = {
        fips: math.fsum(parts[key]["delta"] for key in places[fips])
        for fips in STATES
        if fips in places
    }
    step = _step(deltas)
    whole = run.get("loss", pointer("losses", loss, "delta")) or 0.0
    return Chart(
        "Part of the loss difference by state",
        f"One equal tile per state and the District of Columbia, with its part in units of "
        f"{step:g}. Orange and + mark states whose own targets raise the candidate's loss above "
        "the incumbent's, blue and − those whose targets lower it; grey tiles have no target. "
        f"All tiles together carry {shown(math.fsum(deltas.values()), 'loss', signed=True)} of the "
        f"whole difference of {shown(whole, 'loss', signed=True)}; national targets and other "
        "places carry the rest and are in the table only.",
        _tiles(deltas, step),
        _place_table(run, loss, places, target_frame(run) if frame is None else frame),
    )


def _by_place(parts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys of the record by the state that they lie in; other places by themselves."""
    found: dict[str, list[str]] = {}
    for key in parts:
        found.setdefault(state_of(key) or key, []).append(key)
    return found


def _step(deltas: Mapping[str, float]) -> float:
    """Return the power of ten that leaves one digit before the point of the largest part."""
    reach = max(map(abs, deltas.values()), default=0.0)
    return float(10.0 ** math.floor(math.log10(reach))) if reach else 1.0


def _tiles(deltas: Mapping[str, float], step: float) -> Any:
    reach = max((abs(each) / step for each in deltas.values()), default=0.0) or 1.0
    base = alt.Chart(pd.DataFrame(_tile_rows(deltas, step))).encode(
        x=alt.X("column:O", axis=None), y=alt.Y("row:O", axis=None)
    )
    scale = alt.Scale(domain=[-reach, 0, reach], range=[_LIGHT_BLUE, _MIDDLE, INCUMBENT])
    legend = alt.Legend(
        title=f"← lower loss | in units of {step:g} | higher loss →",
        titleLimit=400,
        gradientLength=240,
        tickCount=5,
    )
    colour = alt.Color("value:Q", scale=scale, legend=legend)
    tooltip = [
        alt.Tooltip("name:N", title="state"),
        alt.Tooltip("text:N", title="part of the loss difference"),
    ]
    tiles = base.mark_rect(stroke=CANDIDATE, strokeWidth=0.3).encode(
        color=alt.condition("isValid(datum.value)", colour, alt.value(_NO_ROWS)), tooltip=tooltip
    )
    codes, figures = (
        base.mark_text(dy=dy, fontSize=size, color=_INK).encode(text=field, tooltip=tooltip)
        for field, dy, size in (("code:N", -7, 11), ("figure:N", 7, 10))
    )
    return styled((tiles + codes + figures).properties(width=alt.Step(42), height=alt.Step(38)))


def _tile_rows(deltas: Mapping[str, float], step: float) -> list[dict[str, Any]]:
    return [
        {
            "name": state.name,
            "code": state.code,
            "figure": _figure(deltas[fips], step) if fips in deltas else "",
            "column": state.column,
            "row": state.row,
            "value": deltas[fips] / step if fips in deltas else None,
            "text": shown(deltas[fips], "loss", signed=True) if fips in deltas else "no target",
        }
        for fips, state in STATES.items()
    ]


def _figure(delta: float, step: float) -> str:
    """Return a part in units of `step` with its sign; one that rounds to nought keeps it too."""
    sign = shown(delta, "loss", signed=True)[0] if delta else ""
    return f"{sign}{abs(delta) / step:.1f}"


def _place_table(
    run: RunData, loss: str, places: Mapping[str, list[str]], frame: pd.DataFrame
) -> Table:
    rows = counted(run, frame, loss)
    tally = tallies(rows, (state_of(place) or place for place in rows["geography_id"]))
    at = ("losses", loss, "by_geography")
    parts = [
        Part(_place_cell(run, place, keys), at, tuple(keys), tally[place])
        for place, keys in {**places, **{each: places.get(each, []) for each in STATES}}.items()
    ]
    parts.sort(key=lambda part: (_rank(run, part), part.name.text))
    return Table(
        "By state, the nation and other places",
        part_columns("Place"),
        (*(part_row(run, part) for part in parts), total_row(run, "All places", rows, loss)),
        note="Worst for the candidate first. The parts add up to the whole difference.",
    )


def _rank(run: RunData, part: Part) -> float:
    """Return what sorts places: the largest part first, those without targets last."""
    deltas = [run.get("loss", pointer(*part.at, key, "delta")) for key in part.keys]
    return -math.fsum(deltas) if deltas else math.inf


def _place_cell(run: RunData, place: str, keys: list[str]) -> Cell:
    name = place_name(place)
    link = Link("targets", {"run": run.key, "state": place}, name) if keys else None
    return Cell(name, place, link=link)
