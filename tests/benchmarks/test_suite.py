"""Suites: what they select, that nothing leaks between the two sides of the split, refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from baselines.targets import load_targets
from benchmarks.suite import (
    HELD_OUT_KINDS,
    load_suite,
    required_baseline_outputs,
    suite_of,
    target_list_sha256,
)
from schemas.engine_metadata import variable_table
from schemas.errors import RecordError, UsageError

SUITE = load_suite()
REGISTRY = load_targets()
# The smallest broad suite a claim may rest on.
FEWEST = 2_500


def test_the_suite_is_broad_and_leaves_nothing_out_without_a_reason() -> None:
    kept = {target.target_id for target in SUITE.targets}
    excluded = SUITE.record["excluded_targets"]
    ids = {each.get("target_id") for each in excluded}
    groups = {each.get("holdout_group") for each in excluded}
    left = [each for each in REGISTRY if each.target_id not in kept]
    assert len(kept) >= FEWEST
    assert all(each.target_id in ids or each.holdout_group in groups for each in left)
    assert len(left) < 0.03 * len(REGISTRY)


def test_complete_groups_are_held_out_of_both_kinds() -> None:
    held, trained = SUITE.groups_of("held_out"), SUITE.groups_of("train")
    assert not held & trained
    tiny = {each.get("target_id") for each in SUITE.record["excluded_targets"]}
    whole = {each.target_id for each in REGISTRY if each.holdout_group in held}
    assert whole - tiny == {each.target_id for each in SUITE.targets_of("held_out")}
    assert {each.kind for each in SUITE.scheme.held_out} == set(HELD_OUT_KINDS)
    by_state = [each for each in SUITE.targets_of("held_out") if each.geography_level == "state"]
    assert {each.family for each in by_state} == {"housing", "eitc", "retirement_income"}


def test_totals_and_the_cells_that_sum_to_them_are_on_one_side() -> None:
    def stems(role: str) -> set[str]:
        return {
            each.removesuffix("_total").removesuffix("_by_agi") for each in SUITE.groups_of(role)
        }

    assert not stems("held_out") & stems("train")


def test_no_variable_is_summed_on_both_sides() -> None:
    def summed(role: str) -> set[str]:
        return {each.variable for each in SUITE.targets_of(role) if each.aggregation == "sum"}

    assert not summed("held_out") & summed("train")


def test_families_hold_what_they_declare_and_none_of_the_look_alikes() -> None:
    by_id = {target.target_id: target for target in SUITE.targets}
    names = {family.name for family in SUITE.scheme.families}
    assert len(names) == 10
    for family in SUITE.scheme.families:
        concepts = {by_id[each].concept for each in family.targets}
        assert all(by_id[each].family == family.name for each in family.targets)
        assert not concepts & {
            "mortgage_interest_deduction",
            "interest_paid_deduction",
            "tax_exempt_interest",
            "rent_royalty_net_income",
            "qbi_deduction",
            "traditional_ira_contributions",
            "roth_ira_contributions",
        }


def test_aggregates_are_ten_and_each_is_one_figure() -> None:
    by_id = {target.target_id: target for target in SUITE.targets}
    aggregates = {each.name: each for each in SUITE.scheme.aggregates}
    assert len(aggregates) == 10
    assert by_id[aggregates["ssi_recipients"].target or ""].unit == "recipients"
    assert by_id[aggregates["ssi_value"].target or ""].unit == "usd"
    assert aggregates["household_net_income"].measure == "household_net_income"


def _untrue_list(record: dict[str, Any]) -> None:
    record["targets"]["count"] -= 1


def _unknown_group(record: dict[str, Any]) -> None:
    record["held_out"][0]["groups"].append("no_such_group")


def _half_a_total(record: dict[str, Any]) -> None:
    record["held_out"][0]["groups"].append("irs_soi_wages_salaries_total")


def _state_of_a_nation(record: dict[str, Any]) -> None:
    record["held_out"][0]["groups"].append("usda_state_snap_benefits")


def _no_geography(record: dict[str, Any]) -> None:
    record["held_out"] = [each for each in record["held_out"] if each["kind"] != "geography"]


def _held_out_twice(record: dict[str, Any]) -> None:
    record["held_out"].append(copy.deepcopy(record["held_out"][0]))


def _foreign_member(record: dict[str, Any]) -> None:
    record["families"]["wages"]["targets"].append("us.nothing")


def _foreign_aggregate(record: dict[str, Any]) -> None:
    record["aggregates"]["ssi_value"]["target"] = "us.nothing"


def _foreign_measure(record: dict[str, Any]) -> None:
    record["aggregates"]["household_net_income"]["measure"] = "happiness"


def _foreign_leak(record: dict[str, Any]) -> None:
    record["leak_sets"][0].append("no_such_group")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_untrue_list, "frozen with"),
        (_unknown_group, "unknown group no_such_group"),
        (_half_a_total, "trains on irs_soi_state_wages_salaries_amount, "),
        (_state_of_a_nation, "trains on usda_"),
        (_no_geography, "holds out no geography family"),
        (_held_out_twice, "in two sets"),
        (_foreign_member, "family wages names us.nothing"),
        (_foreign_aggregate, "aggregate ssi_value names us.nothing"),
        (_foreign_measure, "unknown measure happiness"),
        (_foreign_leak, "leak set names the unknown group"),
    ],
)
def test_a_suite_that_contradicts_itself_is_refused(
    spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    record = copy.deepcopy(dict(SUITE.record))
    spoil(record)
    with pytest.raises(RecordError, match=said) as caught:
        suite_of(record, REGISTRY)
    assert caught.value.reason == "suite.inconsistent"


def test_a_registry_that_lost_a_target_is_refused() -> None:
    assert target_list_sha256(SUITE.targets) == SUITE.record["targets"]["sha256"]
    with pytest.raises(RecordError, match="frozen with"):
        suite_of(SUITE.record, REGISTRY[1:-1])


def test_suite_asks_only_for_known_outputs_and_measures() -> None:
    table = variable_table()
    assert all(each.partition("@")[0] in table for each in required_baseline_outputs(SUITE))
    for benchmark in SUITE.benchmarks:
        named = {*benchmark["outputs"], *benchmark["sign"], *benchmark["non_vacuity_floor"]}
        assert named <= set(SUITE.measures)


def test_conditions_are_of_the_entity_they_select() -> None:
    table = variable_table()
    conditions = [
        (term["variable"].partition("@")[0], term["where"]["variable"])
        for measure in SUITE.measures.values()
        for term in measure["terms"]
        if "where" in term
    ]
    assert conditions
    for variable, condition in conditions:
        assert table[variable].entity == table[condition].entity


def test_age_groups_of_ssi_recipients_are_all_of_them() -> None:
    bands = [
        SUITE.measures[f"ssi_recipients_{group}"]["terms"][0]["where"]
        for group in ("under_18", "18_64", "65_plus")
    ]
    assert [(each.get("at_least"), each.get("below")) for each in bands] == [
        (None, 18),
        (18, 65),
        (65, None),
    ]


def test_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="us_national_2024"):
        load_suite("nowhere")
