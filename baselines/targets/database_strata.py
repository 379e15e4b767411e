"""Strata: constraint sets as the database writes them, their parents, numbers and hashes."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from baselines.targets.database_schema import conventions
from baselines.targets.target import Constraint, Scalar
from schemas.canonical import sha256_bytes


class Line(NamedTuple):
    """One constraint as the database stores it: all three parts are text."""

    variable: str
    operation: str
    value: str


class Stratum(NamedTuple):
    """A set of constraints, sorted; `twin` counts earlier strata with the very same set.

    Two published figures for one quantity can't share a stratum: the database keeps one value per
    variable, period and stratum. The second figure lies in a child with the same constraints.
    """

    lines: tuple[Line, ...]
    twin: int = 0


def lines_of(constraints: Iterable[Constraint]) -> tuple[Line, ...]:
    """Return the constraints as text, sorted: one form per set of constraints."""
    return tuple(sorted(Line(each.variable, each.operator, _text(each)) for each in constraints))


def _text(constraint: Constraint) -> str:
    value = constraint.value
    if isinstance(value, tuple):
        return json.dumps(list(value), ensure_ascii=False, separators=(",", ":"))
    return repr(value) if isinstance(value, float) else str(value)


def clash(constraints: Sequence[Constraint]) -> str | None:
    """Return why a stratum can't hold the constraints together, or None.

    The schema keeps one value per variable and operation, and a district lies in its state.
    """
    taken = Counter((each.variable, each.operator) for each in constraints)
    for (variable, operator), count in taken.items():
        if count > 1:
            return f"{count} constraints {variable} {operator}, and a stratum holds one"
    return _misplaced_district(constraints)


def _misplaced_district(constraints: Sequence[Constraint]) -> str | None:
    rules, places = conventions(), equalities(constraints)
    state, district = places.get(rules.state_variable), places.get(rules.district_variable)
    if state is None or district is None or state_of(district) == _whole(state):
        return None
    return f"district {district} isn't in state {state}"


def equalities(constraints: Iterable[Constraint]) -> dict[str, Scalar]:
    """Return the values that `==` fixes, by variable."""
    return {
        each.variable: each.value
        for each in constraints
        if each.operator == "==" and not isinstance(each.value, tuple)
    }


def state_of(district: Scalar) -> int | None:
    """Return the state code inside a district code (state * 100 + district), None if it has none.

    Codes are compared as numbers: "0601" and 601 are one district.
    """
    code = _whole(district)
    return None if code is None else code // 100


def _whole(value: Scalar) -> int | None:
    try:
        return int(value) if math.isfinite(float(value)) else None
    except ValueError:
        return None


@cache
def parent_of(stratum: Stratum) -> Stratum | None:
    """Return the stratum above: US, then state, then district, then filers, then the domain.

    A child holds all constraints of its parent, except that a district names its state in its
    code; the country, which has no constraint, has no parent.
    """
    lines, rules = stratum.lines, conventions()
    if stratum.twin:
        return Stratum(lines, stratum.twin - 1)
    if not lines:
        return None
    places = (rules.state_variable, rules.district_variable)
    place = tuple(line for line in lines if line.variable in places)
    filers = tuple(line for line in lines if line.variable in (*places, rules.filer_variable))
    if filers not in (place, lines):
        return Stratum(filers)
    return Stratum(place) if place != lines else _place_above(lines)


def _place_above(lines: tuple[Line, ...]) -> Stratum:
    rules = conventions()
    for line in lines:
        state = state_of(line.value)
        if line.variable == rules.district_variable and line.operation == "==" and state:
            return Stratum((Line(rules.state_variable, "==", str(state)),))
    return Stratum(())


@cache
def depth(stratum: Stratum) -> int:
    """Return how many strata lie above this one."""
    above = parent_of(stratum)
    return 0 if above is None else 1 + depth(above)


def number_strata(used: Iterable[Stratum]) -> dict[Stratum, int]:
    """Return ids from 1 for the used strata and all above them: parents first, then by text."""
    every: set[Stratum] = {Stratum(())}
    for stratum in used:
        above: Stratum | None = stratum
        while above is not None and above not in every:
            every.add(above)
            above = parent_of(above)
    ordered = sorted(every, key=lambda each: (depth(each), each))
    return {stratum: number for number, stratum in enumerate(ordered, start=1)}


def definition_hash(lines: Iterable[Line], parent_id: int | None) -> str:
    """Return the published hash: sha256 over the parent's id and the sorted constraints."""
    texts = sorted("|".join(line) for line in lines)
    head = "" if parent_id is None else str(parent_id)
    return sha256_bytes("\n".join([head, *texts]).encode())


def describe(stratum: Stratum) -> str:
    """Return the stratum in words, for its notes."""
    words = ", ".join(" ".join(line) for line in stratum.lines) or "United States"
    return f"{words} (figure {stratum.twin + 1})" if stratum.twin else words
