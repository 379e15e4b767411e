"""Dollar columns straight from the mapping table, in whole dollars."""

from __future__ import annotations

import numpy as np

from builder.embedded.mapping import Mapping, Row, aged_amount
from builder.embedded.population import Population

Columns = dict[str, np.ndarray]


def mapped_amounts(people: Population, mapping: Mapping, growth: dict[str, float]) -> Columns:
    """Return every dollar column that needs no rule: person or SPM-unit length, whole dollars."""
    columns: Columns = {}
    for row in mapping.rows:
        if row.unit != "usd" or row.allocation not in ("head", "spouse", "spm_unit"):
            continue
        amount = aged_amount(row, people.units, growth, mapping.constants)
        values = _placed(row, np.rint(amount), people)
        name = row.variables[0]
        columns[name] = columns[name] + values if name in columns else values
    return columns


def _placed(row: Row, amount: np.ndarray, people: Population) -> np.ndarray:
    if row.allocation == "spm_unit":
        family = people.persons["family"].to_numpy()[people.head_of]
        return np.bincount(family, weights=amount, minlength=people.sizes["family"])
    return to_persons(people, amount, people.spouse_of if row.allocation == "spouse" else None)


def to_persons(
    people: Population, values: np.ndarray, person_of: np.ndarray | None = None
) -> np.ndarray:
    """Return unit values at one person each (default: the head); units without one give none."""
    places = people.head_of if person_of is None else person_of
    result = np.zeros(len(people.persons), dtype=values.dtype)
    result[places[places >= 0]] = values[places >= 0]
    return result
