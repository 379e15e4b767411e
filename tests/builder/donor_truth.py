"""Frames and donor tables of known truth, small enough for a forest in a second."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from builder.donors.spec import DonorSpec, ForestSettings, SignSettings, Support
from builder.frame import Frame

INTEREST, GAINS = "taxable_interest_income", "short_term_capital_gains"
OLD = 50


def spec(**changes: Any) -> DonorSpec:
    """Return a spec of tax units: interest, then gains, from age and employment income."""
    plain = DonorSpec(
        id="truth",
        donor="made-up",
        entity="tax_unit",
        predictors=("age", "employment_income"),
        targets=(INTEREST, GAINS),
        totals={},
        universe={},
        origins=None,
        only_absent=False,
        chained=True,
        allocation="head",
        minimum_donors=10,
        draw_seed=0,
        sign_model=SignSettings(20, 50, 100_000),
        forest=ForestSettings(20, 10, 100, 100_000, 100),
        support=Support(extrapolates=False, ranges={}),
    )
    return replace(plain, **changes)


def singles(ages: np.ndarray, **columns: np.ndarray) -> Frame:
    """Return single-person households, one weight each, with the given person columns."""
    count = len(ages)
    ids = np.arange(1, count + 1)
    own = {"person_id": ids, "age": ages, "employment_income_before_lsr": np.zeros(count)}
    for entity in ("tax_unit", "household"):
        own |= {f"{entity}_id": ids, f"person_{entity}_id": ids}
    own |= {"tax_unit_role_input": np.full(count, "HEAD"), "household_weight": np.ones(count)}
    return Frame(own | columns, 2024, np.full(count, "made-up"), np.arange(count) + 7_000)


def recipients(count: int = 3000) -> Frame:
    """Return recipients of ages 20 to 79 with wages."""
    rng = np.random.default_rng(5)
    wages = np.round(rng.lognormal(10, 0.5, count))
    return singles(rng.integers(20, 80, count), employment_income_before_lsr=wages)


def donors(count: int = 8000) -> pd.DataFrame:
    """Return donors. Interest: zero for 80 % below 50 years and 30 % from there on, else around
    500 and 4,000 (log-normal, 0.8). Gains: 20 % below zero, 50 % zero, 30 % above; their size is
    interest (500 where none) times 10 times a log-normal factor of 0.3.
    """
    rng = np.random.default_rng(3)
    age = rng.integers(20, 80, count).astype(float)
    some = rng.random(count) > np.where(age < OLD, 0.8, 0.3)
    interest = some * np.where(age < OLD, 500, 4000) * np.exp(0.8 * rng.standard_normal(count))
    sign = rng.choice([-1, 0, 1], count, p=[0.2, 0.5, 0.3])
    size = 10 * np.where(some, interest, 500) * np.exp(0.3 * rng.standard_normal(count))
    return pd.DataFrame(
        {
            "age": age,
            "employment_income": np.round(rng.lognormal(10, 0.5, count)),
            INTEREST: interest,
            GAINS: sign * size,
            "weight": np.ones(count),
            "source_key": np.arange(count) + 100_000,
        }
    )
