"""Donor tables made of a source's canonical tables, as the spec's `table` says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from builder.donors.spec import DonorSpec, Made
from builder.donors.support import SOURCE, SOURCE_KEY, WEIGHT
from builder.embedded.provider import read_source
from builder.sources.protocol import SourceData
from schemas.errors import BuildError


def donor_table(data: SourceData, spec: DonorSpec, *, period: int) -> pd.DataFrame:
    """Return the donor table of a read source: predictors and targets in dollars of `period`.

    Raises BuildError where the spec makes no table, or names a table, column or growth factor
    that is not there.
    """
    if spec.table is None or spec.table.entity not in data.tables or data.weight_column is None:
        raise _no_table(spec, "a weighted table of its own")
    source = data.tables[spec.table.entity]
    wanted = {name for made in spec.table.columns.values() for name in made.columns}
    missing = sorted({*wanted, spec.table.key, data.weight_column} - set(source.columns))
    if missing:
        raise _no_table(spec, f"the column {', '.join(missing)}")
    factors: Mapping[str, float] = {}
    if any(made.growth for made in spec.table.columns.values()):
        factors = growth_factors(spec.table.period, period)
    table = {name: _made(source, made, factors, spec) for name, made in spec.table.columns.items()}
    table[WEIGHT] = source[data.weight_column].to_numpy(dtype=np.float64)
    table[SOURCE_KEY] = source[spec.table.key].to_numpy()
    return pd.DataFrame(table).assign(**{SOURCE: spec.donor})


@cache
def growth_factors(base: int, period: int) -> dict[str, float]:
    """Return taxcalc's growth of amounts per head from the end of year `base` to `period`."""
    return read_source(period, base).growth


def _made(
    source: pd.DataFrame, made: Made, factors: Mapping[str, float], spec: DonorSpec
) -> np.ndarray:
    if made.codes:
        return np.asarray(source[made.columns[0]].isin(made.codes), dtype=np.float64)
    values = source[list(made.columns)].sum(axis=1, skipna=False).to_numpy(dtype=np.float64)
    if made.growth is None:
        return np.asarray(values)
    if made.growth not in factors:
        raise _no_table(spec, f"the growth factor {made.growth}")
    return np.asarray(values * factors[made.growth])


def _no_table(spec: DonorSpec, lacking: str) -> BuildError:
    return BuildError(
        f"donor {spec.donor} for spec {spec.id}: its source has not {lacking}",
        reason="builder.donor_columns",
        remedy="compare the spec's table with the source's variables (builder/sources)",
    )
