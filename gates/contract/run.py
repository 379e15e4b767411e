"""Run all contract checks on one open file and write what they found as a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gates.contract.checks import CHECKS, MAX_EXAMPLES, Check
from schemas.dataset import Dataset
from schemas.logical import DatasetHashes, subject


def contract_findings(
    dataset: Dataset, hashes: DatasetHashes, checks: Sequence[Check] = CHECKS
) -> dict[str, Any]:
    """Return the contract findings record: every check is listed, whatever happened to it."""
    return {
        "schema": "contract_findings",
        "schema_version": 1,
        "subject": subject(dataset, hashes),
        "checks": [_finding(check, dataset) for check in checks],
        "run": {"checked_at": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def _finding(check: Check, dataset: Dataset) -> dict[str, Any]:
    """Return one finding; a check that breaks down says so and can never read as clean."""
    base = {"id": check.id, "severity": check.severity, "remedy": check.remedy}
    try:
        found = check.run(dataset)
    except Exception as error:  # an unforeseen file must give a verdict, never a traceback
        line = " ".join(f"{check.id} could not run: {type(error).__name__}: {error}".split())
        return {**base, "checked": 0, "count": 0, "message": line, "examples": [], "error": line}
    message = (
        f"{found.total} of {found.checked} checked: {'; '.join(found.violations[:3])}"
        if found.total
        else f"{found.checked} checked, none in breach"
    )
    return {
        **base,
        "checked": found.checked,
        "count": found.total,
        "message": message[:500],
        "examples": [line[:200] for line in found.violations[:MAX_EXAMPLES]],
    }
