"""The measuring step: bring together, once, every record that the judges will look at.

Runs in the controlling process before any gate is judged. What is missing is measured or recorded
as absent with its reason; a file nobody may trust ends the step with one clear error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from baselines.freeze import frozen_evidence
from baselines.profiles import load_profile
from baselines.registry import load_baseline, require_comparable
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
from benchmarks.loader_smoke import MACHINE_LIMITS, cached_smoke, smoke_loader
from benchmarks.measure import measure_evidence
from benchmarks.scoring.compare import compare
from benchmarks.suite import Suite, load_suite
from gates.contract.run import contract_findings
from gates.inputs import JudgeInputs
from gates.policy import Policy
from schemas.dataset import open_dataset
from schemas.errors import MpgateError
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record

Mode = Literal["auto", "never"]
BEFORE_ENGINE = frozenset(
    {
        "layout.root",
        "layout.tables",
        "periods.declared",
        "lengths",
        "ids.present",
        "ids.integer",
        "ids.unique",
        "joins.resolve",
        "joins.empty",
        "weights.present",
        "weights.nonnegative",
        "values.finite",
        "values.dtypes",
    }
)


@dataclass
class _Gathering:
    """Records found so far, and the reason for each one that could not be had."""

    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def miss(self, name: str, status: str, message: str, remedy: str) -> None:
        """Note why a record is absent; the gates that need it take over this status."""
        self.absent[name] = {"status": status, "message": message, "remedy": remedy}

    def fail(self, name: str, error: MpgateError) -> None:
        """Note a record that could not be made because of an error."""
        self.miss(name, "error", error.message, error.remedy)


def gather(
    candidate: Path,
    incumbent_id: str,
    policy: Policy,
    *,
    mode: Mode = "auto",
    progress: Progress | None = None,
) -> JudgeInputs:
    """Return all records for judging `candidate` against an incumbent.

    Raises DatasetError for a candidate that is no trustworthy H5, BaselineError for an incumbent
    that is unknown or unpinned. With mode `never` only cached and frozen evidence is used.
    """
    found, identity = _examine(candidate, incumbent_id, mode, progress)
    suite = load_suite(policy.suite)
    found.records["suite"] = suite.record
    _add_manifest(found, candidate)
    _add_incumbent(found, incumbent_id, suite, mode, progress)
    if "evidence" not in found.absent:
        _add_evidence(found, candidate, identity["sha256"], suite, mode, progress)
    _add_loss(found, suite)
    return JudgeInputs(identity, found.records, found.absent)


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
    found, identity = _examine(candidate, incumbent_id, mode, progress)
    return JudgeInputs(identity, found.records, found.absent)


def _examine(
    candidate: Path, incumbent_id: str | None, mode: Mode, progress: Progress | None
) -> tuple[_Gathering, dict[str, Any]]:
    """Check the file against the contract, then let the engine load it if that is safe."""
    found = _Gathering()
    if incumbent_id is not None:
        found.records["baseline"] = require_known(incumbent_id)
    dataset = open_dataset(candidate)
    hashes = dataset_hashes(dataset)
    profile = None if incumbent_id is None else _profile(incumbent_id)
    found.records["contract"] = contract_findings(dataset, hashes, incumbent=profile)
    broken = _broken(found)
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
    identity = {
        "label": candidate.name,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "size_bytes": hashes.size_bytes,
    }
    return found, identity


def require_known(incumbent_id: str) -> dict[str, Any]:
    """Return an incumbent's manifest; raises BaselineError if unknown or not comparable."""
    manifest = dict(load_baseline(incumbent_id))
    require_comparable(manifest)
    return manifest


def _profile(incumbent_id: str) -> Mapping[str, Any] | str:
    """Return the incumbent's input profile, or the reason why it has none."""
    profile = load_profile(incumbent_id)
    if profile is not None:
        return profile
    return f"no input profile of {incumbent_id} is frozen: `mpgate baseline freeze` makes one"


def _broken(found: _Gathering) -> list[str]:
    """Return the breaches that make the engine's answer meaningless or its start pointless."""
    return [
        check["id"]
        for check in found.records["contract"]["checks"]
        if check["id"] in BEFORE_ENGINE and (check["count"] or "error" in check)
    ]


def _add_loader(
    found: _Gathering, path: Path, sha256: str, mode: Mode, progress: Progress | None
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
        status = "unmeasured" if error.reason in MACHINE_LIMITS else "error"
        found.miss("loader", status, error.message, error.remedy)


def _add_manifest(found: _Gathering, candidate: Path) -> None:
    """Add the manifest beside the candidate; a manifest that cannot be read is an error."""
    path = candidate_manifest_path(candidate)
    if not path.exists():
        found.miss(
            "candidate_manifest",
            "unmeasured",
            f"no {path.name} lies beside the file: nobody knows what it was calibrated on",
            "put the manifest that was written with the file beside it",
        )
        return
    try:
        found.records["candidate_manifest"] = read_record(path, "candidate_manifest")
    except MpgateError as error:
        found.fail("candidate_manifest", error)


def _add_evidence(
    found: _Gathering,
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
    found: _Gathering, incumbent_id: str, suite: Suite, mode: Mode, progress: Progress | None
) -> None:
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
            found.records["incumbent_evidence"] = measure_evidence(
                path, suite.id, progress=progress
            )
        else:
            found.miss(
                "incumbent_evidence",
                "unmeasured",
                f"no evidence of {incumbent_id} fits this engine, suite and measuring code",
                f"run `mpgate baseline fetch {incumbent_id}`, then judge again",
            )
    except MpgateError as error:
        found.fail("incumbent_evidence", error)


def _add_loss(found: _Gathering, suite: Suite) -> None:
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
