"""Evidence of two files: the frozen incumbent's own figures, and a candidate's made from them."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from baselines.targets import Target
from benchmarks.contributions import MEASURE_PREFIX, Contributions
from benchmarks.suite import Suite

HOUSEHOLDS = 102
_FROZEN = Path(__file__).parents[2] / "baselines" / "evidence" / "psl-cps-2024"
_UNSCALED = "per-person-transfer"


@cache
def _frozen_text() -> str:
    return sorted(_FROZEN.glob("*.json"))[-1].read_text()


def incumbent_evidence(suite: Suite, subject: Mapping[str, Any]) -> dict[str, Any]:
    """Return the frozen evidence of the embedded incumbent, on the targets of a suite.

    A target that it has no estimate of (a renamed one, a district) gets one 12 % off.
    """
    record: dict[str, Any] = json.loads(_frozen_text())
    known = {each["target_id"]: each for each in record["targets"]}
    targets = [
        known.get(each.target_id) or {"target_id": each.target_id, "estimate": each.value * 1.12}
        for each in suite.targets
    ]
    suite_id = {"id": suite.id, "sha256": suite.sha256}
    return {**record, "subject": dict(subject), "suite": suite_id, "targets": targets}


def candidate_evidence(
    suite: Suite,
    incumbent: Mapping[str, Any],
    subject: Mapping[str, Any],
    failing: Collection[str],
    seed: int,
) -> dict[str, Any]:
    """Return evidence of a candidate that is nearer to most targets, and fails where it is told to.

    `failing` are ids of gates: `loss.broad`, `loss.held_out`, `family.NAME`, `aggregate.NAME`,
    `benchmark.ID.OUTPUT`.
    """
    random = np.random.default_rng(seed)
    record = copy.deepcopy(dict(incumbent))
    theirs = {each["target_id"]: each["estimate"] for each in record["targets"]}
    worse, protected = _worse(suite, failing), _protected(suite)
    factors = _factors(suite, protected, random)
    record["targets"] = [
        {
            "target_id": each.target_id,
            "estimate": _estimate(
                each, theirs[each.target_id], factors[each.target_id], each.target_id in worse
            ),
        }
        for each in suite.targets
    ]
    record["subject"] = dict(subject)
    record["baseline"] = {
        name: value * (1 + 0.004 * random.uniform(-1, 1))
        for name, value in record["baseline"].items()
    }
    record["benchmarks"] = [_effect(each, failing, random) for each in record["benchmarks"]]
    record["weights"] = {**record["weights"], **_weights(record["weights"], random)}
    return record


def _worse(suite: Suite, failing: Collection[str]) -> set[str]:
    """Return the ids of the targets that the candidate must miss by more than the incumbent."""
    found: set[str] = set()
    for each in suite.scheme.families:
        if f"family.{each.name}" in failing:
            found.update(each.targets)
    for aggregate in suite.scheme.aggregates:
        if f"aggregate.{aggregate.name}" in failing and aggregate.target:
            found.add(aggregate.target)
    roles = suite.roles()
    if "loss.held_out" in failing:
        found.update(name for name, role in roles.items() if role == "held_out")
    if "loss.broad" in failing:
        trained = {name for name, role in roles.items() if role == "train"}
        found.update(trained - _protected(suite))
    return found


def _protected(suite: Suite) -> set[str]:
    found = {target for each in suite.scheme.families for target in each.targets}
    return found | {each.target for each in suite.scheme.aggregates if each.target}


def _factors(suite: Suite, protected: set[str], random: np.random.Generator) -> dict[str, float]:
    """Return by what factor the candidate's error is the incumbent's: a few others get worse."""
    draws = random.uniform(0.35, 0.95, len(suite.targets))
    worse = random.random(len(suite.targets)) < 0.2
    return {
        each.target_id: 1.04 if bad and each.target_id not in protected else float(draw)
        for each, draw, bad in zip(suite.targets, draws, worse, strict=True)
    }


def _estimate(
    target: Target, estimate: float | None, factor: float, is_worse: bool
) -> float | None:
    if estimate is None:
        return None
    error = (estimate - target.value) / target.value
    if is_worse:
        error = 1.3 * error + (0.2 + 0.2 * factor) * (-1 if error < 0 else 1)
    else:
        error *= factor
    return float(target.value * (1 + error))


def _weights(weights: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    share = float(weights["ess_share"] * random.uniform(0.95, 1.05))
    return {"ess_share": share, "kish_ess": share * weights["positive"]}


def _effect(
    entry: dict[str, Any], failing: Collection[str], random: np.random.Generator
) -> dict[str, Any]:
    """Return a benchmark with its effect made a little larger, or beyond the tolerance."""
    if entry["id"] == _UNSCALED:
        return entry
    factor = 1 + 0.03 * random.uniform(-1, 1)
    if any(gate.startswith(f"benchmark.{entry['id']}.") for gate in failing):
        factor = 1 + max(0.3, 8e9 / abs(entry["delta"]["fiscal"]))
    return scaled(entry, float(factor))


def scaled(entry: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return a benchmark whose every effect is `factor` times as large; its parts still add up."""
    found = copy.deepcopy(dict(entry))
    found["delta"] = {name: factor * value for name, value in entry["delta"].items()}
    found["reform"] = {
        name: entry["baseline"][name] + factor * (value - entry["baseline"][name])
        for name, value in entry["reform"].items()
    }
    for key in ("contributors", "by_state", "by_decile"):
        for parts in found[key].values():
            _scale(parts, ("value",), factor)
    report = found["report"]
    report["budget"] = {name: factor * value for name, value in report["budget"].items()}
    report["household_net_income"] *= factor
    _scale(report["states"], ("fiscal", "household_net_income"), factor)
    for rates in (report["poverty"]["spm"], report["poverty"]["deep_spm"], report["inequality"]):
        for rate in rates.values():
            _stretch(rate, factor)
    for decile in report["deciles"]:
        _stretch_mean(decile, factor)
    return found


