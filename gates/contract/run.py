"""Run all contract checks on one open file and write what they found as a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gates.contract.checks import CHECKS
from gates.contract.model import MAX_EXAMPLES, Check, Examined, Found
from schemas.dataset import Dataset
from schemas.logical import DatasetHashes, subject


def contract_findings(
    dataset: Dataset,
    hashes: DatasetHashes,
    checks: Sequence[Check] = CHECKS,
    incumbent: Mapping[str, Any] | str | None = None,
) -> dict[str, Any]:
    """Return the contract findings record: every check is listed, whatever happened to it.

    `incumbent` is the input profile of the incumbent, or the reason why the one that was named
    has none; where none was named, parity does not apply.
    """
    examined = Examined(dataset, incumbent)
    return {
        "schema": "contract_findings",
        "schema_version": 1,
        "subject": subject(dataset, hashes),
        "incumbent": incumbent["id"] if isinstance(incumbent, Mapping) else None,
        "checks": [_finding(check, examined) for check in checks],
        "run": {"checked_at": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def _finding(check: Check, file: Examined) -> dict[str, Any]:
    """Return one finding; a check that breaks down says so and can never read as clean."""
    base = {"id": check.id, "severity": check.severity, "remedy": check.remedy}
    try:
        found = check.run(file)
    except Exception as error:  # an unforeseen file must give a verdict, never a traceback
        line = " ".join(f"{check.id} could not run: {type(error).__name__}: {error}".split())
        return {**base, "checked": 0, "count": 0, "message": line, "examples": [], "error": line}
    reasons = {"not_applicable": found.not_applicable, "unmeasured": found.unmeasured}
    return {
        **base,
        **{status: reason for status, reason in reasons.items() if reason},
        "checked": found.checked,
        "count": found.total,
        "message": _message(found)[:500],
        "examples": [line[:200] for line in found.violations[:MAX_EXAMPLES]],
    }


def _message(found: Found) -> str:
    if found.not_applicable or found.unmeasured:
        return found.not_applicable or found.unmeasured
    if found.total:
        return f"{found.total} of {found.checked} checked: {'; '.join(found.violations[:3])}"
    return f"{found.checked} checked, none in breach"
