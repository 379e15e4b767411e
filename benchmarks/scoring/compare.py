"""Compare two evidences on common kept targets: the loss record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.targets import Target
from benchmarks.scoring.losses import (
    LossDefinition,
    LossRow,
    LossTerms,
    loss_definitions,
    loss_row,
    loss_terms,
)
from benchmarks.suite import load_suite
from schemas.canonical import sha256_json
from schemas.errors import MeasureError

TOP = 10
NEAR = 0.10
_DERIVED_AGENCIES = frozenset({"dataset", "derived"})


@dataclass(frozen=True)
class Pair:
    """Kept rows with both estimates (row length, in the unit of each target)."""

    rows: Sequence[LossRow]
    candidate: np.ndarray
    incumbent: np.ndarray

    def subset(self, keep: Sequence[int]) -> Pair:
        """Return the pair on some of its rows."""
        index = list(keep)
        rows = [self.rows[i] for i in index]
        return Pair(rows, self.candidate[index], self.incumbent[index])


def compare(
    candidate_evidence: Mapping[str, Any],
    incumbent_evidence: Mapping[str, Any],
    targets: Sequence[Target],
    *,
    roles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the loss record of candidate against incumbent on the targets both have.

    The headline covers all kept targets; `train` and `held_out` are losses of those rows alone.
    `roles` default to those of the suite the evidence names. Raises MeasureError where suite,
    target facts or engine of the two differ, or no target is kept.
    """
    _same_measurement(candidate_evidence, incumbent_evidence)
    if roles is None:
        roles = load_suite(candidate_evidence["suite"]["id"]).roles()
    pair, dropped = _common(candidate_evidence, incumbent_evidence, targets, roles)
    ids = [row.target_id for row in pair.rows]
    return {
        "schema": "loss_record",
        "schema_version": 1,
        "candidate": _identity(candidate_evidence),
        "incumbent": _identity(incumbent_evidence),
        "suite": dict(candidate_evidence["suite"]),
        "target_db": dict(candidate_evidence["target_db"]),
        "kept": {"count": len(ids), "sha256": sha256_json(sorted(ids)), "target_ids": ids},
        "dropped": dropped,
        **score(pair),
        "run": {},
    }


def score(pair: Pair) -> dict[str, Any]:
    """Return every figure of a loss record that depends on rows and estimates alone."""
    definitions = loss_definitions()
    gating = next(each for each in definitions.values() if each.gating)
    deltas = _contributors(pair, gating)
    table = _target_table(pair)
    winners = [each["winner"] for each in table]
    wins = [each for each in deltas if each["value"] < 0]
    worse = [each for each in reversed(deltas) if each["value"] > 0]
    return {
        "losses": {name: _loss(pair, each) for name, each in definitions.items()},
        "wins": winners.count("candidate"),
        "losses_count": winners.count("incumbent"),
        "ties": winners.count("tie"),
        "median_error": _sides(pair, lambda errors: float(np.median(errors))),
        "p90_error": _sides(pair, lambda errors: float(np.quantile(errors, 0.9))),
        "share_within_10pct": _sides(pair, lambda errors: float(np.mean(errors <= NEAR))),
        "top_10_share": _top_share(pair, gating),
        "held_out": _held_out(pair, gating),
        "targets": table,
        "top_wins": wins[:TOP],
        "top_losses": worse[:TOP],
    }


def _same_measurement(candidate: Mapping[str, Any], incumbent: Mapping[str, Any]) -> None:
    for key in ("suite", "target_db", "engine"):
        if candidate[key] != incumbent[key]:
            raise MeasureError(
                f"candidate and incumbent were measured with a different {key}",
                reason=f"compare.{key}",
                remedy="measure both files with the same suite, target facts and engine",
            )


def _common(
    candidate: Mapping[str, Any],
    incumbent: Mapping[str, Any],
    targets: Sequence[Target],
    roles: Mapping[str, str],
) -> tuple[Pair, list[dict[str, str]]]:
    sides = [{each["target_id"]: each for each in e["targets"]} for e in (candidate, incumbent)]
    rows, dropped, figures = [], [], []
    for target in targets:
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
    values = np.array(figures, dtype=np.float64)
    return Pair(rows, values[:, 0], values[:, 1]), dropped


def _drop_reason(
    target: Target, roles: Mapping[str, str], sides: Sequence[Mapping[str, Any]]
) -> str | None:
    if target.value == 0:
        return "zero: a relative error is undefined"
    if target.source_agency.lower() in _DERIVED_AGENCIES or target.source_file.endswith(".h5"):
        return "derived: the target was taken from a dataset"
    if target.target_id not in roles:
        return "not in the suite"
    for name, side in zip(("candidate", "incumbent"), sides, strict=True):
        found = side.get(target.target_id)
        if found is None or found["estimate"] is None:
            why = "not measured" if found is None else found.get("reason", "not measurable")
            return f"no estimate of the {name}: {why}"
    return None


