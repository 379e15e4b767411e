"""Layer two of a run folder: the verdict, sealed over the digest of layer one, and who signs it.

Every verdict is a folder of its own, `verdict/1`, `verdict/2`, ...; an earlier one is kept, and the
seal of the next names its digest. A seal shows changes; it does not prove who made it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gates.exceptions import ExceptionSet, write_exceptions
from gates.inputs import judged_exceptions
from gates.policy import POLICY_DIR
from gates.release.check import bundle_check, require_intact
from gates.release.contents import RECORDS_DIR
from gates.release.layer_one import READ_ONLY
from gates.release.statement import statement_line
from gates.release.verdict_check import (
    CHECK,
    POLICY,
    SEAL,
    STATEMENT,
    contradictions,
    layer_one_of,
    require_verdicts,
    verdict_statement,
)
from gates.results import RESULTS, SUMMARY
from schemas.bundle import VERDICTS, BundleError, digest_of, entries
from schemas.canonical import atomic_write, sha256_file
from schemas.errors import UsageError
from schemas.records import read_record, write_record

JUNIT = "junit.xml"
EXCEPTIONS = "exceptions"
_UNFINISHED = "unfinished"
_HOST = re.compile(rb'\shostname="[^"]*"')


def seal_verdict(run: Path, results_dir: Path, signed_off_by: str | None = None) -> dict[str, Any]:
    """Seal the verdict that lies in `results_dir` over layer one and return its seal.

    `results_dir` holds the results and, in `records`, what was judged. Raises BundleError where
    layer one is not intact, an earlier verdict was edited, or this verdict is on anything else
    than what is sealed: other records, another check of the bundle, another policy.
    """
    bundle = require_intact(run)
    folder = run / VERDICTS / _UNFINISHED
    shutil.rmtree(folder, ignore_errors=True)
    earlier = require_verdicts(run, bundle)
    results = read_record(results_dir / RESULTS, "gate_results")
    try:
        _fill(run, bundle, results, results_dir, folder)
        seal = _seal(run, bundle, results, folder, earlier, signed_off_by)
        folder.replace(run / VERDICTS / str(seal["number"]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return seal


def _fill(
    run: Path,
    bundle: Mapping[str, Any],
    results: Mapping[str, Any],
    results_dir: Path,
    folder: Path,
) -> None:
    """Put the files of the verdict together; raises BundleError if not over layer one."""
    exceptions = judged_exceptions(results_dir / RECORDS_DIR)
    write_record(folder / RESULTS, results, "gate_results")
    atomic_write(folder / SUMMARY, (results_dir / SUMMARY).read_bytes())
    if (results_dir / JUNIT).is_file():
        atomic_write(folder / JUNIT, _HOST.sub(b"", (results_dir / JUNIT).read_bytes()))
    policy = read_record(POLICY_DIR / f"{results['policy']['id']}.json", "policy")
    write_record(folder / POLICY, policy, "policy")
    write_exceptions(folder / EXCEPTIONS, exceptions)
    write_record(folder / CHECK, bundle_check(run, bundle["candidate"]["sha256"]), "bundle_check")
    statement = verdict_statement(run, bundle, results, folder)
    atomic_write(folder / STATEMENT, statement_line(statement))
    wrong = [*_other_exceptions(results, exceptions), *contradictions(run, bundle, folder)]
    if wrong:
        raise BundleError(
            f"this verdict is not over the sealed layer one: {'; '.join(wrong)}",
            reason="bundle.other_verdict",
            remedy="judge the sealed run with `mpgate bundle judge`",
        )


def _other_exceptions(results: Mapping[str, Any], exceptions: ExceptionSet) -> list[str]:
    same = results["inputs"].get(EXCEPTIONS) == exceptions.sha256()
    return [] if same else ["the exception records beside it are not those that were judged"]


def _seal(
    run: Path,
    bundle: Mapping[str, Any],
    results: Mapping[str, Any],
    folder: Path,
    earlier: list[Mapping[str, Any]],
    signed_off_by: str | None,
) -> dict[str, Any]:
    files = dict(entries(folder))
    for file in files.values():
        file.chmod(READ_ONLY)
    stage = results["stage"]
    seal = {
        "schema": "verdict_seal",
        "schema_version": 1,
        "number": len(earlier) + 1,
        "previous": earlier[-1]["digest"] if earlier else None,
        "bundle": layer_one_of(run, bundle),
        "candidate_sha256": bundle["candidate"]["sha256"],
        "stage": stage,
        "verdict": results["verdicts"][stage]["verdict"],
        "files": {path: sha256_file(file) for path, file in sorted(files.items())},
    }
    return _write_seal(folder, seal, signed_off_by)


def _write_seal(folder: Path, seal: Mapping[str, Any], by: str | None) -> dict[str, Any]:
    """Write the seal with its sign-off and digest; return it."""
    today = datetime.now(UTC).date().isoformat()
    signed = {**seal, "signed_off_by": by, "signed_off_on": None if by is None else today}
    sealed = {**signed, "digest": digest_of(signed)}
    write_record(folder / SEAL, sealed, "verdict_seal")
    (folder / SEAL).chmod(READ_ONLY)
    return sealed


def sign_off(run: Path, by: str) -> dict[str, Any]:
    """Sign the latest verdict off in a person's name and return its seal.

    Raises BundleError unless both layers are as they were sealed, UsageError for a blank name, a
    run without verdict, and a verdict that is signed already: judge again to sign anew.
    """
    seals = require_verdicts(run, require_intact(run))
    if not by.strip():
        raise UsageError("--by is blank", reason="usage.sign_off", remedy="give a person's name")
    if not seals:
        raise UsageError(
            f"{run.name} has no sealed verdict to sign off",
            reason="usage.sign_off",
            remedy="judge it with `mpgate bundle judge`",
        )
    seal = seals[-1]
    if seal["signed_off_by"] is not None:
        raise UsageError(
            f"verdict {seal['number']} was signed off by {seal['signed_off_by']} on "
            f"{seal['signed_off_on']}",
            reason="usage.sign_off",
            remedy="judge again to have a verdict that is not signed off",
        )
    return _write_seal(run / VERDICTS / str(seal["number"]), seal, by.strip())
