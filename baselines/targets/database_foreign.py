"""A row that isn't ours, as a target: only what the row says, nothing made up."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

from baselines.targets.concepts import concept_problems
from baselines.targets.constraints import allowed_values, constraint_problems
from baselines.targets.database_file import Row, RowError
from baselines.targets.database_schema import conventions
from baselines.targets.database_strata import Line, clash, equalities
from baselines.targets.target import LEVELS, OPERATORS, Constraint, Scalar, Target
from schemas.engine_metadata import VariableInfo, variable_table

UNDECLARED = "undeclared"
_BOOLEANS = {"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0}
_BOUND_BY_NOTHING = {(">", -math.inf), (">=", -math.inf), ("<", math.inf), ("<=", math.inf)}


class _Place(NamedTuple):
    level: str
    code: str
    label: str


def foreign_target(row: Row, lines: tuple[Line, ...], file_name: str) -> Target:
    """Return the target of a published row, stated for the row's own period.

    The entity is the counter's, or that of the summed variable; the scope is `filer` where the
    stratum says so and else missing (""), as are the table and the period type, which the schema
    doesn't keep. Raises RowError with the reason where a row can't be expressed.
    """
    constraints = _constraints(lines)
    problems = constraint_problems(constraints, variable_table())
    problem = "; ".join(problems) or clash(constraints)
    if problem:
        raise RowError("contradictory", problem)
    place, rules = _place(constraints), conventions()
    aggregation, entity, unit = _measure(row.variable)
    target = Target(
        target_id=_readable_id(place, row.variable, lines),
        value=_value(row),
        unit=unit,
        aggregation=aggregation,
        variable=row.variable,
        entity=entity,
        constraints=constraints,
        geography_level=place.level,
        geography_id=place.code,
        period_type="",
        source_period=row.period,
        target_period=row.period,
        scope="filer" if equalities(constraints).get(rules.filer_variable) == 1 else "",
        family=UNDECLARED,
        concept=row.variable,
        holdout_group=f"db/{place.level}/{_domain(constraints)}/{row.variable}",
        source_agency=row.source or "",
        source_table="",
        source_file=file_name if row.source else "",
        uprating=rules.count_index if aggregation == "count" else rules.dollar_index,
        variable_entity=entity,
        notes=row.notes or "",
    )
    if broken := concept_problems(target):
        raise RowError("concept", "; ".join(broken))
    return target


def _value(row: Row) -> float:
    if row.value is None or not math.isfinite(row.value) or row.value == 0:
        raise RowError("no_value", f"value is {row.value}; a target is finite and not zero")
    return float(row.value)


def _measure(variable: str) -> tuple[str, str, str]:
    """Return aggregation, entity and unit: a counter counts, everything else is summed."""
    rules, info = conventions(), _known(variable)
    if variable in rules.counters:
        return "count", info.entity, rules.counters[variable]
    if variable.endswith(rules.count_suffix):
        raise RowError("counter", f"{variable} counts by no known entity")
    if info.value_type != "float":
        raise RowError("unit", f"a sum of {variable}, a {info.value_type}, isn't in dollars")
    if info.entity not in LEVELS:
        raise RowError("entity", f"{variable} belongs to {info.entity}")
    return "sum", info.entity, "usd"


def _known(variable: str) -> VariableInfo:
    info = variable_table().get(variable)
    if info is None:
        raise RowError("unknown_variable", f"the engine has no variable {variable}")
    return info


def _constraints(lines: tuple[Line, ...]) -> tuple[Constraint, ...]:
    typed = [_constraint(line) for line in lines]
    kept = tuple(each for each in typed if (each.operator, each.value) not in _BOUND_BY_NOTHING)
    for each in kept:
        if math.inf in (values := allowed_values(each)) or -math.inf in values:
            raise RowError("contradictory", f"{each.variable} {each.operator} {each.value}")
    return kept


def _constraint(line: Line) -> Constraint:
    if line.variable == conventions().text_geography_variable:
        raise RowError("geography", f"a place given as {line.variable} {line.value}")
    if line.operation not in OPERATORS:
        raise RowError(
            "operator",
            f"{line.variable} {line.operation} {line.value}: a target's constraint knows only "
            f"{', '.join(OPERATORS)}",
        )
    info = _known(line.variable)
    if line.operation != "in":
        return Constraint(line.variable, line.operation, _typed(line.value, info))
    values = tuple(_typed(each, info) for each in _listed(line.value))
    return Constraint(line.variable, "in", values)


def _listed(text: str) -> list[str]:
    """Return the members of an `in` list: a JSON list, or parts between commas."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = [part.strip() for part in text.split(",")]
    members = parsed if isinstance(parsed, list) else [parsed]
    if not members:
        raise RowError("constraint_value", "an empty list of values")
    return [str(each) for each in members]


def _typed(text: str, info: VariableInfo) -> Scalar:
    """Return a constraint's value in the type of its variable: numbers, text, booleans as 0/1."""
    if info.value_type == "Enum" and text in (info.enum or ()):
        return text
    if info.value_type == "str":
        return text
    if info.value_type == "bool" and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    number = _number(text) if info.value_type in ("int", "float") else None
    if number is None:
        raise RowError("constraint_value", f"{text!r} is no value of {info.name}")
    return number


def _number(text: str) -> int | float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if math.isnan(number):
        return None
    return int(number) if number.is_integer() else number


def _place(constraints: tuple[Constraint, ...]) -> _Place:
    """Return level, code and label: the district if one is fixed, else the state, else US."""
    rules = conventions()
    fixed = equalities(constraints)
    for level, variable, label, width in (
        ("congressional_district", rules.district_variable, "cd", 4),
        ("state", rules.state_variable, "state", 2),
    ):
        used = [each for each in constraints if each.variable == variable]
        if used and variable not in fixed:
            raise RowError("geography", f"{variable} {used[0].operator}: not one place")
        if used:
            number = fixed[variable]
            if not isinstance(number, int) or not 0 < number < 10**width:
                raise RowError("geography", f"{variable} {number} is no code of {width} digits")
            code = f"{number:0{width}d}"
            return _Place(level, code, f"{label}_{code}")
    return _Place("national", "US", "us")


def _domain(constraints: tuple[Constraint, ...]) -> str:
    names = {each.variable for each in constraints} - set(conventions().outside_domain)
    return ",".join(sorted(names)) or "all"


def _readable_id(place: _Place, variable: str, lines: tuple[Line, ...]) -> str:
    rules = conventions()
    places = (rules.state_variable, rules.district_variable)
    domain = ",".join("".join(line) for line in lines if line.variable not in places)
    return "/".join(["db", place.label, variable, *([domain] if domain else [])])
