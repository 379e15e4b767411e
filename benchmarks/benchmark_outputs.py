"""Weighted totals of a suite's measures, and what a reform changes in them.

Every figure is a MicroSeries total. Signs: plus means the government gains (budget measures), or
that households have more (household net income).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from microdf import MicroSeries

from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import EntityMap
from benchmarks.suite import Suite
from schemas.errors import MeasureError

REMAINDER = "not_itemised"


class MeasuredTotals:
    """Weighted totals (dollars or persons) of one simulation under given household weights."""

    def __init__(self, simulated: SimulatedArrays, weights: np.ndarray) -> None:
        """Take entity-length arrays and household-length weights of the same file."""
        self._simulated = simulated
        self._weights = weights
        self._entities = EntityMap(simulated)
        self._totals: dict[tuple[str, str], float] = {}

    def term(self, term: Mapping[str, Any]) -> float:
        """Return the signed total of one term."""
        key = (term["variable"], term.get("aggregation", "sum"))
        if key not in self._totals:
            self._totals[key] = self._total(*key)
        return float(term["sign"]) * self._totals[key]

    def measure(self, measure: Mapping[str, Any]) -> float:
        """Return the total of a measure: the sum of its signed terms."""
        return math.fsum(self.term(term) for term in measure["terms"])

    def _total(self, request: str, aggregation: str) -> float:
        if request not in self._simulated.arrays:
            raise MeasureError(
                f"the simulation holds no {request}",
                reason="measure.missing_output",
                remedy="simulate with the outputs that the suite requires",
            )
        values = np.asarray(self._simulated.arrays[request], dtype=np.float64)
        if not np.isfinite(values).all():
            raise MeasureError(
                f"{request} is not finite for some records",
                reason="measure.not_finite",
                remedy="mend the inputs of this variable in the measured file",
            )
        rows = self._entities.household_rows(self._simulated.entity[request])
        if aggregation == "count_positive":
            values = (values > 0).astype(np.float64)
        return float(MicroSeries(values, weights=self._weights[rows]).sum())


def baseline_totals(suite: Suite, baseline: MeasuredTotals) -> dict[str, float]:
    """Return every measure of the suite without a reform."""
    return {name: baseline.measure(measure) for name, measure in suite.measures.items()}


def measure_columns(suite: Suite, simulated: SimulatedArrays) -> dict[str, np.ndarray]:
    """Return per measure what each household adds to it, per unit of weight (household length)."""
    entities = EntityMap(simulated)

    def column(measure: Mapping[str, Any]) -> np.ndarray:
        total = np.zeros(entities.size("household"))
        for term in measure["terms"]:
            values = np.asarray(simulated.arrays[term["variable"]], dtype=np.float64)
            if term.get("aggregation") == "count_positive":
                values = (values > 0).astype(np.float64)
            moved = entities.to_household(values, simulated.entity[term["variable"]])
            total += float(term["sign"]) * moved
        return total

    return {name: column(measure) for name, measure in suite.measures.items()}


def reform_result(
    suite: Suite, benchmark: Mapping[str, Any], baseline: MeasuredTotals, reform: MeasuredTotals
) -> dict[str, Any]:
    """Return levels, deltas and contributors of one reform, per output measure."""
    names = benchmark["outputs"]
    before = {name: baseline.measure(suite.measures[name]) for name in names}
    after = {name: reform.measure(suite.measures[name]) for name in names}
    delta = {name: after[name] - before[name] for name in names}
    return {
        "id": benchmark["id"],
        "baseline": before,
        "reform": after,
        "delta": delta,
        "contributors": {
            name: _contributors(suite, name, delta[name], baseline, reform) for name in names
        },
    }


def _contributors(
    suite: Suite, name: str, delta: float, baseline: MeasuredTotals, reform: MeasuredTotals
) -> list[dict[str, Any]]:
    """Return programme deltas that sum to `delta`; what no item names is the remainder."""
    found = [
        {"name": term["name"], "value": sign * (reform.term(term) - baseline.term(term))}
        for term, sign in _items(suite, name)
    ]
    found.sort(key=lambda each: (-abs(float(each["value"])), str(each["name"])))
    rest = delta - math.fsum(float(each["value"]) for each in found)
    return [*found, {"name": REMAINDER, "value": rest}]


def _items(suite: Suite, name: str, sign: int = 1) -> Iterator[tuple[Mapping[str, Any], int]]:
    measure = suite.measures[name]
    itemised = "items" in measure or "parts" in measure
    for term in measure.get("items", () if itemised else measure["terms"]):
        yield term, sign
    for part in measure.get("parts", ()):
        yield from _items(suite, part["measure"], sign * int(part["sign"]))
