"""What the installed engine knows of each variable, taken out once per version.

`schemas.engine_metadata` reads the frozen JSON, so that no fast path imports policyengine-us.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from schemas.canonical import atomic_write

PACKAGES = {"policyengine_us": "policyengine-us", "policyengine_core": "policyengine-core"}


def installed_versions() -> dict[str, str]:
    """Return the installed versions of the engine and its core, without importing them."""
    return {key: importlib.metadata.version(name) for key, name in PACKAGES.items()}


def extract_metadata() -> dict[str, Any]:
    """Return entity, type, period, enum and 'computed' of every variable of the live system.

    A variable is computed where the engine has a formula, `adds` or `subtracts` for it; a stored
    value would override those rules. Imports the engine (about 30 s).
    """
    from policyengine_us import CountryTaxBenefitSystem
    from policyengine_us.spm import REJECTED_DATASET_INPUTS

    variables = CountryTaxBenefitSystem().variables
    return {
        "engine": installed_versions(),
        "rejected_on_load": sorted(REJECTED_DATASET_INPUTS),
        "variables": {name: _entry(variables[name]) for name in sorted(variables)},
    }


def _entry(variable: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "entity": variable.entity.key,
        "value_type": variable.value_type.__name__,
        "period": str(variable.definition_period),
        "computed": _is_computed(variable),
    }
    if entry["value_type"] == "Enum":
        entry["enum"] = [member.name for member in variable.possible_values]
    return entry


def _is_computed(variable: Any) -> bool:
    return bool(variable.formulas) or bool(variable.adds) or bool(variable.subtracts)


def freeze_metadata(path: Path | str) -> None:
    """Write the metadata of the installed engine, one variable a line, in sorted order."""
    document = extract_metadata()
    lines = [
        f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}"
        for name, entry in document["variables"].items()
    ]
    head = json.dumps({k: document[k] for k in ("engine", "rejected_on_load")})[1:-1]
    body = ",\n".join(lines)
    atomic_write(path, f'{{{head},\n"variables": {{\n{body}\n}}}}\n'.encode())
