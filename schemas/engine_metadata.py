"""What the engine knows of each variable and county, frozen per version: no engine is imported.

Source: `mpgate engine freeze` takes it out of the installed policyengine-us. Every file is pinned
by its sha256 in `engine/index.json`; it is validated when it is written, not on each read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.canonical import sha256_bytes
from schemas.errors import RecordError

ENGINE_DIR = Path(__file__).parent / "engine"
INDEX = "index.json"
DEFAULT_ENGINE = "2.68.0"


@dataclass(frozen=True)
class VariableInfo:
    """One variable of the tax-benefit system: its entity, type, period and whether it has rules.

    `default` is what the engine takes where nothing is stored and no rule computes it.
    """

    name: str
    entity: str
    value_type: str
    period: str
    computed: bool
    enum: tuple[str, ...] | None
    default: bool | float | str


def variable_table(version: str = DEFAULT_ENGINE) -> Mapping[str, VariableInfo]:
    """Return every variable of policyengine-us `version` by name."""
    return _variables(version)


def rejected_on_load(version: str = DEFAULT_ENGINE) -> frozenset[str]:
    """Return the names that the loader of policyengine-us `version` refuses in a dataset."""
    return frozenset(_document(version)["rejected_on_load"])


def counties(version: str = DEFAULT_ENGINE) -> frozenset[str]:
    """Return the five-digit county codes (vintage 2020) for which the engine computes poverty."""
    return frozenset(_document(version)["counties_2020"])


def stored_formula_overrides(version: str = DEFAULT_ENGINE) -> Mapping[str, Mapping[str, bool]]:
    """Return per tried variable and layout whether a stored value replaced the engine's rules.

    Found by experiment when the version was frozen, not read from documentation.
    """
    found: Mapping[str, Mapping[str, bool]] = _document(version)["stored_formula"]
    return found


def frozen_versions() -> dict[str, str]:
    """Return the sha256 of each frozen metadata file by engine version."""
    try:
        index = json.loads((ENGINE_DIR / INDEX).read_text())
    except (OSError, ValueError) as error:
        raise _changed(f"{INDEX} cannot be read") from error
    if not isinstance(index, dict):
        raise _changed(f"{INDEX} is not an object")
    return index


def metadata_path(version: str) -> Path:
    """Return where the metadata of an engine version is frozen."""
    return ENGINE_DIR / f"policyengine_us-{version}.json"


def forget_metadata() -> None:
    """Read the frozen files again on the next call: they were just written."""
    _document.cache_clear()
    _variables.cache_clear()


@cache
def _document(version: str) -> dict[str, Any]:
    path, pinned = metadata_path(version), frozen_versions().get(version)
    if pinned is None:
        raise RecordError(
            f"no variable metadata is frozen for policyengine-us {version}",
            reason="engine.unknown_version",
            remedy=f"freeze it, or use policyengine-us {DEFAULT_ENGINE}",
        )
    content = path.read_bytes() if path.is_file() else b""
    if sha256_bytes(content) != pinned:
        raise _changed(f"{path.name} is not the file that {INDEX} pins")
    document: dict[str, Any] = json.loads(content)
    return document


def _changed(message: str) -> RecordError:
    return RecordError(
        message,
        reason="engine.metadata_changed",
        remedy="restore schemas/engine, or run `mpgate engine freeze`",
    )


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
            default=entry["default"],
        )
        for name, entry in _document(version)["variables"].items()
    }
