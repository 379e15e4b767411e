"""The report of a reform, against figures worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.report import spm_geography
from benchmarks.report_distribution import CLASSES, deciles, inequality, poverty, winners_losers
from benchmarks.report_groups import Population, population_of, state_codes
from benchmarks.suite import load_suite
from benchmarks.suite_benchmarks import REPORT_BASELINE_OUTPUTS, REPORT_OUTPUTS, measure_outputs
from schemas.canonical import canonical_bytes, to_plain
from schemas.errors import MeasureError
from schemas.records import validate
from tests.baselines.samples import make_evidence, make_h5
from tests.benchmarks.report_fakes import (
    MEASURES,
    Arms,
    arms,
    replaced,
    report_of,
    result_of,
)
from tests.benchmarks.scoring_fakes import FakeArrays, two_households


def population(weights: np.ndarray, size: int = 1) -> Population:
    """Return households of `size` persons, all in the first decile."""
    everyone = np.repeat(weights, size)
    groups = np.full(len(weights), "1")
    return Population(weights, weights * size, everyone, groups, groups)


def one_class(before: float, after: float) -> str:
    found = winners_losers(np.array([before]), np.array([after]), population(np.ones(1)))["all"]
    return next(name for name in CLASSES if found[name] == 1.0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1_000, 1_000, "no_change"),
        (1_000, 1_001, "no_change"),
        (1_000, 999, "no_change"),
        (1_000, 1_001.01, "gain_less_than_5pct"),
        (1_000, 998.99, "lose_less_than_5pct"),
        (1_000, 1_050, "gain_less_than_5pct"),
        (1_000, 950, "lose_less_than_5pct"),
        (1_000, 1_050.01, "gain_more_than_5pct"),
        (1_000, 949.99, "lose_more_than_5pct"),
        (0, 0.001, "no_change"),
        (0, 0.04, "gain_less_than_5pct"),
        (0.5, 0.53, "gain_less_than_5pct"),
        (-1_000, -999.96, "gain_less_than_5pct"),
        (-1_000, -2_000, "lose_more_than_5pct"),
    ],
)
def test_classes_at_their_bounds(before: float, after: float, expected: str) -> None:
    assert one_class(before, after) == expected


def test_shares_by_hand() -> None:
    """30 people lose a tenth, 60 gain a hundredth, 10 are as before."""
    before, after = np.full(3, 100.0), np.array([90.0, 101.0, 100.0])
    groups = np.array(["1", "2", "1"])
    people = np.array([30.0, 60.0, 10.0])
    found = winners_losers(before, after, Population(np.ones(3), people, people, groups, groups))
    assert found["all"] == {
        "lose_more_than_5pct": 0.3,
        "lose_less_than_5pct": 0.0,
        "no_change": 0.1,
        "gain_less_than_5pct": 0.6,
        "gain_more_than_5pct": 0.0,
    }
    assert found["by_decile"][0]["lose_more_than_5pct"] == 0.75
    assert found["by_decile"][1]["gain_less_than_5pct"] == 1.0


def test_inequality_by_hand() -> None:
    """Nine people have nothing (one of them owes) and one has all; then all have the same."""
    poor = np.zeros(10)
    poor[3] = -50.0
    poor[7] = 200.0
    before, after = (
        FakeArrays({"equiv_household_net_income": each}, {}, {}, {}) for each in (poor, np.ones(10))
    )
    found = inequality(before, after, population(np.full(10, 2.0)))
    assert found["gini"] == {
        "baseline": pytest.approx(0.9),
        "reform": pytest.approx(0.0),
        "change": pytest.approx(-0.9),
    }
    assert found["top_10_share"]["baseline"] == pytest.approx(1.0)
    assert found["top_10_share"]["reform"] == pytest.approx(0.1)
    assert found["top_1_share"]["baseline"] == pytest.approx(0.1)
    assert found["top_1_share"]["change"] == pytest.approx(0.01 - 0.1)


def test_no_income_has_no_inequality() -> None:
    owing = FakeArrays({"equiv_household_net_income": np.array([-1.0, -2.0])}, {}, {}, {})
    rich = FakeArrays({"equiv_household_net_income": np.array([1.0, 2.0])}, {}, {}, {})
    for sides in ((owing, rich), (rich, owing)):
        for figures in inequality(*sides, population(np.ones(2))).values():
            assert figures["baseline"] is figures["reform"] is figures["change"] is None
            assert figures["reason"] == "there is no income"


def test_members_have_the_poverty_of_their_unit() -> None:
    """The unit of three (ages 40, 38, 70; weight 100) leaves poverty, the one aged 20 enters it."""
    sides = []
    for poor in ([True, False], [False, True]):
        arm = two_households()
        for name in ("spm_unit_is_in_spm_poverty", "spm_unit_is_in_deep_spm_poverty"):
            arm.arrays[name] = np.array(poor)
        sides.append(arm)
    found = poverty(*sides, population_of(sides[0], np.array([100.0, 10.0])))["spm"]
    assert found["adult"]["baseline"] == pytest.approx(200 / 210)
    assert found["adult"]["reform"] == pytest.approx(10 / 210)
    assert found["senior"] == {"baseline": 1.0, "reform": 0.0, "change": -1.0}
    assert found["all"]["baseline"] == pytest.approx(300 / 310)
    assert found["child"]["reason"] == "the group stands for nobody"


def test_ages_at_their_bounds() -> None:
    arm = replaced(
        two_households(),
        age=np.array([17.9, 18.0, 64.9, 65.0]),
        spm_unit_is_in_spm_poverty=np.array([True, False]),
        spm_unit_is_in_deep_spm_poverty=np.array([False, False]),
    )
    found = poverty(arm, arm, population_of(arm, np.array([1.0, 1.0])))
    rates = {name: each["baseline"] for name, each in found["spm"].items()}
    assert rates == {"all": 0.75, "child": 1.0, "adult": 1.0, "senior": 0.0}
    assert found["deep_spm"]["all"]["baseline"] == 0.0


def test_deciles_hold_equal_numbers_of_people() -> None:
    """One household of ten persons fills half of a population of twenty."""
    income = np.arange(11.0)
    home = np.concatenate([np.arange(10), np.full(10, 10)])
    arrays = {"household_net_income": income, "state_fips": np.full(11, 6)}
    sizes = {"household": 11, "person": 20}
    arm = FakeArrays(arrays, {}, {"household": home}, sizes)
    found = population_of(arm, np.ones(11))
    expected = [str(math.ceil((row + 1) / 2)) for row in range(10)]
    assert found.deciles.tolist() == [*expected, "10"]
    assert found.people_weights.tolist() == [1.0] * 10 + [10.0]
    halved = population_of(arm, np.array([1.0] * 10 + [0.0]))
    assert halved.deciles.tolist()[:10] == [str(number) for number in range(1, 11)]


def test_equal_incomes_share_a_decile_and_weightless_households_have_one() -> None:
    home = np.arange(4)
    arrays = {"state_fips": np.full(4, 6), "household_net_income": np.array([5.0, 5.0, 0.0, -1.0])}
    arm = FakeArrays(arrays, {}, {"household": home}, {"household": 4, "person": 4})
    found = population_of(arm, np.array([1.0, 1.0, 0.0, 1.0])).deciles.tolist()
    assert found == ["10", "10", "1", "negative_income"]


def test_without_people_of_positive_income_there_are_no_deciles() -> None:
    arm = replaced(two_households(), household_net_income=np.array([-5.0, 10.0]))
    with pytest.raises(MeasureError) as caught:
        population_of(arm, np.array([100.0, 0.0]))
    assert caught.value.reason == "measure.no_deciles"
    nothing = replaced(two_households(), household_net_income=np.array([-5.0, 0.0]))
    assert population_of(nothing, np.ones(2)).deciles.tolist() == ["negative_income", "10"]


def test_the_change_of_a_group_that_owes_is_relative_to_the_size_of_its_debt() -> None:
    groups = np.array(["negative_income", "1"])
    people = Population(np.ones(2), np.ones(2), np.ones(2), groups, groups)
    found = deciles(np.array([-100.0, 0.0]), np.array([-50.0, 3.0]), people)
    assert found[10]["absolute_change"] == 50
    assert found[10]["relative_change"] == 0.5
    assert found[0]["absolute_change"] == 3
    assert found[0]["relative_change"] is None
    assert found[0]["reason"] == "the baseline mean is zero"


def test_budget_adds_up_and_states_sum_to_it() -> None:
    case = arms(21, 25)
    report = report_of(case)
    budget = report["budget"]
    parts = math.fsum(value for name, value in budget.items() if name != "budgetary_impact")
    assert parts == pytest.approx(budget["budgetary_impact"])
    tax, benefits = (
        (case.reform.arrays[name].astype(float) - case.baseline.arrays[name]).tolist()
        for name in ("household_tax", "household_benefits")
    )
    counts = case.weights.tolist()
    impact = sum(w * (t - b) for w, t, b in zip(counts, tax, benefits, strict=True))
    assert budget["budgetary_impact"] == pytest.approx(impact)
    assert math.fsum(each["fiscal"] for each in report["states"]) == pytest.approx(impact)
    gains = math.fsum(each["household_net_income"] for each in report["states"])
    assert gains == pytest.approx(report["household_net_income"])


def test_state_codes_keep_an_unknown_code_visible() -> None:
    assert state_codes(np.array([36, 6, 11, 72, 3, 6])).tolist() == [
        *("NY", "CA", "DC", "PR", "fips_3", "CA")
    ]


def test_state_codes_are_those_of_the_target_facts() -> None:
    """Every state target names one FIPS code and one place; they are fifty states and D.C."""
    named = set()
    for target in load_suite().targets:
        if target.geography_level == "state":
            named |= {each.value for each in target.constraints if each.variable == "state_fips"}
    codes = state_codes(np.array(sorted(int(each) for each in named))).tolist()
    assert len(set(codes)) == 51
    assert not [code for code in codes if code.startswith("fips")]


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"spm": {"geography_kind": "national"}}, "national"),
        ({"spm": None}, "engine_default"),
        ({}, "engine_default"),
    ],
)
def test_poverty_states_its_geography(meta: dict[str, Any], expected: str) -> None:
    assert spm_geography(meta) == expected
    case = arms(1)
    case.baseline.meta.update(meta)
    assert report_of(case)["poverty"]["geography"] == expected


class Watched(Mapping[str, np.ndarray]):
    """Arrays that remember which of them were read."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.read: set[str] = set()
        self._arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        self.read.add(name)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def test_arms_are_asked_for_everything_the_report_reads() -> None:
    case = arms(9)
    sides = [
        FakeArrays(Watched(each.arrays), each.entity, each.person_to, each.sizes)
        for each in (case.baseline, case.reform)
    ]
    report_of(Arms(sides[0], sides[1], case.weights))
    measured = {each for name in MEASURES for each in measure_outputs(MEASURES, name)}
    assert sides[1].arrays.read - measured <= set(REPORT_OUTPUTS)
    both = {*REPORT_OUTPUTS, *REPORT_BASELINE_OUTPUTS}
    assert sides[0].arrays.read - measured <= both
    assert set(REPORT_BASELINE_OUTPUTS) <= sides[0].arrays.read
    assert not set(REPORT_BASELINE_OUTPUTS) & sides[1].arrays.read


@pytest.mark.parametrize("households", [1, 2, 30])
def test_every_report_is_canonical_json_of_the_schema(tmp_path: Any, households: int) -> None:
    """With one household nearly every figure of the deciles is null with a reason."""
    entry = result_of(arms(7, households), method="exact")
    record = {**make_evidence(make_h5(tmp_path / "a.h5")), "benchmarks": [to_plain(entry)]}
    validate(record, "evidence")
    assert json.loads(canonical_bytes(entry)) == to_plain(entry)
    assert entry["method"] == "exact"
