"""The states: their codes, where each lies on a map of equal tiles, and what a place is called.

The layout is the tile grid that NPR's graphics team published in 2015.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


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
