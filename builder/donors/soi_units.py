"""Tax units of a frame as the distribution donor sees them: weights, keys, amounts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from builder.frame import Frame
from schemas.errors import BuildError

_UNITS_PER_HOUSEHOLD = 64
_HEAD = "HEAD"


@dataclass(frozen=True)
class TaxUnits:
    """Tax units of a frame: household row and weight, head (person row), a key of their own.

    The key is the household's source key and the unit's place in it: it does not change with the
    order or the number of the other households.
    """

    frame: Frame
    household: np.ndarray
    weight: np.ndarray
    head: np.ndarray
    key: np.ndarray

    def total(self, variable: str) -> np.ndarray:
        """Return a person variable added up per tax unit (dollars), zero where it is absent."""
        values = self.frame.columns.get(variable)
        if values is None:
            return np.zeros(len(self.weight))
        return self.frame.sum_to("tax_unit", values.astype(np.float64))

    def weighted_sum(self, variable: Mapping[str, float]) -> np.ndarray:
        """Return the sum of several variables times their coefficients (tax-unit length)."""
        parts = [share * self.total(name) for name, share in variable.items()]
        return np.asarray(np.sum(parts, axis=0))

    def to_heads(self, amounts: np.ndarray) -> np.ndarray:
        """Return tax-unit amounts at their heads (person length)."""
        values = np.zeros(self.frame.size("person"))
        values[self.head] = amounts
        return values

    def to_earners(self, amounts: np.ndarray, variable: str) -> np.ndarray:
        """Return amounts over a unit's members in proportion to what each has, else at the head."""
        own = self.frame.columns[variable].astype(np.float64)
        before = self.total(variable)
        unit = self.frame.row_of("tax_unit")
        has = before > 0
        factor = np.divide(amounts, before, out=np.zeros_like(amounts), where=has)
        return np.where(has[unit], own * factor[unit], self.to_heads(amounts))


def tax_units(frame: Frame) -> TaxUnits:
    """Return the tax units of a frame; raises BuildError where one has not exactly one head."""
    unit = frame.row_of("tax_unit")
    household = frame.row_of("household")
    of_unit = np.zeros(frame.size("tax_unit"), dtype=np.int64)
    of_unit[unit] = household
    head = np.zeros(frame.size("tax_unit"), dtype=np.int64)
    heads = np.flatnonzero(frame.columns["tax_unit_role_input"] == _HEAD)
    if not np.array_equal(np.sort(unit[heads]), np.arange(len(head))):
        raise BuildError(
            f"{len(heads)} heads for {len(head)} tax units: each needs exactly one",
            reason="builder.tax_unit_heads",
            remedy="mend tax_unit_role_input where the frame is made",
        )
    head[unit[heads]] = heads
    key = frame.source_key[of_unit] * _UNITS_PER_HOUSEHOLD + _place_within(of_unit)
    return TaxUnits(frame, of_unit, frame.weights[of_unit], head, key)


def _place_within(group: np.ndarray) -> np.ndarray:
    """Return 0, 1, 2, ... within each group, in row order."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)
    place = np.empty(len(group), dtype=np.int64)
    place[order] = np.arange(len(group)) - first
    return place
