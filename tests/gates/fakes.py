"""Records of made-up files, valid against their schemas, for judging without an engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

from baselines.targets import target_db_identity
from benchmarks.contributions import MEASURE_PREFIX, Contributions
from benchmarks.engine.metadata import installed_versions
from benchmarks.evidence_store import code_sha256, store_evidence
from benchmarks.loader_smoke import program_families
from benchmarks.scoring.compare import compare
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite
from benchmarks.suite import load_suite as read_suite
from gates.contract.run import contract_findings
from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes, subject
from schemas.manifests import candidate_manifest_path
from schemas.records import validate, write_record
from schemas.storage import storage_record
from schemas.writers import write_period_arrays
from tests.gates.runtimes import runtime_of
from tests.report_sample import report_without_effect
from tests.small import PERIOD, Columns, small_columns

EFFECT = 20e9
MEASURED_AT = 2_000_000_000
HOUSEHOLDS = 102
BASELINE = 1e12


@cache
def load_suite() -> Suite:
    """Return the default suite, read once."""
    return read_suite()


def small_file(path: Path, columns: Columns | None = None) -> Path:
    """Write the small sound file, or the given columns."""
    write_period_arrays(path, columns or small_columns(), PERIOD)
    return path


def evidence_of(path: Path, *, error: float = 0.1, effect: float = EFFECT) -> dict[str, Any]:
    """Return evidence whose estimates miss every target by `error` (relative).

    Every reform moves every measure by `effect` dollars or persons (ten times as much where a floor
    asks for it), in the direction that the suite expects.
    """
    suite = load_suite()
    dataset = open_dataset(path)
    contributions = contributions_of(error)
    record = {
        "schema": "evidence",
        "schema_version": 3,
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
        "weight_curve": [{"households": share, "weight": share} for share in (0.01, 0.1, 1.0)],
        "targets": [
            {"target_id": target.target_id, "estimate": target.value * (1 + error)}
            for target in suite.targets
        ],
        "contributions": contributions.summary(),
        "baseline": dict.fromkeys(suite.measures, BASELINE),
        "benchmarks": [_benchmark(each, suite.measures, effect) for each in suite.benchmarks],
        "code_sha256": code_sha256(),
        "run": {"measured_at": MEASURED_AT},
    }
    validate(record, "evidence")
    return record


@cache
def contributions_of(error: float) -> Contributions:
    """Return made-up contributions that give the estimates of `evidence_of(..., error=error)`.

    Each target comes from the one household in whose turn it is, each measure from all alike.
    """
    suite = load_suite()
    totals = np.array([each.value * (1 + error) for each in suite.targets])
    weight = 132e6 / HOUSEHOLDS
    columns = np.arange(len(totals))
    places = (columns % HOUSEHOLDS, columns)
    targets = csr_matrix((totals / weight, places), shape=(HOUSEHOLDS, len(totals)))
    measures = csr_matrix(np.full((HOUSEHOLDS, len(suite.measures)), BASELINE / 132e6))
    names = [each.target_id for each in suite.targets]
    names += [f"{MEASURE_PREFIX}{name}" for name in suite.measures]
    matrix = csr_matrix(hstack([targets, measures]))
    return Contributions(matrix, tuple(names), np.full(HOUSEHOLDS, weight))


def keep(path: Path, *, error: float = 0.1) -> dict[str, Any]:
    """Put evidence of a file, with its contributions, into the cache; return the evidence."""
    record = evidence_of(path, error=error)
    store_evidence(record, contributions_of(error))
    return record


def manifest_beside(path: Path, **changes: Any) -> dict[str, Any]:
    """Write the manifest of a candidate that was calibrated to the suite's training groups."""
    suite = load_suite()
    dataset = open_dataset(path)
    identity = subject(dataset, dataset_hashes(dataset))
    del identity["label"], identity["logical_bytes"]
    record = {
        "schema": "candidate_manifest",
        "schema_version": 1,
        "product": "mp-national",
        "label": "candidate under test",
        "h5": {"file": path.name, **identity},
        "builder": {"version": "1", "commit": None, "config_sha256": "0" * 64},
        "sources": [],
        "source_semantics": [],
        "donor_specs": [],
        "target_db": target_db_identity(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_groups": {
            "calibrated": sorted(suite.groups_of(TRAIN)),
            "held_out": sorted(suite.groups_of(HELD_OUT)),
        },
        "record_counts": {"household": dataset.size_of("household")},
        "relational_extensions": [],
        **changes,
    }
    write_record(candidate_manifest_path(path), record, "candidate_manifest")
    return record


def _benchmark(
    benchmark: Mapping[str, Any], measures: Mapping[str, Any], effect: float
) -> dict[str, Any]:
    effect *= 10 if max(benchmark["non_vacuity_floor"].values()) > EFFECT else 1
    signs = {name: -1 if benchmark["sign"].get(name) == "negative" else 1 for name in measures}
    delta = {name: sign * effect for name, sign in signs.items()}
    entry = {
        "id": benchmark["id"],
        "period": benchmark["period"],
        "method": "incremental",
        "baseline": dict.fromkeys(measures, 1e12),
        "reform": {name: 1e12 + value for name, value in delta.items()},
        "delta": delta,
        "contributors": _shared(delta, {"ssi": 0.75, "snap": 0.25}),
        "by_state": _shared(delta, {"CA": 1.5, "NY": -0.5}),
        "by_decile": _shared(delta, {"1": 0.25, "10": 0.75}),
        "report": report_without_effect(),
    }
    if "identity" in benchmark:
        people = effect / benchmark["identity"]["per_person"]
        entry["identity"] = {"population": people, "expected": effect}
        entry["identity"] |= {"measured": effect, "relative_difference": 0.0}
    return entry


def _shared(delta: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, Any]:
    return {
        name: [{"name": part, "value": share * delta[name]} for part, share in shares.items()]
        for name in ("fiscal", "household_net_income")
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
        "sanity_bands": {
            "household_weight_sum": {"low": 130e6, "high": 134e6, "unit": "households"},
            **{
                name: {"low": 0.9 * BASELINE, "high": 1.1 * BASELINE, "unit": "usd"}
                for name in ("wages", "ssi", "snap")
            },
        },
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
        "loss": compare(ours, theirs, suite),
        "runtime": runtime_of(ours["subject"]["sha256"], theirs["subject"]["sha256"]),
        "storage": storage_record(candidate, hashes),
        "suite": suite.record,
        "candidate_manifest": manifest_beside(candidate),
    }
    return JudgeInputs(identity, records, {}, ExceptionSet(judged_on="2026-11-25"))
