"""A map of the states with one equal tile each, so that the small ones can be read too.

The layout is the tile grid that NPR's graphics team published in 2015. A tile's colour is the part
of the loss difference that the state's own targets carry, and its sign is written in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Cell, Chart, Column, Link, Table
from dashboard.charts import CANDIDATE, INCUMBENT, styled
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, shown

_MIDDLE, _NO_ROWS = "#F2F2F2", "#C8C8C8"
_LIGHT_BLUE = "#7DB8E8"


@dataclass(frozen=True)
class State:
    """A state: postal code, name, and the column and row of its tile."""

    code: str
    name: str
    column: int
    row: int


def _states() -> dict[str, State]:
    found = {}
    for line in _GRID.split(";"):
        fips, code, column, row, name = line.split(maxsplit=4)
        found[fips] = State(code, name.strip(), int(column), int(row))
    return found


_GRID = """01 AL 6 6 Alabama; 02 AK 0 0 Alaska; 04 AZ 1 5 Arizona; 05 AR 4 5 Arkansas;
06 CA 0 4 California; 08 CO 2 4 Colorado; 09 CT 9 3 Connecticut; 10 DE 9 4 Delaware;
11 DC 8 5 District of Columbia; 12 FL 8 7 Florida; 13 GA 7 6 Georgia; 15 HI 0 7 Hawaii;
16 ID 1 2 Idaho; 17 IL 5 2 Illinois; 18 IN 5 3 Indiana; 19 IA 4 3 Iowa; 20 KS 3 5 Kansas;
21 KY 5 4 Kentucky; 22 LA 4 6 Louisiana; 23 ME 10 0 Maine; 24 MD 8 4 Maryland;
25 MA 10 2 Massachusetts; 26 MI 6 2 Michigan; 27 MN 4 2 Minnesota; 28 MS 5 6 Mississippi;
29 MO 4 4 Missouri; 30 MT 2 2 Montana; 31 NE 3 4 Nebraska; 32 NV 1 3 Nevada;
33 NH 10 1 New Hampshire; 34 NJ 8 3 New Jersey; 35 NM 2 5 New Mexico; 36 NY 8 2 New York;
37 NC 6 5 North Carolina; 38 ND 3 2 North Dakota; 39 OH 6 3 Ohio; 40 OK 3 6 Oklahoma;
41 OR 0 3 Oregon; 42 PA 7 3 Pennsylvania; 44 RI 9 2 Rhode Island; 45 SC 7 5 South Carolina;
46 SD 3 3 South Dakota; 47 TN 5 5 Tennessee; 48 TX 3 7 Texas; 49 UT 1 4 Utah; 50 VT 9 1 Vermont;
51 VA 7 4 Virginia; 53 WA 0 2 Washington; 54 WV 6 4 West Virginia; 55 WI 5 1 Wisconsin;
56 WY 2 3 Wyoming"""
STATES: Mapping[str, State] = _states()
_BY_CODE = {state.code: fips for fips, state in STATES.items()}
_DISTRICT = re.compile(r"(\d\d)\d\d", re.ASCII)


def state_of(geography_id: str) -> str:
    """Return the two digits of the state that a geography is, or lies in; empty for none.

    States are written 06 or CA, congressional districts 0612.
    """
    if geography_id in STATES:
        return geography_id
    if geography_id in _BY_CODE:
        return _BY_CODE[geography_id]
    district = _DISTRICT.fullmatch(geography_id)
    return district[1] if district and district[1] in STATES else ""


def place_name(geography_id: str) -> str:
    """Return a geography's name: California, California district 12, United States."""
    if geography_id == "US":
        return "United States"
    state = state_of(geography_id)
    if not state:
        return geography_id
    name = STATES[state].name
    return f"{name} district {geography_id[2:]}" if _DISTRICT.fullmatch(geography_id) else name


def state_chart(run: RunData, loss: str) -> Chart:
    """Return the map of a loss's difference by state, with the table of all places behind it.

    The table has the national targets and all other places too: its parts add up to the whole.
    """
    parts = run.get("loss", pointer("losses", loss, "by_geography")) or {}
    places = _by_place(parts)
    deltas = {fips: sum(parts[key]["delta"] for key in places.get(fips, ())) for fips in STATES}
    shown_states = {fips: deltas[fips] if fips in places else None for fips in STATES}
    return Chart(
        "Part of the loss difference by state",
        "One tile per state and the District of Columbia. Orange and + mark states whose targets "
        "raise the candidate's loss above the incumbent's, blue and − those whose targets lower "
        "it; grey tiles have no target. National targets are in the table only.",
        _tiles(shown_states),
        _place_table(run, loss, places),
    )


