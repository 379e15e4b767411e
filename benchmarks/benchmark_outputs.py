"""Weighted totals of a suite's measures, and what a reform changes in them.

Every figure is a MicroSeries total. Signs: plus means the government gains (budget measures), or
that households have more (household net income).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from microdf import MicroSeries

from benchmarks.report import GROUPED_MEASURES, REPORT_MEASURES, reform_report
from benchmarks.report_groups import (
    DECILE_GROUPS,
    REMAINDER,
    adding_up,
    group_sums,
    output_values,
    population_of,
)
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import EntityMap
from benchmarks.suite import Suite
from benchmarks.suite_benchmarks import Measures
from schemas.errors import MeasureError


class MeasureColumns:
    """What each household adds to a term or measure, per unit of weight (household-length)."""

    def __init__(self, simulated: SimulatedArrays, context: SimulatedArrays | None = None) -> None:
        """Take entity-length arrays.

        `context` is the baseline of the same file and year: it lends the variables of a term's
        `where` (ages) that a reform was not asked for, never the term's own variable.
        """
        self._simulated = simulated
        self._context = context
        self._entities = EntityMap(simulated)
        self._columns: dict[tuple[Any, ...], np.ndarray] = {}

    def measure(self, measure: Mapping[str, Any]) -> np.ndarray:
        """Return the sum of a measure's signed terms."""
        total = np.zeros(self._entities.size("household"))
        for term in measure["terms"]:
            total += float(term["sign"]) * self.term(term)
        return total

    def term(self, term: Mapping[str, Any]) -> np.ndarray:
        """Return one term without its sign; raises MeasureError as `output_values` does."""
        where = term.get("where", {})
        key = (term["variable"], term.get("aggregation", "sum"), *sorted(where.items()))
        if key not in self._columns:
            self._columns[key] = self._made(term["variable"], key[1], where)
        return self._columns[key]

    def people(self) -> np.ndarray:
        """Return the number of people in each household."""
        return self._entities.to_household(np.ones(self._entities.size("person")), "person")

    def _made(self, request: str, aggregation: str, where: Mapping[str, Any]) -> np.ndarray:
        values = output_values(self._simulated, request)
        if aggregation == "count_positive":
            values = (values > 0).astype(np.float64)
        if where:
            values = np.where(self._selected(request, where), values, 0.0)
        return self._entities.to_household(values, self._simulated.entity[request])

    def _selected(self, request: str, where: Mapping[str, Any]) -> np.ndarray:
        """Return which rows of `request` lie in the half-open band [at_least, below)."""
        variable, source = where["variable"], self._simulated
        if variable not in source.arrays and self._context is not None:
            source = self._context
        values = output_values(source, variable)
        if source.entity[variable] != self._simulated.entity[request]:
            raise MeasureError(
                f"{request} cannot be selected by {variable}, which is of another entity",
                reason="measure.where_entity",
                remedy="select by a variable of the same entity in the suite's measure",
            )
        low, high = where.get("at_least", -math.inf), where.get("below", math.inf)
        selected: np.ndarray = (values >= low) & (values < high)
        return selected


class MeasuredTotals:
    """Weighted totals (dollars or persons) of one simulation under given household weights."""

    def __init__(
        self,
        simulated: SimulatedArrays,
        weights: np.ndarray,
        context: SimulatedArrays | None = None,
    ) -> None:
        """Take arrays and household-length weights of the same file; `context` as for columns."""
        self.simulated = simulated
        self.weights = weights
        self.columns = MeasureColumns(simulated, context)

    def term(self, term: Mapping[str, Any]) -> float:
        """Return the signed total of one term."""
        return float(term["sign"]) * self._sum(self.columns.term(term))

    def measure(self, measure: Mapping[str, Any]) -> float:
        """Return the total of a measure: the sum of its signed terms."""
        return math.fsum(self.term(term) for term in measure["terms"])

    def people(self) -> float:
        """Return how many people the file stands for."""
        return self._sum(self.columns.people())

    def _sum(self, column: np.ndarray) -> float:
        return float(MicroSeries(column, weights=self.weights).sum())


def baseline_totals(suite: Suite, baseline: MeasuredTotals) -> dict[str, float]:
    """Return every measure of the suite without a reform."""
    return {name: baseline.measure(measure) for name, measure in suite.measures.items()}


