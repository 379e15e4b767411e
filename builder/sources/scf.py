"""SCF summary extract: primary economic units in five implicates each, in dollars of the survey.

Source: Federal Reserve Board, Bulletin macro of the SCF: WGT is X42001 / 5, so that the five rows
of a unit together carry its weight; Y1 is ten times the unit's YY1 plus the implicate, 1 to 5.
"""

from __future__ import annotations

import pandas as pd

from builder.sources.errors import format_error
from builder.sources.raw import RawSource

_IMPLICATES = 5
_STEP = 10


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return the household table with five rows per unit: their weights add up to the population.

    Raises BuildError for a unit that does not have each of its five implicates once.
    """
    raw = source.read("household", keys=("YY1", "Y1"))
    implicate = raw["Y1"] - _STEP * raw["YY1"]
    _check_implicates(source, raw["YY1"], implicate)
    table = source.derive("household", raw)
    table.insert(0, "household_key", raw["YY1"].astype("int64"))
    table.insert(1, "implicate", implicate.astype("int64"))
    return {"household": table.assign(household_weight=source.weights(raw))}


def _check_implicates(source: RawSource, units: pd.Series, implicate: pd.Series) -> None:
    known = implicate.isin(range(1, _IMPLICATES + 1))
    complete = implicate.groupby(units).nunique() == _IMPLICATES
    if not known.all() or not complete.all() or len(units) != _IMPLICATES * units.nunique():
        raise format_error(
            f"{source.label('household')}: not every YY1 has implicates 1 to {_IMPLICATES} once",
            "implicates",
        )
