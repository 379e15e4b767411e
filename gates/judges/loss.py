"""Target loss: the candidate's loss minus the incumbent's on common kept targets."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_loss(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the loss difference, with contributors that sum to it, and the win count."""
    record = inputs.loss()
    loss = record["losses"].get(gate.parameters["loss"])
    if loss is None:
        raise NotJudged(
            "unmeasured", f"the loss {gate.parameters['loss']} was not computed", "measure again"
        )
    wins, losses, ties = record["wins"], record["losses_count"], record["ties"]
    headline = (loss["delta"] > 0) - (loss["delta"] < 0)
    votes = (losses > wins) - (losses < wins)
    details = [f"{wins} targets won, {losses} lost, {ties} tied of {record['kept']['count']}"]
    if headline * votes < 0:
        details.append("headline and win count disagree: look at the largest contributors")
    message = f"loss {loss['candidate']:.6g} against the incumbent's {loss['incumbent']:.6g}"
    if held := loss["held_out"]:
        message += f"; held-out {held['candidate']:.6g} against {held['incumbent']:.6g}"
        if loss["delta"] < 0 < held["candidate"] - held["incumbent"]:
            details.append("worse on held-out groups: better only on what it was fitted to")
    return Measurement(
        value=loss["delta"],
        candidate=loss["candidate"],
        incumbent=loss["incumbent"],
        delta=loss["delta"],
        contributors=tuple((c["name"], c["value"]) for c in loss["contributors"]),
        message=message,
        details=tuple(details),
        remedy="mend the targets listed as contributors" if loss["delta"] >= 0 else "",
    )
