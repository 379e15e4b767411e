"""Exception records: each one about this candidate covers a failure that exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates.exceptions import refusal
from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Judge, Measurement, holds
from gates.policy import STAGES, Gate


def judge_exceptions(
    inputs: JudgeInputs, gate: Gate, *, judges: Mapping[str, Judge]
) -> Measurement:
    """Count the records about this candidate that are expired, over-bound, stale or unmatched.

    Each gate named is judged again without its record. Records about other files say nothing.
    """
    given, sha256 = inputs.exceptions, inputs.candidate["sha256"]
    if sha256 is None:
        raise NotJudged("not_applicable", "an exception is granted to a file only", "judge the H5")
    if given.malformed:
        raise NotJudged("error", "; ".join(given.malformed), "mend or remove these files")
    if given.judged_on is None:
        raise NotJudged("unmeasured", "nobody looked for exception records", "judge the H5 again")
    mine = list(given.of(sha256))
    ids = [record["id"] for record in mine]
    problems = [
        f"{record['id']}: {why}"
        for record in mine
        if (why := _problem(record, inputs, gate, judges, ids.count(record["id"])))
    ]
    others = len(given.records) - len(mine)
    return Measurement(
        value=len(problems),
        message="; ".join(problems) or f"{len(mine)} exception records, each one in use",
        details=(f"{others} records are about other files",) if others else (),
        remedy="renew, correct or remove the records named" if problems else "",
    )


def _problem(
    record: Mapping[str, Any],
    inputs: JudgeInputs,
    gate: Gate,
    judges: Mapping[str, Judge],
    times: int,
) -> str | None:
    """Return what is wrong with a record; a gate that cannot be judged leaves it open."""
    about = gate.peers.get(record["gate"])
    if about is None:
        return f"there is no gate {record['gate']}"
    if times > 1:
        return f"{times} records have this id"
    if record["kind"] not in about.exceptions:
        return f"{about.id} accepts no {record['kind']}"
    try:
        found = judges[about.judge](inputs, about)
    except NotJudged:
        return None
    if all(holds(about, stage, found) for stage in STAGES):
        return f"stale: {about.id} passes without it"
    return found.failure or refusal(record, about, found.value, inputs.exceptions.judged_on)
