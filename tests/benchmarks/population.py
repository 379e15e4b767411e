"""Generated households for engine tests: the columns a real file has, no real person."""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]
STATES = np.array([fips for fips in range(1, 57) if fips not in (3, 7, 14, 43, 52)])
GROUPS = ("household", "tax_unit", "spm_unit", "family", "marital_unit")


def generated_households(count: int, seed: int = 0) -> Columns:
    """Return the columns of `count` households (one or two tax units each) with shuffled ids."""
    rng = np.random.default_rng(seed)
    couple = rng.random(count) < 0.5
    lodger = rng.random(count) < 0.15
    children = rng.choice(4, count, p=[0.55, 0.2, 0.17, 0.08])
    roles, homes = _people(couple, children, lodger)
    columns = _memberships(roles, homes, rng)
    columns |= _incomes(_ages(roles, homes, rng), rng)
    columns |= {
        "state_fips": rng.choice(STATES, count).astype(np.int32),
        "household_weight": rng.uniform(10_000, 50_000, count).astype(np.float32),
        "spm_unit_pre_subsidy_childcare_expenses": np.where(
            (children > 0) & (rng.random(count) < 0.3), 6_000.0, 0.0
        ).astype(np.float32),
    }
    return columns


def _people(
    couple: np.ndarray, children: np.ndarray, lodger: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return role (head, spouse, child, lodger) and household row of each person."""
    roles: list[str] = []
    homes: list[int] = []
    for home in range(len(couple)):
        here = ["head"] + ["spouse"] * bool(couple[home]) + ["child"] * int(children[home])
        here += ["lodger"] * bool(lodger[home])
        roles += here
        homes += [home] * len(here)
    return np.array(roles), np.array(homes)


def _ages(roles: np.ndarray, homes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    head = rng.integers(22, 88, homes.max() + 1)
    adult = np.clip(head[homes] + rng.integers(-4, 5, len(homes)), 20, 90)
    return np.where(roles == "child", rng.integers(0, 18, len(homes)), adult)


def _memberships(roles: np.ndarray, homes: np.ndarray, rng: np.random.Generator) -> Columns:
    """Return ids and memberships: a lodger is a tax unit and a child a marital unit of its own."""
    person = np.arange(len(roles))
    unit_keys = {
        "household": homes,
        "spm_unit": homes,
        "family": homes,
        "tax_unit": np.where(roles == "lodger", 1_000_000 + person, homes),
        "marital_unit": np.where(np.isin(roles, ["head", "spouse"]), homes, 1_000_000 + person),
    }
    columns: Columns = {"person_id": rng.permutation(len(roles)).astype(np.int64) + 1}
    for group in GROUPS:
        _, index = np.unique(unit_keys[group], return_inverse=True)
        ids = rng.permutation(index.max() + 1).astype(np.int64) + 101
        columns[f"{group}_id"] = ids
        columns[f"person_{group}_id"] = ids[index]
    return columns


def _incomes(age: np.ndarray, rng: np.random.Generator) -> Columns:
    count = len(age)
    adult, old = age >= 18, age >= 66

    def amounts(universe: np.ndarray, share: float, mean: float) -> np.ndarray:
        has = universe & (rng.random(count) < share)
        return np.where(has, rng.lognormal(np.log(mean), 0.8, count), 0.0).astype(np.float32)

    return {
        "age": age.astype(np.float32),
        "employment_income_before_lsr": amounts(adult & ~old, 0.75, 42_000),
        "self_employment_income_before_lsr": amounts(adult & ~old, 0.1, 20_000),
        "taxable_interest_income": amounts(adult, 0.4, 400),
        "qualified_dividend_income": amounts(adult, 0.2, 900),
        "long_term_capital_gains_before_response": amounts(adult, 0.12, 5_000),
        "social_security_retirement": amounts(old, 0.85, 20_000),
        "taxable_private_pension_income": amounts(old, 0.35, 15_000),
        "unemployment_compensation": amounts(adult & ~old, 0.03, 5_000),
        "bank_account_assets": amounts(adult, 0.55, 4_000),
        "stock_assets": amounts(adult, 0.15, 10_000),
        "pre_subsidy_rent": amounts(adult, 0.2, 13_000),
        "real_estate_taxes": amounts(adult, 0.25, 3_500),
        "home_mortgage_interest": amounts(adult, 0.2, 8_000),
        "charitable_cash_donations": amounts(adult, 0.3, 1_200),
        "is_disabled": (rng.random(count) < np.where(old, 0.3, 0.08)),
        "is_blind": rng.random(count) < 0.015,
    }
