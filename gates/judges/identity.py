"""A reform whose cost is known beforehand: what it measures must be what it pays."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.judges.benchmark import entry_of
from gates.judging import Measurement
from gates.policy import Gate

SAME = 1e-9  # relative: the record's own figures, multiplied again


def judge_identity(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure |cost - population x amount| as a fraction of population x amount, candidate only.

    Evidence whose own figures contradict each other, or the policy's amount, is an error.
    """
    entry = entry_of(inputs.evidence(), gate, "the candidate's evidence")
    found = entry.get("identity")
    if found is None:
        raise NotJudged(
            "unmeasured", "the evidence has no identity of this reform", "measure it again"
        )
    expected, measured = found["expected"], found["measured"]
    amount = gate.parameters["amount"]
    if not expected or abs(found["population"] * amount - expected) > SAME * abs(expected):
        raise NotJudged(
            "error",
            f"{found['population']:,.0f} persons times {amount:,} are stated as {expected:,.0f}",
            "bring suite and policy together, then measure again",
        )
    value = abs(measured - expected) / abs(expected)
    return Measurement(
        value=value,
        candidate=measured,
        message=(
            f"cost {measured:,.0f} dollars against {found['population']:,.0f} persons times "
            f"{amount:,}, {expected:,.0f}"
        ),
        remedy="look for persons who are not paid or are paid twice" if value else "",
    )
