"""Protected families: the mean capped squared relative error of each against the incumbent's."""

from __future__ import annotations

from collections.abc import Iterator

from gates.inputs import JudgeInputs, NotJudged
from gates.judges.parts import caveats, contributors, largest
from gates.judging import Measurement
from gates.policy import Gate


def judge_family(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure how much worse a family's error is than the incumbent's, by its declared targets.

    A family without a measured target is `unmeasured`. One that the policy judges against the
    incumbent's own estimate says so; any other basis than the policy's is an error.
    """
    record = inputs.loss()
    family = record["families"].get(gate.parameters["family"])
    basis = "none" if family is None else family["basis"]
    if family is None or basis == "none":
        raise NotJudged(
            "unmeasured",
            "no target of this family is measured",
            "measure with a suite that declares targets for it",
        )
    if basis != gate.parameters["basis"]:
        raise NotJudged(
            "error",
            f"judged by {basis}, the policy asks for {gate.parameters['basis']}",
            "bring suite and policy together",
        )
    label, parts = f"over {len(family['targets'])} targets", largest(contributors(family))
    remedy = "mend the targets listed as contributors"
    if basis == "incumbent_estimate":
        label = "judged against the incumbent's own estimate: no administrative target exists"
        parts = ((gate.parameters["family"], family["delta"]),)
        remedy = "look for the component that moved"
    return Measurement(
        value=family["delta"],
        reference=family["incumbent"],
        candidate=family["candidate"],
        incumbent=family["incumbent"],
        delta=family["delta"],
        standard_error=family["standard_error"],
        within_noise=family["within_noise"],
        contributors=parts,
        message=f"error {family['candidate']:.6g} against {family['incumbent']:.6g}, {label}",
        details=(*_left_out(inputs, gate, len(family["targets"])), *caveats(inputs, record)),
        remedy=remedy if family["delta"] > 0 else "",
    )


def _left_out(inputs: JudgeInputs, gate: Gate, kept: int) -> Iterator[str]:
    """Yield how many declared targets are not compared, where the suite is at hand."""
    families = inputs.records.get("suite", {}).get("families", {})
    declared = len(families.get(gate.parameters["family"], {}).get("targets", ()))
    if declared > kept:
        yield f"{declared - kept} of {declared} declared targets are not measured on both sides"
