"""The sound file that every fault spoils: 102 households, every input of the embedded incumbent."""

from __future__ import annotations

import numpy as np

from baselines.profiles import load_profile
from schemas.engine_metadata import counties, variable_table
from tests.small import HOUSEHOLDS, PERSONS, Columns, small_columns

INCUMBENT = "psl-cps-2024"
LEAST_SHARE = 0.1  # so that 102 records hold a handful of every rare input
SIZES = {"person": PERSONS}
ROLE = "tax_unit_role_input"


def good_columns() -> Columns:
    """Return columns that break no contract check, populated like the embedded incumbent."""
    random = np.random.default_rng(11)
    columns = small_columns()
    profile = load_profile(INCUMBENT)
    assert profile is not None
    for each in profile["inputs"]:
        if each["name"] not in columns and each["name"] != ROLE:
            columns[each["name"]] = _input(random, each["name"], each["nonzero_share"])
    columns[ROLE] = _roles(columns["age"])
    columns |= _beside_the_incumbent(random, columns["state_fips"], columns["age"])
    return {name: np.array(values) for name, values in sorted(columns.items())}


def _input(random: np.random.Generator, name: str, share: float) -> np.ndarray:
    variable = variable_table()[name]
    size = SIZES.get(variable.entity, HOUSEHOLDS)
    held = random.random(size) < max(share, LEAST_SHARE)
    held[:2] = [True, False]
    if variable.value_type == "bool":
        return held
    return (random.lognormal(7, 0.8, size).round() * held).astype(np.float32)


def _roles(ages: np.ndarray) -> np.ndarray:
    """Return one head per tax unit; the engine stops at a unit with none, or with two."""
    second = np.where(ages >= 18, "SPOUSE", "DEPENDENT")
    return np.where(np.arange(PERSONS) % 2 == 0, "HEAD", second)


def _beside_the_incumbent(
    random: np.random.Generator, states: np.ndarray, ages: np.ndarray
) -> Columns:
    """Return inputs of the eCPS that the embedded incumbent lacks, of every kind of value."""
    wage = (random.lognormal(3, 0.5, PERSONS) * (ages >= 18)).astype(np.float32)
    return {
        "county_fips": np.array([_county(state) for state in states.tolist()]),
        "hourly_wage": wage,
        "weekly_hours_worked_before_lsr": (random.integers(0, 60, PERSONS)).astype(np.float32),
        "is_female": random.random(PERSONS) < 0.51,
        "cps_race": random.integers(1, 27, PERSONS),
        "own_children_in_household": random.integers(0, 4, PERSONS),
        "immigration_status_str": random.choice(["CITIZEN", "LEGAL_PERMANENT_RESIDENT"], PERSONS),
        "ssn_card_type": random.choice(["CITIZEN", "NONE"], PERSONS),
        "net_worth": random.lognormal(11, 1, HOUSEHOLDS).astype(np.float32),
        "first_home_mortgage_balance": random.lognormal(11, 1, HOUSEHOLDS).astype(np.float32),
    }


def _county(state: int) -> str:
    """Return the first county of a state in the engine's list of 2020."""
    return min(code for code in counties() if code.startswith(f"{state:02d}"))