def _identity(evidence: Mapping[str, Any]) -> dict[str, str]:
    return {"label": evidence["subject"]["label"], "sha256": evidence["subject"]["sha256"]}


def _terms(pair: Pair, definition: LossDefinition) -> tuple[LossTerms, LossTerms]:
    return (
        loss_terms(definition, pair.rows, pair.candidate),
        loss_terms(definition, pair.rows, pair.incumbent),
    )


def _loss(pair: Pair, definition: LossDefinition) -> dict[str, Any]:
    candidate, incumbent = _terms(pair, definition)
    kept = [pair.rows[i] for i in candidate.kept]
    contributors = _contributors(pair, definition)
    lost = sorted({r.target_id for r in pair.rows} - {r.target_id for r in kept})
    return {
        "definition_sha256": definition.sha256,
        "candidate": math.fsum(candidate.terms),
        "incumbent": math.fsum(incumbent.terms),
        "delta": math.fsum(each["value"] for each in contributors),
        "train": _by_role(pair, definition, "calibrated"),
        "held_out": _by_role(pair, definition, "held_out"),
        "by_family": _means(kept, candidate, incumbent, lambda row: row.family),
        "by_source": _means(kept, candidate, incumbent, lambda row: row.source),
        "by_geography": _means(kept, candidate, incumbent, lambda row: row.geography_id),
        "contributors": contributors,
        "dropped": lost,
    }


def _by_role(pair: Pair, definition: LossDefinition, role: str) -> dict[str, float] | None:
    keep = [i for i, row in enumerate(pair.rows) if row.role == role]
    if not keep:
        return None
    candidate, incumbent = _terms(pair.subset(keep), definition)
    return {"candidate": math.fsum(candidate.terms), "incumbent": math.fsum(incumbent.terms)}


def _means(
    rows: Sequence[LossRow], candidate: LossTerms, incumbent: LossTerms, key: Callable[..., str]
) -> dict[str, dict[str, float]]:
    """Return the mean error of the rows of each key, each row counting once."""
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(key(row), []).append(i)
    return {
        name: {
            "candidate": math.fsum(candidate.errors[index]) / len(index),
            "incumbent": math.fsum(incumbent.errors[index]) / len(index),
        }
        for name, index in groups.items()
    }


def _contributors(pair: Pair, definition: LossDefinition) -> list[dict[str, Any]]:
    """Return each target's part of the loss difference, the largest gain of the candidate first."""
    candidate, incumbent = _terms(pair, definition)
    values = candidate.terms - incumbent.terms
    found = [
        {"name": pair.rows[i].target_id, "value": float(value)}
        for i, value in zip(candidate.kept, values, strict=True)
    ]
    return sorted(found, key=lambda each: (each["value"], each["name"]))


def _relative(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return the absolute relative errors (row length) of candidate and incumbent, uncapped."""
    t = np.array([row.value for row in pair.rows])
    return np.abs(pair.candidate - t) / np.abs(t), np.abs(pair.incumbent - t) / np.abs(t)


def _sides(pair: Pair, statistic: Callable[[np.ndarray], float]) -> dict[str, float]:
    candidate, incumbent = _relative(pair)
    return {"candidate": statistic(candidate), "incumbent": statistic(incumbent)}


def _top_share(pair: Pair, definition: LossDefinition) -> dict[str, float]:
    """Return the share of each side's gating loss that its ten largest rows carry; 0 at no loss."""
    shares = []
    for side in _terms(pair, definition):
        total = math.fsum(side.terms)
        shares.append(math.fsum(np.sort(side.terms)[::-1][:TOP]) / total if total else 0.0)
    return {"candidate": shares[0], "incumbent": shares[1]}


def _held_out(pair: Pair, definition: LossDefinition) -> dict[str, Any] | None:
    """Return the mean error per held-out group, the candidate's worst group first."""
    keep = [i for i, row in enumerate(pair.rows) if row.role == "held_out"]
    if not keep:
        return None
    held = pair.subset(keep)
    means = _means(held.rows, *_terms(held, definition), lambda row: row.holdout_group)
    groups = [{"group": name, **sides} for name, sides in means.items()]
    return {"groups": sorted(groups, key=lambda g: (-float(g["candidate"]), str(g["group"])))}


def _target_table(pair: Pair) -> list[dict[str, Any]]:
    candidate, incumbent = _relative(pair)
    return [
        {
            "target_id": row.target_id,
            "family": row.family,
            "role": row.role,
            "target": row.value,
            "candidate": float(pair.candidate[i]),
            "incumbent": float(pair.incumbent[i]),
            "candidate_error": float(candidate[i]),
            "incumbent_error": float(incumbent[i]),
            "winner": _winner(float(candidate[i]), float(incumbent[i])),
        }
        for i, row in enumerate(pair.rows)
    ]


def _winner(candidate: float, incumbent: float) -> str:
    if candidate == incumbent:
        return "tie"
    return "candidate" if candidate < incumbent else "incumbent"
