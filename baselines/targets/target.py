"""One target fact, typed: a published figure and how a dataset's own figure is formed."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from schemas.canonical import sha256_json

Scalar = int | float | str

OPERATORS = ("==", ">", ">=", "<", "<=", "in")
AGGREGATIONS = ("sum", "count")
LEVELS = ("person", "household", "tax_unit", "spm_unit")
PERIOD_TYPES = ("calendar_year", "december", "fiscal_year", "tax_year")
UNITS = ("usd", "persons", "households", "returns", "recipients")
SCOPES = (
    "filer",
    "full_population",
    "household",
    "recipient",
    "spm_unit",
    "tax_unit",
    "state",
    "cd",
    "local",
)
GEOGRAPHY_LEVELS = ("national", "state", "congressional_district", "local")


class Constraint(NamedTuple):
    """`variable operator value`, evaluated at the target's entity; `in` holds a tuple of values."""

    variable: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Uprated:
    """How a published figure was grown: published * factor, factor = index(to) / index(from)."""

    index: str
    from_year: int
    to_year: int
    factor: float
    published: float


@dataclass(frozen=True)
class Target:
    """One target: a published fact, stated for `target_period`.

    `value` is in `unit` (dollars, or a number of persons, households, returns, recipients).
    `uprated` says how it was grown from `source_period`; None means that the figure already
    refers to `target_period`, or that no index fits and it stands as published. `family` and
    `scope` are declared by the row, never guessed from a name. Losses are stored negative.
    `content_sha256` is the hash of the published row, so that a changed row shows.
    """

    target_id: str
    value: float
    unit: str
    aggregation: str
    variable: str
    entity: str
    constraints: tuple[Constraint, ...]
    geography_level: str
    geography_id: str
    period_type: str
    source_period: int
    target_period: int
    scope: str
    family: str
    concept: str
    holdout_group: str
    source_agency: str
    source_table: str
    source_file: str
    uprating: str
    variable_entity: str
    notes: str
    uprated: Uprated | None = None
    content_sha256: str = ""


ADDED_FIELDS = ("uprated", "content_sha256")
COLUMNS = tuple(field.name for field in fields(Target) if field.name not in ADDED_FIELDS)
REQUIRED_TEXT = tuple(name for name in COLUMNS if name not in ("uprating", "notes"))
CHOICES: Mapping[str, tuple[str, ...]] = {
    "unit": UNITS,
    "aggregation": AGGREGATIONS,
    "entity": LEVELS,
    "variable_entity": LEVELS,
    "geography_level": GEOGRAPHY_LEVELS,
    "period_type": PERIOD_TYPES,
    "scope": SCOPES,
}


def parse_target(row: Mapping[str, str]) -> Target:
    """Return the typed target of one published row, not yet uprated.

    ValueError names the column that is wrong.
    """
    for name in REQUIRED_TEXT:
        if not row[name].strip():
            raise ValueError(f"column {name} is empty")
    for name, allowed in CHOICES.items():
        if row[name] not in allowed:
            raise ValueError(
                f"column {name} is {row[name]!r}, expected one of {', '.join(allowed)}"
            )
    return Target(
        target_id=row["target_id"],
        value=_parse_value(row["value"]),
        unit=row["unit"],
        aggregation=row["aggregation"],
        variable=row["variable"],
        entity=row["entity"],
        constraints=parse_constraints(row["constraints"]),
        geography_level=row["geography_level"],
        geography_id=row["geography_id"],
        period_type=row["period_type"],
        source_period=_parse_year(row, "source_period"),
        target_period=_parse_year(row, "target_period"),
        scope=row["scope"],
        family=row["family"],
        concept=row["concept"],
        holdout_group=row["holdout_group"],
        source_agency=row["source_agency"],
        source_table=row["source_table"],
        source_file=row["source_file"],
        uprating=row["uprating"],
        variable_entity=row["variable_entity"],
        notes=row["notes"],
        content_sha256=sha256_json({name: row[name] for name in COLUMNS}),
    )


def parse_constraints(text: str) -> tuple[Constraint, ...]:
    """Return the constraints written as a JSON list of [variable, operator, value]."""
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"column constraints isn't JSON: {error}") from error
    if not isinstance(parsed, list):
        raise ValueError("column constraints isn't a list")
    return tuple(_parse_constraint(item) for item in parsed)


def _parse_constraint(item: object) -> Constraint:
    if not isinstance(item, list) or len(item) != 3:
        raise ValueError(f"constraint {item!r} isn't [variable, operator, value]")
    variable, operator, value = item
    if not isinstance(variable, str) or not variable:
        raise ValueError(f"constraint {item!r} names no variable")
    if operator not in OPERATORS:
        raise ValueError(f"constraint {item!r} has an unknown operator")
    if operator != "in":
        return Constraint(variable, operator, _parse_scalar(value, item))
    if not isinstance(value, list) or not value:
        raise ValueError(f"constraint {item!r}: 'in' needs a list of values")
    return Constraint(variable, operator, tuple(_parse_scalar(each, item) for each in value))


def _parse_scalar(value: object, item: list[object]) -> Scalar:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"constraint {item!r} has a value that is neither a number nor text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"constraint {item!r} has a value that isn't finite")
    return value


def _parse_value(text: str) -> float:
    """Refuse a target of zero: a relative error on it is undefined (facts README, trap 15)."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"column value is {text!r}, not a number") from error
    if not math.isfinite(value) or value == 0:
        raise ValueError(f"column value is {text!r}; a target is finite and not zero")
    return value


def _parse_year(row: Mapping[str, str], name: str) -> int:
    text = row[name]
    if not (text.isdigit() and len(text) == 4):
        raise ValueError(f"column {name} is {text!r}, not a year")
    return int(text)
