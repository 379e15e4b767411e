"""Build the embedded data sets: a sample of source households to period arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from builder.embedded.amounts import Columns, mapped_amounts
from builder.embedded.derived import derived_columns
from builder.embedded.mapping import Mapping, load_mapping
from builder.embedded.population import Population, build_population
from builder.embedded.provider import HOUSEHOLD_KEY, Source, read_source
from builder.embedded.sampling import sample_households
from builder.embedded.weights import Controls, household_controls, rake
from schemas.errors import BuildError
from schemas.writers import write_period_arrays

SLOTS = {"incumbent": 0, "candidate": 1}
HOUSEHOLDS = 4000
SEED = 2024
_GROUPS = {
    "household": "household",
    "tax_unit": "tax_unit",
    "spm_unit": "family",
    "family": "family",
    "marital_unit": "marital",
}


@dataclass(frozen=True)
class Sample:
    """One built sample: columns to store, and what they were made of (for checks)."""

    columns: Columns
    people: Population
    source: Source
    mapping: Mapping
    controls: Controls
    household_keys: np.ndarray
    initial_weights: np.ndarray


@cache
def _source() -> Source:
    mapping = load_mapping()
    return read_source(mapping.period, mapping.base_period)


def build_sample(role: str, *, households: int = HOUSEHOLDS, seed: int = SEED) -> Sample:
    """Return the sample of a role; same role, size and seed give the same columns.

    Raises BuildError for an unknown role, an absent or changed source, or raking that fails.
    """
    if role not in SLOTS:
        raise BuildError(
            f"no embedded data set is called {role!r}",
            reason="builder.unknown_role",
            remedy=f"use one of: {', '.join(SLOTS)}",
        )
    source, mapping = _source(), load_mapping()
    chosen = sample_households(source.units, size=households, slot=SLOTS[role], seed=seed)
    units = source.units[source.units[HOUSEHOLD_KEY].isin(chosen[HOUSEHOLD_KEY])]
    people = build_population(units, int(mapping.constants["oldest_adult_dependant"]))
    controls = household_controls(people, chosen["fips"].to_numpy())
    initial = chosen["weight"].to_numpy(dtype=np.float64)
    columns = _identifiers(people) | _demographics(people, chosen)
    columns["household_weight"] = rake(initial, controls)
    amounts = mapped_amounts(people, mapping, source.growth)
    columns |= amounts | derived_columns(people, mapping, source.growth, amounts)
    _check_complete(columns, mapping)
    keys = chosen[HOUSEHOLD_KEY].to_numpy()
    return Sample(_compact(columns), people, source, mapping, controls, keys, initial)


def build_incumbent(out: Path | str, *, seed: int = SEED) -> Sample:
    """Write the embedded incumbent `psl-cps-2024` to `out` and return its sample."""
    sample = build_sample("incumbent", seed=seed)
    write_period_arrays(out, sample.columns, sample.mapping.period)
    return sample


def _identifiers(people: Population) -> Columns:
    columns: Columns = {"person_id": np.arange(1, len(people.persons) + 1)}
    for entity, group in _GROUPS.items():
        columns[f"{entity}_id"] = np.arange(1, people.sizes[group] + 1)
        columns[f"person_{entity}_id"] = people.persons[group].to_numpy() + 1
    return columns


def _demographics(people: Population, chosen: pd.DataFrame) -> Columns:
    return {
        "age": people.persons["age"].to_numpy(),
        "tax_unit_role_input": people.persons["role"].to_numpy().astype("U9"),
        "state_fips": chosen["fips"].to_numpy(),
    }


def _check_complete(columns: Columns, mapping: Mapping) -> None:
    """Refuse a mapped variable that no code made: the table and the code must agree."""
    missing = sorted(mapping.variables() - set(columns))
    if missing:
        raise BuildError(
            f"no rule makes {', '.join(missing)}",
            reason="builder.mapping_without_rule",
            remedy="add the rule in builder/embedded, or drop the row of the mapping",
        )


def _compact(columns: Columns) -> Columns:
    """Return ids and codes as int32, dollars as float32, weights as float64 (2 decimals)."""
    compact: Columns = {}
    for name, values in columns.items():
        if name == "household_weight" or values.dtype.kind in "bU":
            compact[name] = values
        elif values.dtype.kind in "iu":
            compact[name] = values.astype(np.int32)
        else:
            compact[name] = values.astype(np.float32)
    return compact
