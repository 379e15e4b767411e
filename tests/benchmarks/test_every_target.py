"""Every target of the suite, the long way: pandas and MicroSeries against the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from microdf import MicroSeries

from baselines.targets import Constraint, Target
from benchmarks.engine.session import simulate
from benchmarks.measure import suite_contributions
from benchmarks.scoring.kernel import estimates
from benchmarks.suite import load_suite, required_baseline_outputs
from benchmarks.weights import household_weights
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.writers import write_period_arrays
from tests.benchmarks.fake_engine import FakeSession
from tests.benchmarks.population import STATES, generated_households

SUITE = load_suite()


class WideEngine(FakeSession):
    """Figures of either sign over all AGI bands, whole ages, counts of children and states."""

    def _values(self, request: str, size: int, changed: bool) -> np.ndarray:
        name = request.partition("@")[0]
        kind = variable_table()[name]
        rng = np.random.default_rng(sum(map(ord, request)))
        if kind.enum is not None:
            return np.array(rng.choice(list(kind.enum), size))
        if kind.value_type == "bool":
            return rng.random(size) < 0.7
        whole = {"age": 100, "eitc_child_count": 4}
        if name in whole:
            return rng.integers(0, whole[name], size)
        if name == "state_fips":
            return rng.choice(STATES, size)
        signs = rng.choice([-1, 0, 1, 1, 1], size)
        return (signs * rng.lognormal(10.5, 2.5, size)).astype(np.float32)


class LongWay:
    """Weighted figures by joins on ids, one target at a time; shares no code with the kernel."""

    def __init__(self, simulated: Any, weights: np.ndarray) -> None:
        self.arrays, self.entity = simulated.arrays, simulated.entity
        self.people = pd.DataFrame(
            {**simulated.person_to, "person": range(simulated.sizes["person"])}
        )
        self.weights = pd.Series(weights)
        self.known: dict[tuple[str, str], pd.Series] = {}

    def estimate(self, target: Target) -> float:
        first = self.people.groupby(target.entity)["household"].first()
        weights = first.map(self.weights).to_numpy()
        months: list[str | None] = [None]
        table = variable_table()
        monthly = any(table[each.variable].period == "month" for each in target.constraints)
        if target.aggregation == "count" and monthly:
            span = [12] if target.period_type == "december" else range(1, 13)
            months = [f"{target.target_period}-{month:02d}" for month in span]
        return float(
            np.mean([self._month(target, month, first.index, weights) for month in months])
        )

    def _month(
        self, target: Target, month: str | None, index: pd.Index, weights: np.ndarray
    ) -> float:
        keep = pd.Series(True, index=index)
        for constraint in target.constraints:
            keep &= self._meets(constraint, target.entity, month)
        values = pd.Series(1.0, index=index)
        if target.aggregation == "sum":
            values = self._at(target.variable, target.entity).astype(float)
        return float(MicroSeries(values.where(keep, 0.0).to_numpy(), weights=weights).sum())

    def _meets(self, constraint: Constraint, entity: str, month: str | None) -> pd.Series:
        monthly = variable_table()[constraint.variable].period == "month"
        request = f"{constraint.variable}@{month}" if month and monthly else constraint.variable
        values, wanted = self._at(request, entity), constraint.value
        if constraint.operator == "in":
            return values.isin(list(wanted if isinstance(wanted, tuple) else (wanted,)))
        return {
            "==": values.eq,
            ">": values.gt,
            ">=": values.ge,
            "<": values.lt,
            "<=": values.le,
        }[constraint.operator](wanted)

    def _at(self, request: str, entity: str) -> pd.Series:
        if (request, entity) not in self.known:
            self.known[request, entity] = self._move(request, entity)
        return self.known[request, entity]

    def _move(self, request: str, entity: str) -> pd.Series:
        source = self.entity[request]
        values = pd.Series(self.arrays[request])
        if values.dtype.kind == "f":
            values = values.astype(float)
        if source == entity:
            return values
        per_person = self.people[source].map(values)
        if source == "person":
            return per_person.groupby(self.people[entity]).sum()
        if entity == "person":
            return per_person
        if source == "household":
            return per_person.groupby(self.people[entity]).first()
        assert entity == "household"
        once = ~self.people.duplicated(source)
        return per_person[once].groupby(self.people.loc[once, "household"]).sum()


def _compare(simulated: Any, weights: np.ndarray, moving: float) -> None:
    contributions = suite_contributions(SUITE, simulated, weights)
    figures = estimates(contributions.matrix, weights)
    long_way = LongWay(simulated, weights)
    moved = 0
    for target, figure in zip(SUITE.targets, figures, strict=False):
        expected = long_way.estimate(target)
        assert figure == pytest.approx(expected, rel=1e-6, abs=1e-6), target.target_id
        moved += expected != 0
    assert moved > moving * len(SUITE.targets)


def test_every_target_agrees_with_microseries_to_a_millionth(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    write_period_arrays(path, generated_households(400, seed=5), 2024)
    simulated = WideEngine()(path, required_baseline_outputs(SUITE))
    _compare(simulated, household_weights(open_dataset(path)), moving=0.5)


@pytest.mark.engine
@pytest.mark.nightly
def test_every_target_agrees_on_a_real_simulation(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    write_period_arrays(path, generated_households(400, seed=5), 2024)
    weights = household_weights(open_dataset(path))
    simulated = simulate(path, required_baseline_outputs(SUITE))
    assert simulated.meta["weights_read"] is False  # else a re-weighted file is simulated anew
    _compare(simulated, weights, moving=0.1)
