"""The synthetic file of the speed benchmark: real variable names, generated values, no survey."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import state_population
from schemas.dataset import GROUP_ENTITIES, id_name, membership_name
from schemas.engine_metadata import VariableInfo, counties, variable_table
from schemas.records import read_record
from schemas.writers import write_entity_tables

GOALS = Path(__file__).with_name("contract_speed.json")
PERIOD = 2024
Columns = dict[str, np.ndarray]


@cache
def goals() -> dict[str, Any]:
    """Return the goals, and the columns of the synthetic file by entity."""
    return read_record(GOALS, "contract_speed_goals")


def write_synthetic(path: Path, households: int) -> None:
    """Write the synthetic entity-table file; equal numbers of households give equal bytes."""
    write_entity_tables(path, synthetic_columns(households), PERIOD)


def synthetic_columns(households: int) -> Columns:
    """Return every column of a file of that many households; 51 or more fill every state."""
    random = np.random.default_rng(0)
    columns = _people(households, random) | _places(households, random)
    sizes = np.bincount(columns[membership_name("household")])[1:]
    columns["household_weight"] = _state_weights(columns["state_fips"], sizes)
    for entity, names in goals()["columns"].items():
        length = len(columns[id_name(entity)])
        for name in (name for name in names if name not in columns):
            columns[name] = _values(variable_table()[name], length, random)
    return columns


def _people(households: int, random: np.random.Generator) -> Columns:
    """Return ids, memberships and ages: a head, perhaps a partner or lodger, then children."""
    sizes = random.choice(np.arange(1, 7), households, p=[0.25, 0.31, 0.17, 0.15, 0.08, 0.04])
    homes = np.repeat(np.arange(households), sizes)
    persons = np.arange(len(homes))
    place = persons - np.repeat(np.cumsum(sizes) - sizes, sizes)
    lodger = (place == 1) & (random.random(len(homes)) < 0.3)
    alone = {"tax_unit": lodger, "marital_unit": lodger | (place > 1)}
    columns: Columns = {"person_id": persons + 1}
    for entity in GROUP_ENTITIES:
        key = np.where(alone.get(entity, False), households + persons, homes)
        _, unit = np.unique(key, return_inverse=True)
        columns[id_name(entity)] = np.arange(1, unit.max() + 2)
        columns[membership_name(entity)] = unit + 1
    child, adult = (random.integers(low, high, len(homes)) for low, high in ((0, 18), (18, 86)))
    return columns | {"age": np.where(place > 1, child, adult).astype("f4")}


def _places(households: int, random: np.random.Generator) -> Columns:
    """Return the state, a county of it and the codes below it of each household."""
    states = np.resize(list(state_population()), households).astype("i4")
    county = np.empty(households, dtype="U5")
    for state in state_population():
        codes = sorted(code for code in counties() if int(code[:2]) == state)
        county[states == state] = random.choice(codes, np.count_nonzero(states == state))
    tract = np.char.add(county, random.integers(10**5, 10**6, households).astype("U6"))
    block = np.char.add(tract, random.integers(10**3, 10**4, households).astype("U4"))
    district = states * 100 + 1
    below = {"county_fips": county, "tract_geoid": tract, "block_geoid": block}
    return {"state_fips": states, "congressional_district_geoid": district, **below}


def _state_weights(states: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return one weight per state, with which its persons sum to the published population."""
    persons = np.bincount(states, weights=sizes)
    return np.array([state_population()[each] / persons[each] for each in states.tolist()], "f4")


def _values(info: VariableInfo, length: int, random: np.random.Generator) -> np.ndarray:
    """Return generated values of the variable's own type; most amounts are 0."""
    amounts, whole = goals()["amounts"], goals()["whole_numbers"]
    if info.value_type == "bool":
        return random.random(length) < 0.3
    if info.value_type == "Enum":
        return random.choice(np.array(info.enum), length)
    if info.value_type == "int" or info.name in whole:
        low, high = whole.get(info.name, whole["default"])
        values = random.integers(low, high + 1, length)
        return values.astype("i4" if info.value_type == "int" else "f4")
    share = 0.5 if info.name == "employment_income_before_lsr" else 0.2
    mean, spread = amounts.get(info.name, amounts["default"])
    drawn = random.lognormal(mean, spread, length)
    return np.where(random.random(length) < share, drawn, 0).astype("f4")
