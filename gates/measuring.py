"""The measuring step: bring together, once, every record that the judges will look at.

Runs in the controlling process before any gate is judged. What is missing is measured or recorded
as absent with its reason; a file nobody may trust ends the step with one clear error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from baselines.freeze import frozen_evidence
from baselines.store import baseline_path
from benchmarks.contributions import Contributions
from benchmarks.engine.child import Progress
from benchmarks.engine.metadata import installed_versions
from benchmarks.evidence_store import (
    cached_contributions,
    cached_evidence,
    frozen_contributions,
    is_current,
)
from benchmarks.external import compare_external, load_external
from benchmarks.loader_smoke import MACHINE_LIMITS, cached_smoke, smoke_loader
from benchmarks.measure import measure_evidence, measure_together
from benchmarks.scoring.compare import compare
from benchmarks.suite import Suite, load_suite
from gates.contract.run import contract_findings
from gates.gathering import (
    Gathering,
    add_bundle,
    add_manifest,
    add_storage,
    profile_of,
    require_known,
)
from gates.inputs import JudgeInputs
from gates.measuring_cross_engine import add_cross_engine
from gates.measuring_runtime import RuntimeMode, add_runtime
from gates.policy import Policy
from schemas.dataset import open_dataset
from schemas.errors import MeasureError, MpgateError
from schemas.logical import DatasetHashes, dataset_hashes

Mode = Literal["auto", "never"]


def gather(
    candidate: Path,
    incumbent_id: str,
    policy: Policy,
    *,
    mode: Mode = "auto",
    runtime: RuntimeMode = "measure",
    external: Path | None = None,
    progress: Progress | None = None,
) -> JudgeInputs:
    """Return all records for judging `candidate` against an incumbent.

    Raises DatasetError for a candidate that is no trustworthy H5, BaselineError for an incumbent
    that is unknown or unpinned, RecordError for an `external` file that is no record for the suite.
    With mode `never` only cached and frozen evidence is used. Runtime comes last, and only where
    evidence was had: a file that cannot be measured is not timed.
    """
    suite = load_suite(policy.suite)
    supplied = None if external is None else load_external(external, suite)
    found, hashes = _examine(candidate, incumbent_id, mode, progress)
    found.records["suite"] = suite.record
    add_manifest(found, candidate)
    add_storage(found, candidate, hashes)
    add_bundle(found, candidate.parent, hashes.file_sha256)
    together = None if "evidence" in found.absent else candidate
    _add_incumbent(found, incumbent_id, together, suite, mode, progress)
    if "evidence" not in found.absent:
        _add_evidence(found, candidate, hashes.file_sha256, suite, mode, progress)
    _add_loss(found, suite)
    _add_external(found, supplied)
    add_cross_engine(
        found, candidate, hashes.file_sha256, measure=mode == "auto", progress=progress
    )
    add_runtime(found, candidate, incumbent_id, "never" if mode == "never" else runtime, progress)
    return JudgeInputs(_identity(candidate, hashes), found.records, found.absent)


def gather_contract(
    candidate: Path,
    incumbent_id: str | None,
    *,
    mode: Mode = "auto",
    progress: Progress | None = None,
) -> JudgeInputs:
    """Return the records that the contract gates look at: the findings and the loader smoke run.

    Raises as `gather` does. Without an incumbent the comparative checks do not apply.
    """
    found, hashes = _examine(candidate, incumbent_id, mode, progress)
    return JudgeInputs(_identity(candidate, hashes), found.records, found.absent)


def with_external(inputs: JudgeInputs, external: Path, policy: Policy) -> JudgeInputs:
    """Return records of an earlier run with an external record supplied now.

    Raises RecordError for a file that is no record for the policy's suite.
    """
    found = Gathering(dict(inputs.records), dict(inputs.absent))
    for held in (found.records, found.absent):
        held.pop("external", None)
    _add_external(found, load_external(external, load_suite(policy.suite)))
    return replace(inputs, records=found.records, absent=found.absent)


def _identity(candidate: Path, hashes: DatasetHashes) -> dict[str, Any]:
    return {
        "label": candidate.name,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "size_bytes": hashes.size_bytes,
    }


def _examine(
    candidate: Path, incumbent_id: str | None, mode: Mode, progress: Progress | None
) -> tuple[Gathering, DatasetHashes]:
    """Check the file against the contract, then let the engine load it if that is safe."""
    found = Gathering()
    if incumbent_id is not None:
        found.records["baseline"] = require_known(incumbent_id)
    dataset = open_dataset(candidate)
    hashes = dataset_hashes(dataset)
    profile = None if incumbent_id is None else profile_of(incumbent_id)
    found.records["contract"] = contract_findings(dataset, hashes, incumbent=profile)
    broken = found.broken()
    if broken:
        for name in ("loader", "evidence"):
            found.miss(
                name,
                "unmeasured",
                f"the file breaks {', '.join(broken)}, so the engine was not run on it",
                "mend the contract violations first",
            )
    else:
        _add_loader(found, candidate, hashes.file_sha256, mode, progress)
    return found, hashes


def _add_loader(
    found: Gathering, path: Path, sha256: str, mode: Mode, progress: Progress | None
) -> None:
    try:
        if mode == "auto":
            found.records["loader"] = smoke_loader(path, progress=progress)
        elif (cached := cached_smoke(sha256)) is not None:
            found.records["loader"] = cached
        else:
            found.miss(
                "loader",
                "unmeasured",
                "the engine never loaded this file with this version",
                "leave `--measure never` out",
            )
    except MpgateError as error:
        found.fail("loader", error, MACHINE_LIMITS)


def _add_evidence(
    found: Gathering,
    path: Path,
    sha256: str,
    suite: Suite,
    mode: Mode,
    progress: Progress | None,
) -> None:
    """Add the candidate's evidence; a file that is the incumbent is not measured twice."""
    theirs = found.records.get("incumbent_evidence")
    try:
        if theirs is not None and theirs["subject"]["sha256"] == sha256:
            found.records["evidence"] = theirs
        elif mode == "auto":
            found.records["evidence"] = measure_evidence(path, suite.id, progress=progress)
        elif (cached := cached_evidence(sha256, suite.sha256)) is not None:
            found.records["evidence"] = cached
        else:
            found.miss(
                "evidence",
                "unmeasured",
                "this candidate was never measured with this engine and suite",
                "run `mpgate measure` on it, or leave `--measure never` out",
            )
    except MpgateError as error:
        found.fail("evidence", error)


