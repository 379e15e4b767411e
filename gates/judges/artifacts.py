"""Artifacts: a complete bundle was sealed, and nothing in it has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate
from gates.release.contents import CANDIDATE
from schemas.canonical import content_sha256

_REMEDY = "build into a new run folder: a sealed one is never mended"


def judge_artifacts(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count what the sealed bundle lacks, what was changed or added, and what was judged instead.

    A bundle that seals another candidate is an error. Only what was built and measured is looked
    at: the verdict is another layer, so that it does not judge itself.
    """
    check = inputs.bundle()
    parts = [*_parts(check), *_other_records(inputs, check)]
    if not check["candidate_matches"] and CANDIDATE not in check["changed"]:
        raise NotJudged(
            "error",
            f"the bundle {check['run_id']} beside the file seals another candidate",
            "judge the candidate that lies in the bundle, or keep this file elsewhere",
        )
    return Measurement(
        value=len(parts),
        message="; ".join(parts[:3])
        or f"the bundle {check['run_id']} is complete and intact, digest {check['digest'][:12]}",
        details=(*parts, f"digest {check['digest']}, contents of {check['product']}"),
        remedy=_REMEDY if parts else "",
    )


def _parts(check: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the bundle itself, one line each."""
    for gap in check["missing"]:
        yield f"missing {gap['role']}: {gap['what']} ({gap['why']})"
    for path in check["changed"]:
        yield f"changed since it was sealed: {path}"
    for path in check["unexpected"]:
        yield f"added since it was sealed: {path}"
    for each in check["invalid"]:
        yield f"invalid {each['path']}: {each['reason']}"


def _other_records(inputs: JudgeInputs, check: Mapping[str, Any]) -> Iterator[str]:
    """Yield each sealed record that is not the one judged; runtimes may be measured anew."""
    for name, sealed in sorted(check["records"].items()):
        judged = inputs.records.get(name)
        if judged is not None and content_sha256(judged) != sealed:
            yield f"the {name} record in the bundle is not the one that was judged"
