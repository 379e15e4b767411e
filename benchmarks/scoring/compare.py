"""Compare two evidences on common kept targets: the loss record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from baselines.targets import Target
from baselines.targets.concepts import derived_from_dataset
from benchmarks.scoring.draws import ContributionsLike, align_draws
from benchmarks.scoring.losses import loss_row
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.record import loss_record
from benchmarks.scoring.scheme import Scheme
from schemas.errors import MeasureError


class SuiteLike(Protocol):
    """What a comparison reads of a suite."""

    @property
    def id(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def targets(self) -> Sequence[Target]: ...

    @property
    def scheme(self) -> Scheme: ...

    def roles(self) -> Mapping[str, str]:
        """Return `train` or `held_out` per target id."""
        ...


def compare(
    candidate_evidence: Mapping[str, Any],
    incumbent_evidence: Mapping[str, Any],
    suite: SuiteLike,
    *,
    contributions: tuple[ContributionsLike | None, ContributionsLike | None] = (None, None),
) -> dict[str, Any]:
    """Return the loss record of candidate against incumbent on the targets both have.

    The headline covers all kept targets; `train` and `held_out` are losses of those rows alone.
    Standard errors need the contributions (candidate, incumbent). Raises MeasureError where suite,
    target facts or engine differ, no target is kept, or contributions are of another file.
    """
    _require_same_measurement(candidate_evidence, incumbent_evidence, suite)
    sides = (candidate_evidence, incumbent_evidence)
    pair, dropped = common_pair(sides, suite, contributions)
    return loss_record(
        pair,
        suite.scheme,
        candidate=_identity(candidate_evidence),
        incumbent=_identity(incumbent_evidence),
        source={"kind": "evidence", "sha256": None},
        suite=candidate_evidence["suite"],
        target_db=candidate_evidence["target_db"],
        dropped=dropped,
    )


def _require_same_measurement(
    candidate: Mapping[str, Any], incumbent: Mapping[str, Any], suite: SuiteLike
) -> None:
    unequal = [key for key in ("suite", "target_db", "engine") if candidate[key] != incumbent[key]]
    if not unequal and candidate["suite"] != {"id": suite.id, "sha256": suite.sha256}:
        unequal = ["suite"]
    if unequal:
        raise MeasureError(
            f"candidate and incumbent were measured with a different {unequal[0]}",
            reason=f"compare.{unequal[0]}",
            remedy="measure both files with the same suite, target facts and engine",
        )


def common_pair(
    evidences: tuple[Mapping[str, Any], Mapping[str, Any]],
    suite: SuiteLike,
    contributions: tuple[ContributionsLike | None, ContributionsLike | None],
) -> tuple[Pair, list[dict[str, str]]]:
    sides = [{each["target_id"]: each for each in e["targets"]} for e in evidences]
    roles = suite.roles()
    rows, dropped, figures = [], [], []
    for target in suite.targets:
        reason = _drop_reason(target, roles, sides)
        if reason:
            dropped.append({"target_id": target.target_id, "reason": reason})
            continue
        rows.append(loss_row(target, roles[target.target_id]))
        figures.append([side[target.target_id]["estimate"] for side in sides])
    if not rows:
        raise MeasureError(
            "candidate and incumbent have no target in common",
            reason="compare.no_targets",
            remedy="measure both files with the same suite",
        )
    candidate, incumbent = np.array(figures, dtype=np.float64).T
    ids = [row.target_id for row in rows]
    draws, reason = align_draws(ids, (candidate, incumbent), contributions)
    pair = Pair(rows, candidate, incumbent, _measures(evidences), draws, reason)
    return pair, dropped


def _drop_reason(
    target: Target, roles: Mapping[str, str], sides: Sequence[Mapping[str, Any]]
) -> str | None:
    if target.value == 0:
        return "zero: a relative error is undefined"
    if derived := derived_from_dataset(target):
        return derived[0]
    if target.target_id not in roles:
        return "not in the suite"
    for name, side in zip(("candidate", "incumbent"), sides, strict=True):
        found = side.get(target.target_id)
        if found is None or found["estimate"] is None:
            why = "not measured" if found is None else found.get("reason", "not measurable")
            return f"no estimate of the {name}: {why}"
        if not math.isfinite(found["estimate"]):
            return f"no estimate of the {name}: not finite"
    return None


def _measures(
    evidences: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> dict[str, tuple[float, float]]:
    """Return the baseline measures that both evidences hold."""
    candidate, incumbent = (each.get("baseline", {}) for each in evidences)
    return {
        name: (float(candidate[name]), float(incumbent[name]))
        for name in candidate
        if candidate[name] is not None and incumbent.get(name) is not None
    }


def _identity(evidence: Mapping[str, Any]) -> dict[str, str]:
    return {"label": evidence["subject"]["label"], "sha256": evidence["subject"]["sha256"]}
