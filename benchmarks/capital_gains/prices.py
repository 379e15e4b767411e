"""Price series: annual means of a published index, committed as data with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.errors import MeasureError
from schemas.records import read_record

SCHEMA = "price_series"
_ROOM = Path(__file__).parent


@dataclass(frozen=True)
class Prices:
    """One price index: its mean of each calendar year, in points of the index's own base."""

    name: str
    values: Mapping[int, float]

    def at(self, years: np.ndarray) -> np.ndarray:
        """Return the index of each calendar year; MeasureError for a year the series lacks."""
        distinct, rows = np.unique(years, return_inverse=True)
        absent = [int(year) for year in distinct if int(year) not in self.values]
        if absent:
            raise MeasureError(
                f"{self.name} has no price of {absent[0]}: it runs from {min(self.values)} to "
                f"{max(self.values)}",
                reason="capital_gains.no_price",
                remedy="use lots bought and sold in those years, or add the year to the series",
            )
        return np.array([self.values[int(year)] for year in distinct], dtype=np.float64)[rows]


def load_prices(name: str) -> Prices:
    """Return the committed series `name`; raises RecordError where there is none or it's invalid.

    `cpi_u`: BLS CPI-U as the engine's parameter file holds it, complete years only.
    """
    record = read_record(_ROOM / f"{name}.json", SCHEMA)
    return Prices(name, {int(year): value for year, value in record["values"].items()})