def _scale(rows: list[dict[str, Any]], names: tuple[str, ...], factor: float) -> None:
    for row in rows:
        for name in names:
            row[name] *= factor


def _stretch(rate: dict[str, Any], factor: float) -> None:
    if rate["change"] is not None:
        rate["change"] *= factor
        rate["reform"] = rate["baseline"] + rate["change"]


def _stretch_mean(decile: dict[str, Any], factor: float) -> None:
    if decile["absolute_change"] is not None:
        decile["absolute_change"] *= factor
        decile["reform_mean"] = decile["baseline_mean"] + decile["absolute_change"]
    if decile["relative_change"] is not None:
        decile["relative_change"] *= factor


def contributions_of(evidence: Mapping[str, Any], seed: int) -> Contributions:
    """Return made-up household contributions that give exactly the estimates of an evidence.

    Fewer than forty households carry a target, so that some differences are within noise; all
    carry a measure, because a resample without any would have nothing to divide by.
    """
    random = np.random.default_rng(seed)
    figures = {each["target_id"]: each["estimate"] for each in evidence["targets"]}
    figures |= {f"{MEASURE_PREFIX}{name}": value for name, value in evidence["baseline"].items()}
    names = tuple(name for name, value in figures.items() if value is not None)
    weight = evidence["weights"]["household_sum"] / HOUSEHOLDS
    matrix = np.zeros((HOUSEHOLDS, len(names)))
    for column, name in enumerate(names):
        carried_by = HOUSEHOLDS if name.startswith(MEASURE_PREFIX) else random.integers(1, 40)
        places = random.permutation(HOUSEHOLDS)[:carried_by]
        shares = random.dirichlet(np.ones(len(places)))
        matrix[places, column] = figures[name] * shares / weight
    return Contributions(csr_matrix(matrix), names, np.full(HOUSEHOLDS, weight))
