"""Runtime: interleaved runs of the fixed national workloads, candidate against incumbent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import STAGES, Gate

_REMEDY = "measure again on a quieter machine"
_ROUNDING = 1e-5  # the record rounds ratios to six decimals


def judge_runtime(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the median ratio of candidate seconds to incumbent seconds over interleaved pairs.

    A stage whose limit lies inside the interval, or between interval and median, stays
    `unmeasured`. Fewer pairs than the policy asks for leave both stages so. A record that
    contradicts itself is an error.
    """
    record = inputs.runtime()
    pairs, least = len(record["pairs"]), gate.parameters["min_pairs"]
    if pairs < least:
        raise NotJudged(
            "unmeasured", f"{pairs} pairs were run, {least} are needed", "measure the runtime again"
        )
    value, interval = record["median_ratio"], record["interval"]
    if abs(value - median(pair["ratio"] for pair in record["pairs"])) > _ROUNDING:
        raise NotJudged("error", f"{value:.6g} is not the median of the pairs", "measure again")
    return Measurement(
        value=value,
        message=(
            f"median ratio {value:.3f} over {pairs} pairs, interval {interval['low']:.3f} to "
            f"{interval['high']:.3f} at {interval['confidence']:.1%}"
        ),
        undecided=dict(_undecided(record, gate)),
        details=(
            f"peak RSS {record['peak_rss_gb']['candidate']:.2f} GB against "
            f"{record['peak_rss_gb']['incumbent']:.2f} GB",
            f"machine {record['machine']['fingerprint'][:12]}, "
            f"expected to take {record['expected_s']:,.0f} s",
        ),
        remedy="reduce records or columns, or file a product decision" if value > 1 else "",
    )


def _undecided(record: Mapping[str, Any], gate: Gate) -> Iterator[tuple[str, str]]:
    """Yield the stages whose limit the pairs do not decide, each with its reason."""
    low, high = record["interval"]["low"], record["interval"]["high"]
    for stage in STAGES:
        limit = gate.limits[stage]
        if limit is None:
            continue
        bound = limit.bound(None)
        decision = _decision(low, high, bound)
        _require_agreement(record, bound, decision)
        if decision == "undecided":
            yield stage, f"{bound:.6g} lies inside the interval {low:.3f} to {high:.3f}: {_REMEDY}"
        elif (decision == "within") != limit.holds(record["median_ratio"], None):
            yield stage, f"interval and median are on two sides of {bound:.6g}: {_REMEDY}"


def _decision(low: float, high: float, bound: float) -> str:
    if high <= bound:
        return "within"
    return "beyond" if low > bound else "undecided"


def _require_agreement(record: Mapping[str, Any], bound: float, decision: str) -> None:
    """Refuse a record that states another decision than its own interval gives."""
    for stated in record["decisions"]:
        if stated["limit"] == bound and stated["decision"] != decision:
            raise NotJudged(
                "error",
                f"the runtime record says {stated['decision']} {bound:.6g}, its interval says "
                f"{decision}",
                "measure the runtime again",
            )
