"""Target loss: the candidate's loss minus the incumbent's on common kept targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.calibration import calibration_notes
from gates.inputs import JudgeInputs, NotJudged
from gates.judges.parts import caveats, contributors, largest
from gates.judging import Measurement
from gates.policy import Gate


def judge_loss(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the loss difference, with contributors that sum to it, and the win count.

    A candidate whose manifest says that it was calibrated on a held-out group is an error.
    """
    record = inputs.loss()
    loss = record["losses"].get(gate.parameters["loss"])
    if loss is None:
        raise NotJudged(
            "unmeasured", f"the loss {gate.parameters['loss']} was not computed", "measure again"
        )
    notes = calibration_notes(inputs, required=False)
    message = f"loss {loss['candidate']:.6g} against the incumbent's {loss['incumbent']:.6g}"
    if not record["headline_agrees"]:
        message += (
            f"; headline and win count disagree ({record['wins']} targets won, "
            f"{record['losses_count']} lost): look at the largest contributors"
        )
    return Measurement(
        value=loss["delta"],
        candidate=loss["candidate"],
        incumbent=loss["incumbent"],
        delta=loss["delta"],
        standard_error=loss["standard_error"],
        within_noise=loss["within_noise"],
        contributors=largest(contributors(loss)),
        message=message,
        details=(*_beside_the_headline(record, loss), *notes, *caveats(inputs, record)),
        remedy="mend the targets listed as contributors" if loss["delta"] >= 0 else "",
    )


def _beside_the_headline(record: Mapping[str, Any], loss: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures that put a headline into proportion, each for both sides."""
    wins, losses, ties = record["wins"], record["losses_count"], record["ties"]
    yield f"{wins} targets won, {losses} lost, {ties} tied of {record['kept']['count']}"
    for name in ("median_error", "p90_error", "share_within_10pct", "top_10_share"):
        ours, theirs = record[name]["candidate"], record[name]["incumbent"]
        yield f"{name} {ours:.4g} against {theirs:.4g}"
    for role in ("train", "held_out"):
        if part := loss[role]:
            yield f"{role} loss {part['candidate']:.6g} against {part['incumbent']:.6g}"
    held = loss["held_out"]
    if held and loss["delta"] < 0 < held["delta"]:
        yield "worse on held-out groups: better only on what it was fitted to"
