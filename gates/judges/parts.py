"""What several judges say in the same way: contributors, and why there is no noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gates.inputs import JudgeInputs

SHOWN = 20
REST = "all other targets"


def contributors(record: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Return the `contributors` of a block of the loss record as pairs."""
    return tuple((part["name"], part["value"]) for part in record["contributors"])


def largest(pairs: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Return the 20 largest contributors and one line for the rest, so that they still add up."""
    named = sorted((p for p in pairs if p[0] != REST), key=lambda pair: (-abs(pair[1]), pair[0]))
    left = [value for _, value in named[SHOWN:]] + [value for name, value in pairs if name == REST]
    return (*named[:SHOWN], (REST, sum(left))) if left else tuple(named)


def caveats(inputs: JudgeInputs, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a comparison cannot say, one line each: no standard errors, no checked bands."""
    noise = record["noise"]
    lines = [] if noise["method"] else [f"no standard errors: {noise['reason']}"]
    if inputs.is_table:
        lines.append("a published table has no incumbent manifest: no bands were checked")
    return tuple(lines)
