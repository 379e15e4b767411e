"""Measure one file once: its evidence record, bound to the sha256 of its bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix, hstack

from baselines.targets import target_db_identity
from benchmarks.benchmark_outputs import (
    MeasuredTotals,
    baseline_totals,
    measure_columns,
    reform_result,
)
from benchmarks.contributions import MEASURE_PREFIX, Contributions
from benchmarks.engine.child import Progress
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.session import simulate
from benchmarks.evidence_store import (
    cached_contributions,
    cached_evidence,
    code_sha256,
    store_evidence,
)
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.kernel import contribution_matrix, estimates
from benchmarks.suite import (
    DEFAULT_SUITE,
    Suite,
    load_suite,
    required_baseline_outputs,
    required_reform_outputs,
)
from benchmarks.weights import household_weights, record_counts, weight_diagnostics
from schemas.canonical import sha256_file
from schemas.dataset import Dataset, open_dataset
from schemas.errors import MeasureError
from schemas.logical import dataset_hashes, subject
from schemas.records import validate


class Simulator(Protocol):
    """The engine session's `simulate`, or a stand-in."""

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> SimulatedArrays: ...


def measure_evidence(
    path: Path | str,
    suite_id: str = DEFAULT_SUITE,
    *,
    progress: Progress | None = None,
    use_cache: bool = True,
    simulator: Simulator = simulate,
) -> dict[str, Any]:
    """Return the evidence of a file for a suite, from the cache where it was measured before.

    One baseline simulation (targets and measures together) and one per reform, one after the
    other. Without `use_cache` the figures are made again and the cached record replaced (arrays
    of finished simulations are still reused). Raises DatasetError, MeasureError or UsageError.
    """
    suite = load_suite(suite_id)
    dataset = open_dataset(path)
    sha256 = sha256_file(path)
    found = cached_evidence(sha256, suite.sha256) if use_cache else None
    if found is not None and cached_contributions(found) is not None:
        return found
    _check_period(dataset, suite)
    record, contributions = _measure(dataset, suite, progress, simulator)
    _check_unchanged(record, sha256)
    validate(record, "evidence")
    store_evidence(record, contributions)
    return record


def _check_unchanged(record: Mapping[str, Any], sha256: str) -> None:
    if record["subject"]["sha256"] != sha256:
        raise MeasureError(
            f"{record['subject']['label']} changed while it was measured",
            reason="measure.file_changed",
            remedy="keep the file as it is during a measurement, and measure again",
        )


def _check_period(dataset: Dataset, suite: Suite) -> None:
    if dataset.period != suite.record["period"]:
        raise MeasureError(
            f"{dataset.path.name} is for {dataset.period}, suite {suite.id} for "
            f"{suite.record['period']}",
            reason="measure.period",
            remedy="measure a file of the suite's year, or choose another suite",
        )


def _measure(
    dataset: Dataset, suite: Suite, progress: Progress | None, simulator: Simulator
) -> tuple[dict[str, Any], Contributions]:
    started = time.time()
    weights = household_weights(dataset)
    baseline = simulator(dataset.path, required_baseline_outputs(suite), progress=progress)
    totals = MeasuredTotals(baseline, weights)
    contributions = suite_contributions(suite, baseline, weights)
    results, runs = [], [_run_entry("baseline", baseline)]
    for benchmark in suite.benchmarks:
        outputs = required_reform_outputs(suite)
        reform = simulator(dataset.path, outputs, benchmark["reform"], progress=progress)
        results.append(reform_result(suite, benchmark, totals, MeasuredTotals(reform, weights)))
        runs.append(_run_entry(benchmark["id"], reform))
    record = {
        "schema": "evidence",
        "schema_version": 1,
        "subject": subject(dataset, dataset_hashes(dataset)),
        "engine": installed_versions(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_db": target_db_identity(),
        "geography": _geography(baseline),
        "code_sha256": code_sha256(),
        "counts": record_counts(dataset),
        "weights": weight_diagnostics(dataset),
        "targets": _target_estimates(suite, contributions),
        "contributions": contributions.summary(),
        "baseline": baseline_totals(suite, totals),
        "benchmarks": results,
        "run": {"measured_at": round(started), "simulations": runs},
    }
    return record, contributions


def suite_contributions(
    suite: Suite, baseline: SimulatedArrays, weights: np.ndarray
) -> Contributions:
    """Return the contributions of a baseline simulation to the suite's targets and measures."""
    measures = measure_columns(suite, baseline)
    matrix = hstack(
        [
            contribution_matrix(baseline, suite.targets),
            csr_matrix(np.column_stack([*measures.values()])),
        ]
    )
    names = [target.target_id for target in suite.targets]
    names += [f"{MEASURE_PREFIX}{name}" for name in measures]
    return Contributions(csr_matrix(matrix), tuple(names), weights)


def _target_estimates(suite: Suite, contributions: Contributions) -> list[dict[str, Any]]:
    figures = estimates(contributions.matrix, contributions.weights)
    return [
        {"target_id": target.target_id, "estimate": float(figure)}
        for target, figure in zip(suite.targets, figures[: len(suite.targets)], strict=True)
    ]


def _geography(baseline: SimulatedArrays) -> str:
    """Return the SPM geography the engine was given: national for a file without counties."""
    settings = baseline.meta.get("spm") or {}
    return str(settings.get("geography_kind", "engine_default"))


def _run_entry(name: str, simulated: SimulatedArrays) -> dict[str, Any]:
    """Return what may differ between two measurements of the same content."""
    keys = ("wall_s", "peak_rss_gb", "cached", "formula_runs", "unique_pairs")
    return {"name": name, **{key: simulated.meta[key] for key in keys if key in simulated.meta}}
