"""The difference of two engines in one tax, as parts that sum to it, and how units agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from microdf import MicroSeries

WITHIN = (1, 10, 100)
LARGEST = 5
ROUNDING = "within_tolerance"


@dataclass(frozen=True)
class Part:
    """A known difference in scope: the engine's figure less the other's, one value per unit."""

    id: str
    title: str
    reason: str
    values: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """One tax of the same units by two engines; `parts` are known differences in scope."""

    engine: np.ndarray
    other: np.ndarray
    parts: Sequence[Part]
    weights: np.ndarray
    unit_ids: np.ndarray

    @property
    def remaining(self) -> np.ndarray:
        """What no part explains, one value per unit."""
        known = np.sum([part.values for part in self.parts], axis=0)
        return np.asarray(self.engine - self.other - known)

    def total(self, values: np.ndarray) -> float:
        """Return the weighted total of one value per unit."""
        return float(MicroSeries(values, weights=self.weights).sum())

    def record(self, components: Mapping[str, np.ndarray], tolerance: float) -> dict[str, Any]:
        """Return the figures of the tax as they stand in the record.

        `difference` = the sum of `parts` and `unexplained`; `unexplained` = the sum of `remaining`,
        which gives each unit to the first of `components` that differs by more than `tolerance`.
        """
        aligned = self.other + np.sum([part.values for part in self.parts], axis=0)
        return {
            "engine_total": self.total(self.engine),
            "other_total": self.total(self.other),
            "difference": self.total(self.engine - self.other),
            "parts": [
                {
                    "id": part.id,
                    "title": part.title,
                    "reason": part.reason,
                    "value": self.total(part.values),
                }
                for part in self.parts
            ],
            "unexplained": self.total(self.remaining),
            "unexplained_gross": self.total(np.abs(self.remaining)),
            "remaining": self._by_component(components, tolerance),
            "agreement": {
                "as_calculated": self._agreement(self.other),
                "same_scope": self._agreement(aligned),
            },
            "largest": self._largest(),
        }

    def _by_component(
        self, components: Mapping[str, np.ndarray], tolerance: float
    ) -> list[dict[str, Any]]:
        names = np.full(len(self.engine), ROUNDING, dtype=object)
        for name, gap in reversed(list(components.items())):
            names[np.abs(gap) > tolerance] = name
        return [
            {
                "component": name,
                "tax_units": int((names == name).sum()),
                "value": self.total(np.where(names == name, self.remaining, 0.0)),
            }
            for name in (*components, ROUNDING)
        ]

    def _agreement(self, other: np.ndarray) -> dict[str, Any]:
        """Return weighted shares of units within some dollars, and unweighted correlations."""
        gap = np.abs(self.engine - other)
        pair = pd.DataFrame({"engine": self.engine, "other": other})
        shares = {
            f"within_{dollars}": float(
                MicroSeries((gap <= dollars).astype(np.float64), weights=self.weights).mean()
            )
            for dollars in WITHIN
        }
        return shares | {
            "correlation": _correlation(pair),
            "rank_correlation": _correlation(pair.rank()),
        }

    def _largest(self) -> list[dict[str, Any]]:
        """Return the units of the file that differ most once the scope is the same."""
        sizes = pd.Series(np.where(self.weights > 0, np.abs(self.remaining), 0.0))
        return [
            {
                "tax_unit_id": int(self.unit_ids[row]),
                "engine": float(self.engine[row]),
                "remaining": float(self.remaining[row]),
            }
            for row in sizes[sizes > 0].nlargest(LARGEST).index
        ]


def _correlation(pair: pd.DataFrame) -> float | None:
    """Return Pearson's correlation; None where one side does not vary."""
    found = float(pair["engine"].corr(pair["other"]))
    return found if np.isfinite(found) else None
