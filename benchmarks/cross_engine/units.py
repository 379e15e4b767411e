"""Tax-unit arrays of one engine simulation: terms of the rules, and Tax-Calculator's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.cross_engine.rules import AGE, FILING_STATUS, ROLES
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import PERSON, EntityMap
from schemas.errors import MeasureError

UNIT = "tax_unit"
Columns = dict[str, np.ndarray]


class TaxUnits:
    """The tax units of one simulation; every array it returns has one row per unit."""

    def __init__(self, simulated: SimulatedArrays) -> None:
        """Take the arrays; who is head, spouse or dependant is the engine's word."""
        head, spouse, dependent = (simulated.arrays[role].astype(bool) for role in ROLES)
        self._simulated = simulated
        self._entities = EntityMap(simulated)
        self._persons = {
            "all": np.ones(len(head), dtype=bool),
            "head": head,
            "spouse": spouse,
            "filers": ~dependent,
            "dependents": dependent,
        }

    @property
    def count(self) -> int:
        """The number of tax units."""
        return self._entities.size(UNIT)

    def household_rows(self) -> np.ndarray:
        """Return the row of each unit's household."""
        return self._entities.household_rows(UNIT)

    def term(self, term: Mapping[str, Any]) -> np.ndarray:
        """Return the sum of a term's variables, less `less` (not below 0), at most `most`."""
        total = self._sum(term["variables"], term["persons"])
        if "less" in term:
            total = np.maximum(total - self._sum(term["less"], term["persons"]), 0.0)
        return np.minimum(total, term["most"]) if "most" in term else total

    def figure(self, figures: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the sum of several terms."""
        return np.asarray(np.sum([self.term(each) for each in figures], axis=0))

    def inputs(self, rules: Mapping[str, Any]) -> Columns:
        """Return Tax-Calculator's input columns as the rules form them, before any step."""
        columns = {each["input"]: self.term(each) for each in rules["inputs"]}
        columns |= {each["input"]: self._count(each) for each in rules["counts"]}
        for each in rules["sums"]:
            columns[each["input"]] = np.sum([columns[name] for name in each["of"]], axis=0)
        columns["MARS"] = self._filing_status(rules["filing_status"])
        return columns

    def _sum(self, variables: Sequence[str], persons: str) -> np.ndarray:
        total = np.zeros(self.count)
        for name in variables:
            values = self._simulated.arrays[name].astype(np.float64)
            if (entity := self._simulated.entity[name]) == PERSON:
                values = np.where(self._persons[persons], values, 0.0)
            total += self._entities.move(values, entity, UNIT)
        return total

    def _count(self, rule: Mapping[str, Any]) -> np.ndarray:
        age = self._simulated.arrays[AGE]
        within = (age >= rule["from_age"]) & (age < rule["below_age"])
        counted = (within & self._persons[rule["persons"]]).astype(np.float64)
        return self._entities.move(counted, PERSON, UNIT)

    def _filing_status(self, codes: Mapping[str, int]) -> np.ndarray:
        stated = [str(each) for each in self._simulated.arrays[FILING_STATUS]]
        if unknown := sorted(set(stated) - set(codes)):
            raise MeasureError(
                f"no line of Form 1040 is known for the filing status {', '.join(unknown)}",
                reason="cross_engine.filing_status",
                remedy="name it in benchmarks/cross_engine/rules.json",
            )
        return np.array([codes[each] for each in stated], dtype=np.float64)
