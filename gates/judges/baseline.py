"""Pinned baseline: the comparison names one incumbent, and its evidence is of that file."""

from __future__ import annotations

from datetime import UTC, datetime

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate

# The six things every comparison records (plan: National release gates, Pinned baseline).
PINS = (
    "h5_uri",
    "h5_sha256",
    "data_repo_commit",
    "policyengine_us",
    "target_db_path",
    "target_db_sha256",
)


def judge_pins(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count the pins of the incumbent that nobody has filled; none may be missing."""
    manifest = inputs.record("baseline")
    pins = manifest["pins"]
    missing = [name for name in PINS if not pins.get(name)]
    reasons = tuple(f"{name}: {manifest['unknown'].get(name, 'no reason')}" for name in missing)
    named = f"{manifest['id']} lacks {', '.join(missing)}"
    return Measurement(
        value=len(missing),
        message=named if missing else f"{manifest['id']} is {pins['h5_sha256'][:12]}, all pins set",
        details=reasons,
        remedy="fill the pins with `mpgate baseline freeze`" if missing else "",
    )


def judge_incumbent_evidence(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Refuse incumbent evidence of another file, engine, suite or target database."""
    ours, theirs = inputs.evidence(), inputs.incumbent_record()
    bound = ("engine", "suite", "target_db", "code_sha256")
    differing = [key for key in bound if theirs[key] != ours[key]]
    if differing:
        raise NotJudged(
            "error",
            f"the two sides were measured with another {', '.join(differing)}",
            "measure both with the same engine and suite",
        )
    frozen_on = inputs.record("suite")["frozen_on"]
    for whose, record in (("candidate", ours), ("incumbent", theirs)):
        _require_after_freeze(record["run"].get("measured_at"), frozen_on, whose)
    sha = theirs["subject"]["sha256"][:12]
    return Measurement(value=0, message=f"measured on {sha} with the same engine and suite")


def _require_after_freeze(measured_at: float | None, frozen_on: str, whose: str) -> None:
    """Refuse evidence older than the freeze of its suite: a suite comes before any candidate."""
    frozen = datetime.fromisoformat(frozen_on).replace(tzinfo=UTC)
    if measured_at is None or datetime.fromtimestamp(measured_at, UTC) < frozen:
        raise NotJudged(
            "error",
            f"the {whose}'s evidence is older than the suite, which was frozen on {frozen_on}",
            "measure again",
        )
