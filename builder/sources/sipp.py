"""SIPP public-use file: one row per person and month, brought to the reference year's December.

Source: Census Bureau, SIPP users' guide: SSUID and PNUM identify a person, MONTHCODE the month of
the reference year (the year before the file's); WPFINWGT is the person's weight in that month.
"""

from __future__ import annotations

import pandas as pd

from builder.sources.derive import derived
from builder.sources.errors import format_error
from builder.sources.raw import RawSource

_DECEMBER = 12
_KEYS = ["SSUID", "PNUM"]


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return the person table: who is there in December, with that month's weight.

    Amounts declared as sums add up the months the person was observed in (`months_observed`);
    everything else is December's. Raises BuildError for a person with one month twice.
    """
    raw = source.read("person", keys=("PNUM", "MONTHCODE"), text=("SSUID",))
    if raw.duplicated([*_KEYS, "MONTHCODE"]).any():
        raise format_error(f"{source.label('person')}: a person has a month twice", "key_twice")
    months = pd.MultiIndex.from_frame(raw[_KEYS])
    december = raw[raw["MONTHCODE"] == _DECEMBER].reset_index(drop=True)
    place = pd.MultiIndex.from_frame(december[_KEYS])
    variables = source.variables("person")
    monthly = [each for each in variables if each["from"].get("months") == "sum"]
    at_december = [each for each in variables if each not in monthly]
    label = source.label("person")
    summed = derived(raw, monthly, label).groupby(months).sum().reindex(place)
    table = derived(december, at_december, label)
    for name in summed.columns:
        table[name] = summed[name].to_numpy()
    observed = raw.groupby(months).size().reindex(place)
    table.insert(0, "household_key", december["SSUID"])
    table.insert(1, "line", december["PNUM"].astype("int64"))
    table.insert(2, "months_observed", observed.to_numpy())
    return {"person": table.assign(person_weight=source.weights(december))}
