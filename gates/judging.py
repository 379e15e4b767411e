"""Judging: evidence x incumbent evidence x policy -> one result per gate. Pure: no engine, no H5.

A judge measures one gate: it returns a Measurement, or raises NotJudged where the evidence is
missing (`unmeasured`), foreign or broken (`error`). The limit of each stage is applied here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gates.exceptions import covering, in_words
from gates.inputs import JudgeInputs, NotJudged
from gates.policy import STAGES, Gate, Limit

PASSING = frozenset({"pass", "waived", "not_applicable"})


@dataclass(frozen=True)
class Measurement:
    """What a judge found: `value` is held against the limit, `reference` scales a relative one.

    `severity` says how bad a breach of a contract check is: `critical` or `warning`. `failure`
    fails the gate whatever the value. `standard_error` is of the value, in the gate's unit; noise
    is shown and decides nothing. `breakdowns` are other lists of parts that sum to the delta.
    `undecided` says per stage why the value does not decide its limit: that stage is unmeasured.
    """

    value: float
    message: str
    reference: float | None = None
    candidate: float | None = None
    incumbent: float | None = None
    delta: float | None = None
    contributors: tuple[tuple[str, float], ...] = ()
    breakdowns: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    details: tuple[str, ...] = ()
    remedy: str = ""
    severity: str | None = None
    failure: str = ""
    standard_error: float | None = None
    within_noise: bool | None = None
    undecided: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[JudgeInputs, Gate], Measurement]


def judge_gate(gate: Gate, inputs: JudgeInputs, judges: Mapping[str, Judge]) -> dict[str, Any]:
    """Return the result of one gate as it stands in the gate results record.

    Any failure inside a judge is the status `error`: nothing passes by accident.
    """
    try:
        return _judged(gate, judges[gate.judge](inputs, gate), inputs)
    except NotJudged as problem:
        return _unjudged(gate, problem.status, problem.message, problem.remedy)
    except Exception as error:  # a broken judge must never pass a file
        message = f"the judge {gate.judge} failed: {type(error).__name__}: {error}"
        return _unjudged(gate, "error", " ".join(message.split()), "report this with the run")


def _judged(gate: Gate, found: Measurement, inputs: JudgeInputs) -> dict[str, Any]:
    stages = {stage: _stage(gate, stage, found) for stage in STAGES}
    used = _waive(gate, found, inputs, stages)
    message, *noise = _with_noise(found)
    return {
        **_heading(gate),
        "status": stages["default"]["status"],
        "value": found.value,
        "candidate": found.candidate,
        "incumbent": found.incumbent,
        "delta": found.delta,
        "standard_error": found.standard_error,
        "within_noise": found.within_noise,
        "contributors": _parts(found.contributors),
        "breakdowns": {name: _parts(pairs) for name, pairs in found.breakdowns.items()},
        "message": message,
        "remedy": found.remedy or "none needed",
        "severity": found.severity,
        "details": [*map(in_words, used), *found.details, *noise],
        "exceptions": [record["id"] for record in used],
        "stages": stages,
    }


def _parts(pairs: tuple[tuple[str, float], ...]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _waive(
    gate: Gate, found: Measurement, inputs: JudgeInputs, stages: dict[str, dict[str, Any]]
) -> list[Mapping[str, Any]]:
    """Turn failures that an exception record covers into `waived`; return the records used."""
    failed = [stage for stage in stages.values() if stage["status"] == "fail"]
    if not failed or found.failure:
        return []
    used = covering(inputs.exceptions, inputs.candidate["sha256"], gate, found.value)
    for stage in failed if used else ():
        ids = ", ".join(record["id"] for record in used)
        stage.update(status="waived", message=f"{stage['message']}, waived by {ids}")
    return used


def _with_noise(found: Measurement) -> list[str]:
    """Return the message, and what is known of the noise where it is not part of it."""
    if found.standard_error is None or found.within_noise is None:
        return [found.message]
    words = f"standard error {found.standard_error:.3g}"
    if found.within_noise:
        return [f"{found.message}; within noise: no more than two standard errors ({words})"]
    return [found.message, f"beyond noise: more than two standard errors ({words})"]


def holds(gate: Gate, stage: str, found: Measurement) -> bool:
    """Decide whether a measurement passes its gate at a stage, exceptions left out.

    What is undecided at a stage does not pass it.
    """
    limit = gate.limits[stage]
    if limit is None:
        raise NotJudged("error", f"{gate.id} was measured but has no limit", "mend the policy")
    decided = not found.failure and stage not in found.undecided
    return decided and limit.holds(found.value, found.reference)


def _stage(gate: Gate, stage: str, found: Measurement) -> dict[str, Any]:
    passed, limit = holds(gate, stage, found), gate.limits[stage]
    assert limit is not None  # `holds` raised otherwise
    bound = limit.bound(found.reference)
    undecided = "" if found.failure else found.undecided.get(stage, "")
    unpassed = "unmeasured" if undecided else "fail"
    return {
        "status": "pass" if passed else unpassed,
        "blocking": gate.blocking[stage],
        "limit": bound,
        "margin": bound - found.value,
        "message": found.failure or undecided or _reason(limit, found.value, bound, passed),
    }


def _reason(limit: Limit, value: float, bound: float, passed: bool) -> str:
    holding, broken = {
        "less_than": ("below", "not below"),
        "no_more_than": ("no more than", "more than"),
        "within": ("within", "not within"),
        "at_least": ("at least", "less than"),
    }[limit.direction]
    if limit.direction == "less_than" and value == bound:
        return f"tie: {value:.6g} is not below {bound:.6g}"
    return f"{value:.6g} is {holding if passed else broken} {bound:.6g}"


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
    empty = dict.fromkeys(
        ("value", "candidate", "incumbent", "delta", "standard_error", "within_noise")
    )
    return {
        **_heading(gate),
        **empty,
        "status": status,
        "contributors": [],
        "breakdowns": {},
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
