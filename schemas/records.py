"""Records: JSON validated against its JSON Schema on write and on read.

Two validators look at a record: `jsonschema_rs` decides, in milliseconds; `jsonschema`, which takes
seconds for a large record, says what is wrong with one that was refused. So do two parsers: that of
`pydantic_core` is three times as quick as `json`, which decides on all that the quick one refuses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from pydantic_core import from_json
from referencing import Registry, Resource

from schemas.canonical import atomic_write, canonical_bytes, to_plain
from schemas.errors import RecordError

SCHEMA_DIR = Path(__file__).parent / "json"
_SUFFIX = ".schema.json"
# fits every JSON value whose numbers are all finite: infinity is no number to the validator
_FINITE = jsonschema_rs.Draft202012Validator(
    {
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "additionalProperties": {"$ref": "#"},
        "items": {"$ref": "#"},
    }
)


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


@cache
def _decider(name: str) -> jsonschema_rs.Draft202012Validator:
    common = [("common.schema.json", load_schema("common"))]
    registry = jsonschema_rs.Registry(common, draft=jsonschema_rs.Draft202012)
    return jsonschema_rs.Draft202012Validator(
        load_schema(name), registry=registry, validate_formats=True
    )


def validate(record: Mapping[str, Any], name: str) -> None:
    """Refuse a record that breaks its schema; raises RecordError naming the JSON path."""
    _validate_plain(to_plain(record), name)


def _validate_plain(record: Any, name: str) -> None:
    """Refuse plain JSON values that break the schema, whichever of the validators says so."""
    refusal = _refusal(record, name)
    if refusal is None:
        return
    _require_version(record, name)
    errors = list(_validator(name).iter_errors(record))
    if errors:
        raise _record_error(_deepest(errors), name, len(errors))
    raise RecordError(
        f"{name} record: {refusal}",
        reason="record.schema",
        remedy=f"mend it to fit schemas/json/{name}{_SUFFIX}",
    )


def _require_version(record: Any, name: str) -> None:
    """Refuse a record of another version by that alone: whatever else differs follows from it."""
    wanted = load_schema(name).get("properties", {}).get("schema_version", {}).get("const")
    if not isinstance(record, dict) or record.get("schema") != name or wanted is None:
        return
    found = record.get("schema_version")
    if isinstance(found, int) and found != wanted:
        raise RecordError(
            f"{name} record: $.schema_version is {found}, and version {wanted} is read here",
            reason="record.schema",
            remedy="make the record again, or read it with the release that wrote it",
        )


def _refusal(record: Any, name: str) -> str | None:
    """Return why a record is refused; None for a valid one."""
    decider = _decider(name)
    try:
        if decider.is_valid(record):
            return None
        decider.validate(record)
    except jsonschema_rs.ValidationError as error:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        return f"${path}: {error.message[:300]}"
    except ValueError as error:  # text that is no Unicode, or nested without end
        return str(error)[:300]
    return None


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
        data = source.read_bytes()
    except OSError as error:
        raise _unreadable(source.name, error) from error
    return parse_record(data, name, source.name)


def parse_record(data: bytes, name: str, label: str) -> dict[str, Any]:
    """Return the validated record that the bytes of a file hold; `label` names it in messages.

    Raises RecordError if they are no UTF-8, no JSON object, or not valid.
    """
    try:
        record = _parsed(data.decode())
    except (RecursionError, ValueError) as error:
        raise _unreadable(label, error) from error
    if not isinstance(record, dict):
        raise RecordError(
            f"{label}: $ is not an object",
            reason="record.schema",
            remedy=f"write a {name} record",
        )
    _validate_plain(record, name)
    return record


def _parsed(text: str) -> Any:
    """Return what a JSON text holds; raises RecordError where that is not finite."""
    try:
        record = from_json(text, allow_inf_nan=False, cache_strings="keys")
        if _FINITE.is_valid(record):
            return record
    except ValueError:
        pass  # no JSON, or what `json` alone reads, such as half a surrogate pair
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except OverflowError:
        record = json.loads(text)
        to_plain(record)  # which names the path
        return record


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise OverflowError(text)
    return value


def _unreadable(label: str, error: Exception) -> RecordError:
    return RecordError(
        f"{label} is not a readable JSON record: {error}",
        reason="record.unreadable",
        remedy="check the path, or write the record again with the command that makes it",
    )


def write_record(path: Path | str, record: Mapping[str, Any], name: str) -> None:
    """Validate `record` and write it in canonical form, whole or not at all."""
    validate(record, name)
    atomic_write(path, canonical_bytes(record))
