"""Who gains and who loses from a reform: classes of households, poverty, inequality, deciles.

Every figure is a MicroSeries total, or a ratio of two. A figure that is not defined (nobody in the
group, no income) is null with a `reason`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from microdf import MicroSeries

from benchmarks.report_groups import DECILE_GROUPS, Population, group_sums, output_values
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import EntityMap

# Of max(baseline, 1 dollar): the classes of the PolicyEngine reports.
UNCHANGED_SHARE = 0.001
LARGE_SHARE = 0.05
CLASSES = (
    "lose_more_than_5pct",
    "lose_less_than_5pct",
    "no_change",
    "gain_less_than_5pct",
    "gain_more_than_5pct",
)
POVERTY_OUTPUTS = {
    "spm": "spm_unit_is_in_spm_poverty",
    "deep_spm": "spm_unit_is_in_deep_spm_poverty",
}
# Half-open bands of age in years, as the engine's reports count them.
AGES = {"all": (0, np.inf), "child": (0, 18), "adult": (18, 65), "senior": (65, np.inf)}
NOBODY = "the group stands for nobody"
NOT_SIMULATED = "the reform's arm says nothing of poverty: it replaces what counts as income there"
NO_INCOME = "there is no income"
NO_BASE = "the baseline mean is zero"


def winners_losers(before: np.ndarray, after: np.ndarray, population: Population) -> dict[str, Any]:
    """Return the share of people per class of change in household net income.

    `before` and `after` are household-length, in dollars. The change is relative to max(before, 1);
    up to 0.1 % either way is none, and exactly 5 % is less than more than 5 %. `all` includes
    people in households with a negative baseline income, who are in no decile.
    """
    weights = population.people_weights
    classes = _classes((after - before) / np.maximum(before, 1.0))
    whole = np.full(len(classes), "all")
    deciles = _class_shares(classes, weights, population.deciles)
    return {
        "all": _class_shares(classes, weights, whole).get("all", _undefined(CLASSES, NOBODY)),
        "by_decile": [
            {"decile": name, **deciles.get(name, _undefined(CLASSES, NOBODY))}
            for name in DECILE_GROUPS
        ],
    }


def poverty(
    baseline: SimulatedArrays, reform: SimulatedArrays, population: Population
) -> dict[str, Any]:
    """Return poverty rates of people by age, before and after: SPM units' states given to members.

    Ages are the baseline's, so that a reform moves nobody between groups. Undefined where the
    reform's arm holds no poverty.
    """
    age = output_values(baseline, "age")
    entities = EntityMap(baseline)

    def rates(request: str) -> dict[str, Any]:
        if request not in reform.arrays:
            return {name: _change(NOT_SIMULATED, None, None) for name in AGES}
        sides = [
            entities.move(output_values(each, request), "spm_unit", "person")
            for each in (baseline, reform)
        ]
        found = {}
        for name, (low, high) in AGES.items():
            here = (age >= low) & (age < high)
            weights = population.person_weights[here]
            found[name] = _change(NOBODY, *(_mean(side[here], weights) for side in sides))
        return found

    return {name: rates(request) for name, request in POVERTY_OUTPUTS.items()}


def inequality(
    baseline: SimulatedArrays, reform: SimulatedArrays, population: Population
) -> dict[str, Any]:
    """Return Gini and top shares of equivalised household net income (over root household size).

    People are ranked, each with the income of the household; a negative income counts as zero, as
    in the PolicyEngine API, because neither figure has a meaning with negative incomes.
    """
    sides = [
        MicroSeries(
            np.maximum(output_values(each, "equiv_household_net_income"), 0.0),
            weights=population.people_weights,
        )
        for each in (baseline, reform)
    ]
    defined = all(float(side.sum()) > 0 for side in sides)

    def change(name: str, *share: float) -> dict[str, Any]:
        figures = [float(getattr(side, name)(*share)) if defined else None for side in sides]
        return _change(NO_INCOME, *figures)

    return {
        "gini": change("gini"),
        "top_10_share": change("top_x_pct_share", 0.1),
        "top_1_share": change("top_x_pct_share", 0.01),
    }


def deciles(before: np.ndarray, after: np.ndarray, population: Population) -> list[dict[str, Any]]:
    """Return mean household net income per decile, before and after (dollars per household).

    `relative_change` is the change over the size of the baseline mean.
    """
    groups, weights = population.deciles, population.weights
    households = group_sums(np.ones(len(before)), weights, groups)
    sides = [group_sums(each, weights, groups) for each in (before, after)]
    gain = group_sums(after - before, weights, groups)
    keys = ("baseline_mean", "reform_mean", "absolute_change", "relative_change")
    found = []
    for name in DECILE_GROUPS:
        count = households.get(name, 0.0)
        entry: dict[str, Any] = _undefined(keys, NOBODY)
        if count > 0:
            means = [side[name] / count for side in (*sides, gain)]
            entry = dict(zip(keys, [*means, None], strict=True))
            if means[0]:
                entry["relative_change"] = means[2] / abs(means[0])
            else:
                entry["reason"] = NO_BASE
        found.append({"decile": name, **entry})
    return found


def _classes(relative: np.ndarray) -> np.ndarray:
    conditions = [
        relative < -LARGE_SHARE,
        relative < -UNCHANGED_SHARE,
        relative <= UNCHANGED_SHARE,
        relative <= LARGE_SHARE,
    ]
    return np.select(conditions, CLASSES[:-1], default=CLASSES[-1])


def _class_shares(
    classes: np.ndarray, weights: np.ndarray, groups: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the shares of the classes in every group that stands for somebody."""
    people = group_sums(np.ones(len(classes)), weights, groups)
    sums = {name: group_sums((classes == name) * 1.0, weights, groups) for name in CLASSES}
    return {
        group: {name: sums[name][group] / count for name in CLASSES}
        for group, count in people.items()
        if count > 0
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> float | None:
    count = float(MicroSeries(np.ones(len(values)), weights=weights).sum())
    return float(MicroSeries(values, weights=weights).sum()) / count if count > 0 else None


def _change(reason: str, before: float | None, after: float | None) -> dict[str, Any]:
    if before is None or after is None:
        return _undefined(("baseline", "reform", "change"), reason)
    return {"baseline": before, "reform": after, "change": after - before}


def _undefined(keys: tuple[str, ...], reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(keys), "reason": reason}
