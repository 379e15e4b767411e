"""A small frame with incomes and assets: 102 households of two, of one source."""

from __future__ import annotations

import numpy as np

from benchmarks.capital_gains.lots import GAINS
from builder.frame import Frame
from tests.small import HOUSEHOLDS, PERIOD, PERSONS, small_columns

INCOMES = (
    "qualified_dividend_income",
    "non_qualified_dividend_income",
    "taxable_interest_income",
    "charitable_cash_donations",
    "bank_account_assets",
    "stock_assets",
)


def small_frame(seed: int = 0, **changes: np.ndarray) -> Frame:
    """Return the frame; gains come in all sizes, in losses, and not at all for a third."""
    random = np.random.default_rng(seed)
    columns = small_columns(seed)
    for name in INCOMES:
        columns[name] = random.lognormal(7, 2, PERSONS).astype(np.float32)
    sign = random.choice([-1.0, 0.0, 1.0], PERSONS)
    columns[GAINS] = (sign * random.lognormal(9, 3, PERSONS)).astype(np.float32)
    role = np.where(np.arange(PERSONS) % 2, "SPOUSE", "HEAD")
    columns |= {"tax_unit_role_input": role, **changes}
    keys = np.arange(5000, 5000 + HOUSEHOLDS)
    return Frame(columns, PERIOD, np.full(HOUSEHOLDS, "psl-cps"), keys)
