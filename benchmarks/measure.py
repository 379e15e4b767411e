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
from benchmarks.capital_gains.cash import with_cash_gains
from benchmarks.capital_gains.own_lots import own_lots
from benchmarks.contributions import MEASURE_PREFIX, Contributions
from benchmarks.engine.arms import Arm
from benchmarks.engine.child import Progress
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.together import simulate_arms
from benchmarks.evidence_store import (
    cached_contributions,
    cached_evidence,
    code_sha256,
    store_evidence,
)
from benchmarks.report import spm_geography
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.kernel import contribution_matrix, estimates
from benchmarks.suite import (
    DEFAULT_SUITE,
    Suite,
    load_suite,
    periods,
)
from benchmarks.suite_arms import baseline_id, long_term_gains, own_lots_id, suite_arms
from benchmarks.weights import household_weights, record_counts, weight_curve, weight_diagnostics
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


class ArmsSimulator(Protocol):
    """`simulate_arms`, or a stand-in: per file, the arrays of each arm."""

    def __call__(
        self,
        paths: Sequence[Path],
        arms: Sequence[Sequence[Arm]],
        *,
        progress: Progress | None = None,
        exact: bool = False,
    ) -> Sequence[Mapping[str, SimulatedArrays]]: ...


def measure_evidence(
    path: Path | str,
    suite_id: str = DEFAULT_SUITE,
    *,
    progress: Progress | None = None,
    use_cache: bool = True,
    exact: bool = False,
    simulator: ArmsSimulator = simulate_arms,
) -> dict[str, Any]:
    """Return the evidence of a file for a suite, from the cache where it was measured before.

    As `measure_together`, for one file.
    """
    [record] = measure_together(
        [path], suite_id, progress=progress, use_cache=use_cache, exact=exact, simulator=simulator
    )
    return record


def measure_together(
    paths: Sequence[Path | str],
    suite_id: str = DEFAULT_SUITE,
    *,
    progress: Progress | None = None,
    use_cache: bool = True,
    exact: bool = False,
    simulator: ArmsSimulator = simulate_arms,
) -> list[dict[str, Any]]:
    """Return the evidence of each file for a suite; what is missing is simulated together.

    Without `use_cache` the figures are made again and the cached records replaced (arrays of
    finished simulations are still reused). With `exact` every simulation is a plain run of its
    own. Raises DatasetError, MeasureError or UsageError.
    """
    suite = load_suite(suite_id)
    found: dict[Path, dict[str, Any] | None] = {
        Path(path): _known(Path(path), suite, use_cache and not exact) for path in paths
    }
    missing = [path for path, record in found.items() if record is None]
    measured = _measure_all(missing, suite, progress, simulator, exact) if missing else []
    for path, (made, contributions) in zip(missing, measured, strict=True):
        validate(made, "evidence")
        store_evidence(made, contributions)
        found[path] = made
    return [each for path in paths if (each := found[Path(path)]) is not None]


def _known(path: Path, suite: Suite, use_cache: bool) -> dict[str, Any] | None:
    """Return cached evidence whose contributions are still there; raises for an unusable file."""
    open_dataset(path)
    record = cached_evidence(sha256_file(path), suite.sha256) if use_cache else None
    return record if record is not None and cached_contributions(record) is not None else None


def _measure_all(
    paths: Sequence[Path],
    suite: Suite,
    progress: Progress | None,
    simulator: ArmsSimulator,
    exact: bool,
) -> list[tuple[dict[str, Any], Contributions]]:
    shas = [sha256_file(path) for path in paths]
    datasets = [open_dataset(path) for path in paths]
    for dataset in datasets:
        _check_period(dataset, suite)
        household_weights(dataset)  # refuses unusable weights before hours of simulation
    arms = [suite_arms(suite, dataset) for dataset in datasets]
    simulated = simulator(paths, arms, progress=progress, exact=exact)
    results = [
        _evidence(dataset, suite, each) for dataset, each in zip(datasets, simulated, strict=True)
    ]
    for (record, _), sha256 in zip(results, shas, strict=True):
        _check_unchanged(record, sha256)
    return results


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


def _evidence(
    dataset: Dataset, suite: Suite, simulated: Mapping[str, SimulatedArrays]
) -> tuple[dict[str, Any], Contributions]:
    weights = household_weights(dataset)
    baselines = {
        year: MeasuredTotals(simulated[baseline_id(year)], weights) for year in periods(suite)
    }
    own = simulated[baseline_id(suite.record["period"])]
    contributions = suite_contributions(suite, own, weights)
    record = {
        "schema": "evidence",
        "schema_version": 3,
        "subject": subject(dataset, dataset_hashes(dataset)),
        "engine": installed_versions(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_db": target_db_identity(),
        "geography": spm_geography(own.meta),
        "code_sha256": code_sha256(),
        "counts": record_counts(dataset),
        "weights": weight_diagnostics(dataset),
        "weight_curve": weight_curve(dataset),
        "targets": _target_estimates(suite, contributions),
        "contributions": contributions.summary(),
        "baseline": baseline_totals(suite, baselines[suite.record["period"]]),
        "benchmarks": [
            _benchmark(dataset, suite, each, baselines[each["period"]], simulated)
            for each in suite.benchmarks
        ],
        "run": {
            "measured_at": round(time.time()),
            "simulations": [_run_entry(name, each) for name, each in simulated.items()],
        },
    }
    return record, contributions


def _benchmark(
    dataset: Dataset,
    suite: Suite,
    benchmark: Mapping[str, Any],
    baseline: MeasuredTotals,
    simulated: Mapping[str, SimulatedArrays],
) -> dict[str, Any]:
    """Return what a reform changes; the result on the file's own lots is told beside it."""

    def result(arm_id: str) -> dict[str, Any]:
        arrays = simulated[arm_id]
        if "indexing" in benchmark:
            arrays = with_cash_gains(baseline.simulated, arrays)
        reform = MeasuredTotals(arrays, baseline.weights, context=baseline.simulated)
        return reform_result(suite, benchmark, baseline, reform, str(arrays.meta["method"]))

    found = result(benchmark["id"])
    if (arm_id := own_lots_id(benchmark)) in simulated:
        own = own_lots(dataset, long_term_gains(dataset), int(benchmark["period"]))
        if own is not None:
            count = len(own.lots.gain)
            found["own_lots"] = {
                "lots": count,
                "sha256": own.sha256,
                "delta": result(arm_id)["delta"],
            }
    return found


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


def _run_entry(name: str, simulated: SimulatedArrays) -> dict[str, Any]:
    """Return what may differ between two measurements of the same content."""
    keys = ("wall_s", "peak_rss_gb", "cached", "formula_runs", "unique_pairs", "stacked", "method")
    return {"name": name, **{key: simulated.meta[key] for key in keys if key in simulated.meta}}
