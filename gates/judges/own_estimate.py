"""An aggregate without any administrative target: held against the incumbent's own estimate."""

from __future__ import annotations

from gates.inputs import JudgeInputs
from gates.judges.aggregate import aggregate
from gates.judges.parts import caveats
from gates.judging import Measurement
from gates.policy import Gate

LABEL = "judged against the incumbent's own estimate: no administrative target exists"


def judge_own_estimate(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure |candidate's estimate - incumbent's| in dollars.

    The record's standard error is a fraction of the incumbent's estimate, so it is scaled by it.
    """
    record = inputs.loss()
    found = aggregate(record, gate, "incumbent_estimate")
    ours, theirs = found["candidate"], found["incumbent"]
    error = found["standard_error"]
    return Measurement(
        value=abs(ours - theirs),
        reference=theirs,
        candidate=ours,
        incumbent=theirs,
        delta=ours - theirs,
        standard_error=None if error is None else error * abs(theirs),
        within_noise=found["within_noise"],
        contributors=((gate.parameters["aggregate"], ours - theirs),),
        message=f"{ours / 1e9:,.3f} bn against {theirs / 1e9:,.3f} bn dollars, {LABEL}",
        details=caveats(inputs, record),
        remedy="look for the income component that moved" if ours != theirs else "",
    )
