"""Uprating by a named index: a published figure stated for the year it is compared in.

The table is data (`indices.json`), taken out of the engine's parameter files; each growth factor
is index(target year) / index(source year). Nothing is grown without an index that a row names.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from baselines.targets.target import Target, Uprated
from schemas.errors import BaselineError
from schemas.records import validate

SCHEMA = "target_indices"


@dataclass(frozen=True)
class Index:
    """One named series: values in `unit` (usd, persons, or points of an index) by year."""

    name: str
    unit: str
    values: Mapping[int, float]


Indices = Mapping[str, Index]


@lru_cache(maxsize=4)
def parse_indices(text: str) -> Indices:
    """Return the index table of a validated `target_indices` record."""
    record: dict[str, Any] = json.loads(text)
    validate(record, SCHEMA)
    return {
        name: Index(name, each["unit"], {int(y): v for y, v in each["values"].items()})
        for name, each in record["indices"].items()
    }


def index_problems(target: Target, table: Indices) -> list[str]:
    """Return why a published row can't be uprated as it declares: unknown index, year or unit."""
    if not target.uprating:
        return []
    if target.source_period == target.target_period:
        return [f"uprating names {target.uprating}, but the figure refers to the target year"]
    index = table.get(target.uprating)
    if index is None:
        return [f"uprating names {target.uprating}, which isn't in the index table"]
    years = (target.source_period, target.target_period)
    problems = [f"index {index.name} has no value for {y}" for y in years if y not in index.values]
    if (index.unit == "persons") != (target.aggregation == "count"):
        problems.append(f"index {index.name} is in {index.unit}, the row in {target.unit}")
    return problems


def uprate(target: Target, table: Indices) -> Target:
    """Return the target stated for its target year; unchanged where the row names no index.

    Raises BaselineError where the named index doesn't fit (`index_problems`).
    """
    if not target.uprating:
        return target
    problems = index_problems(target, table)
    if problems:
        raise BaselineError(
            f"{target.target_id}: {'; '.join(problems)}",
            reason="targets.index",
            remedy="add the index or its year with `mpgate targets freeze-indices`",
        )
    values = table[target.uprating].values
    from_year, to_year = target.source_period, target.target_period
    factor = values[to_year] / values[from_year]
    uprated = Uprated(target.uprating, from_year, to_year, factor, target.value)
    return replace(target, value=target.value * factor, uprated=uprated)


def is_not_uprated(target: Target) -> bool:
    """Return whether a figure of another year stands as published: no index fits."""
    return target.source_period != target.target_period and target.uprated is None
