"""Generated arms of a reform, a suite to measure them with, and the people they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.benchmark_outputs import MeasuredTotals, reform_result
from benchmarks.suite_benchmarks import measures_at
from tests.benchmarks.scoring_fakes import FakeArrays

GROUPS = ("household", "tax_unit", "spm_unit", "family", "marital_unit")
FIPS = np.array([6, 36, 48, 60])


def _term(variable: str, sign: int = 1, **other: Any) -> dict[str, Any]:
    return {"name": variable.partition("@")[0], "sign": sign, "variable": variable, **other}


MEASURES: dict[str, dict[str, Any]] = {
    "fiscal": {
        "terms": [_term("household_tax"), _term("household_benefits", -1)],
        "parts": [{"measure": each, "sign": 1} for each in ("federal", "state", "benefits")],
    },
    "federal": {"terms": [_term("income_tax")]},
    "state": {"terms": [_term("state_income_tax")]},
    "benefits": {
        "terms": [_term("household_benefits", -1)],
        "items": [_term("ssi", -1), _term("snap", -1)],
    },
    "household_net_income": {"terms": [_term("household_net_income")]},
    "ssi_recipients": {"terms": [_term("ssi@2024-12", aggregation="count_positive")]},
}
ENTITY = {
    "age": "person",
    "ssi": "person",
    "ssi@2024-12": "person",
    "income_tax": "tax_unit",
    "snap": "spm_unit",
    "spm_unit_is_in_spm_poverty": "spm_unit",
    "spm_unit_is_in_deep_spm_poverty": "spm_unit",
    "state_fips": "household",
    "state_income_tax": "household",
    "household_tax": "household",
    "household_benefits": "household",
    "household_net_income": "household",
    "equiv_household_net_income": "household",
}


@dataclass(frozen=True)
class MeasureSuite:
    """The parts of a suite that measuring reforms reads."""

    measures: Mapping[str, Mapping[str, Any]]

    def measures_at(self, period: int) -> dict[str, dict[str, Any]]:
        return measures_at(self.measures, period)


SUITE = MeasureSuite(MEASURES)
BENCHMARK = {"id": "b", "period": 2024, "outputs": ["ssi_recipients"]}


@dataclass(frozen=True)
class Arms:
    """Both arms of a reform and integer household weights, so that people can be counted."""

    baseline: FakeArrays
    reform: FakeArrays
    weights: np.ndarray

    def people(self) -> pd.DataFrame:
        """Return one row per person the file stands for: what weighted figures must agree with."""
        home = self.baseline.person_to["household"]
        unit = self.baseline.person_to["spm_unit"]
        columns: dict[str, np.ndarray] = {
            "household": home,
            "age": self.baseline.arrays["age"],
            "state": self.baseline.arrays["state_fips"][home],
        }
        for side, arm in (("before", self.baseline), ("after", self.reform)):
            columns |= {
                side: arm.arrays["household_net_income"][home],
                f"equiv_{side}": arm.arrays["equiv_household_net_income"][home],
                f"spm_{side}": arm.arrays["spm_unit_is_in_spm_poverty"][unit],
                f"deep_{side}": arm.arrays["spm_unit_is_in_deep_spm_poverty"][unit],
            }
        frame = pd.DataFrame(columns)
        return frame.loc[frame.index.repeat(self.weights[home].astype(int))].reset_index(drop=True)


def arms(seed: int, households: int = 12) -> Arms:
    """Return random arms: households of one to four people, two SPM units where more than two."""
    rng = np.random.default_rng(seed)
    home = np.repeat(np.arange(households), rng.integers(1, 5, households))
    second = pd.Series(home).groupby(home).cumcount().ge(2)
    _, unit = np.unique(2 * home + np.asarray(second), return_inverse=True)
    person_to = dict.fromkeys(GROUPS, unit) | {"household": home}
    sizes = {group: int(rows.max()) + 1 for group, rows in person_to.items()}
    sizes["person"] = len(home)
    baseline = {name: _values(name, sizes[entity], rng) for name, entity in ENTITY.items()}
    reform = dict(baseline)
    for name in set(ENTITY) - {"age", "state_fips"}:
        moved = rng.random(len(baseline[name])) < 0.4
        reform[name] = np.where(moved, _values(name, len(moved), rng), baseline[name])
    both = [FakeArrays(arrays, dict(ENTITY), person_to, sizes) for arrays in (baseline, reform)]
    weights = rng.integers(0, 6, households).astype(np.float64)
    # One household with people, weight and income always stands for somebody.
    weights[0] = 3.0
    for arm in both:
        arm.arrays["household_net_income"][0] = 1_000.0
    return Arms(*both, weights)


def replaced(arm: FakeArrays, **changes: np.ndarray) -> FakeArrays:
    """Return the arm with other values of some outputs; None takes an output away."""
    arrays = {**arm.arrays, **changes}
    kept = {name: values for name, values in arrays.items() if values is not None}
    return FakeArrays(kept, arm.entity, arm.person_to, arm.sizes, arm.meta)


def result_of(case: Arms, benchmark: Mapping[str, Any] = BENCHMARK, method: str = "full") -> Any:
    """Return the evidence of the reform of `case`."""
    baseline = MeasuredTotals(case.baseline, case.weights)
    reform = MeasuredTotals(case.reform, case.weights, context=case.baseline)
    return reform_result(SUITE, benchmark, baseline, reform, method)


def report_of(case: Arms) -> Any:
    """Return the report of the reform of `case`."""
    return result_of(case)["report"]


def _values(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    if name == "age":
        return rng.integers(0, 90, size)
    if name == "state_fips":
        return rng.choice(FIPS, size).astype(np.int32)
    if name.startswith("spm_unit_is"):
        return rng.random(size) < 0.5
    low = -500.0 if name.endswith("net_income") else 0.0
    return rng.uniform(low, 3_000.0, size).astype(np.float32)
