"""Held-out evaluation by complete groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.scoring.losses import LossRow
from benchmarks.scoring.parts import by_key
from benchmarks.scoring.scheme import HELD_OUT, HeldOutSet, Scheme
from schemas.errors import MeasureError


def held_out_groups(
    rows: Sequence[LossRow], errors: tuple[np.ndarray, np.ndarray], scheme: Scheme
) -> dict[str, Any] | None:
    """Return mean gating errors per held-out group, the candidate's worst group first.

    `errors` (row length) are the candidate's and the incumbent's. Worst is the largest
    candidate - incumbent. None without held-out rows. Raises MeasureError where a group is held
    out only in part, or in no declared set: figures of a group that was also trained on would
    prove nothing.
    """
    sets = {group: each for each in scheme.held_out for group in each.groups}
    _require_complete(rows, sets)
    index = [i for i, row in enumerate(rows) if row.role == HELD_OUT]
    if not index:
        return None
    candidate, incumbent = errors[0][index], errors[1][index]
    names = [rows[i].holdout_group for i in index]
    parts = by_key(names, candidate, incumbent, candidate - incumbent)
    groups = [_group(name, part, sets[name]) for name, part in parts.items()]
    groups.sort(key=lambda each: (-each["delta"], each["group"]))
    return {"groups": groups, "worst": groups[0]["group"]}


def _group(name: str, part: dict[str, Any], held: HeldOutSet) -> dict[str, Any]:
    candidate, incumbent = part["candidate"], part["incumbent"]
    return {
        "group": name,
        "set": held.id,
        "kind": held.kind,
        "targets": part["targets"],
        "candidate": candidate,
        "incumbent": incumbent,
        "delta": candidate - incumbent,
    }


def _require_complete(rows: Sequence[LossRow], sets: dict[str, HeldOutSet]) -> None:
    for row in rows:
        if (row.role == HELD_OUT) != (row.holdout_group in sets):
            raise MeasureError(
                f"target {row.target_id} has role {row.role}, against the held-out sets' word on "
                f"its group {row.holdout_group!r}",
                reason="score.held_out",
                remedy="hold out complete groups only, each declared in one held-out set",
            )
