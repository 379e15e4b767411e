"""The two published confusions of concepts, and their kin, refused by rule."""

from pathlib import Path

import pytest

from baselines.targets import load_targets
from baselines.targets.concepts import concept_problems, concept_rules
from schemas.errors import BaselineError
from tests.baselines.target_feeds import (
    SCHEDULE_C,
    SSI_COUNT,
    SSI_DOLLARS,
    WAGES,
    imported,
    row,
    target,
)

SELF_EMPLOYMENT = (
    "self_employment_income",
    "self_employment_income_before_lsr",
    "total_self_employment_income",
    "taxable_self_employment_income",
    "sstb_self_employment_income",
)
# Each of the broad concepts under the names it has been published with, and by its figure alone.
BROAD: list[dict[str, str]] = [
    {"concept": "bea_nipa.proprietors_income_with_inventory_valuation_and_capital_consumption"},
    {"concept": "bea_nipa.a041rc_proprietors_income", "source_agency": "FRED"},
    {"concept": "bea_regional.proprietors_income", "source_agency": "Regional accounts"},
    {"concept": "bea_regional.sainc5n_line_70_proprietors_income", "source_agency": "x"},
    {"concept": "cbo.income_source:net_business_income", "source_agency": "x"},
    {"concept": "self_employment_income", "source_agency": "CBO"},
    {"concept": "self_employment_income", "source_agency": "BEA"},
    {"concept": "self_employment_income", "source_table": "SAINC5N line 70"},
    {"concept": "self_employment_income", "source_table": "NIPA Table 2.1 (A041RC)"},
    {"concept": "self_employment_income", "source_agency": "U.S. Bureau of Economic Analysis"},
    {"concept": "noncorporate_business_income", "source_agency": "FRED"},
    {"concept": "self_employment_income", "source_agency": "FRED", "source_table": "PROPINC"},
    {"concept": "self_employment_income", "source_table": "NIPA Table 2.1 line 9"},
    {"concept": "self_employment_income", "value": "2023080000000.0"},
    {"concept": "self_employment_income", "value": "1916000000000.0"},
]


@pytest.mark.parametrize("broad", BROAD)
@pytest.mark.parametrize("variable", SELF_EMPLOYMENT)
def test_broad_proprietors_income_never_reaches_self_employment_income(
    tmp_path: Path, broad: dict[str, str], variable: str
) -> None:
    confused = row(SCHEDULE_C, variable=variable, **broad)
    with pytest.raises(BaselineError, match=f"row 2: .*must not reach {variable}"):
        imported(tmp_path, [confused])


def test_a_broad_count_is_not_selected_by_self_employment_either() -> None:
    counted = target(
        SSI_COUNT,
        concept="proprietors_income",
        constraints='[["total_self_employment_income", ">", 0]]',
    )
    assert "must not reach total_self_employment_income" in concept_problems(counted)[0]


def test_schedule_c_still_reaches_self_employment_income() -> None:
    assert concept_problems(target(SCHEDULE_C)) == []
    notes = target(SCHEDULE_C, notes="proprietors' income (BEA) is another concept")
    assert concept_problems(notes) == []


def test_an_ssi_recipient_count_never_compiles_to_a_dollar_sum_nor_the_reverse(
    tmp_path: Path,
) -> None:
    as_dollars = {"unit": "usd", "aggregation": "sum", "variable": "ssi"}
    as_count = {"unit": "recipients", "aggregation": "count", "variable": "person_count"}
    confused = [
        row(SSI_COUNT, **as_dollars),
        row(SSI_COUNT, concept="ssa.ssi_recipient_count", **as_dollars),
        row(SSI_DOLLARS, **as_count),
        row(SSI_DOLLARS, concept="ssa.ssi_payment_amount", **as_count),
        row(SSI_DOLLARS, constraints='[["ssi", ">", 0]]', **as_count),
        row(SSI_COUNT, constraints='[["age", ">=", 65]]'),
        row(SSI_DOLLARS, concept="benefits"),
        row(
            SSI_DOLLARS, variable="uncapped_ssi", concept="supplemental_security_income_recipients"
        ),
        row(SSI_DOLLARS, value="7289843.0"),
        row(SSI_COUNT, value="59665127000.0"),
    ]
    for each in confused:
        with pytest.raises(BaselineError, match=r"row 2: .*(SSI recipients|SSI payments)"):
            imported(tmp_path, [each])
    imported(tmp_path, [row(SSI_COUNT), row(SSI_DOLLARS)])


@pytest.mark.parametrize(
    ("target_id", "changes"),
    [
        (SSI_DOLLARS, {"value": "63079493000.0"}),
        (SSI_DOLLARS, {"source_table": "Payments including state supplementation"}),
        (SSI_DOLLARS, {"source_agency": "CBO"}),
        (SSI_COUNT, {"value": "7404820.0"}),
        (SSI_COUNT, {"value": "7423856.0"}),
        (SSI_COUNT, {"source_table": "Federally administered payments"}),
    ],
)
def test_state_supplemented_ssi_is_refused(target_id: str, changes: dict[str, str]) -> None:
    assert "must not reach ssi" in concept_problems(target(target_id, **changes))[0]


@pytest.mark.parametrize(
    "variable", ["taxable_interest_income", "ordinary_dividend_income", "irs_employment_income"]
)
def test_national_accounts_never_reach_income_on_returns(variable: str) -> None:
    confused = target(WAGES, variable=variable)
    assert f"must not reach {variable}" in concept_problems(confused)[0]


def test_no_committed_row_breaks_a_rule() -> None:
    assert {
        each.target_id: said for each in load_targets() if (said := concept_problems(each))
    } == {}


def test_every_rule_says_why_and_what_instead() -> None:
    rules = concept_rules()["blocked"]
    assert len({rule["id"] for rule in rules}) == len(rules) >= 8
    assert all(rule["patterns"] or rule["figures"] for rule in rules)
