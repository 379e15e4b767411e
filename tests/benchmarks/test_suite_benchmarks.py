"""The benchmarks of the suite: entries that agree, outputs the engine computes, refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from baselines.targets import load_targets
from benchmarks.suite import (
    listed_outputs,
    load_suite,
    periods,
    required_baseline_outputs,
    required_reform_outputs,
    suite_of,
)
from benchmarks.suite_benchmarks import (
    REPORT_BASELINE_OUTPUTS,
    REPORT_OUTPUTS,
    measure_outputs,
    measures_at,
)
from schemas.engine_metadata import variable_table
from schemas.errors import RecordError
from schemas.records import validate

SUITE = load_suite()
REGISTRY = load_targets()
BY_ID = {benchmark["id"]: benchmark for benchmark in SUITE.benchmarks}
WINDOW = "2024-01-01.2100-12-31"


def test_the_frozen_list_of_reforms() -> None:
    assert list(BY_ID) == [
        "ssi-asset-limits-10k-20k",
        "ssi-no-asset-limit",
        "ssi-asset-limits-10k-20k-2026",
        "ssi-no-asset-limit-2026",
        "ctc-arpa",
        "ctc-base-3000",
        "ctc-repeal",
        "eitc-arpa-childless",
        "eitc-repeal",
        "policy-94589",
        "capital-gains-indexing",
        "income-tax-rates-plus-1",
        "per-person-transfer",
    ]
    assert {each: b["period"] for each, b in BY_ID.items() if b["period"] != 2024} == {
        "ssi-asset-limits-10k-20k-2026": 2026,
        "ssi-no-asset-limit-2026": 2026,
    }


def test_only_the_indexing_of_capital_gains_has_no_parameters() -> None:
    found = {each: b["indexing"] for each, b in BY_ID.items() if b["kind"] != "parameters"}
    assert found == {
        "capital-gains-indexing": {
            "floor_at_zero": True,
            "generator": "shares_v1",
            "minimum_years_held": 1,
            "prices": "cpi_u",
        }
    }


def test_the_reforms_of_2026_wait_for_a_supplied_record() -> None:
    waiting = {each: b["external_record"] for each, b in BY_ID.items() if "external_record" in b}
    assert {each: BY_ID[each]["period"] for each in waiting} == {
        "ssi-asset-limits-10k-20k-2026": 2026,
        "ssi-no-asset-limit-2026": 2026,
    }
    for record in waiting.values():
        assert record["id"] == "tara-watson-ssi-asset-limits"
        assert record["status"] == "reconstructed, confirmation pending"


@pytest.mark.parametrize("benchmark_id", BY_ID)
def test_each_reform_has_its_expectations_and_context(benchmark_id: str) -> None:
    benchmark = BY_ID[benchmark_id]
    budget = {"fiscal", "household_net_income"}
    assert budget <= set(benchmark["non_vacuity_floor"])
    assert {benchmark["sign"][each] for each in budget} == {"positive", "negative"}
    assert {"federal", "state", "benefits"} <= set(benchmark["outputs"])
    assert benchmark["tolerance"] == {"absolute": 5e9, "combine": "max", "relative": 0.05}
    assert all(floor > 0 for floor in benchmark["non_vacuity_floor"].values())
    assert benchmark["external_comparators"]


def test_outputs_are_variables_of_the_engine_that_read_no_weights() -> None:
    table = variable_table()
    for period in periods(SUITE):
        for request in required_baseline_outputs(SUITE, period):
            name, _, month = request.partition("@")
            assert name in table
            assert not month or table[name].period == "month"
            assert "weight" not in name
            assert "decile" not in name


def test_outputs_are_listed_in_manifest_order_with_net_income_first() -> None:
    assert periods(SUITE) == (2024, 2026)
    for period in periods(SUITE):
        listed = listed_outputs(SUITE, period)
        assert listed[0] == "household_net_income"
        assert len(listed) == len(set(listed))
        assert sorted(listed) == required_reform_outputs(SUITE, period)
        assert set(REPORT_OUTPUTS) <= set(listed)
        for benchmark in SUITE.benchmarks:
            if benchmark["period"] == period:
                for name in benchmark["outputs"]:
                    found = measure_outputs(SUITE.measures_at(period), name)
                    assert set(found) <= set(listed)
    assert listed_outputs(SUITE) == listed_outputs(SUITE, 2024)
    assert listed_outputs(SUITE)[1:3] == ["household_tax", "household_benefits"]
    assert "ctc_value" not in listed_outputs(SUITE, 2026)


def test_a_measure_asks_for_terms_conditions_items_and_parts_in_order() -> None:
    def term(variable: str, **more: Any) -> dict[str, Any]:
        return {"name": variable, "sign": 1, "variable": variable, **more}

    measures = {
        "part": {"terms": [term("d"), term("b")]},
        "whole": {
            "terms": [term("a", where={"variable": "age", "below": 18})],
            "items": [term("b"), term("c")],
            "parts": [{"measure": "part", "sign": -1}],
        },
    }
    assert measure_outputs(measures, "whole") == ["a", "age", "b", "c", "d"]


def test_the_report_asks_for_what_its_fields_are_made_of() -> None:
    assert REPORT_OUTPUTS == (
        "household_net_income",
        "equiv_household_net_income",
        "household_count_people",
        "spm_unit_is_in_spm_poverty",
        "spm_unit_is_in_deep_spm_poverty",
    )
    assert REPORT_BASELINE_OUTPUTS == ("age", "state_fips")


def test_a_later_year_asks_for_its_own_months_and_no_targets() -> None:
    own, later = (required_baseline_outputs(SUITE, period) for period in (2024, 2026))
    assert own == required_baseline_outputs(SUITE)
    for period, asked in ((2024, own), (2026, later)):
        assert {*REPORT_OUTPUTS, *REPORT_BASELINE_OUTPUTS} <= set(asked)
        assert set(required_reform_outputs(SUITE, period)) <= set(asked)
        assert f"ssi@{period}-12" in asked
        assert all(each.partition("@")[2][:4] in ("", str(period)) for each in asked)
    assert "employment_income" in own
    assert "employment_income" not in later


def test_measures_of_a_year_move_terms_and_items_and_nothing_else() -> None:
    item = {"name": "b", "sign": -1, "variable": "b@2024-03"}
    measure = {"title": "A", "terms": [{"name": "a", "sign": 1, "variable": "a"}], "items": [item]}
    moved = measures_at({"a": measure}, 2030)
    assert moved == {"a": {**measure, "items": [{**item, "variable": "b@2030-03"}]}}
    assert item["variable"] == "b@2024-03"
    assert SUITE.measures_at(2024) == SUITE.measures


def _twice(record: dict[str, Any]) -> None:
    record["benchmarks"].append(copy.deepcopy(record["benchmarks"][0]))


def _foreign_output(record: dict[str, Any]) -> None:
    record["benchmarks"][0]["outputs"].append("happiness")


def _sign_of_no_output(record: dict[str, Any]) -> None:
    record["benchmarks"][0]["sign"]["ctc"] = "any"


def _floor_of_no_output(record: dict[str, Any]) -> None:
    record["benchmarks"][0]["non_vacuity_floor"]["ctc"] = 1


def _identity_of_no_output(record: dict[str, Any]) -> None:
    record["benchmarks"][-1]["identity"]["measure"] = "ssi"


def _too_early(record: dict[str, Any]) -> None:
    record["benchmarks"][0]["period"] = 2023


def _part_of_a_year(record: dict[str, Any]) -> None:
    reform = record["benchmarks"][2]["reform"]
    reform["gov.ssa.ssi.eligibility.resources.limit.couple"] = {"2024-01-01.2026-06-30": 1}


def _starts_late(record: dict[str, Any]) -> None:
    reform = record["benchmarks"][0]["reform"]
    reform["gov.ssa.ssi.eligibility.resources.limit.couple"] = {"2024-02-01": 1}


def _foreign_part(record: dict[str, Any]) -> None:
    record["measures"]["fiscal"]["parts"][0]["measure"] = "happiness"


def _foreign_month(record: dict[str, Any]) -> None:
    record["measures"]["ssi_recipients"]["terms"][0]["variable"] = "ssi@2023-12"


def _empty_band(record: dict[str, Any]) -> None:
    record["measures"]["ssi_recipients_18_64"]["terms"][0]["where"]["below"] = 18


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_twice, "holds the benchmark ssi-asset-limits-10k-20k 2 times"),
        (_foreign_output, "unknown measure happiness among its outputs"),
        (_sign_of_no_output, "has a sign for ctc, which is not among its outputs"),
        (_floor_of_no_output, "has a floor for ctc"),
        (_identity_of_no_output, "per-person-transfer has an identity for ssi"),
        (_too_early, "is for 2023, before the year of the suite"),
        (_part_of_a_year, "limit.couple for all of 2026"),
        (_starts_late, "limit.couple for all of 2024"),
        (_foreign_part, "measure fiscal is made of the unknown measure happiness"),
        (_foreign_month, "asks for ssi@2023-12, no month of 2024"),
        (_empty_band, "ssi_recipients_18_64 has an empty band of age"),
    ],
)
def test_benchmarks_that_contradict_themselves_are_refused(
    spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    record = copy.deepcopy(dict(SUITE.record))
    spoil(record)
    validate(record, "benchmark_manifest")
    with pytest.raises(RecordError, match=said) as caught:
        suite_of(record, REGISTRY)
    assert caught.value.reason == "suite.inconsistent"


def test_a_change_without_an_end_covers_its_year() -> None:
    record = copy.deepcopy(dict(SUITE.record))
    for path in record["benchmarks"][0]["reform"]:
        record["benchmarks"][0]["reform"][path] = {"2024-01-01": 1}
    assert suite_of(record, REGISTRY).record == record


@pytest.mark.parametrize(
    ("index", "change", "at"),
    [
        (0, {"kind": "lots"}, "kind"),
        (0, {"kind": None}, "kind"),
        (0, {"reform": None}, "reform"),
        (0, {"reform": {}}, "reform"),
        (0, {"kind": "capital_gains_indexing"}, "indexing|reform"),
        (0, {"indexing": BY_ID["capital-gains-indexing"]["indexing"]}, "'indexing'"),
        (0, {"structural": True}, "structural"),
        (0, {"floor_reason": None}, "floor_reason"),
        (0, {"outputs": ["fiscal", "fiscal"]}, "outputs"),
        (0, {"sign": {"fiscal": "up"}}, "sign"),
        (0, {"non_vacuity_floor": {"fiscal": -1}}, "non_vacuity_floor"),
        (0, {"tolerance": {"absolute": 1, "relative": 0.05}}, "tolerance"),
        (0, {"tolerance": {"absolute": 1, "relative": -1, "combine": "max"}}, "relative"),
        (2, {"external_record": {"id": "x"}}, "external_record"),
        (10, {"indexing": None}, "indexing"),
        (10, {"reform": {"a": {WINDOW: 1}}}, "'reform'"),
        (10, {"indexing": {"floor_at_zero": True}}, "indexing"),
        (12, {"identity": {"measure": "basic_income"}}, "identity"),
        (12, {"identity": {"measure": "basic_income", "per_person": 0}}, "per_person"),
    ],
)
def test_an_entry_of_another_shape_is_refused(index: int, change: dict[str, Any], at: str) -> None:
    record = copy.deepcopy(dict(SUITE.record))
    entry = {**record["benchmarks"][index], **change}
    record["benchmarks"][index] = {key: each for key, each in entry.items() if each is not None}
    with pytest.raises(RecordError, match=at) as caught:
        validate(record, "benchmark_manifest")
    assert caught.value.reason == "record.schema"


@pytest.mark.parametrize(
    "where",
    [{"variable": "age"}, {"below": 18}, {"variable": "age", "above": 18}],
)
def test_a_condition_of_another_shape_is_refused(where: dict[str, Any]) -> None:
    record = copy.deepcopy(dict(SUITE.record))
    record["measures"]["ssi_recipients"]["terms"][0]["where"] = where
    with pytest.raises(RecordError, match="where"):
        validate(record, "benchmark_manifest")


def test_a_comparator_says_what_kind_of_figure_it_is() -> None:
    record = copy.deepcopy(dict(SUITE.record))
    record["benchmarks"][0]["external_comparators"][0]["type"] = "target"
    with pytest.raises(RecordError, match="type"):
        validate(record, "benchmark_manifest")
