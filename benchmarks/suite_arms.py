"""What a suite simulates on a file: baselines, reforms, and reforms that replace inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.capital_gains.lots import GAINS, capital_gains_arm_inputs
from benchmarks.capital_gains.own_lots import own_lots
from benchmarks.engine.arms import Arm
from benchmarks.suite import (
    Suite,
    periods,
    required_baseline_outputs,
    required_reform_outputs,
)
from schemas.dataset import Dataset

# What a file may call the gains: the engine moves the first to the second when it loads a file.
_GAINS_NAMES = ("long_term_capital_gains", GAINS)


def suite_arms(suite: Suite, dataset: Dataset) -> list[Arm]:
    """Return what is simulated on a file for a suite: a baseline per year, then every benchmark.

    Raises MeasureError for capital gains from which no lots can be made.
    """
    arms = [
        Arm(baseline_id(year), year, tuple(required_baseline_outputs(suite, year)))
        for year in periods(suite)
    ]
    for benchmark in suite.benchmarks:
        year = int(benchmark["period"])
        outputs = tuple(required_reform_outputs(suite, year))
        for arm_id, inputs in _replaced_inputs(dataset, benchmark):
            arms.append(Arm(arm_id, year, outputs, benchmark.get("reform"), inputs))
    return arms


def _replaced_inputs(
    dataset: Dataset, benchmark: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, np.ndarray] | None]]:
    """Yield arm id and replaced inputs: one arm, and one more for a file's own lots."""
    if "indexing" not in benchmark:
        yield benchmark["id"], None
        return
    year, gains, indexing = (
        int(benchmark["period"]),
        long_term_gains(dataset),
        benchmark["indexing"],
    )
    yield benchmark["id"], capital_gains_arm_inputs(gains, year, indexing)
    if (own := own_lots(dataset, gains, year)) is not None:
        inputs = capital_gains_arm_inputs(gains, year, indexing, own.lots)
        yield own_lots_id(benchmark), inputs


def own_lots_id(benchmark: Mapping[str, Any]) -> str:
    """Return the arm id of a benchmark on the file's own lots."""
    return f"{benchmark['id']}.own-lots"


def baseline_id(year: int) -> str:
    """Return the arm id of the baseline of a year."""
    return f"baseline-{year}"


def long_term_gains(dataset: Dataset) -> np.ndarray:
    """Return long-term gains per person (dollars); zeros where the file holds none."""
    for name in _GAINS_NAMES:
        if dataset.has(name):
            return np.asarray(dataset.read(name), dtype=np.float64)
    return np.zeros(dataset.size_of("person"))
