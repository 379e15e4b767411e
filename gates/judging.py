"""Judging: evidence x incumbent evidence x policy -> one result per gate. Pure: no engine, no H5.

A judge measures one gate: it returns a Measurement, or raises NotJudged where the evidence is
missing (`unmeasured`), foreign or broken (`error`). The limit of each stage is applied here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.policy import STAGES, Gate, Limit

PASSING = frozenset({"pass", "waived", "not_applicable"})


@dataclass(frozen=True)
class Measurement:
    """What a judge found: `value` is held against the limit, `reference` scales a relative one.

    `severity` says how bad a breach of a contract check is: `critical` or `warning`.
    """

    value: float
    message: str
    reference: float | None = None
    candidate: float | None = None
    incumbent: float | None = None
    delta: float | None = None
    contributors: tuple[tuple[str, float], ...] = ()
    details: tuple[str, ...] = ()
    remedy: str = ""
    severity: str | None = None
    failure: str = field(default="")


Judge = Callable[[JudgeInputs, Gate], Measurement]


def judge_gate(gate: Gate, inputs: JudgeInputs, judges: Mapping[str, Judge]) -> dict[str, Any]:
    """Return the result of one gate as it stands in the gate results record.

    Any failure inside a judge is the status `error`: nothing passes by accident.
    """
    try:
        measurement = judges[gate.judge](inputs, gate)
    except NotJudged as problem:
        return _unjudged(gate, problem.status, problem.message, problem.remedy)
    except Exception as error:  # a broken judge must never pass a file
        message = f"the judge {gate.judge} failed: {type(error).__name__}: {error}"
        return _unjudged(gate, "error", " ".join(message.split()), "report this with the run")
    return _judged(gate, measurement)


def _judged(gate: Gate, found: Measurement) -> dict[str, Any]:
    stages = {stage: _stage(gate, stage, found) for stage in STAGES}
    return {
        **_heading(gate),
        "status": stages["default"]["status"],
        "value": found.value,
        "candidate": found.candidate,
        "incumbent": found.incumbent,
        "delta": found.delta,
        "contributors": [{"name": n, "value": v} for n, v in found.contributors],
        "message": found.message,
        "remedy": found.remedy or "none needed",
        "severity": found.severity,
        "details": list(found.details),
        "exceptions": [],
        "stages": stages,
    }


def _stage(gate: Gate, stage: str, found: Measurement) -> dict[str, Any]:
    limit = gate.limits[stage]
    if limit is None:
        raise NotJudged("error", f"{gate.id} was measured but has no limit", "mend the policy")
    bound = limit.bound(found.reference)
    passed = not found.failure and limit.holds(found.value, found.reference)
    return {
        "status": "pass" if passed else "fail",
        "blocking": gate.blocking[stage],
        "limit": bound,
        "margin": bound - found.value,
        "message": found.failure or _reason(limit, found.value, bound, passed),
    }


def _reason(limit: Limit, value: float, bound: float, passed: bool) -> str:
    words = {
        "less_than": "below",
        "no_more_than": "no more than",
        "within": "within",
        "at_least": "at least",
    }[limit.direction]
    if limit.direction == "less_than" and value == bound:
        return f"tie: {value:.6g} is not below {bound:.6g}"
    return f"{value:.6g} is {'' if passed else 'not '}{words} {bound:.6g}"


def _unjudged(gate: Gate, status: str, message: str, remedy: str) -> dict[str, Any]:
    stages = {
        stage: {
            "status": status,
            "blocking": gate.blocking[stage],
            "limit": None,
            "margin": None,
            "message": message,
        }
        for stage in STAGES
    }
    empty = dict.fromkeys(("value", "candidate", "incumbent", "delta"))
    return {
        **_heading(gate),
        **empty,
        "status": status,
        "contributors": [],
        "message": message,
        "remedy": remedy,
        "severity": None,
        "details": [],
        "exceptions": [],
        "stages": stages,
    }


def _heading(gate: Gate) -> dict[str, Any]:
    return {
        "id": gate.id,
        "title": gate.title,
        "group": gate.group,
        "clause": gate.clause,
        "unit": gate.unit,
    }


def error_result(gate: Gate, message: str, remedy: str) -> dict[str, Any]:
    """Return the `error` result of a gate that could not be reached."""
    return _unjudged(gate, "error", message, remedy)


def stage_verdict(
    results: list[dict[str, Any]], stage: str, deselected: list[str]
) -> dict[str, Any]:
    """Return `blocked`, `incomplete`, `partial` or `ready` for a stage (DESIGN section 3).

    A blocking failure or error blocks; a blocking unmeasured gate leaves the verdict incomplete;
    a run with deselected gates can never be ready.
    """
    stopping = [
        result
        for result in results
        if result["stages"][stage]["blocking"] and result["stages"][stage]["status"] not in PASSING
    ]
    statuses = {result["stages"][stage]["status"] for result in stopping}
    if statuses & {"fail", "error"}:
        verdict = "blocked"
    elif deselected:
        verdict = "partial"
    elif statuses:
        verdict = "incomplete"
    else:
        verdict = "ready"
    return {"verdict": verdict, "blocking": [result["id"] for result in stopping]}
