"""ACS 1-year PUMS: a fixed sample of occupied housing units with their persons.

Source: Census Bureau, PUMS data dictionary and user guide: SERIALNO is text; ADJINC and ADJHSG
have six implied decimals and bring dollars to the file's year; group quarters have WGTP 0.
"""

from __future__ import annotations

from hashlib import sha256

import pandas as pd

from builder.sources.errors import format_error
from builder.sources.raw import RawSource

_HOUSING_UNIT = 1
_KEY = "SERIALNO"


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return household and person tables of `sample_households` occupied housing units.

    The sample takes the smallest sha256 of SERIALNO, so that it depends on nothing else; weights
    are divided by the state's sampled share of weight, so that state totals are the file's own.
    `left_out` has one row: records of group quarters (one per resident) and of vacant units.
    Raises BuildError where persons and the household's NP disagree.
    """
    universe = _Universe()
    keys = ("TYPEHUGQ", "NP", "STATE")
    homes = source.read("household", keys=keys, text=(_KEY,), keep=universe.keep)
    if homes[_KEY].duplicated().any():
        raise format_error(f"{source.entry.id}: a SERIALNO occurs twice", "key_twice")
    weights = source.weights(homes)
    chosen = _sampled(homes[_KEY], source.entry.settings["sample_households"])
    states = homes["STATE"]
    sampled_share = weights[chosen].groupby(states[chosen]).sum() / weights.groupby(states).sum()
    if sampled_share.isna().any():
        raise format_error(
            f"{source.entry.id}: a sample of {len(homes[chosen]):,} households leaves out state "
            f"{sampled_share.index[sampled_share.isna()][0]:.0f}",
            "sample_too_small",
        )
    weights = weights[chosen] / states[chosen].map(sampled_share)
    homes = homes[chosen].reset_index(drop=True)
    people = source.read(
        "person",
        keys=("SPORDER",),
        text=(_KEY,),
        keep=lambda rows: rows[_KEY].isin(homes[_KEY]),
    )
    _check_counts(source, homes, people)
    household = source.derive("household", homes)
    household.insert(0, "household_key", homes[_KEY])
    household["household_weight"] = weights.to_numpy()
    person = source.derive("person", people)
    person.insert(0, "household_key", people[_KEY])
    person.insert(1, "line", people["SPORDER"].astype("int64"))
    return {"household": household, "person": person, "left_out": universe.left_out()}


class _Universe:
    """Keeps the rows of occupied housing units, and counts the others."""

    def __init__(self) -> None:
        self._group_quarters = 0
        self._vacant = 0

    def keep(self, rows: pd.DataFrame) -> pd.Series[bool]:
        """Return which rows of the next part of the file are in the universe."""
        housing = rows["TYPEHUGQ"] == _HOUSING_UNIT
        occupied = housing & (rows["NP"] > 0)
        self._group_quarters += int((~housing).sum())
        self._vacant += int((housing & ~occupied).sum())
        return occupied

    def left_out(self) -> pd.DataFrame:
        """Return the counts so far, one row."""
        return pd.DataFrame({"group_quarters": [self._group_quarters], "vacant": [self._vacant]})


def _sampled(serials: pd.Series, size: int) -> pd.Series[bool]:
    """Return which serials are among the `size` with the smallest sha256."""
    places = serials.map(lambda serial: int.from_bytes(sha256(serial.encode()).digest()[:6]))
    return places.rank(method="first") <= size


def _check_counts(source: RawSource, homes: pd.DataFrame, people: pd.DataFrame) -> None:
    found = people[_KEY].value_counts().reindex(homes[_KEY]).fillna(0).to_numpy()
    wrong = homes.loc[found != homes["NP"].to_numpy(), _KEY]
    if len(wrong):
        raise format_error(
            f"{source.label('person')} has other persons than NP says in {len(wrong):,} "
            f"households ({wrong.iloc[0]} is the first)",
            "orphans",
        )
