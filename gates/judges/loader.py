"""Schema compatibility: the engine loads the file and computes every program family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.inputs import JudgeInputs
from gates.judging import Measurement
from gates.policy import Gate

_REMEDY = "mend the inputs of the variables named, then run `mpgate contract` again"


def judge_loader(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count what the loaded file lacks: a program family, finite values, poverty, its own sha256.

    An engine that refuses the file is one violation and fails with the engine's own message.
    """
    record = inputs.loader()
    error = record["error"]
    if error is not None:
        return Measurement(
            value=1,
            message=error["message"],
            remedy=error["remedy"],
            details=(f"reason: {error['reason']}",),
            failure=f"the engine could not compute on this file: {error['message']}",
        )
    violations = [*_foreign(record), *_uncomputed(record), *_not_finite(record)]
    computed = (
        f"{len(record['families'])} program families and poverty computed, "
        f"SPM geography {record['geography']}"
    )
    return Measurement(
        value=len(violations),
        message="; ".join(violations[:3]) if violations else computed,
        details=(*violations, *_all_zero(record)),
        remedy=_REMEDY if violations else "",
    )


def _foreign(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each point in time at which the file was another one."""
    sha256 = record["subject"]["sha256"]
    for when in ("sha256_before", "loaded_sha256", "sha256_after"):
        if record[when] != sha256:
            yield f"{when} is {str(record[when])[:12]}, the file is {sha256[:12]}"


def _uncomputed(record: Mapping[str, Any]) -> Iterator[str]:
    for family, variables in record["families"].items():
        missing = sorted(name for name, found in variables.items() if found is None)
        if missing or not variables:
            yield f"{family} was not computed ({', '.join(missing) or 'no variable'})"
    if not record["families"]:
        yield "no program family was computed"
    if not record["poverty"]:
        yield "poverty was not computed"


def _not_finite(record: Mapping[str, Any]) -> Iterator[str]:
    for name, found in _computed(record):
        if found["finite"] < found["records"]:
            lost = found["records"] - found["finite"]
            yield f"{name} is not finite for {lost:,} of {found['records']:,} {found['entity']}s"
        elif not found["records"]:
            yield f"{name} has no records"


def _all_zero(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a note for each variable that is 0 everywhere: lawful in a small file, but telling."""
    for name, found in _computed(record):
        if found["records"] and not found["nonzero"]:
            yield f"note: {name} is 0 for every {found['entity']}"


def _computed(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for variables in record["families"].values():
        yield from ((name, found) for name, found in variables.items() if found is not None)
