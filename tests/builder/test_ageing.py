"""Ageing and weights against taxcalc's own: its Records, advanced to 2024 year by year."""

from __future__ import annotations

import numpy as np
import pytest
from taxcalc import Records

from builder.embedded.build import Sample
from builder.embedded.mapping import Row, aged_amount, load_mapping
from builder.embedded.provider import HOUSEHOLD_KEY

MAPPING = load_mapping()
DOLLARS = [row for row in MAPPING.rows if row.unit == "usd" and row.growth]


@pytest.fixture(scope="module")
def records() -> Records:
    advanced = Records.cps_constructor()
    while advanced.current_year < MAPPING.period:
        advanced.increment_year()
    return advanced


@pytest.mark.parametrize("row", DOLLARS, ids=lambda row: f"{row.columns[0]}-{row.variables[0]}")
def test_dollars_are_aged_as_taxcalc_ages_them(
    row: Row, incumbent: Sample, records: Records
) -> None:
    """Constants (yields) divide the result; units whose household was left out are not compared."""
    units = incumbent.source.units
    place = np.searchsorted(records.RECID, units["RECID"])
    plus = sum(getattr(records, name)[place] for name in row.columns)
    less = sum(getattr(records, name)[place] for name in row.less)
    ours = aged_amount(row, units, incumbent.source.growth, MAPPING.constants)
    scale = MAPPING.constants[row.divide_by] if row.divide_by else 1.0
    assert np.allclose(ours * scale, plus - less, rtol=1e-4, atol=0.05)


def test_unit_weights_are_taxcalc_weights(incumbent: Sample, records: Records) -> None:
    units = incumbent.source.units
    place = np.searchsorted(records.RECID, units["RECID"])
    assert np.allclose(units["unit_weight"], records.s006[place])
    assert units[HOUSEHOLD_KEY].is_monotonic_increasing
