"""Constraints that can't hold together, or that the variable's type can't meet."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from baselines.targets.target import Constraint, Scalar
from schemas.engine_metadata import VariableInfo

TEXT_TYPES = ("str", "Enum", "enum")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
LOWER, UPPER = (">", ">="), ("<", "<=")


def constraint_problems(
    constraints: Sequence[Constraint], variables: Mapping[str, VariableInfo]
) -> list[str]:
    """Return what is wrong: unknown variables, ill-typed values, sets that no record can meet."""
    names = dict.fromkeys(each.variable for each in constraints)
    problems = []
    for name in names:
        mine = [each for each in constraints if each.variable == name]
        info = variables.get(name)
        if info is None:
            problems.append(f"constraint on {name}, which the engine doesn't know")
            continue
        ill_typed = _type_problems(mine, info)
        problems += ill_typed or _contradiction(mine)
    return problems


def _type_problems(constraints: Iterable[Constraint], info: VariableInfo) -> list[str]:
    is_text = info.enum is not None or info.value_type in TEXT_TYPES
    problems = []
    for each in constraints:
        for value in allowed_values(each):
            if isinstance(value, str) != is_text:
                kind = "text" if is_text else "a number"
                problems.append(f"{_said(each)}: {info.name} is {kind}")
            elif info.enum is not None and value not in info.enum:
                problems.append(f"{_said(each)}: {info.name} has no value {value}")
        if is_text and each.operator in COMPARE:
            problems.append(f"{_said(each)}: text has no order")
    return problems


def _contradiction(constraints: Sequence[Constraint]) -> list[str]:
    """Compare the enumerated values with the bounds, or the bounds with each other."""
    bounds = [each for each in constraints if each.operator in COMPARE]
    listed = [set(allowed_values(each)) for each in constraints if each.operator not in COMPARE]
    if listed:
        left = [value for value in set.intersection(*listed) if _within(value, bounds)]
        possible = bool(left)
    else:
        possible = all(
            _can_meet(low, high)
            for low in bounds
            if low.operator in LOWER
            for high in bounds
            if high.operator in UPPER
        )
    if possible:
        return []
    return [f"contradictory constraints: {' and '.join(_said(each) for each in constraints)}"]


def _within(value: Scalar, bounds: Iterable[Constraint]) -> bool:
    return all(COMPARE[each.operator](value, each.value) for each in bounds)


def _can_meet(low: Constraint, high: Constraint) -> bool:
    """Return whether a number meets both; equal bounds leave one number if both include it."""
    closed = low.operator == ">=" and high.operator == "<="
    return COMPARE["<=" if closed else "<"](low.value, high.value)


def allowed_values(constraint: Constraint) -> tuple[Scalar, ...]:
    """Return the value(s) a constraint names, as a tuple."""
    return constraint.value if isinstance(constraint.value, tuple) else (constraint.value,)


def _said(constraint: Constraint) -> str:
    return f"{constraint.variable} {constraint.operator} {constraint.value}"
