"""Experiment: does a stored value of a computed variable override the engine's rules?

Documentation disagrees, so the same households are loaded with and without stored results, in both
layouts. Every stored value is one that no rule could arrive at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from schemas.errors import MeasureError
from schemas.writers import write_period_arrays

YEAR = 2024
HOUSEHOLDS = 24
GROUPS = ("household", "tax_unit", "spm_unit", "family", "marital_unit")
LAYOUTS = ("period_arrays", "entity_tables")
STORED = {
    "adjusted_gross_income": "tax_unit",
    "dividend_income": "person",
    "employment_income": "person",
    "income_tax": "tax_unit",
    "person_weight": "person",
    "snap": "spm_unit",
    "social_security": "person",
}
Tables = dict[str, dict[str, np.ndarray]]


def stored_value_effects(folder: Path) -> dict[str, dict[str, bool]]:
    """Return per variable of STORED and layout whether the stored value came back."""
    found = {layout: _effects(folder, layout) for layout in LAYOUTS}
    return {name: {layout: found[layout][name] for layout in LAYOUTS} for name in STORED}


def _effects(folder: Path, layout: str) -> dict[str, bool]:
    plain, stored = households(), households()
    for name, entity in STORED.items():
        stored[entity][name] = impossible_values(name, len(stored[entity][f"{entity}_id"]))
    computed = _calculate(_write(folder / f"plain_{layout}.h5", plain, layout), layout)
    returned = _calculate(_write(folder / f"stored_{layout}.h5", stored, layout), layout)
    return {
        name: overrides(name, stored[entity][name], returned[name], computed[name])
        for name, entity in STORED.items()
    }


def overrides(name: str, stored: np.ndarray, returned: np.ndarray, computed: np.ndarray) -> bool:
    """Decide whether the stored values came back, or those the rules compute without them.

    Raises MeasureError if they are neither, or if the two cannot be told apart.
    """
    as_stored = np.allclose(returned, stored, rtol=1e-4)
    as_computed = np.allclose(returned, computed, rtol=1e-4)
    if as_stored != as_computed:
        return as_stored
    what = "both as stored and as computed" if as_stored else "neither as stored nor as computed"
    raise MeasureError(
        f"{name} comes back {what}: stored {stored[:3]}, returned {returned[:3]}, "
        f"computed {computed[:3]}",
        reason="engine.override_unclear",
        remedy=f"look at how this engine version loads {name}",
    )


def impossible_values(name: str, length: int) -> np.ndarray:
    """Return distinct values that depend on the name, in whole dollars (exact as float32)."""
    start = 100_003 + 1_000 * sorted(STORED).index(name)
    return (start + 7 * np.arange(length)).astype(np.float32)


def households() -> Tables:
    """Return one adult and one child per household, half of them old, by entity."""
    home = np.arange(HOUSEHOLDS)
    person_home = np.repeat(home, 2)
    adult = np.tile([True, False], HOUSEHOLDS)
    old = adult & (person_home % 2 == 1)
    person = np.arange(2 * HOUSEHOLDS)
    tables: Tables = {group: {f"{group}_id": home + 1} for group in GROUPS}
    tables["marital_unit"] = {"marital_unit_id": person + 1}
    tables["person"] = {
        "person_id": person + 1,
        **{f"person_{group}_id": person_home + 1 for group in GROUPS},
        "person_marital_unit_id": person + 1,
        "age": np.where(adult, np.where(old, 70, 40), 8).astype(np.float32),
        "employment_income_before_lsr": (9_000.0 * (adult & ~old) * person_home).astype(np.float32),
        "qualified_dividend_income": (500.0 * adult).astype(np.float32),
        "social_security_retirement": (15_000.0 * old).astype(np.float32),
    }
    tables["household"] |= {
        "state_fips": np.resize(np.array([6, 36, 48], dtype=np.int32), HOUSEHOLDS),
        "household_weight": (1_000.0 + home).astype(np.float32),
    }
    return tables


def _write(path: Path, tables: Tables, layout: str) -> Path:
    if layout == "period_arrays":
        columns = {name: each for table in tables.values() for name, each in table.items()}
        write_period_arrays(path, columns, YEAR)
        return path
    with pd.HDFStore(path, mode="w") as store:
        for entity, table in tables.items():
            store.put(entity, pd.DataFrame(table), format="table", data_columns=True)
        store.put("_time_period", pd.Series([YEAR]), format="table")
    return path


def _calculate(path: Path, layout: str) -> dict[str, np.ndarray]:
    """Load a file with the real loader and calculate the variables of STORED."""
    from policyengine_core.simulations import Simulation
    from policyengine_us import Microsimulation

    keywords: dict[str, Any] = {"dataset": str(path), "spm": {"geography_kind": "national"}}
    if layout == "entity_tables":
        keywords["dataset_end_year"] = YEAR
    simulation = Microsimulation(**keywords)
    return {name: np.asarray(Simulation.calculate(simulation, name, YEAR)) for name in STORED}
