"""The report of one reform: budget, net income, winners and losers, poverty, inequality, states.

Signs: plus means the government gains (budget), or that households have more (net income).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report_distribution import deciles, inequality, poverty, winners_losers
from benchmarks.report_groups import REMAINDER, Population, output_values
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.suite_benchmarks import NET_INCOME

FISCAL = "fiscal"
# The measures whose deltas every report names, and those that are also given by state and decile.
BUDGET_PARTS = ("federal", "state", "benefits")
REPORT_MEASURES = (FISCAL, NET_INCOME, *BUDGET_PARTS)
GROUPED_MEASURES = (FISCAL, NET_INCOME)


def reform_report(
    baseline: SimulatedArrays,
    reform: SimulatedArrays,
    population: Population,
    delta: Mapping[str, float],
    by_state: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return the report of a reform from both simulations and the population of the baseline.

    `delta` holds what the reform changes in `REPORT_MEASURES` (dollars) and `by_state` the items of
    `GROUPED_MEASURES`. Raises MeasureError for outputs that are absent or not finite.
    """
    before, after = (output_values(each, NET_INCOME) for each in (baseline, reform))
    return {
        "budget": _budget(delta),
        "household_net_income": delta[NET_INCOME],
        "winners_losers": winners_losers(before, after, population),
        "poverty": {
            "geography": spm_geography(baseline.meta),
            **poverty(baseline, reform, population),
        },
        "inequality": inequality(baseline, reform, population),
        "deciles": deciles(before, after, population),
        "states": _states(by_state),
    }


def spm_geography(meta: Mapping[str, Any]) -> str:
    """Return the SPM geography the engine was given: `national` for a file without counties."""
    return str((meta.get("spm") or {}).get("geography_kind", "engine_default"))


def _budget(delta: Mapping[str, float]) -> dict[str, float]:
    """Return the parts of the budgetary impact; what no part explains stays visible."""
    parts = {name: delta[name] for name in BUDGET_PARTS}
    rest = delta[FISCAL] - sum(parts.values())
    return {**parts, REMAINDER: rest, "budgetary_impact": delta[FISCAL]}


def _states(by_state: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    columns = {
        name: {each["name"]: each["value"] for each in by_state[name]} for name in GROUPED_MEASURES
    }
    states = [each["name"] for each in by_state[FISCAL] if each["name"] != REMAINDER]
    return [
        {"state": state, **{name: columns[name][state] for name in GROUPED_MEASURES}}
        for state in states
    ]
