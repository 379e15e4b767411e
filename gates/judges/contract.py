"""Schema compatibility: what the contract checks found in the candidate."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_contract(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count the violations of one contract check; a check that broke down is an error."""
    checks = {check["id"]: check for check in inputs.contract()["checks"]}
    found = checks.get(gate.parameters["check"])
    if found is None:
        raise NotJudged(
            "unmeasured",
            f"the contract findings hold no check {gate.parameters['check']}",
            "check the file again with this version",
        )
    if "error" in found:
        raise NotJudged("error", found["error"], found["remedy"])
    for status in ("not_applicable", "unmeasured"):
        if status in found:
            raise NotJudged(status, found[status], found["remedy"])
    return Measurement(
        value=found["count"],
        message=found["message"],
        details=tuple(found["examples"]),
        remedy=found["remedy"] if found["count"] else "",
        severity=found["severity"],
    )
