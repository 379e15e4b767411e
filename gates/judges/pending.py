"""Gates of the plan that nothing measures yet: always `unmeasured`, never a pass."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_pending(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Say why this gate cannot be judged; the reason is part of the policy."""
    raise NotJudged("unmeasured", gate.unmeasured_reason, "none yet: this gate blocks `ready`")
