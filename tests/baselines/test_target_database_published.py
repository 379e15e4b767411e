"""Published databases: what their rows become, what is left out and why, and which year counts."""

from pathlib import Path
from typing import Any

import pytest

from baselines.targets.database import DatabaseTargets, read_database, read_database_report
from baselines.targets.database_growth import committed_indices
from baselines.targets.target import Constraint, Uprated
from schemas.errors import BaselineError
from tests.baselines.target_databases import Lines, write_published

CPI = "gov.bls.cpi.cpi_u"
POPULATION = "calibration.gov.census.populations.total"
US: Lines = ()
STATE: Lines = [("state_fips", "==", "6"), ("age", ">", "4"), ("age", "<", "10")]
DISTRICT: Lines = [
    ("congressional_district_geoid", "==", "601"),
    ("tax_unit_is_filer", "==", "1"),
    ("adjusted_gross_income", ">=", "-inf"),
    ("adjusted_gross_income", "<", "1"),
]


def read(
    tmp_path: Path, *strata: Lines, rows: list[dict[str, Any]], year: int = 2024
) -> DatabaseTargets:
    """Return the report of a database of these strata and rows."""
    return read_database_report(write_published(tmp_path / "policy_data.db", strata, rows), year)


def reasons(report: DatabaseTargets) -> list[tuple[int | None, str]]:
    """Return row and reason of what was left out."""
    return [(each.row, each.reason) for each in report.skipped]


def test_rows_become_targets_and_nothing_is_made_up(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"stratum_id": 2},
        {"stratum_id": 3, "variable": "tax_unit_count", "source": "IRS SOI"},
        {"stratum_id": 1, "variable": "snap", "value": -5.0, "source": None},
    ]
    state, district, us = read(tmp_path, US, STATE, DISTRICT, rows=rows).targets
    assert state.target_id == "db/state_06/person_count/age<10,age>4"
    assert (state.geography_level, state.geography_id) == ("state", "06")
    assert (state.aggregation, state.entity, state.unit) == ("count", "person", "persons")
    assert state.constraints[0] == Constraint("age", "<", 10)
    assert state.holdout_group == "db/state/age/person_count"
    assert (state.family, state.scope, state.uprated) == ("undeclared", "", None)
    assert (state.source_agency, state.source_file) == ("Census ACS S0101", "policy_data.db")
    assert (district.geography_level, district.geography_id) == ("congressional_district", "0601")
    assert (district.scope, district.entity, district.unit) == ("filer", "tax_unit", "returns")
    assert Constraint("adjusted_gross_income", "<", 1) in district.constraints
    assert len(district.constraints) == 3
    assert (us.target_id, us.geography_id) == ("db/us/snap", "US")
    assert (us.aggregation, us.entity, us.unit, us.value) == ("sum", "spm_unit", "usd", -5.0)
    assert (us.source_agency, us.source_table, us.source_file, us.period_type) == ("", "", "", "")
    assert (us.uprating, us.holdout_group) == (CPI, "db/national/all/snap")


def test_a_confused_concept_is_left_out_of_a_published_database_too(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"variable": "total_self_employment_income", "value": 2_023_080_000_000.0},
        {"variable": "ssi", "value": 7_404_820.0, "source": "SSA"},
        {"variable": "snap", "value": 95e9},
    ]
    report = read(tmp_path, US, rows=rows)
    assert [each.variable for each in report.targets] == ["snap"]
    assert [reason for _, reason in reasons(report)] == ["concept", "concept"]


@pytest.mark.parametrize(
    ("year", "period"),
    [(2024, 2023), (2023, 2023), (2022, 2022), (2021, 2022), (2020, 2022)],
)
def test_the_latest_period_up_to_the_year_counts_else_the_earliest(
    tmp_path: Path, year: int, period: int
) -> None:
    periods = (2022, 2025, 2023)
    rows = [{"period": each, "value": float(each)} for each in periods]
    report = read(tmp_path, US, rows=rows, year=year)
    (target,) = report.targets
    assert target.source_period == period
    left = sorted(row for row, reason in reasons(report) if row and reason == "other_period")
    assert left == [n for n, each in enumerate(periods, start=1) if each != period]


def test_values_of_another_year_are_grown(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"period": 2022}, {"period": 2022, "variable": "snap"}]
    people, dollars = read(tmp_path, US, rows=rows).targets
    for target, name in ((people, POPULATION), (dollars, CPI)):
        values = committed_indices()[name].values
        factor = values[2024] / values[2022]
        assert factor > 1
        assert target.value == 1000.0 * factor
        assert target.uprated == Uprated(name, 2022, 2024, factor, 1000.0)
        assert (target.source_period, target.target_period) == (2022, 2024)


