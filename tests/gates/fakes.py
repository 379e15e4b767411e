"""Records of made-up files, valid against their schemas, for judging without an engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baselines.targets import target_db_identity
from benchmarks.engine.metadata import installed_versions
from benchmarks.evidence_store import code_sha256
from benchmarks.loader_smoke import program_families
from benchmarks.scoring.compare import compare
from benchmarks.suite import load_suite
from gates.contract.run import contract_findings
from gates.inputs import JudgeInputs
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes, subject
from schemas.records import validate
from schemas.writers import write_period_arrays
from tests.small import PERIOD, Columns, small_columns

EFFECT = 20e9
MEASURED_AT = 2_000_000_000


def small_file(path: Path, columns: Columns | None = None) -> Path:
    """Write the small sound file, or the given columns."""
    write_period_arrays(path, columns or small_columns(), PERIOD)
    return path


def evidence_of(path: Path, *, error: float = 0.1, effect: float = EFFECT) -> dict[str, Any]:
    """Return evidence whose estimates miss every target by `error` (relative)."""
    suite = load_suite()
    dataset = open_dataset(path)
    record = {
        "schema": "evidence",
        "schema_version": 1,
        "subject": subject(dataset, dataset_hashes(dataset)),
        "engine": installed_versions(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_db": target_db_identity(),
        "geography": "national",
        "counts": {"household": dataset.size_of("household")},
        "weights": {
            "household_sum": 132e6,
            "person_sum": 264e6,
            "positive": 102,
            "kish_ess": 102.0,
            "ess_share": 1.0,
            "top_1pct_share": 0.015,
            "max_to_mean": 1.0,
        },
        "targets": [
            {"target_id": target.target_id, "estimate": target.value * (1 + error)}
            for target in suite.targets
        ],
        "baseline": dict.fromkeys(suite.measures, 1e12),
        "benchmarks": [_benchmark(each["id"], suite.measures, effect) for each in suite.benchmarks],
        "code_sha256": code_sha256(),
        "run": {"measured_at": MEASURED_AT},
    }
    validate(record, "evidence")
    return record


def _benchmark(benchmark_id: str, measures: Mapping[str, Any], effect: float) -> dict[str, Any]:
    return {
        "id": benchmark_id,
        "baseline": dict.fromkeys(measures, 1e12),
        "reform": dict.fromkeys(measures, 1e12 + effect),
        "delta": dict.fromkeys(measures, effect),
        "contributors": {
            name: [
                {"name": "ssi", "value": effect * 0.75},
                {"name": "snap", "value": effect * 0.25},
            ]
            for name in ("fiscal", "household_net_income")
        },
    }


def loader_of(path: Path) -> dict[str, Any]:
    """Return the loader smoke record of a file that the engine loaded without complaint."""
    dataset = open_dataset(path)
    identity = subject(dataset, dataset_hashes(dataset))
    figure = {"entity": "person", "records": 10, "finite": 10, "min": 0.0, "max": 1.0, "nonzero": 5}
    record = {
        "schema": "loader_smoke",
        "schema_version": 1,
        "subject": identity,
        "sha256_before": identity["sha256"],
        "loaded_sha256": identity["sha256"],
        "sha256_after": identity["sha256"],
        "engine": installed_versions(),
        "code_sha256": "0" * 64,
        "geography": "national",
        "families": {
            family: dict.fromkeys(names, figure) for family, names in program_families().items()
        },
        "poverty": True,
        "error": None,
        "run": {"measured_at": MEASURED_AT},
    }
    validate(record, "loader_smoke")
    return record


def manifest_of(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return a release-eligible incumbent manifest pinned to the file of `evidence`."""
    subject = evidence["subject"]
    record = {
        "schema": "baseline_manifest",
        "schema_version": 1,
        "id": "incumbent-under-test",
        "label": "incumbent under test",
        "product": "mp-national",
        "release_eligible": True,
        "pins": {
            "h5_uri": "hf://somewhere/file.h5",
            "h5_revision": "abc",
            "h5_sha256": subject["sha256"],
            "h5_size_bytes": subject["size_bytes"],
            "h5_logical_sha256": subject["logical_sha256"],
            "data_repo": "data",
            "data_repo_commit": "abc",
            "policyengine_us": "2.68.0",
            "policyengine_core": None,
            "target_db_path": "baselines/targets/us_2024.csv",
            "target_db_sha256": evidence["target_db"]["sha256"],
        },
        "unknown": {"policyengine_core": "any"},
        "frozen_evidence": [],
        "sources": ["tests"],
    }
    validate(record, "baseline_manifest")
    return record


def inputs_of(candidate: Path, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> JudgeInputs:
    """Return judge inputs of a candidate against an incumbent, with their loss record."""
    dataset = open_dataset(candidate)
    hashes = dataset_hashes(dataset)
    suite = load_suite()
    identity = {
        "label": candidate.name,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "size_bytes": hashes.size_bytes,
    }
    records = {
        "baseline": manifest_of(theirs),
        "evidence": copy.deepcopy(dict(ours)),
        "incumbent_evidence": copy.deepcopy(dict(theirs)),
        "contract": contract_findings(dataset, hashes),
        "loader": loader_of(candidate),
        "loss": compare(ours, theirs, suite.targets),
        "suite": suite.record,
    }
    return JudgeInputs(identity, records)
