"""Canonical variables from published columns, by the rules that a source's semantics declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from builder.sources.errors import format_error

Variable = Mapping[str, Any]
_WHOLE = frozenset({"code", "persons", "years", "count"})


def needed_columns(variables: Iterable[Variable]) -> tuple[str, ...]:
    """Return the published columns that variables are made from, each once."""
    names: dict[str, None] = {}
    for variable in variables:
        rule = variable["from"]
        names |= dict.fromkeys(rule["columns"])
        if "adjust" in rule:
            names[rule["adjust"]["column"]] = None
    return tuple(names)


def derived(raw: pd.DataFrame, variables: Iterable[Variable], file: str) -> pd.DataFrame:
    """Return one column per variable: dollars as float64, flags as bool, codes as int64.

    Raises BuildError naming column and file for a cell that is empty where the semantics declare
    no meaning of that (`blank`), and for a code, count or age that is no whole number.
    """
    columns = {each["name"]: _column(raw, each, file) for each in variables}
    return pd.DataFrame(columns, index=raw.index)


def _column(raw: pd.DataFrame, variable: Variable, file: str) -> pd.Series:
    rule = variable["from"]
    parts = [_filled(raw[each], rule.get("blank"), file) for each in rule["columns"]]
    if rule["rule"] == "any_code":
        flags = [part.isin(rule["codes"]) for part in parts]
        return pd.Series(np.logical_or.reduce(flags), index=raw.index)
    values = parts[0]
    for part in parts[1:]:
        values = values - part if rule["rule"] == "difference" else values + part
    values = values * rule.get("factor", 1)
    if "adjust" in rule:
        adjust = rule["adjust"]
        values = values * _filled(raw[adjust["column"]], None, file) / adjust["divisor"]
    return _whole(values, variable["name"], file) if variable["unit"] in _WHOLE else values


def _filled(column: pd.Series, blank: float | None, file: str) -> pd.Series:
    if blank is not None:
        return column.fillna(blank)
    if column.isna().any():
        raise format_error(
            f"{file}: {column.name} is empty in {int(column.isna().sum()):,} rows", "blank_cell"
        )
    return column


def _whole(values: pd.Series, name: str, file: str) -> pd.Series:
    if (values % 1 != 0).any():
        raise format_error(f"{file}: {name} is not a whole number everywhere", "not_whole")
    return values.astype(np.int64)
