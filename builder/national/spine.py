"""The spine: which CPS households carry the file, and their initial weights.

A systematic sample with probability proportional to size (Madow 1949), size being the source
weight times how often the household's income band is taken: tax targets need records at the top,
and a proportional sample has few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from builder.embedded.hashing import draw
from builder.embedded.mapping import load_mapping
from builder.embedded.provider import HOUSEHOLD_KEY, WEIGHT, Source
from schemas.errors import BuildError

INCOMES = (
    "e00200",
    "e00300",
    "e00400",
    "e00600",
    "e00900",
    "e01100",
    "e01400",
    "e01500",
    "e02100",
    "e02300",
    "e02400",
)
_HALVINGS = 100  # of an interval in double precision: no gap is left


@dataclass(frozen=True)
class Oversampling:
    """Income bands (upper bounds in dollars, the last open) and how often each is taken."""

    upper: tuple[float, ...]
    factor: tuple[float, ...]

    def of(self, income: np.ndarray) -> np.ndarray:
        """Return the factor of each household's income."""
        return np.asarray(np.array(self.factor)[np.digitize(income, self.upper)])


def household_frame(source: Source) -> pd.DataFrame:
    """Return one row per source household: key, fips, weight (2024), income in 2024 dollars."""
    units = source.units
    growth = _growth_of_columns(source)
    income = sum(units[name] * growth[name] for name in INCOMES)
    grouped = units.assign(income=income).groupby(HOUSEHOLD_KEY, sort=True)
    return grouped.agg(
        fips=("fips", "first"), weight=(WEIGHT, "mean"), income=("income", "sum")
    ).reset_index()


def _growth_of_columns(source: Source) -> dict[str, float]:
    """Return the growth factor the mapping gives each income column."""
    factors = {
        column: source.growth[row.growth]
        for row in load_mapping().rows
        for column in (*row.columns, *row.less)
        if row.growth
    }
    per_person = {"e00200": "e00200p", "e00900": "e00900p", "e02100": "e02100p"}
    return {name: factors[per_person.get(name, name)] for name in INCOMES}


def choose_households(
    frame: pd.DataFrame,
    *,
    size: int,
    excluded: Sequence[int],
    oversampling: Oversampling,
    smallest: int,
    seed: int,
) -> pd.DataFrame:
    """Return `size` households with the weight that each stands for: key, fips, weight.

    `excluded` keys (the incumbent's households) are never chosen. Every state gets at least
    `smallest` records. Households are ordered by state and income, so the sample is spread over
    both. Raises BuildError where the frame cannot give that many.
    """
    pool = frame[~frame[HOUSEHOLD_KEY].isin(excluded)].sort_values(
        ["fips", "income", HOUSEHOLD_KEY], kind="stable"
    )
    if len(pool) < size:
        raise BuildError(
            f"{len(pool)} households are left for a spine of {size}",
            reason="spine.exhausted",
            remedy="ask for fewer households in the build's configuration",
        )
    wanted = pool["weight"].to_numpy() * oversampling.of(pool["income"].to_numpy())
    chance = _chances(wanted, pool["fips"].to_numpy(), size, smallest)
    ends = np.cumsum(chance)
    start = float(draw(seed)[0])
    taken = np.floor(ends - start + 1) > np.floor(np.append(0.0, ends[:-1]) - start + 1)
    chosen = pool[taken].assign(weight=pool["weight"][taken] / chance[taken])
    return chosen.sort_values(HOUSEHOLD_KEY)[[HOUSEHOLD_KEY, "fips", "weight"]].reset_index(
        drop=True
    )


def _chances(size_of: np.ndarray, fips: np.ndarray, size: int, smallest: int) -> np.ndarray:
    """Return inclusion probabilities that sum to `size`, at most 1, states at least `smallest`."""
    states, state = np.unique(fips, return_inverse=True)
    if size < smallest * len(states):
        raise BuildError(
            f"{size} households cannot give each of {len(states)} states {smallest}",
            reason="spine.too_small",
            remedy=f"ask for at least {smallest * len(states)} households",
        )
    held = np.bincount(state)
    if held.min() < smallest:
        raise BuildError(
            f"state {states[held.argmin()]} has {held.min()} households left, not {smallest}",
            reason="spine.exhausted",
            remedy="lower spine.smallest_state in the build's configuration",
        )
    share = _shares(np.bincount(state, weights=size_of), held, size, smallest)
    chance = np.zeros(len(size_of))
    for index in range(len(states)):
        rows = np.flatnonzero(state == index)
        chance[rows] = _capped(size_of[rows], float(share[index]))
    return chance


def _shares(per_state: np.ndarray, held: np.ndarray, size: int, smallest: int) -> np.ndarray:
    """Return expected records per state, in proportion as far as floor and supply allow."""
    low, high = 0.0, float((held / per_state).max())
    for _ in range(_HALVINGS):  # the factor at which the shares add up to `size`
        factor = (low + high) / 2
        too_many = np.clip(factor * per_state, smallest, held).sum() > size
        low, high = (low, factor) if too_many else (factor, high)
    return np.clip(high * per_state, smallest, held)


def _capped(size_of: np.ndarray, total: float) -> np.ndarray:
    """Return probabilities in proportion to size, none above 1, that sum to `total`."""
    sure = np.zeros(len(size_of), dtype=bool)
    while True:
        chance = np.ones(len(size_of))
        if not sure.all():
            chance[~sure] = (total - sure.sum()) * size_of[~sure] / size_of[~sure].sum()
        over = ~sure & (chance > 1)
        if not over.any():
            return chance
        sure |= over