def measure_columns(suite: Suite, simulated: SimulatedArrays) -> dict[str, np.ndarray]:
    """Return per measure what each household adds to it, per unit of weight (household-length)."""
    columns = MeasureColumns(simulated)
    return {name: columns.measure(measure) for name, measure in suite.measures.items()}


def reform_result(
    suite: Suite,
    benchmark: Mapping[str, Any],
    baseline: MeasuredTotals,
    reform: MeasuredTotals,
    method: str,
) -> dict[str, Any]:
    """Return the evidence of one reform: figures per measure, and the report.

    Measures are the benchmark's outputs and those every report needs. `method` says how the
    reform's arm was simulated. Items by program, state and decile sum to the delta of their
    measure. Both arms are of the same file and year; groups and weights are the baseline's.
    """
    measures = suite.measures_at(benchmark["period"])
    names = list(dict.fromkeys((*benchmark["outputs"], *REPORT_MEASURES)))
    before = {name: baseline.measure(measures[name]) for name in names}
    after = {name: reform.measure(measures[name]) for name in names}
    delta = {name: after[name] - before[name] for name in names}
    population = population_of(baseline.simulated, baseline.weights)
    states = sorted(set(population.states.tolist()))

    def grouped(groups: np.ndarray, order: Sequence[str]) -> dict[str, Any]:
        return {
            name: _parts(measures[name], delta[name], baseline, reform, groups, order)
            for name in GROUPED_MEASURES
        }

    by_state = grouped(population.states, states)
    result = {
        "id": benchmark["id"],
        "period": benchmark["period"],
        "method": method,
        "baseline": before,
        "reform": after,
        "delta": delta,
        "contributors": {
            name: _contributors(measures, name, delta[name], baseline, reform) for name in names
        },
        "by_state": by_state,
        "by_decile": grouped(population.deciles, DECILE_GROUPS),
        "report": reform_report(baseline.simulated, reform.simulated, population, delta, by_state),
    }
    return result | _identity(benchmark, delta, baseline)


def _parts(
    measure: Mapping[str, Any],
    delta: float,
    baseline: MeasuredTotals,
    reform: MeasuredTotals,
    groups: np.ndarray,
    order: Sequence[str],
) -> list[dict[str, Any]]:
    """Return what each group of households adds to the delta of a measure."""
    gain = reform.columns.measure(measure) - baseline.columns.measure(measure)
    level = max(abs(side.term(term)) for side in (baseline, reform) for term in measure["terms"])
    return adding_up(group_sums(gain, baseline.weights, groups), order, delta, level)


def _identity(
    benchmark: Mapping[str, Any], delta: Mapping[str, float], baseline: MeasuredTotals
) -> dict[str, Any]:
    """Return what a reform of a known amount per person must cost, beside what it was measured."""
    if "identity" not in benchmark:
        return {}
    wanted = benchmark["identity"]
    population, measured = baseline.people(), delta[wanted["measure"]]
    expected = population * float(wanted["per_person"])
    return {
        "identity": {
            "population": population,
            "expected": expected,
            "measured": measured,
            "relative_difference": (measured - expected) / abs(expected),
        }
    }


def _contributors(
    measures: Measures, name: str, delta: float, baseline: MeasuredTotals, reform: MeasuredTotals
) -> list[dict[str, Any]]:
    """Return programme deltas that sum to `delta`; what no item names is the remainder."""
    found = [
        {"name": term["name"], "value": sign * (reform.term(term) - baseline.term(term))}
        for term, sign in _items(measures, name)
    ]
    found.sort(key=lambda each: (-abs(float(each["value"])), str(each["name"])))
    rest = delta - math.fsum(float(each["value"]) for each in found)
    return [*found, {"name": REMAINDER, "value": rest}]


def _items(measures: Measures, name: str, sign: int = 1) -> Iterator[tuple[Mapping[str, Any], int]]:
    measure = measures[name]
    itemised = "items" in measure or "parts" in measure
    for term in measure.get("items", () if itemised else measure["terms"]):
        yield term, sign
    for part in measure.get("parts", ()):
        yield from _items(measures, part["measure"], sign * int(part["sign"]))
