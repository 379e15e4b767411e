"""Our own rows: a target as one database row with its provenance, and back without loss."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from baselines.targets.checks import row_problems
from baselines.targets.database_growth import committed_indices
from baselines.targets.database_strata import clash, lines_of
from baselines.targets.target import COLUMNS, Scalar, Target, Uprated, parse_target

RECORD = "target_database_row"
# What the columns of the targets table say; the notes hold every other field.
IN_COLUMNS = ("value", "variable", "target_period", "source_agency")


_SAME = 1e-9


def notes_record(target: Target) -> dict[str, Any]:
    """Return what the row's columns can't say of a target (schema `target_database_row`)."""
    fields = {name: getattr(target, name) for name in COLUMNS if name not in IN_COLUMNS}
    fields["constraints"] = [
        [each.variable, each.operator, _plain(each.value)] for each in target.constraints
    ]
    return {
        "schema": RECORD,
        "schema_version": 1,
        "content_sha256": target.content_sha256,
        "target": fields,
        "uprated": None if target.uprated is None else asdict(target.uprated),
    }


def _plain(value: Scalar | tuple[Scalar, ...]) -> Scalar | list[Scalar]:
    return list(value) if isinstance(value, tuple) else value


def notes_text(target: Target) -> str:
    """Return the notes of a target's row: one JSON text per content."""
    return json.dumps(
        notes_record(target),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def parse_notes(text: str | None) -> dict[str, Any] | None:
    """Return the record in a row's notes, None where the row isn't ours."""
    if text is None or not text.startswith("{"):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("schema") == RECORD else None


def restore_target(record: Mapping[str, Any], columns: Mapping[str, Scalar]) -> Target:
    """Return the target of our own row; ValueError says what is wrong with the row.

    `columns` holds the fields that the table's columns say (IN_COLUMNS).
    """
    if set(record) != {"schema", "schema_version", "content_sha256", "target", "uprated"}:
        raise ValueError("its notes don't have the keys of our record")
    if record["schema_version"] != 1:
        raise ValueError(f"its notes have the version {record['schema_version']!r}, expected 1")
    fields = record["target"]
    if not isinstance(fields, dict) or set(fields) != set(COLUMNS) - set(IN_COLUMNS):
        raise ValueError("its notes don't have the fields of a target")
    kinds = {name: type(value) for name, value in fields.items()}
    if kinds != {**dict.fromkeys(fields, str), "constraints": list, "source_period": int}:
        raise ValueError("its notes have a field of the wrong type")
    row = {name: str(value) for name, value in {**fields, **columns}.items()}
    row["constraints"] = json.dumps(fields["constraints"])
    content = record["content_sha256"]
    if not isinstance(content, str):
        raise ValueError("its content_sha256 isn't text")
    target = parse_target(row)
    uprated = _uprated(record["uprated"], target)
    return replace(target, uprated=uprated, content_sha256=content)


def _uprated(value: object, target: Target) -> Uprated | None:
    """Return how the figure was grown; ValueError unless that gives the row's value and year."""
    if value is None:
        return None
    numbers = ("from_year", "to_year", "factor", "published")
    if not isinstance(value, dict) or set(value) != {"index", *numbers}:
        raise ValueError("its uprating isn't index, from_year, to_year, factor, published")
    if not all(type(value[name]) in (int, float) for name in numbers):
        raise ValueError("its uprating holds something that isn't a number")
    uprated = Uprated(**value)
    same = math.isclose(target.value, uprated.published * uprated.factor, rel_tol=_SAME)
    if not same or uprated.to_year != target.target_period:
        raise ValueError("its value isn't the published figure times the factor of its uprating")
    if (uprated.index, uprated.from_year) != (target.uprating, target.source_period):
        raise ValueError("its uprating isn't by the declared index from the source period")
    return uprated


def misfit(target: Target) -> str | None:
    """Return why a target may not lie in our database, or None.

    It must pass every check of a committed row: a recipient count never becomes a dollar sum, nor
    the reverse; source, scope and entity are stated; the constraints can be met and name its place.
    """
    problems = row_problems(target, committed_indices(), target.target_period)
    return "; ".join(problems) or clash(target.constraints)


def same_constraints(target: Target, lines: tuple[tuple[str, str, str], ...]) -> bool:
    """Return whether the stratum of a row says what the target's own constraints say."""
    return lines_of(target.constraints) == tuple(sorted(lines))