def _add_incumbent(
    found: Gathering,
    incumbent_id: str,
    candidate: Path | None,
    suite: Suite,
    mode: Mode,
    progress: Progress | None,
) -> None:
    """Add the incumbent's evidence: frozen, cached, or measured together with the candidate's."""
    try:
        frozen = frozen_evidence(incumbent_id, installed_versions(), suite.sha256)
        if frozen is not None and is_current(frozen):
            found.records["incumbent_evidence"] = frozen
            return
        path = baseline_path(incumbent_id)
        sha256 = found.records["baseline"]["pins"]["h5_sha256"]
        cached = cached_evidence(sha256, suite.sha256)
        if cached is not None:
            found.records["incumbent_evidence"] = cached
        elif path is not None and mode == "auto":
            found.records["incumbent_evidence"] = _measured(path, candidate, suite, progress)
        else:
            found.miss(
                "incumbent_evidence",
                "unmeasured",
                f"no evidence of {incumbent_id} fits this engine, suite and measuring code",
                f"run `mpgate baseline fetch {incumbent_id}`, then judge again",
            )
    except MpgateError as error:
        found.fail("incumbent_evidence", error)


def _measured(
    incumbent: Path, candidate: Path | None, suite: Suite, progress: Progress | None
) -> dict[str, Any]:
    """Return the incumbent's evidence; what the candidate lacks is simulated with it and cached."""
    if candidate is not None:
        try:
            return measure_together([incumbent, candidate], suite.id, progress=progress)[0]
        except MeasureError:
            pass  # told for the file it belongs to: each is measured alone below
    return measure_evidence(incumbent, suite.id, progress=progress)


def _add_loss(found: Gathering, suite: Suite) -> None:
    missing = [name for name in ("evidence", "incumbent_evidence") if name not in found.records]
    if missing:
        found.absent["loss"] = found.absent[missing[0]]
        return
    ours, theirs = found.records["evidence"], found.records["incumbent_evidence"]
    try:
        sides = _contributions(found.records["baseline"]["id"], ours, theirs)
        found.records["loss"] = compare(ours, theirs, suite, contributions=sides)
    except MpgateError as error:
        found.fail("loss", error)


def _contributions(
    incumbent_id: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[Contributions | None, Contributions | None]:
    """Return what each household adds to each target, for the noise; None where it was not kept."""
    incumbent = frozen_contributions(incumbent_id, theirs) or cached_contributions(theirs)
    same = ours["subject"]["sha256"] == theirs["subject"]["sha256"]
    return (incumbent if same else cached_contributions(ours)), incumbent


def _add_external(found: Gathering, supplied: Mapping[str, Any] | None) -> None:
    """Add the candidate's effects beside those of a supplied record."""
    evidence = found.records.get("evidence")
    if supplied is None:
        found.miss(
            "external",
            "unmeasured",
            "no external record was supplied; no definition or figure has been published",
            "supply one with `--external FILE`",
        )
    elif evidence is None:
        found.absent["external"] = found.absent["evidence"]
    else:
        try:
            found.records["external"] = {
                "schema": "external_comparison",
                "schema_version": 1,
                "subject": {"sha256": evidence["subject"]["sha256"]},
                **{key: supplied[key] for key in ("id", "source", "supplied_by", "supplied_on")},
                "rows": compare_external(supplied, evidence),
            }
        except MpgateError as error:
            found.fail("external", error)
