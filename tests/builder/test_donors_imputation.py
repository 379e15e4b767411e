"""Donor imputation against known truth: shares, medians, joint structure, draws and weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from builder.donors.imputation import as_integers, impute
from builder.donors.spec import ForestSettings
from builder.frame import Frame
from schemas.records import validate
from tests.builder.donor_truth import GAINS, INTEREST, OLD, donors, recipients, singles, spec


@pytest.fixture(scope="module")
def done() -> tuple[Frame, dict[str, Any]]:
    return impute(recipients(), donors(), spec(), seed=1, exclude_keys={1, 2})


def test_zero_shares_follow_the_predictor(done: tuple[Frame, dict[str, Any]]) -> None:
    frame, _ = done
    age, interest = frame.columns["age"], frame.columns[INTEREST]
    assert (interest[age < OLD] == 0).mean() == pytest.approx(0.8, abs=0.04)
    assert (interest[age >= OLD] == 0).mean() == pytest.approx(0.3, abs=0.04)


def test_sign_shares_are_the_donors(done: tuple[Frame, dict[str, Any]]) -> None:
    gains = done[0].columns[GAINS]
    assert (gains < 0).mean() == pytest.approx(0.2, abs=0.03)
    assert (gains == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_conditional_medians_and_spread_follow_the_predictor(
    done: tuple[Frame, dict[str, Any]],
) -> None:
    frame, _ = done
    age, interest = frame.columns["age"], frame.columns[INTEREST]
    for rows, median in ((age < OLD, 500), (age >= OLD, 4000)):
        logs = np.log(interest[rows & (interest > 0)])
        assert np.median(logs) == pytest.approx(np.log(median), abs=0.15)
        assert logs.std() == pytest.approx(0.8, abs=0.12)


def _joint(frame: Frame) -> float:
    """Return the correlation of logs where interest and gains are above zero, of the old."""
    interest, gains = frame.columns[INTEREST], frame.columns[GAINS]
    both = (interest > 0) & (gains > 0) & (frame.columns["age"] >= OLD)
    return float(np.corrcoef(np.log(interest[both]), np.log(gains[both]))[0, 1])


def test_a_chain_keeps_the_joint_structure(done: tuple[Frame, dict[str, Any]]) -> None:
    truth = donors()
    given = singles(
        truth["age"].to_numpy(),
        **{INTEREST: truth[INTEREST].to_numpy(), GAINS: truth[GAINS].to_numpy()},
    )
    apart, _ = impute(recipients(), donors(), spec(chained=False), seed=1)
    assert _joint(given) > 0.9
    assert _joint(done[0]) > 0.8
    assert abs(_joint(apart)) < 0.15


def test_same_seed_same_values_and_another_seed_others(done: tuple[Frame, dict[str, Any]]) -> None:
    shuffled = donors().sample(frac=1, random_state=0)
    again, report = impute(recipients(), shuffled, spec(), seed=1, exclude_keys={1, 2})
    assert report == done[1]
    for name in (INTEREST, GAINS):
        np.testing.assert_array_equal(again.columns[name], done[0].columns[name])
    for changed in ({"seed": 2}, {"spec": spec(draw_seed=1)}):
        other, _ = impute(recipients(), donors(), **({"spec": spec(), "seed": 1} | changed))
        assert (other.columns[INTEREST] != done[0].columns[INTEREST]).mean() > 0.3


def test_the_order_of_recipients_is_without_effect(done: tuple[Frame, dict[str, Any]]) -> None:
    frame = recipients()
    order = np.random.default_rng(0).permutation(frame.size("household"))
    columns = {name: values[order] for name, values in frame.columns.items()}
    mixed = Frame(columns, 2024, frame.origin[order], frame.source_key[order])
    result, _ = impute(mixed, donors(), spec(), seed=1)
    for name in (INTEREST, GAINS):
        np.testing.assert_array_equal(result.columns[name], done[0].columns[name][order])


def test_draws_hang_on_origin_and_key_and_not_on_other_recipients(
    done: tuple[Frame, dict[str, Any]],
) -> None:
    frame = recipients()
    half = {name: values[::2] for name, values in frame.columns.items()}
    fewer, _ = impute(
        Frame(half, 2024, frame.origin[::2], frame.source_key[::2]), donors(), spec(), seed=1
    )
    np.testing.assert_array_equal(fewer.columns[GAINS], done[0].columns[GAINS][::2])
    elsewhere = replace(frame, origin=np.full(len(frame.origin), "other"))
    other, _ = impute(elsewhere, donors(), spec(), seed=1)
    assert (other.columns[INTEREST] != done[0].columns[INTEREST]).mean() > 0.3


def test_keys_that_are_text_become_numbers_of_their_own() -> None:
    keys = np.array([f"acs-{n}" for n in range(5000)])
    numbers = as_integers(keys)
    assert len(np.unique(numbers)) == 5000
    np.testing.assert_array_equal(as_integers(keys[::-1]), numbers[::-1])
    np.testing.assert_array_equal(as_integers(np.array([3, 1])), [3, 1])


@pytest.mark.parametrize("leaf", [10, 10_000])
def test_weights_decide_between_donors(leaf: int) -> None:
    """Two kinds of donors alike in every predictor: a forest, and too few donors for one."""
    count = 2000
    kind = np.arange(count) % 2
    table = pd.DataFrame(
        {
            "age": np.random.default_rng(1).integers(20, 80, count),
            "employment_income": 0.0,
            INTEREST: np.where(kind, 100.0, 1000.0) + np.arange(count) * 1e-3,
            GAINS: np.where(kind, 5.0, 0.0),
            "weight": np.where(kind, 9.0, 1.0),
        }
    )
    settings = ForestSettings(20, leaf, 100, 2000, 100)
    frame, report = impute(recipients(), table, spec(forest=settings, chained=False), seed=1)
    assert (frame.columns[INTEREST] < 500).mean() == pytest.approx(0.9, abs=0.03)
    assert (frame.columns[GAINS] > 0).mean() == pytest.approx(0.9, abs=0.03)
    assert report["targets"][0]["forests"] == (1 if leaf == 10 else 0)
    assert report["targets"][0]["donors"]["mean"] == pytest.approx(191, abs=1)


def test_only_the_wanted_recipients_get_values() -> None:
    frame = recipients(600)
    owned = np.where(np.arange(600) % 3 == 0, 77.0, 0.0).astype(np.float32)
    origin = np.where(np.arange(600) % 2, "acs", "cps")
    given = replace(frame.with_columns({INTEREST: owned}), origin=origin)
    chosen = spec(
        only_absent=True, origins=("acs",), universe={"age": (30, 60)}, targets=(INTEREST,)
    )
    result, report = impute(given, donors(), chosen, seed=1)
    age = frame.columns["age"]
    open_to = (owned == 0) & (origin == "acs") & (age >= 30) & (age <= 60)
    values = result.columns[INTEREST]
    np.testing.assert_array_equal(values[~open_to], owned[~open_to])
    assert (values[open_to] > 0).mean() > 0.2
    assert report["recipients"] == {"records": 600, "imputed": int(open_to.sum())}
    ages = donors()["age"]
    assert report["donors"]["outside_universe"] == int(((ages < 30) | (ages > 60)).sum())


def test_the_report_compares_both_sides(done: tuple[Frame, dict[str, Any]]) -> None:
    frame, report = done
    validate(report, "donor_report")
    target = report["targets"][0]
    values = frame.columns[INTEREST]
    assert target["recipients"]["share_nonzero"] == pytest.approx((values > 0).mean())
    assert target["recipients"]["mean"] == pytest.approx(values.mean(), rel=1e-5)
    assert target["donors"]["mean"] == pytest.approx(donors()[INTEREST].mean())
    assert target["recipients"]["quantiles"]["0.9"] == pytest.approx(
        np.quantile(values, 0.9), rel=0.01
    )
    assert report["excluded_donors"] == {"keys": 2, "found": 0}
    assert report["donors"]["sources"] == ["made-up"]
    assert report["method"]["packages"]["quantile-forest"]


def test_recipient_figures_are_weighted() -> None:
    frame = recipients(500)
    young = frame.columns["age"] < OLD
    weighted = frame.with_columns({"household_weight": np.where(young, 1.0, 0.0)})
    result, report = impute(weighted, donors(), spec(targets=(INTEREST,)), seed=1)
    mean = result.columns[INTEREST][young].mean()
    assert report["targets"][0]["recipients"]["mean"] == pytest.approx(mean, rel=1e-5)
    empty = frame.with_columns({"household_weight": np.zeros(500)})
    _, report = impute(empty, donors(), spec(targets=(INTEREST,)), seed=1)
    assert report["targets"][0]["recipients"] is None


def test_progress_names_each_target() -> None:
    told: list[tuple[str, int, int]] = []
    impute(recipients(50), donors(200), spec(), seed=1, progress=lambda *step: told.append(step))
    assert told == [
        (f"truth: {INTEREST}", 0, 2),
        (f"truth: {GAINS}", 1, 2),
        ("truth: imputed", 2, 2),
    ]


def _pairs() -> Frame:
    """Return 300 households of two units each, a head of 60 and one of 30 years."""
    ages = np.tile([60, 30], 300)
    frame = singles(ages)
    household = {
        "household_id": np.arange(300),
        "person_household_id": np.repeat(np.arange(300), 2),
        "household_weight": np.ones(300),
    }
    return Frame({**frame.columns, **household}, 2024, frame.origin[:300], frame.source_key[:300])


def test_units_of_one_household_have_draws_of_their_own() -> None:
    frame = _pairs().with_columns({"age": np.full(600, 60)})
    result, _ = impute(frame, donors(2000), spec(targets=(INTEREST,)), seed=1)
    first, second = result.columns[INTEREST].reshape(-1, 2).T
    alike = (first > 0) == (second > 0)
    assert alike.mean() == pytest.approx(0.7**2 + 0.3**2, abs=0.1)
    assert (first == second)[first > 0].mean() < 0.05


def test_a_household_s_values_go_to_its_variable_or_its_oldest_head() -> None:
    """The worth of a household follows the age of its oldest head, 60 in all of them."""
    truth = donors(2000)
    table = truth.assign(net_worth=np.where(truth["age"] < OLD, -7.0, 9.0))
    used = spec(
        entity="household", targets=(INTEREST, "net_worth"), universe={}, predictors=("age",)
    )
    frame, report = impute(_pairs(), table, used, seed=1)
    assert (frame.columns["net_worth"] == 9).mean() > 0.98
    old, young = frame.columns[INTEREST].reshape(-1, 2).T
    assert (old > 0).mean() == pytest.approx(0.7, abs=0.1)
    assert not young.any()
    assert report["recipients"]["imputed"] == 300
