"""Donors that cannot serve are refused by name; values stay where the donor has support."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from builder.donors.imputation import impute
from builder.donors.spec import DonorSpec, Support
from schemas.errors import BuildError
from tests.builder.donor_truth import GAINS, INTEREST, donors, recipients, singles, spec

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "used", "reason", "words"),
    [
        (lambda d: d.drop(columns=[GAINS]), spec(), "donor_columns", GAINS),
        (lambda d: d.drop(columns=["weight"]), spec(), "donor_columns", "weight"),
        (lambda d: d, spec(universe={"is_joint": (0, 1)}), "donor_columns", "is_joint"),
        (lambda d: d.assign(**{GAINS: 0.0}), spec(), "donor_all_zero", GAINS),
        (lambda d: d.assign(age=np.nan), spec(), "donor_not_finite", r"age \(200\)"),
        (lambda d: d.assign(**{INTEREST: np.inf}), spec(), "donor_not_finite", INTEREST),
        (lambda d: d.assign(weight=0.0), spec(), "donor_weights", "no weight above zero"),
        (lambda d: d.assign(weight=[-1.0, *[1.0] * 199]), spec(), "donor_weights", "negative"),
        (lambda d: d.assign(weight=[np.nan, *[1.0] * 199]), spec(), "donor_not_finite", "weight"),
        (lambda d: d, spec(minimum_donors=201), "donor_too_few", "200 usable .* 201"),
        (lambda d: d, spec(universe={"age": (300, None)}), "donor_too_few", "0 usable"),
        (
            lambda d: d,
            spec(support=Support(False, {INTEREST: (0, 10)})),
            "donor_range",
            "declared are 0 to 10",
        ),
        (
            lambda d: d,
            spec(support=Support(False, {GAINS: (0, 1e9)})),
            "donor_range",
            GAINS,
        ),
    ],
)
def test_a_donor_that_cannot_serve_is_refused_and_the_frame_stays(
    change: Change, used: DonorSpec, reason: str, words: str
) -> None:
    frame = recipients(20)
    before = {name: values.copy() for name, values in frame.columns.items()}
    with pytest.raises(BuildError, match=words) as caught:
        impute(frame, change(donors(200)), used, seed=1)
    assert caught.value.reason == f"builder.{reason}"
    assert caught.value.remedy
    assert set(frame.columns) == set(before)
    for name, values in before.items():
        np.testing.assert_array_equal(frame.columns[name], values)


@pytest.mark.parametrize("keys", [{100_003, 100_005, 3}, {"100003", "100005", "acs-3"}])
def test_an_excluded_household_is_no_donor(keys: set[object]) -> None:
    with pytest.raises(BuildError, match=r"2 excluded .*100003, 100005") as caught:
        impute(recipients(20), donors(200), spec(), seed=1, exclude_keys=keys)
    assert caught.value.reason == "builder.donor_excluded"
    nameless = donors(200).drop(columns="source_key")
    with pytest.raises(BuildError, match="source_key"):
        impute(recipients(20), nameless, spec(), seed=1, exclude_keys={3})


def test_donors_without_weight_give_nothing() -> None:
    table = donors(400)
    rich = table.assign(**{INTEREST: 9e9, "weight": 0.0})
    frame, report = impute(recipients(200), pd.concat([table, rich]), spec(), seed=1)
    assert frame.columns[INTEREST].max() <= table[INTEREST].max() * (1 + 1e-6)
    assert report["donors"]["without_weight"] == 400
    assert report["donors"]["used"] == 400


def test_values_stay_inside_the_donors_range_and_outsiders_are_counted() -> None:
    ages = np.array([1, 19, 20, 79, 80, 99] * 50)
    frame = singles(ages, employment_income_before_lsr=np.full(300, 1e9))
    table = donors(2000)
    result, report = impute(frame, table, spec(), seed=1)
    for name in (INTEREST, GAINS):
        values, tolerance = result.columns[name], 1 + 1e-6
        assert values.max() <= table[name].max() * tolerance
        assert values.min() >= table[name].min() * tolerance
    support = report["support"]
    assert support["extrapolates"] is False
    assert support["extrapolated_records"] == 0
    age, income = support["predictors"]
    assert (age["donor_range"], age["outside"], age["outside_share"]) == ([20, 79], 200, 2 / 3)
    assert income["outside"] == 300
    assert all(target["outside_donor_range"] == 0 for target in report["targets"])


def test_extrapolation_is_proportional_and_said() -> None:
    table = donors(2000)
    edge = table["employment_income"].max()
    frame = singles(np.full(300, 60), employment_income_before_lsr=np.full(300, edge))
    beyond = singles(np.full(300, 60), employment_income_before_lsr=np.full(300, 50 * edge))
    wide = Support(True, {}, "employment_income")
    inside, quiet = impute(frame, table, spec(support=wide, targets=(INTEREST,)), seed=1)
    outside, report = impute(beyond, table, spec(support=wide, targets=(INTEREST,)), seed=1)
    np.testing.assert_allclose(outside.columns[INTEREST], 50 * inside.columns[INTEREST], rtol=1e-5)
    assert quiet["support"]["extrapolated_records"] == 0
    assert report["support"]["extrapolates"] is True
    assert report["support"]["extrapolated_records"] == 300
    assert report["targets"][0]["outside_donor_range"] > 0


def test_one_sign_and_few_donors_need_no_forest() -> None:
    table = donors(60).assign(**{INTEREST: 25.0, GAINS: 0.0})
    table.loc[:3, GAINS] = [-4.0, -3.0, -2.0, -1.0]
    frame, report = impute(recipients(300), table, spec(), seed=1)
    assert set(frame.columns[INTEREST]) == {25.0}
    assert set(frame.columns[GAINS]) == {-4.0, -3.0, -2.0, -1.0, 0.0}
    assert [target["forests"] for target in report["targets"]] == [0, 0]
    assert report["targets"][1]["donors_by_sign"] == {"negative": 4, "zero": 56, "positive": 0}
    assert report["targets"][1]["recipients"]["share_negative"] == pytest.approx(4 / 60, abs=0.05)
