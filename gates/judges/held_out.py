"""Held-out evaluation: the loss on complete groups that the candidate was not calibrated to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.calibration import calibration_notes
from gates.inputs import JudgeInputs, NotJudged
from gates.judges.parts import caveats
from gates.judging import Measurement
from gates.policy import Gate


def judge_held_out(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the held-out loss difference, with the worst group named and every group listed.

    Without a manifest nobody knows what the file was calibrated on: `unmeasured`.
    """
    record = inputs.loss()
    notes = calibration_notes(inputs, required=True)
    loss, groups = record["losses"].get(gate.parameters["loss"]), record["held_out"]
    held = loss and loss["held_out"]
    if not held or not groups:
        raise NotJudged(
            "unmeasured",
            "no held-out target is measured on both sides",
            "measure with a suite that holds out complete groups",
        )
    worst = groups["groups"][0]
    return Measurement(
        value=held["delta"],
        reference=held["incumbent"],
        candidate=held["candidate"],
        incumbent=held["incumbent"],
        delta=held["delta"],
        standard_error=held["standard_error"],
        within_noise=held["within_noise"],
        message=(
            f"held-out loss {held['candidate']:.6g} against {held['incumbent']:.6g}; worst group "
            f"{worst['group']}: {worst['candidate']:.4g} against {worst['incumbent']:.4g}"
        ),
        details=(*_by_group(groups), *notes, *caveats(inputs, record)),
        remedy="" if held["delta"] < 0 else "look at the worst held-out groups",
    )


def _by_group(groups: Mapping[str, Any]) -> Iterator[str]:
    for group in groups["groups"]:
        yield (
            f"{group['kind']} {group['group']} ({group['targets']} targets): mean error "
            f"{group['candidate']:.4g} against {group['incumbent']:.4g}, {group['delta']:+.4g}"
        )
