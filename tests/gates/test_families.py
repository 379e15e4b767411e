"""Protected families by declaration: the targets that a name would catch by mistake stay out."""

from __future__ import annotations

from functools import cache

import pytest

from baselines.targets import Target, load_targets
from benchmarks.suite import load_suite

# Published comparisons put these into a family because of a word in their names.
TRAPS = [
    ("interest", "mortgage_interest_deduction"),
    ("interest", "interest_paid_deduction"),
    ("interest", "tax_exempt_interest"),
    ("household_net_income", "rent_royalty_net_income"),
    ("household_net_income", "partnership_s_corp_net_income"),
    ("self_employment_income", "qbi_deduction"),
    ("self_employment_income", "partnership_s_corp_net_income"),
    ("self_employment_income", "self_employed_pension_deduction"),
    ("retirement_income", "ira_payments_deduction"),
    ("retirement_income", "roth_ira_contributions"),
    ("retirement_income", "self_employed_pension_deduction"),
]
# What each family is made of. A new concept is a decision, so it is made here too.
CONCEPTS = {
    "ssi": {"ssi_federal_payments", "ssi_federal_recipients"},
    "snap": {"snap_benefits", "snap_households", "snap_persons"},
    "wages": {"wages_salaries"},
    "self_employment_income": {"business_net_profit", "business_net_loss"},
    "capital_gains": {
        "capital_gain_distributions_no_schedule_d",
        "net_long_term_capital_gain",
        "schedule_d_net_gain",
        "schedule_d_net_loss",
    },
    "interest": {"taxable_interest"},
    "dividends": {"ordinary_dividends", "qualified_dividends"},
    "retirement_income": {
        "ira_distributions_taxable",
        "pensions_annuities_gross",
        "pensions_annuities_taxable",
    },
    "disability": {"oasdi_disabled_worker_benefits", "oasdi_disabled_workers"},
    "household_net_income": set[str](),
}


@cache
def registry() -> dict[str, Target]:
    return {target.target_id: target for target in load_targets()}


@cache
def concepts(family: str) -> set[str]:
    found = next(each for each in load_suite().scheme.families if each.name == family)
    return {registry()[name].concept for name in found.targets}


@pytest.mark.parametrize(("family", "concept"), TRAPS)
def test_a_known_substring_trap_stays_out(family: str, concept: str) -> None:
    assert concept in {target.concept for target in registry().values()}
    assert concept not in concepts(family)


@pytest.mark.parametrize("family", sorted(CONCEPTS))
def test_a_family_is_made_of_its_own_concepts_only(family: str) -> None:
    assert concepts(family) == CONCEPTS[family]


def test_the_ten_families_of_the_plan_are_declared() -> None:
    assert {each.name for each in load_suite().scheme.families} == set(CONCEPTS)


@pytest.mark.parametrize(
    ("name", "unit", "concept"),
    [
        ("ssi_recipients", "recipients", "ssi_federal_recipients"),
        ("ssi_value", "usd", "ssi_federal_payments"),
        ("snap_recipients", "persons", "snap_persons"),
        ("snap_value", "usd", "snap_benefits"),
        ("wage_income", "usd", "wages_salaries"),
        ("long_term_capital_gains", "usd", "net_long_term_capital_gain"),
        ("taxable_interest", "usd", "taxable_interest"),
        ("ordinary_dividends", "usd", "ordinary_dividends"),
        ("self_employment_income", "usd", "business_net_profit"),
    ],
)
def test_an_aggregate_is_one_national_total_in_its_own_unit(
    name: str, unit: str, concept: str
) -> None:
    found = next(each for each in load_suite().scheme.aggregates if each.name == name)
    assert found.target is not None
    target = registry()[found.target]
    assert (target.unit, target.concept, target.geography_level) == (unit, concept, "national")
    assert target.aggregation == ("sum" if unit == "usd" else "count")
