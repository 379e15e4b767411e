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

INCUMBENT_SLOT = 0
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
def embedded_source() -> Source:
    """Return the units and growth of the CPS file inside taxcalc, read once per process."""
    mapping = load_mapping()
    return read_source(mapping.period, mapping.base_period)


def incumbent_keys(source: Source, *, households: int = HOUSEHOLDS, seed: int = SEED) -> np.ndarray:
    """Return the source keys of the incumbent's households: nothing else may be made of them."""
    chosen = sample_households(source.units, size=households, slot=INCUMBENT_SLOT, seed=seed)
    return chosen[HOUSEHOLD_KEY].to_numpy()


def build_sample(
    slot: int = INCUMBENT_SLOT, *, households: int = HOUSEHOLDS, seed: int = SEED
) -> Sample:
    """Return the sample of a slot, disjoint from those of other slots of the same size and seed.

    Raises BuildError for an absent or changed source, a source without so many households left, or
    raking that fails.
    """
    source = embedded_source()
    chosen = sample_households(source.units, size=households, slot=slot, seed=seed)
    return sample_of(chosen, source)


def sample_of(chosen: pd.DataFrame, source: Source) -> Sample:
    """Return the sample of chosen households: rows of household key, fips and initial weight.

    Weights are the initial ones raked to published population and households. Raises BuildError
    where raking fails or a mapped variable has no rule.
    """
    mapping = load_mapping()
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
    sample = build_sample(seed=seed)
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
