"""A valid report of a reform without any effect, for evidence that is written by hand."""

from __future__ import annotations

from typing import Any

DECILES = (*(str(number) for number in range(1, 11)), "negative_income")
CLASSES = ("lose_more_than_5pct", "lose_less_than_5pct", "gain_less_than_5pct")
CLASSES += ("gain_more_than_5pct",)


def report_without_effect() -> dict[str, Any]:
    """Return what an unchanged population reports; every figure of the schema is there."""
    shares = {**dict.fromkeys(CLASSES, 0.0), "no_change": 1.0}
    same = {"baseline": 0.125, "reform": 0.125, "change": 0.0}
    ages = dict.fromkeys(("all", "child", "adult", "senior"), same)
    budget = ("federal", "state", "benefits", "not_itemised", "budgetary_impact")
    means = {"baseline_mean": 50_000.0, "reform_mean": 50_000.0}
    means |= {"absolute_change": 0.0, "relative_change": 0.0}
    return {
        "budget": dict.fromkeys(budget, 0.0),
        "household_net_income": 0.0,
        "winners_losers": {
            "all": shares,
            "by_decile": [{"decile": name, **shares} for name in DECILES],
        },
        "poverty": {"geography": "national", "spm": ages, "deep_spm": ages},
        "inequality": dict.fromkeys(("gini", "top_10_share", "top_1_share"), same),
        "deciles": [{"decile": name, **means} for name in DECILES],
        "states": [{"state": "CA", "fiscal": 0.0, "household_net_income": 0.0}],
    }
