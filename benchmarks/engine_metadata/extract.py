"""What the installed engine knows of variables and counties. Imports the engine (about 30 s)."""

from __future__ import annotations

import importlib.metadata
import math
from typing import Any

from benchmarks.engine.metadata import installed_versions
from schemas.errors import MeasureError

COUNTY_YEAR = 2024
TERRITORIES_FROM = "60"


def extract_metadata() -> dict[str, Any]:
    """Return the metadata record of the live system, all but the test of stored values.

    A variable is computed where the engine has a formula, `adds` or `subtracts` for it.
    """
    from policyengine_us.spm import REJECTED_DATASET_INPUTS
    from policyengine_us.system import system

    return {
        "schema": "engine_metadata",
        "schema_version": 1,
        "engine": engine_packages(),
        "rejected_on_load": sorted(REJECTED_DATASET_INPUTS),
        "counties_2020": accepted_counties(),
        "variables": {name: _entry(system.variables[name]) for name in sorted(system.variables)},
    }


def engine_packages() -> dict[str, str]:
    """Return the versions that decide the metadata: engine, core and SPM calculator."""
    calculator = importlib.metadata.version("spm-calculator")
    return installed_versions() | {"spm_calculator": calculator}


def accepted_counties() -> list[str]:
    """Return the county codes for which the SPM calculator finds an area in 2024.

    The calculator decides: poverty raises on any other code. The engine's own table of county names
    must hold every one of them, and beside them territories only; otherwise MeasureError.
    """
    from policyengine_us.spm import create_spm_provider
    from policyengine_us.tools.geography.county_helpers import load_county_fips_dataset

    named = set(load_county_fips_dataset()["county_fips"])
    forecast = create_spm_provider().forecast
    known = _calculator_counties(forecast) | named
    accepted = sorted(code for code in known if _resolves(forecast, code))
    unnamed = set(accepted) - named
    refused = {code for code in named - set(accepted) if code < TERRITORIES_FROM}
    if unnamed or refused:
        raise MeasureError(
            f"the engine's county tables disagree: {sorted(unnamed)[:5]} have no name, "
            f"{sorted(refused)[:5]} no SPM area",
            reason="engine.counties_disagree",
            remedy="decide by hand which counties a file may hold with this engine version",
        )
    return accepted


def _calculator_counties(forecast: Any) -> set[str]:
    """Return every county of the SPM calculator's forecast, in any of its years."""
    maps = forecast.to_dict()["county_assignments"]["maps"]
    return {code for mapping in maps.values() for code in mapping}


def _resolves(forecast: Any, code: str) -> bool:
    try:
        forecast.resolve_county(COUNTY_YEAR, code)
    except ValueError:
        return False
    return True


def _entry(variable: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "entity": variable.entity.key,
        "value_type": variable.value_type.__name__,
        "period": str(variable.definition_period),
        "computed": bool(variable.formulas or variable.adds or variable.subtracts),
        "default": _default(variable.default_value),
    }
    if entry["value_type"] == "Enum":
        entry["enum"] = [member.name for member in variable.possible_values]
    return entry


def _default(value: Any) -> bool | float | str:
    """Return a default as JSON carries it: an enum by its name, an infinity as text."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value.name)
