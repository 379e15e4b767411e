"""Columns that need a rule: kinds of Social Security, disability, take-up, assisted rent."""

from __future__ import annotations

import numpy as np

from builder.embedded.amounts import Columns, to_persons
from builder.embedded.hashing import draw
from builder.embedded.mapping import Mapping, Row, aged_amount
from builder.embedded.population import Population

_MINOR, _SSI_AGED, _STUDENT_BENEFIT = 18, 65, 19


def derived_columns(
    people: Population,
    mapping: Mapping,
    growth: dict[str, float],
    amounts: Columns,
) -> Columns:
    """Return the rule-made columns; `amounts` are the mapped dollar columns they build on."""
    social_security = _social_security(people, mapping, growth)
    disabled = _disabled(people, mapping, amounts, social_security["social_security_disability"])
    columns = dict(social_security)
    columns["is_disabled"] = disabled
    columns["meets_ssi_disability_criteria"] = disabled.copy()
    columns["is_blind"] = _blind(people)
    columns["pre_subsidy_rent"] = _assisted_rent(people, mapping, growth, social_security, amounts)
    return columns | _take_up(people, mapping, amounts)


def _row(mapping: Mapping, rule: str) -> Row:
    return next(row for row in mapping.rows if row.rule == rule)


def _aged(people: Population, mapping: Mapping, growth: dict[str, float], rule: str) -> np.ndarray:
    amount = aged_amount(_row(mapping, rule), people.units, growth, mapping.constants)
    return np.asarray(np.rint(amount))


def _social_security(
    people: Population, mapping: Mapping, growth: dict[str, float]
) -> dict[str, np.ndarray]:
    """Split the unit's benefit over members and kinds (dollars per person).

    Members aged 62 or more share it evenly; with none, the head has it. From 62 it is retirement
    (42 U.S.C. 402(a)). Below: Medicare, SSI or blindness is evidence of disability; else a person
    under 19 has a dependant's benefit; an unmarried one of 60, or with a child, a survivor's
    (42 U.S.C. 402(e), (g)); the rest is disability, the only kind left below 62.
    """
    total = _aged(people, mapping, growth, "social_security")
    age = people.persons["age"].to_numpy()
    limit = mapping.constants["social_security_retirement_age"]
    old_head = age[people.head_of] >= limit
    has_spouse = people.spouse_of >= 0
    old_spouse = has_spouse & (age[people.spouse_of] >= limit)
    to_spouse = np.where(old_spouse, np.where(old_head, np.floor(total / 2), total), 0.0)
    benefit = to_persons(people, total - to_spouse) + to_persons(
        people, to_spouse, people.spouse_of
    )
    unit = people.persons["unit"].to_numpy()
    evidence = _disability_evidence(people)[unit]
    alone = ~has_spouse[unit]
    child = (people.units["nu18"].to_numpy() > 0)[unit]
    survivor = alone & ((age >= mapping.constants["social_security_survivor_age"]) | child)
    kind = np.select(
        [age >= limit, evidence, age < _STUDENT_BENEFIT, survivor],
        ["retirement", "disability", "dependents", "survivors"],
        "disability",
    )
    kinds = ("retirement", "disability", "survivors", "dependents")
    return {f"social_security_{name}": np.where(kind == name, benefit, 0.0) for name in kinds}


def _disability_evidence(people: Population) -> np.ndarray:
    """Decide per unit: SSI or Medicare with nobody of 65 or more in it, or a blind head."""
    units = people.units
    eldest = people.persons.groupby("unit")["age"].max().to_numpy()
    received = (units["ssi_ben"] > 0) | (units["mcare_ben"] > 0)
    return np.asarray((received & (eldest < _SSI_AGED)) | (units["blind_head"] == 1))


