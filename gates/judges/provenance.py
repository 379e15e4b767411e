"""Target provenance: nobody is judged by a figure of which no one knows what it says."""

from __future__ import annotations

from gates.inputs import JudgeInputs
from gates.judging import Measurement
from gates.policy import Gate

NEEDED = ("source", "scope", "entity")
_SHOWN = 20


def judge_provenance(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count the kept targets without source, scope or entity; none may be (plan: Epic 2, exit)."""
    targets = inputs.loss_record()["targets"]
    lacking = [
        f"{target['target_id']} lacks {', '.join(missing)}"
        for target in targets
        if (missing := [name for name in NEEDED if not target[name].strip()])
    ]
    left = len(lacking) - _SHOWN
    return Measurement(
        value=len(lacking),
        message=(
            f"{len(lacking)} of {len(targets)} targets lack {', '.join(NEEDED)} or some of them"
            if lacking
            else f"{len(targets)} targets name {', '.join(NEEDED)}"
        ),
        details=(*lacking[:_SHOWN], *((f"and {left} more",) if left > 0 else ())),
        remedy="complete the rows in the target registry, or exclude them" if lacking else "",
    )
