"""Disjoint deterministic samples of source households, in every state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from builder.embedded.hashing import draw
from builder.embedded.provider import HOUSEHOLD_KEY, WEIGHT
from schemas.errors import BuildError


def sample_households(
    units: pd.DataFrame, *, size: int, slot: int, seed: int, smallest: int = 20
) -> pd.DataFrame:
    """Return `size` households: key, fips, and initial weight standing for the whole source.

    Households are ranked within their state by a hash of key and seed; slot 0 takes the first
    places, slot 1 the next, so different slots never share a household. A state gets a share
    in proportion to its source households, at least `smallest`. The initial weight is the mean
    weight of the household's tax units times source over sampled weight of the state.
    """
    frame = units.groupby(HOUSEHOLD_KEY, sort=True).agg(
        fips=("fips", "first"), weight=(WEIGHT, "mean")
    )
    frame = frame.reset_index()
    places = _allocate(frame["fips"].value_counts().sort_index(), size, smallest)
    frame["draw"] = draw(frame[HOUSEHOLD_KEY].to_numpy(), seed)
    frame = frame.sort_values(["fips", "draw", HOUSEHOLD_KEY], kind="stable")
    rank = frame.groupby("fips").cumcount()
    wanted = frame["fips"].map(places)
    chosen = frame[(rank >= slot * wanted) & (rank < (slot + 1) * wanted)]
    if len(chosen) != size:
        raise BuildError(
            f"the source holds {len(chosen)} of {size} households for sample {slot}",
            reason="builder.sample_exhausted",
            remedy="ask for a smaller sample",
        )
    lift = frame.groupby("fips")["weight"].sum() / chosen.groupby("fips")["weight"].sum()
    chosen = chosen.assign(weight=chosen["weight"] * chosen["fips"].map(lift))
    return chosen.sort_values(HOUSEHOLD_KEY)[[HOUSEHOLD_KEY, "fips", "weight"]].reset_index(
        drop=True
    )


def _allocate(counts: pd.Series, size: int, smallest: int) -> pd.Series:
    """Return places per state by largest remainder above the floor."""
    spare = size - smallest * len(counts)
    if spare < 0:
        raise BuildError(
            f"{size} households cannot give each of {len(counts)} states {smallest}",
            reason="builder.sample_too_small",
            remedy=f"ask for at least {smallest * len(counts)} households",
        )
    exact = counts / counts.sum() * spare
    places = np.floor(exact).astype(np.int64)
    rest = int(spare - places.sum())
    order = (exact - places).sort_values(ascending=False, kind="stable").index[:rest]
    places.loc[order] += 1
    floored: pd.Series = places + smallest
    return floored
