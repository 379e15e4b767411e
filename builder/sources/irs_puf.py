"""IRS individual public-use file, from a path the user supplies: it cannot be redistributed.

Source: SOI Division, General Description Booklet for the 2015 Public Use Tax File: S006 has two
implied decimals; four records (MARS 0) are aggregates of returns too rare to be shown singly.
"""

from __future__ import annotations

import pandas as pd

from builder.sources.raw import RawSource

_AGGREGATE = 0


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return tax units, and apart from them the aggregate records, which are no single return."""
    raw = source.read("tax_unit", keys=("RECID", "MARS"))
    table = source.derive("tax_unit", raw)
    table.insert(0, "tax_unit_key", raw["RECID"].astype("int64"))
    table["tax_unit_weight"] = source.weights(raw)
    aggregate = raw["MARS"] == _AGGREGATE
    return {
        "tax_unit": table[~aggregate].reset_index(drop=True),
        "aggregate_tax_unit": table[aggregate].reset_index(drop=True),
    }