def _disabled(
    people: Population, mapping: Mapping, amounts: Columns, disability: np.ndarray
) -> np.ndarray:
    """Decide who is disabled: recipients of disability benefits, and one member per SSI or
    Medicare unit without a member of 65 or more.

    The member is the first of head, spouse, dependants who earns no more than substantial gainful
    activity (SSA 2024), for a person above it cannot have been found disabled.
    """
    persons = people.persons
    earned = amounts["employment_income_before_lsr"] + np.maximum(
        amounts["self_employment_income_before_lsr"], 0
    )
    able = earned <= mapping.constants["substantial_gainful_activity"]
    received = (people.units["ssi_ben"] > 0) | (people.units["mcare_ben"] > 0)
    eldest = persons.groupby("unit")["age"].transform("max").to_numpy()
    candidate = received.to_numpy()[persons["unit"]] & (eldest < _SSI_AGED) & able
    first = persons[candidate].drop_duplicates("unit").index
    disabled = disability > 0
    disabled[first] = True
    return disabled


def _blind(people: Population) -> np.ndarray:
    head = to_persons(people, people.units["blind_head"].to_numpy() == 1)
    spouse = people.units["blind_spouse"].to_numpy() == 1
    return np.asarray(head | to_persons(people, spouse, people.spouse_of))


def _assisted_rent(
    people: Population,
    mapping: Mapping,
    growth: dict[str, float],
    social_security: dict[str, np.ndarray],
    amounts: Columns,
) -> np.ndarray:
    """Return annual rent of assisted tenants: the subsidy plus 30 % of the unit's cash income."""
    subsidy = _aged(people, mapping, growth, "assisted_rent")
    income_names = (
        "employment_income_before_lsr",
        "self_employment_income_before_lsr",
        "taxable_interest_income",
        "taxable_private_pension_income",
        "unemployment_compensation",
    )
    cash = sum((amounts[name] for name in income_names), start=sum(social_security.values()))
    per_unit = np.bincount(people.persons["unit"], weights=cash, minlength=len(people.units))
    share = mapping.constants["tenant_share_of_income"]
    rent = np.where(subsidy > 0, subsidy + np.rint(share * np.maximum(per_unit, 0)), 0.0)
    return to_persons(people, rent)


def _take_up(people: Population, mapping: Mapping, amounts: Columns) -> Columns:
    """Return take-up flags: receipt in the source is the evidence for or against.

    SPM-unit programmes: any unit of it receives. Medicaid: members of receiving units. SSI: the
    same, and above the resource limit, where non-receipt is no evidence, a share by hash.
    """
    units, persons = people.units, people.persons
    unit = persons["unit"].to_numpy()
    family = persons["family"].to_numpy()[people.head_of]

    def in_family(column: str) -> np.ndarray:
        received = (units[column] > 0).to_numpy().astype(np.float64)
        return np.bincount(family, weights=received, minlength=people.sizes["family"]) > 0

    constants = mapping.constants
    assets = amounts["bank_account_assets"] + amounts["stock_assets"]
    per_unit = np.bincount(unit, weights=assets, minlength=len(units))
    limit = np.where(
        people.spouse_of >= 0,
        constants["ssi_resource_limit_couple"],
        constants["ssi_resource_limit"],
    )
    key = draw(units["RECID"].to_numpy()[unit], persons["slot"].to_numpy(), 1)
    barred = (per_unit > limit)[unit] & (key < constants["ssi_take_up_above_limit"])
    housing = in_family("housing_ben")
    return {
        "takes_up_snap_if_eligible": in_family("snap_ben"),
        "takes_up_tanf_if_eligible": in_family("tanf_ben"),
        "receives_housing_assistance": housing,
        "takes_up_housing_assistance_if_eligible": housing.copy(),
        "takes_up_medicaid_if_eligible": (units["mcaid_ben"] > 0).to_numpy()[unit],
        "takes_up_ssi_if_eligible": (units["ssi_ben"] > 0).to_numpy()[unit] | barred,
    }
