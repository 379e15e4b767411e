"""Records: JSON validated against its JSON Schema on write and on read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from schemas.canonical import atomic_write, canonical_bytes, to_plain
from schemas.errors import RecordError

SCHEMA_DIR = Path(__file__).parent / "json"
_SUFFIX = ".schema.json"


def schema_names() -> tuple[str, ...]:
    """Return the names of all record schemas (the `common` definitions left out)."""
    names = (path.name.removesuffix(_SUFFIX) for path in SCHEMA_DIR.glob(f"*{_SUFFIX}"))
    return tuple(sorted(name for name in names if name != "common"))


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of record `name`; raises RecordError for an unknown name."""
    path = SCHEMA_DIR / f"{name}{_SUFFIX}"
    if not path.is_file():
        raise RecordError(
            f"no record is called {name!r}",
            reason="record.unknown_schema",
            remedy=f"use one of: {', '.join(schema_names())}",
        )
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


@cache
def _validator(name: str) -> Draft202012Validator:
    common = Resource.from_contents(load_schema("common"))
    registry: Registry[Any] = Registry().with_resource("common.schema.json", common)
    return Draft202012Validator(
        load_schema(name), registry=registry, format_checker=FormatChecker()
    )


def validate(record: Mapping[str, Any], name: str) -> None:
    """Refuse a record that breaks its schema; raises RecordError naming the JSON path."""
    errors = list(_validator(name).iter_errors(to_plain(record)))
    if errors:
        raise _record_error(_deepest(errors), name, len(errors))


def _deepest(errors: list[ValidationError]) -> ValidationError:
    """Return the most telling error: the deepest one, into the branches of oneOf and anyOf."""
    error = max(errors, key=lambda e: (len(e.absolute_path), str(e.json_path)))
    while error.context:
        error = max(error.context, key=lambda e: (len(e.absolute_path), str(e.json_path)))
    return error


def _record_error(error: ValidationError, name: str, count: int) -> RecordError:
    more = f" (and {count - 1} more)" if count > 1 else ""
    return RecordError(
        f"{name} record: {error.json_path}: {error.message[:300]}{more}",
        reason="record.schema",
        remedy=f"mend {error.json_path} to fit schemas/json/{name}{_SUFFIX}",
    )


def read_record(path: Path | str, name: str) -> dict[str, Any]:
    """Return the validated record at `path`; raises RecordError if absent, not JSON or invalid."""
    source = Path(path)
    try:
        record = json.loads(source.read_text())
    except (OSError, RecursionError, ValueError) as error:
        raise RecordError(
            f"{source.name} is not a readable JSON record: {error}",
            reason="record.unreadable",
            remedy="check the path, or write the record again with the command that makes it",
        ) from error
    if not isinstance(record, dict):
        raise RecordError(
            f"{source.name}: $ is not an object",
            reason="record.schema",
            remedy=f"write a {name} record",
        )
    validate(record, name)
    return record


def write_record(path: Path | str, record: Mapping[str, Any], name: str) -> None:
    """Validate `record` and write it in canonical form, whole or not at all."""
    validate(record, name)
    atomic_write(path, canonical_bytes(record))
