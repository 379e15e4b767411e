"""Artifact size: bytes on disk against the incumbent's."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_size(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the ratio of the candidate's file size to the pinned incumbent's."""
    size = inputs.candidate["size_bytes"]
    pinned = inputs.record("baseline")["pins"]["h5_size_bytes"]
    if not pinned:
        raise NotJudged(
            "unmeasured", "the incumbent's size is not pinned", "freeze it from the file"
        )
    return Measurement(
        value=size / pinned,
        candidate=size,
        incumbent=pinned,
        delta=size - pinned,
        contributors=(("H5 file", size - pinned),),
        message=f"{size:,} bytes against {pinned:,}",
        remedy="compress the file, or move extensions out of it",
    )
