"""Protected families and aggregates: by explicit ids, by a measure, or by nothing."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scoring.compare import compare
from benchmarks.scoring.record import score
from benchmarks.scoring.scheme import Aggregate, Family
from schemas.records import validate
from tests.benchmarks.scoring_fakes import evidence, pair_of, suite_of, target

TARGETS = [target("wage_total", 1e12), target("wage_cell", 1e6), target("rents", 4e10)]
FAMILIES = [
    Family("wages", ("wage_total", "wage_cell", "not_kept"), None),
    Family("household_net_income", (), "net"),
    Family("disability", ("gone",), None),
    Family("interest", (), "unmeasured_measure"),
]
AGGREGATES = [
    Aggregate("wage_income", "wage_total", None),
    Aggregate("household_net_income", None, "net"),
    Aggregate("taxable_interest", "gone", None),
]
SUITE = suite_of(TARGETS, families=FAMILIES, aggregates=AGGREGATES)


def scored(measures: dict[str, tuple[float, float]] | None = None) -> dict[str, Any]:
    pair = pair_of(SUITE, [1.1e12, 3e6, 9e10], [0.8e12, 1e6, 4e10], measures)
    return score(pair, SUITE.scheme)


def test_a_family_is_the_mean_error_of_its_own_ids() -> None:
    wages = scored()["families"]["wages"]
    assert (wages["basis"], wages["targets"]) == ("targets", ["wage_total", "wage_cell"])
    # 10 % of the total; 2 million dollars on the floor of 100 million
    assert wages["candidate"] == pytest.approx((0.1**2 + 0.02**2) / 2)
    assert wages["incumbent"] == pytest.approx(0.2**2 / 2)
    assert wages["delta"] == pytest.approx(wages["candidate"] - wages["incumbent"])
    parts = sum(each["value"] for each in wages["contributors"])
    assert parts == pytest.approx(wages["delta"], abs=1e-12)


def test_a_family_with_nothing_kept_has_no_figures() -> None:
    for name in ("disability", "interest", "household_net_income"):
        family = scored()["families"][name]
        assert family["basis"] == "none"
        assert family["targets"] == family["contributors"] == []
        assert {family[key] for key in ("candidate", "incumbent", "delta", "standard_error")} == {
            None
        }


@pytest.mark.parametrize(("candidate", "error"), [(9e12, 0.1), (25e12, 1.0)])
def test_household_net_income_is_judged_by_the_incumbents_estimate(
    candidate: float, error: float
) -> None:
    found = scored({"net": (candidate, 1e13)})
    family, aggregate = (found[k]["household_net_income"] for k in ("families", "aggregates"))
    assert family["basis"] == aggregate["basis"] == "incumbent_estimate"
    assert family["candidate"] == family["delta"] == pytest.approx(error**2)
    assert family["incumbent"] == aggregate["incumbent_error"] == 0
    assert aggregate["target"] == aggregate["incumbent"] == 1e13
    assert aggregate["candidate_error"] == pytest.approx(abs(candidate - 1e13) / 1e13)


def test_an_incumbent_estimate_of_zero_judges_nothing() -> None:
    found = scored({"net": (5.0, 0.0)})
    assert found["families"]["household_net_income"]["basis"] == "none"
    assert found["aggregates"]["household_net_income"]["basis"] == "none"


def test_aggregates_carry_absolute_relative_errors() -> None:
    wage = scored()["aggregates"]["wage_income"]
    assert (wage["basis"], wage["target_id"], wage["target"]) == ("targets", "wage_total", 1e12)
    assert (wage["candidate"], wage["incumbent"]) == (1.1e12, 0.8e12)
    assert wage["candidate_error"] == pytest.approx(0.1)
    assert wage["incumbent_error"] == pytest.approx(0.2)
    assert wage["delta"] == pytest.approx(-0.1)
    gone = scored()["aggregates"]["taxable_interest"]
    assert gone.pop("basis") == "none"
    assert set(gone.values()) == {None}


def test_measures_come_from_the_baseline_of_both_evidences() -> None:
    estimates: dict[str, float | None] = {each.target_id: each.value for each in TARGETS}
    sides = [evidence(estimates, measures={"net": value}) for value in (1.2e13, 1e13)]
    found = compare(sides[0], sides[1], SUITE)
    validate(found, "loss_record")
    assert found["families"]["household_net_income"]["candidate"] == pytest.approx(0.04)
    found = compare(sides[0], evidence(estimates), SUITE)
    assert found["families"]["household_net_income"]["basis"] == "none"