def test_a_year_without_an_index_is_told_not_guessed(tmp_path: Path) -> None:
    (target,) = read(tmp_path, US, rows=[{"notes": "as published"}], year=2031).targets
    assert (target.value, target.target_period, target.uprated) == (1000.0, 2024, None)
    said = f"stated for 2024, not grown to 2031: the index {POPULATION} has no value for 2031"
    assert target.notes == f"as published; {said}"


def test_inactive_and_reform_rows_are_reported_not_read(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"variable": "snap", "period": 2023},
        {"variable": "snap", "active": 0},
        {"variable": "salt_deduction", "reform_id": 1},
    ]
    report = read(tmp_path, US, rows=rows)
    assert [(each.variable, each.source_period) for each in report.targets] == [("snap", 2023)]
    assert reasons(report) == [(2, "inactive"), (3, "reform")]
    with pytest.raises(BaselineError, match=r"states no target for 2024: 1 row\(s\) left out"):
        read_database(write_published(tmp_path / "only.db", [US], rows[2:]))


LEFT_OUT: dict[str, tuple[Lines, dict[str, Any]]] = {
    "operator": ([("filing_status", "!=", "SINGLE")], {}),
    "geography": ([("ucgid_str", "==", "0400000US06")], {}),
    "unknown_variable": ([("shoe_size", ">", "9")], {}),
    "constraint_value": ([("filing_status", "==", "WIDOWED")], {}),
    "contradictory": ([("age", ">", "9"), ("age", "<", "5")], {}),
    "counter": (US, {"variable": "eitc_child_count"}),
    "unit": (US, {"variable": "is_pregnant"}),
    "no_value": (US, {"value": None}),
    "no_stratum": (US, {"stratum_id": 77}),
    "malformed": (US, {"period": "soon"}),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_rows_that_cant_be_expressed_are_left_out_with_their_reason(
    tmp_path: Path, reason: str
) -> None:
    lines, change = LEFT_OUT[reason]
    rows = [{"stratum_id": 2, "variable": "snap"}, {"stratum_id": 1, **change}]
    report = read(tmp_path, lines, [("state_fips", "==", "1")], rows=rows)
    assert reasons(report) == [(2, reason)]
    assert report.skipped[0].detail
    assert [each.target_id for each in report.targets] == ["db/state_01/snap"]


@pytest.mark.parametrize(
    "lines",
    [
        [("age", "==", "inf")],
        [("state_fips", "==", "6"), ("congressional_district_geoid", "==", "101")],
        [("age", "==", "nan")],
        [("state_fips", ">", "6")],
        [("state_fips", "==", "-6")],
        [("age", ">", "much")],
        [("filing_status", ">", "SINGLE")],
        [("filing_status", "in", "[]")],
    ],
)
def test_constraints_without_a_meaning_are_left_out(tmp_path: Path, lines: Lines) -> None:
    report = read(tmp_path, US, lines, rows=[{"variable": "snap"}, {"stratum_id": 2}])
    assert [row for row, _ in reasons(report)] == [2]


def test_a_figure_told_twice_counts_once(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{}, {"value": 2.0}, {"stratum_id": 2, "value": 3.0}]
    report = read(tmp_path, US, US, rows=rows)
    assert [each.value for each in report.targets] == [1000.0]
    assert reasons(report) == [(2, "duplicate"), (3, "duplicate")]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (("state_fips", "==", "06"), 6),
        (("age", "<=", "17.5"), 17.5),
        (("medicaid_enrolled", "==", "True"), 1),
        (("medicaid_enrolled", "==", "0"), 0),
        (("filing_status", "==", "JOINT"), "JOINT"),
        (("county_fips", "==", "06037"), "06037"),
        (("filing_status", "in", '["JOINT","SINGLE"]'), ("JOINT", "SINGLE")),
        (("age", "in", "1, 2"), (1, 2)),
    ],
)
def test_a_value_takes_the_type_of_its_variable(
    tmp_path: Path, line: tuple[str, str, str], value: object
) -> None:
    (target,) = read(tmp_path, [line], rows=[{}]).targets
    (constraint,) = target.constraints
    assert (constraint.value, type(constraint.value)) == (value, type(value))
