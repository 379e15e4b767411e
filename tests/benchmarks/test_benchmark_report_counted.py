"""Every distributional figure of a report, against the people that the weights stand for."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.report_distribution import CLASSES
from benchmarks.report_groups import DECILE_GROUPS
from tests.benchmarks.report_fakes import arms, report_of

SEEDS = given(seed=st.integers(0, 10**6), households=st.integers(1, 25))
SOME = settings(max_examples=20)
AGES = {"all": (0, 200), "child": (0, 18), "adult": (18, 65), "senior": (65, 200)}


def counted_deciles(people: pd.DataFrame) -> pd.Series:
    """Return each person's decile by plain ranks; those of negative income have none."""
    ranks = people["before"].where(people["before"] >= 0).rank(method="max", pct=True)
    return np.ceil(ranks * 10)


@SEEDS
@SOME
def test_poverty_rates_are_shares_of_counted_people(seed: int, households: int) -> None:
    case = arms(seed, households)
    people, found = case.people(), report_of(case)["poverty"]
    for kind, key in (("spm", "spm"), ("deep_spm", "deep")):
        for group, (low, high) in AGES.items():
            here = people[(people["age"] >= low) & (people["age"] < high)]
            rates = found[kind][group]
            if here.empty:
                assert rates["baseline"] is rates["reform"] is rates["change"] is None
                assert rates["reason"]
                continue
            assert rates["baseline"] == pytest.approx(here[f"{key}_before"].mean())
            assert rates["reform"] == pytest.approx(here[f"{key}_after"].mean())
            assert rates["change"] == rates["reform"] - rates["baseline"]


@SEEDS
@SOME
def test_inequality_is_that_of_counted_people(seed: int, households: int) -> None:
    case = arms(seed, households)
    people, found = case.people(), report_of(case)["inequality"]
    for side, column in (("baseline", "equiv_before"), ("reform", "equiv_after")):
        income = np.sort(people[column].clip(lower=0).to_numpy(dtype=float))
        if income.sum() == 0:
            assert found["gini"][side] is None
            continue
        if found["gini"][side] is None:  # the other side has no income
            continue
        gaps = np.abs(income[:, None] - income[None, :]).mean()
        assert found["gini"][side] == pytest.approx(gaps / 2 / income.mean(), abs=1e-9)
        for name, share in (("top_10_share", 0.1), ("top_1_share", 0.01)):
            assert found[name][side] == pytest.approx(_top(income, share), abs=1e-9)


def _top(income: np.ndarray, share: float) -> float:
    """Return what the richest `share` of people hold, the last of them in part."""
    number = share * len(income)
    whole = int(number + 1e-9)
    part = income[-whole - 1] * (number - whole) if whole < len(income) else 0.0
    return float((income[len(income) - whole :].sum() + part) / income.sum())


@SEEDS
@SOME
def test_winners_and_losers_are_shares_of_counted_people(seed: int, households: int) -> None:
    case = arms(seed, households)
    people, found = case.people(), report_of(case)["winners_losers"]
    change = (people["after"] - people["before"]).astype(float) / people["before"].clip(lower=1.0)
    people["class"] = pd.cut(change, [-np.inf, -0.05, -1e-3, 1e-3, 0.05, np.inf], labels=CLASSES)
    people["decile"] = counted_deciles(people)
    groups = [(found["all"], people)]
    for entry, name in zip(found["by_decile"], DECILE_GROUPS, strict=True):
        assert entry["decile"] == name
        number = people["decile"].isna() if name == "negative_income" else people["decile"]
        wanted = True if name == "negative_income" else float(name)
        groups.append((entry, people[number == wanted]))
    for shares, here in groups:
        if here.empty:
            assert {shares[name] for name in CLASSES} == {None}
            assert shares["reason"]
            continue
        for name in CLASSES:
            assert shares[name] == pytest.approx((here["class"] == name).mean(), abs=1e-9)
        assert math.fsum(shares[name] for name in CLASSES) == pytest.approx(1)


@SEEDS
@SOME
def test_deciles_are_means_over_counted_households(seed: int, households: int) -> None:
    case = arms(seed, households)
    people = case.people()
    people["decile"] = counted_deciles(people)
    first = people.groupby("household").first()
    homes = first.loc[first.index.repeat(case.weights[first.index].astype(int))]
    for entry, name in zip(report_of(case)["deciles"], DECILE_GROUPS, strict=True):
        negative = name == "negative_income"
        here = homes[homes["decile"].isna() if negative else homes["decile"] == float(name)]
        assert entry["decile"] == name
        if here.empty:
            assert entry["baseline_mean"] is entry["relative_change"] is None
            assert entry["reason"]
            continue
        before, after = here["before"].astype(float).mean(), here["after"].astype(float).mean()
        assert entry["baseline_mean"] == pytest.approx(before)
        assert entry["reform_mean"] == pytest.approx(after)
        assert entry["absolute_change"] == pytest.approx(after - before, abs=1e-6)
        assert entry["relative_change"] == pytest.approx((after - before) / abs(before), abs=1e-6)
