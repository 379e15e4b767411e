"""The parts of a reform's effect: by program, state and decile, each summing to the effect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gates.inputs import NotJudged

Pairs = tuple[tuple[str, float], ...]
ROUNDING = 1.0  # dollars or persons: what floating-point sums of a nation may differ by
RELATIVE_ROUNDING = 1e-9
SHOWN = 3
_DIMENSIONS = {"state": "by_state", "decile": "by_decile"}


def by_program(ours: Mapping[str, Any], theirs: Mapping[str, Any], output: str) -> Pairs:
    """Return per program the candidate's part minus the incumbent's, largest first."""
    return _difference(ours, theirs, "contributors", output)


def breakdowns(ours: Mapping[str, Any], theirs: Mapping[str, Any], output: str) -> dict[str, Pairs]:
    """Return the same difference by `state` and by `decile`; each list sums to it."""
    return {name: _difference(ours, theirs, key, output) for name, key in _DIMENSIONS.items()}


def largest_of(dimension: str, pairs: Pairs) -> str:
    """Return the largest parts along one dimension in a line."""
    shown = ", ".join(f"{name} {in_billions(value)}" for name, value in pairs[:SHOWN])
    return f"largest by {dimension}, bn dollars: {shown or 'none'}"


def in_billions(value: float) -> str:
    """Return a signed amount in billions, to a million."""
    return f"{value / 1e9:+,.3f}"


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str, output: str) -> Pairs:
    parts: dict[str, float] = {}
    for sign, side, whose in ((1, ours, "candidate"), (-1, theirs, "incumbent")):
        for part in _parts(side, key, output, whose):
            parts[part["name"]] = parts.get(part["name"], 0.0) + sign * part["value"]
    return tuple(sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0])))


def _parts(side: Mapping[str, Any], key: str, output: str, whose: str) -> list[dict[str, Any]]:
    """Return one side's parts; raises NotJudged where there are none or they do not add up."""
    found: list[dict[str, Any]] | None = side[key].get(output)
    if found is None:
        raise NotJudged(
            "unmeasured",
            f"the {whose}'s evidence has no {key} of {output}",
            "measure it again with this version",
        )
    total, delta = math.fsum(part["value"] for part in found), side["delta"][output]
    if abs(total - delta) > ROUNDING + RELATIVE_ROUNDING * abs(delta):
        raise NotJudged(
            "error",
            f"the {whose}'s {key} of {output} sum to {total:,.2f}, its effect is {delta:,.2f}",
            "delete the evidence and measure again",
        )
    return found
