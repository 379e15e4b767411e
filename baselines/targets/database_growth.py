"""Growth of a database row to another year, by the index it declares and the committed table."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from baselines.targets.indices import Indices, parse_indices
from baselines.targets.registry import INDEX_FILE, TARGETS_FOLDER, load_registry, read_pinned
from baselines.targets.target import Target, Uprated


@cache
def committed_indices() -> Indices:
    """Return the committed index table; BaselineError if it isn't the pinned one."""
    return parse_indices(read_pinned(TARGETS_FOLDER, load_registry(), INDEX_FILE))


def grow(target: Target, year: int) -> Target:
    """Return the target stated for `year`, or as it stands with a note of why it can't be.

    The factor is index(year) / index(year the figure is published for). A target that can't be
    grown keeps its value, its `target_period` and its `uprated`.
    """
    if target.target_period == year:
        return target
    stated = target.target_period
    before = target.uprated or Uprated(target.uprating, stated, stated, 1.0, target.value)
    problem = _no_factor(before.index, before.from_year, year)
    if problem:
        said = f"stated for {stated}, not grown to {year}: {problem}"
        return replace(target, notes="; ".join(each for each in (target.notes, said) if each))
    values = committed_indices()[before.index].values
    factor = values[year] / values[before.from_year]
    uprated = replace(before, to_year=year, factor=factor)
    value = before.published * factor
    return replace(target, value=value, target_period=year, uprated=uprated)


def _no_factor(name: str, *years: int) -> str | None:
    if not name:
        return "it declares no index"
    index = committed_indices().get(name)
    if index is None:
        return f"the index {name} isn't in the index table"
    missing = [str(year) for year in years if year not in index.values]
    return f"the index {name} has no value for {' and '.join(missing)}" if missing else None
