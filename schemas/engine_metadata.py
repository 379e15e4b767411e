"""What the engine knows of each variable, frozen per version, so that no engine need be imported.

Source: `benchmarks/engine/metadata.py` writes the JSON from the installed policyengine-us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.errors import RecordError

ENGINE_DIR = Path(__file__).parent / "engine"
DEFAULT_ENGINE = "2.68.0"


@dataclass(frozen=True)
class VariableInfo:
    """One variable of the tax-benefit system: its entity, type, period and whether it has rules."""

    name: str
    entity: str
    value_type: str
    period: str
    computed: bool
    enum: tuple[str, ...] | None


def variable_table(version: str = DEFAULT_ENGINE) -> Mapping[str, VariableInfo]:
    """Return every variable of policyengine-us `version` by name."""
    return _variables(version)


def rejected_on_load(version: str = DEFAULT_ENGINE) -> frozenset[str]:
    """Return the names that the loader of policyengine-us `version` refuses in a dataset."""
    return frozenset(_document(version)["rejected_on_load"])


@cache
def _document(version: str) -> dict[str, Any]:
    path = ENGINE_DIR / f"policyengine_us-{version}.json"
    if not path.is_file():
        raise RecordError(
            f"no variable metadata is frozen for policyengine-us {version}",
            reason="engine.unknown_version",
            remedy=f"freeze it, or use policyengine-us {DEFAULT_ENGINE}",
        )
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@cache
def _variables(version: str) -> dict[str, VariableInfo]:
    return {
        name: VariableInfo(
            name=name,
            entity=entry["entity"],
            value_type=entry["value_type"],
            period=entry["period"],
            computed=entry["computed"],
            enum=tuple(entry["enum"]) if "enum" in entry else None,
        )
        for name, entry in _document(version)["variables"].items()
    }
