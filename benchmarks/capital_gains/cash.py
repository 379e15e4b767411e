"""Indexing lowers the gain that is taxed, not the cash: households keep what they sold for.

The reform arm computes taxes from indexed gains, which the engine also counts as market income.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scoring.arrays import SimulatedArrays
from schemas.errors import MeasureError

MARKET_INCOME = "household_market_income"
NET_INCOME = "household_net_income"
EQUIVALISED = "equiv_household_net_income"
# Outputs in which the gains count as resources and cannot be put back from outside.
_NOT_RESTORED = ("spm_unit_is_in_spm_poverty", "spm_unit_is_in_deep_spm_poverty")


@dataclass(frozen=True)
class RestoredArrays:
    """Arrays of a reform arm with the cash put back; otherwise those of the simulation."""

    arrays: dict[str, np.ndarray]
    entity: Any
    person_to: Any
    sizes: Any
    meta: Any


def with_cash_gains(baseline: SimulatedArrays, reform: SimulatedArrays) -> RestoredArrays:
    """Return the arm with market income as in the baseline, and net income higher by the rest.

    Equivalised net income follows by root household size, as the engine defines it. Poverty is
    left out: its resources hold the replaced gains. Raises MeasureError for an absent output.
    """
    arrays = {name: each for name, each in reform.arrays.items() if name not in _NOT_RESTORED}
    for name in (MARKET_INCOME, NET_INCOME, EQUIVALISED):
        if name not in arrays or name not in baseline.arrays:
            raise MeasureError(
                f"the simulation holds no {name}",
                reason="measure.missing_output",
                remedy="simulate with the outputs that the suite requires",
            )
    income = np.asarray(baseline.arrays[MARKET_INCOME], dtype=np.float64)
    cash = income - np.asarray(arrays[MARKET_INCOME], dtype=np.float64)
    people = np.bincount(reform.person_to["household"], minlength=reform.sizes["household"])
    arrays[MARKET_INCOME] = income
    arrays[NET_INCOME] = np.asarray(arrays[NET_INCOME], dtype=np.float64) + cash
    arrays[EQUIVALISED] = np.asarray(arrays[EQUIVALISED], dtype=np.float64) + cash / np.sqrt(people)
    return RestoredArrays(arrays, reform.entity, reform.person_to, reform.sizes, reform.meta)