def _by_place(parts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys of the record by the state that they lie in; other places by themselves."""
    found: dict[str, list[str]] = {}
    for key in parts:
        found.setdefault(state_of(key) or key, []).append(key)
    return found


def _tiles(deltas: Mapping[str, float | None]) -> Any:
    reach = max((abs(each) for each in deltas.values() if each is not None), default=0.0) or 1.0
    base = alt.Chart(pd.DataFrame(_tile_rows(deltas))).encode(
        x=alt.X("column:O", axis=None), y=alt.Y("row:O", axis=None)
    )
    scale = alt.Scale(domain=[-reach, 0, reach], range=[_LIGHT_BLUE, _MIDDLE, INCUMBENT])
    colour = alt.Color(
        "delta:Q",
        scale=scale,
        legend=alt.Legend(title="lower (blue) or higher (orange) loss", titleLimit=400),
    )
    tooltip = [
        alt.Tooltip("name:N", title="state"),
        alt.Tooltip("text:N", title="part of the loss difference"),
    ]
    tiles = base.mark_rect(stroke=CANDIDATE, strokeWidth=0.3).encode(
        color=alt.condition("isValid(datum.delta)", colour, alt.value(_NO_ROWS)), tooltip=tooltip
    )
    labels = base.mark_text(fontSize=11, color="#111111").encode(text="label:N", tooltip=tooltip)
    return styled((tiles + labels).properties(width=alt.Step(42), height=alt.Step(38)))


def _tile_rows(deltas: Mapping[str, float | None]) -> list[dict[str, Any]]:
    rows = []
    for fips, state in STATES.items():
        delta = deltas[fips]
        sign = shown(delta, "loss", signed=True)[0] if delta else ""
        rows.append(
            {
                "name": state.name,
                "label": f"{state.code} {sign}".strip(),
                "column": state.column,
                "row": state.row,
                "delta": delta,
                "text": "no target" if delta is None else shown(delta, "loss", signed=True),
            }
        )
    return rows


def _place_table(run: RunData, loss: str, places: Mapping[str, list[str]]) -> Table:
    total = run.cell("loss", pointer("losses", loss, "delta"), "loss", signed=True)
    order = {**places, **{fips: places.get(fips, []) for fips in STATES}}
    rows = [
        (_rank(run, loss, keys), _place_row(run, loss, name, keys)) for name, keys in order.items()
    ]
    rows.sort(key=lambda row: (row[0], row[1][0].text))
    dash = Cell(NOTHING)
    return Table(
        "By state, the nation and other places",
        (
            Column("Place"),
            Column("Targets", numeric=True),
            Column("Mean error, candidate", numeric=True, hint="squared relative error, capped"),
            Column("Mean error, incumbent", numeric=True, hint="squared relative error, capped"),
            Column("Part of the loss difference", numeric=True, hint="adds up; + is worse"),
        ),
        (*(row for _, row in rows), (Cell("All places"), dash, dash, dash, total)),
        note="Worst for the candidate first. The parts add up to the whole difference.",
    )


def _rank(run: RunData, loss: str, keys: list[str]) -> float:
    """Return what sorts places: the largest part first, those without targets last."""
    parts = run.get("loss", pointer("losses", loss, "by_geography"))
    return -sum(parts[key]["delta"] for key in keys) if keys else float("inf")


def _place_row(run: RunData, loss: str, place: str, keys: list[str]) -> tuple[Cell, ...]:
    link = Link("targets", {"run": run.key, "state": place}, place_name(place))
    name = Cell(place_name(place), place, link=link if keys else None)
    dash = Cell(NOTHING)
    if not keys:
        return (name, run.derived(0, "", "number of targets in this place"), dash, dash, dash)
    if len(keys) == 1:
        at = ("losses", loss, "by_geography", keys[0])
        return (
            name,
            run.cell("loss", pointer(*at, "targets")),
            run.cell("loss", pointer(*at, "candidate"), "loss"),
            run.cell("loss", pointer(*at, "incumbent"), "loss"),
            run.cell("loss", pointer(*at, "delta"), "loss", signed=True),
        )
    parts = [run.get("loss", pointer("losses", loss, "by_geography", key)) for key in keys]
    rule = f"sum over the parts by_geography that lie in {place_name(place)}"
    count, delta = (sum(part[field] for part in parts) for field in ("targets", "delta"))
    return (
        name,
        run.derived(count, "", rule),
        dash,
        dash,
        run.derived(delta, "loss", rule, signed=True),
    )
