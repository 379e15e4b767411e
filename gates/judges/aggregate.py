"""High-salience aggregates: absolute relative error of a published total, ours and theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judges.parts import caveats
from gates.judging import Measurement
from gates.policy import Gate


def judge_aggregate(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure candidate's error minus incumbent's, both as a fraction of the published target."""
    record = inputs.loss()
    found = aggregate(record, gate, "targets")
    ours, theirs = found["candidate_error"], found["incumbent_error"]
    return Measurement(
        value=found["delta"],
        candidate=ours,
        incumbent=theirs,
        delta=found["delta"],
        standard_error=found["standard_error"],
        within_noise=found["within_noise"],
        contributors=((found["target_id"], found["delta"]),),
        message=(
            f"error {ours:.3%} against {theirs:.3%}: estimate {found['candidate']:,.0f} against "
            f"{found['incumbent']:,.0f}, target {found['target']:,.0f}"
        ),
        details=(f"target {found['target_id']}", *caveats(inputs, record)),
        remedy=(
            "bring the estimate nearer to the target, or file an explanation record"
            if found["delta"] > 0
            else ""
        ),
    )


def aggregate(record: Mapping[str, Any], gate: Gate, basis: str) -> Mapping[str, Any]:
    """Return the gate's aggregate from the loss record; raises NotJudged unless it has `basis`."""
    found: Mapping[str, Any] | None = record["aggregates"].get(gate.parameters["aggregate"])
    if found is None or found["basis"] == "none":
        raise NotJudged(
            "unmeasured", "no target of this aggregate is measured", "measure with the frozen suite"
        )
    if found["basis"] != basis:
        raise NotJudged(
            "error",
            f"judged by {found['basis']}, the policy asks for {basis}",
            "bring suite and policy together",
        )
    return found
