"""Totals of measures and what a reform changes in them, against counted people and by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.benchmark_outputs import MeasuredTotals, measure_columns
from benchmarks.report_groups import REMAINDER, adding_up
from schemas.canonical import to_plain
from schemas.errors import MeasureError, RecordError
from schemas.records import validate
from tests.baselines.samples import make_evidence, make_h5
from tests.benchmarks.report_fakes import (
    BENCHMARK,
    MEASURES,
    Arms,
    MeasureSuite,
    arms,
    replaced,
    result_of,
)
from tests.benchmarks.scoring_fakes import WEIGHTS, two_households

GROUPED = ("fiscal", "household_net_income")


def ssi_of(where: Mapping[str, Any] | None = None, sign: int = 1) -> dict[str, Any]:
    term = {"name": "ssi", "sign": sign, "variable": "ssi", "aggregation": "count_positive"}
    return {"terms": [{**term, "where": where} if where else term]}


@pytest.mark.parametrize(
    ("where", "persons"),
    [
        ({"variable": "age", "below": 40}, 10 * 1),
        ({"variable": "age", "at_least": 40}, 100 * 2),
        ({"variable": "age", "at_least": 40, "below": 70}, 100 * 1),
        ({"variable": "age", "at_least": 70, "below": 71}, 100 * 1),
        (None, 100 * 2 + 10),
    ],
)
def test_ages_select_the_persons_of_a_term(where: dict[str, Any] | None, persons: float) -> None:
    """Aged 40, 38 and 70 in a household of weight 100, 20 in one of 10; 38 gets nothing."""
    simulated = replaced(two_households(), ssi=np.array([50.0, 0.0, 900.0, 1.0]))
    totals = MeasuredTotals(simulated, WEIGHTS)
    assert totals.measure(ssi_of(where)) == persons
    assert totals.measure(ssi_of(where, sign=-1)) == -persons


def test_a_selected_sum_leaves_the_other_persons_out() -> None:
    term = {"name": "pay", "sign": 1, "variable": "employment_income"}
    young = {**term, "where": {"variable": "age", "below": 40}}
    columns = measure_columns(
        MeasureSuite({"all": {"terms": [term]}, "young": {"terms": [young]}}), two_households()
    )
    assert columns["all"].tolist() == [1_500.0, 300.0]
    assert columns["young"].tolist() == [500.0, 300.0]


def test_a_reform_takes_ages_from_its_baseline_and_nothing_else() -> None:
    baseline = two_households()
    measure = ssi_of({"variable": "age", "at_least": 65})
    no_ages = replaced(baseline, age=None)
    assert MeasuredTotals(no_ages, WEIGHTS, context=baseline).measure(measure) == 100
    with pytest.raises(MeasureError, match="holds no age"):
        MeasuredTotals(no_ages, WEIGHTS).measure(measure)
    no_ssi = replaced(baseline, ssi=None)
    with pytest.raises(MeasureError) as caught:
        MeasuredTotals(no_ssi, WEIGHTS, context=baseline).measure(measure)
    assert caught.value.reason == "measure.missing_output"


def test_persons_are_not_selected_by_a_household_variable() -> None:
    measure = ssi_of({"variable": "state_fips", "below": 10})
    with pytest.raises(MeasureError) as caught:
        MeasuredTotals(two_households(), WEIGHTS).measure(measure)
    assert caught.value.reason == "measure.where_entity"


def test_figures_that_are_not_finite_are_refused() -> None:
    simulated = replaced(two_households(), ssi=np.array([0.0, np.nan, 0.0, 0.0]))
    with pytest.raises(MeasureError) as caught:
        MeasuredTotals(simulated, WEIGHTS).measure(ssi_of())
    assert caught.value.reason == "measure.not_finite"


@given(seed=st.integers(0, 10**6), households=st.integers(1, 30))
@settings(max_examples=30)
def test_every_list_adds_up_to_its_delta(seed: int, households: int) -> None:
    found = result_of(arms(seed, households))
    lists = [(found["contributors"], tuple(found["delta"]))]
    lists += [(found["by_state"], GROUPED), (found["by_decile"], GROUPED)]
    for parts, names in lists:
        assert set(parts) == set(names)
        for name in names:
            assert math.fsum(each["value"] for each in parts[name]) == pytest.approx(
                found["delta"][name], rel=1e-9, abs=1e-6
            )
            assert found["delta"][name] == found["reform"][name] - found["baseline"][name]
    for name in GROUPED:
        assert REMAINDER not in {each["name"] for each in found["by_state"][name]}
        assert REMAINDER not in {each["name"] for each in found["by_decile"][name]}


def test_groups_hold_what_their_own_people_gain() -> None:
    case = arms(5, 25)
    found = result_of(case)
    gain = case.reform.arrays["household_net_income"].astype(float)
    gain -= case.baseline.arrays["household_net_income"]
    names = {6: "CA", 36: "NY", 48: "TX", 60: "fips_60"}
    for fips, name in names.items():
        here = case.baseline.arrays["state_fips"] == fips
        expected = sum(g * w for g, w in zip(gain[here], case.weights[here], strict=True))
        values = [
            each["value"]
            for each in found["by_state"]["household_net_income"]
            if each["name"] == name
        ]
        assert values == [pytest.approx(expected)]
    assert [each["name"] for each in found["by_state"]["fiscal"]] == sorted(names.values())


def test_what_no_group_holds_is_a_last_item_unless_it_is_rounding() -> None:
    groups = {"CA": 40.0, "NY": 2.0}
    left = adding_up(groups, ["NY", "WA", "CA"], 45.0, 1e14)
    assert [each["name"] for each in left] == ["NY", "CA", REMAINDER]
    assert left[-1]["value"] == 3.0
    assert len(adding_up(groups, ["NY", "CA"], 42.5, 1e14)) == 2
    assert len(adding_up(groups, ["NY", "CA"], 42.5, -1e14)) == 2
    assert len(adding_up(groups, ["NY", "CA"], 42.5, 1e13)) == 3


def test_households_with_a_negative_income_are_a_group_of_their_own() -> None:
    case = arms(8, 20)
    income = case.baseline.arrays["household_net_income"]
    assert (income[case.weights > 0] < 0).any()
    named = {e["name"]: e["value"] for e in result_of(case)["by_decile"]["household_net_income"]}
    gain = case.reform.arrays["household_net_income"].astype(float) - income
    rows = np.flatnonzero(income < 0)
    assert named["negative_income"] == pytest.approx(sum(gain[r] * case.weights[r] for r in rows))


def test_no_reform_changes_nothing() -> None:
    case = arms(3)
    found = result_of(Arms(case.baseline, case.baseline, case.weights))
    assert set(found["delta"].values()) == {0.0}
    for key in ("contributors", "by_state", "by_decile"):
        assert {part["value"] for parts in found[key].values() for part in parts} == {0.0}
    report = found["report"]
    assert set(report["budget"].values()) == {0.0}
    assert report["household_net_income"] == 0.0
    assert report["winners_losers"]["all"]["no_change"] == 1.0
    changes = [*report["poverty"]["spm"].values(), *report["poverty"]["deep_spm"].values()]
    assert {each["change"] for each in (*changes, *report["inequality"].values())} <= {0.0, None}
    assert {each["absolute_change"] for each in report["deciles"]} <= {0.0, None}


def test_one_household_that_gains_is_found_in_its_own_groups() -> None:
    """Household 1 (weight 10, New York, the poorest) gets 7 dollars more SNAP: 70 in all."""
    case = arms(3, 2)
    arrays = {"household_net_income": np.array([900.0, 20.0]), "state_fips": np.array([6, 36])}
    arrays |= {"household_benefits": np.array([5.0, 5.0])}
    before = replaced(case.baseline, **arrays)
    rows = before.person_to["spm_unit"][before.person_to["household"] == 1]
    snap = before.arrays["snap"].astype(float)
    snap[rows[0]] += 7.0
    after = replaced(before, household_net_income=np.array([900.0, 27.0]), snap=snap)
    after = replaced(after, household_benefits=np.array([5.0, 12.0]))
    found = result_of(Arms(before, after, np.array([100.0, 10.0])))
    assert found["delta"]["household_net_income"] == pytest.approx(70)
    assert found["delta"]["fiscal"] == found["delta"]["benefits"] == pytest.approx(-70)
    assert found["delta"]["federal"] == found["delta"]["state"] == 0
    assert found["contributors"]["fiscal"][0] == {"name": "snap", "value": pytest.approx(-70)}
    states = {each["name"]: each["value"] for each in found["by_state"]["fiscal"]}
    assert states == {"CA": 0.0, "NY": pytest.approx(-70)}
    gains = found["by_decile"]["household_net_income"]
    assert [each["value"] for each in gains if each["value"]] == [pytest.approx(70)]
    assert gains[0]["value"] == pytest.approx(70)
    budget = found["report"]["budget"]
    assert budget["benefits"] == budget["budgetary_impact"] == pytest.approx(-70)
    assert budget["federal"] == budget["state"] == 0


def test_another_year_reads_its_own_months() -> None:
    case = arms(4)
    december = {"ssi@2026-12": np.ones(case.baseline.sizes["person"]), "ssi@2024-12": None}
    levels = {**case.baseline.entity, "ssi@2026-12": "person"}
    sides = []
    for arm in (case.baseline, case.reform):
        moved = replaced(arm, **december)
        sides.append(type(arm)(moved.arrays, levels, arm.person_to, arm.sizes))
    found = result_of(Arms(*sides, case.weights), {**BENCHMARK, "period": 2026})
    assert found["period"] == 2026
    assert found["baseline"]["ssi_recipients"] == len(case.people())


def test_identity_compares_with_the_number_of_people() -> None:
    case = arms(6)
    people = len(case.people())
    home = case.baseline.person_to["household"]
    paid = case.baseline.arrays["household_net_income"].astype(float) + 12.0 * np.bincount(home)
    after = replaced(case.baseline, household_net_income=paid)
    identity = {"measure": "household_net_income", "per_person": 12}
    benchmark = {**BENCHMARK, "identity": identity}
    found = result_of(Arms(case.baseline, after, case.weights), benchmark)["identity"]
    assert found["population"] == people
    assert found["expected"] == 12 * people
    assert found["measured"] == pytest.approx(12 * people)
    assert found["relative_difference"] == pytest.approx(0, abs=1e-9)
    half = {**BENCHMARK, "identity": {**identity, "per_person": 24}}
    found = result_of(Arms(case.baseline, after, case.weights), half)["identity"]
    assert found["relative_difference"] == pytest.approx(-0.5)
    cost = {**BENCHMARK, "identity": {**identity, "per_person": -24}}
    found = result_of(Arms(case.baseline, after, case.weights), cost)["identity"]
    assert found["relative_difference"] == pytest.approx(1.5)


def test_weights_enter_every_figure() -> None:
    """The same households in other numbers are another population."""
    case = arms(11)
    other = Arms(case.baseline, case.reform, np.roll(case.weights, 1) + 1)
    found, moved = result_of(case), result_of(other)
    assert found["delta"] != moved["delta"]
    for key in ("by_state", "by_decile", "contributors"):
        assert found[key] != moved[key]
    for key in ("budget", "winners_losers", "poverty", "inequality", "deciles", "states"):
        assert found["report"][key] != moved["report"][key]


@pytest.fixture
def record(tmp_path: Any) -> dict[str, Any]:
    """Return valid evidence with one benchmark that uses every part of an entry."""
    identity = {"measure": "ssi_recipients", "per_person": 1}
    entry = result_of(arms(2), {**BENCHMARK, "identity": identity}, "incremental")
    return {**make_evidence(make_h5(tmp_path / "a.h5")), "benchmarks": [to_plain(entry)]}


def test_the_entry_is_valid_evidence(record: dict[str, Any]) -> None:
    validate(record, "evidence")
    assert set(record["benchmarks"][0]["delta"]) == set(MEASURES)
    assert record["benchmarks"][0]["method"] == "incremental"
    del record["benchmarks"][0]["identity"]
    validate(record, "evidence")


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(entry: dict[str, Any]) -> None:
        for key in path[:-1]:
            entry = entry[key]
        entry[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _set("note", value="x"),
        _set("method", value="guess"),
        _set("by_state", "fiscal", value=[]),
        _set("by_state", "other", value=[{"name": "CA", "value": 1}]),
        _set("report", "extra", value=1),
        _set("report", "budget", "extra", value=1),
        _set("report", "winners_losers", "all", "no_change", value=None),
        _set("report", "winners_losers", "by_decile", value=[]),
        _set("report", "poverty", "spm", "child", value={"baseline": 1, "reform": 1}),
        _set("report", "poverty", "spm", "child", "change", value=None),
        _set("report", "inequality", "gini", "reason", value="why"),
        _set("report", "deciles", 0, "decile", value="11"),
        _set("report", "deciles", 0, "baseline_mean", value=None),
        _set("report", "states", 0, "ssi", value=1),
        _set("identity", "share", value=1),
        lambda entry: entry.pop("report"),
        lambda entry: entry.pop("by_decile"),
        lambda entry: entry.pop("period"),
        lambda entry: entry["report"]["poverty"].pop("geography"),
        lambda entry: entry["identity"].pop("population"),
        lambda entry: entry["delta"].pop("fiscal"),
    ],
)
def test_an_entry_with_a_wrong_part_is_refused(
    record: dict[str, Any], spoil: Callable[[dict[str, Any]], Any]
) -> None:
    spoiled = copy.deepcopy(record)
    spoil(spoiled["benchmarks"][0])
    with pytest.raises(RecordError):
        validate(spoiled, "evidence")


def test_evidence_of_the_first_version_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        validate({**record, "schema_version": 1}, "evidence")
    with pytest.raises(RecordError):
        validate({**record, "runtime": None}, "evidence")
