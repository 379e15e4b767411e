"""Faults of values and columns."""

from __future__ import annotations

import numpy as np

from tests.faults.edits import cap
from tests.faults.model import Fault, all_of, at, change, drop, put
from tests.small import HOUSEHOLDS, PERSONS

WAGES = "employment_income_before_lsr"
GAINS = "long_term_capital_gains_before_response"
HALF = np.arange(PERSONS) % 2


def _finite(name: str, value: float) -> Fault:
    return Fault(
        f"not-finite-{value}-{name}", "contract.values.finite", f"{value} in {name}",
        edit=at(name, 4, np.float32(value)), incidents=(9, 28),
        trap="infinities are accepted" if np.isinf(value) else "NaN makes the loader raise",
    )  # fmt: skip


VALUES = (
    _finite(WAGES, np.nan),
    _finite("meets_ssi_disability_criteria", np.nan),
    _finite("qualified_dividend_income", np.inf),
    _finite("net_worth", -np.inf),
    _finite("household_weight", np.inf),
    Fault(
        "not-finite-text", "contract.values.finite", "tracts that are missing, as text",
        edit=put("tract_geoid", np.where(np.arange(HOUSEHOLDS) < 3, "nan", "")), incidents=(9,),
        trap="a missing text is a text",
    ),
    Fault(
        "dtype-age-text", "contract.values.dtypes", "ages as text", incidents=(20,),
        edit=change("age", lambda v: v.astype(int).astype(str)), trap="numeric text is parsed",
    ),
    Fault(
        "dtype-money-text", "contract.values.dtypes", "mortgage interest as text", incidents=(20,),
        edit=change("home_mortgage_interest", lambda v: v.astype(str)),
        trap="numeric text is parsed",
    ),
    Fault(
        "dtype-state-float", "contract.values.dtypes", "state codes as floats", incidents=(19,),
        edit=change("state_fips", lambda v: v.astype("f4")), trap="float codes are accepted",
    ),
    Fault(
        "dtype-state-text", "contract.values.dtypes", "state codes as text", incidents=(19,),
        edit=change("state_fips", lambda v: v.astype(str)), trap="text codes are parsed",
    ),
    Fault(
        "dtype-flag-text", "contract.values.dtypes", "flags as the words True and False",
        edit=change("is_blind", lambda v: v.astype(str)), incidents=(20,),
        trap="text is parsed or refused",
    ),
    Fault(
        "dtype-enum-float", "contract.values.dtypes", "tenure as a float index",
        edit=put("tenure_type", np.arange(HOUSEHOLDS) % 2 * 1.0), incidents=(8,),
        trap="a float enum makes the loader raise",
    ),
    Fault(
        "flag-two", "contract.values.booleans", "a flag of 2", trap="2 is read as true",
        edit=change("is_blind", lambda v: v.astype("i1") * 2),
    ),
    Fault(
        "flag-share", "contract.values.booleans", "a flag of 0.3", incidents=(15,),
        edit=change("takes_up_snap_if_eligible", lambda v: v * np.float32(0.3)),
        trap="0.3 is read as true",
    ),
    Fault(
        "flag-negative", "contract.values.booleans", "a flag of -1 for unknown",
        edit=change("is_disabled", lambda v: np.where(v, 1, -1)), trap="-1 is read as true",
    ),
    Fault(
        "enum-unknown-name", "contract.values.enums", "a tenure the engine does not know",
        edit=at("tenure_type", 3, "RENTED_FROM_KIN"), incidents=(8,),
        trap="an invalid name makes the loader raise, an old core took the first member",
    ),
    Fault(
        "enum-empty", "contract.values.enums", "an empty tenure", edit=at("tenure_type", 3, ""),
        incidents=(22,), trap="an empty name makes the loader raise",
    ),
    Fault(
        "enum-float-text", "contract.values.enums", "a tenure of '0.0'",
        edit=at("tenure_type", 3, "0.0"), incidents=(22,), trap="float text is no member",
    ),
    Fault(
        "enum-lower-case", "contract.values.enums", "citizens in lower case", incidents=(8,),
        edit=change("ssn_card_type", np.char.lower), trap="names are matched by the letter",
    ),
    Fault(
        "enum-index-high", "contract.values.enums", "an index behind the last member",
        edit=put("ssn_card_type", np.where(HALF, 1, 4)), incidents=(8, 10),
        trap="an index outside the range is read as unknown",
    ),
    Fault(
        "enum-index-negative", "contract.values.enums", "a negative index",
        edit=put("ssn_card_type", np.where(HALF, 1, -1)), incidents=(8,),
        trap="a negative index is read as unknown",
    ),
    Fault(
        "constant-status", "contract.values.constant", "one immigration status for everybody",
        edit=put("immigration_status_str", "CITIZEN"), incidents=(24,), trap="no check of shares",
    ),
    Fault(
        "default-status", "contract.values.constant", "one noncitizen among 204 persons",
        edit=all_of(put("immigration_status_str", "CITIZEN"),
                    at("immigration_status_str", 0, "LEGAL_PERMANENT_RESIDENT")),
        incidents=(24,), trap="no check of shares",
    ),
    Fault(
        "constant-sex", "contract.values.constant", "everybody is female",
        edit=put("is_female", True), incidents=(24,), trap="no check of shares",
    ),
    Fault(
        "constant-default", "contract.values.constant", "hourly wages of zero for everybody",
        edit=put("hourly_wage", np.float32(0)), incidents=(2, 30), trap="defaults are accepted",
    ),
    Fault(
        "top-wages-capped", "contract.values.top_tail", "wages capped at their 95th percentile",
        edit=cap(WAGES, 0.95), incidents=(5, 21), trap="no check of the tail",
    ),
    Fault(
        "top-wages-capped-integers", "contract.values.top_tail", "capped wages in whole dollars",
        edit=all_of(cap(WAGES, 0.95), change(WAGES, lambda v: v.astype("i8"))), incidents=(21,),
        trap="no check of the tail",
    ),
    Fault(
        "top-gains-cloned", "contract.values.top_tail", "six records carry one huge gain",
        edit=all_of(*(at(GAINS, index, 5e8) for index in range(6))), incidents=(5, 30),
        trap="no check of the tail",
    ),
)  # fmt: skip

COLUMNS = (
    *(
        Fault(
            f"required-{name}", "contract.columns.required", f"{name} is absent", edit=drop(name),
            incidents=(1, 30), trap="an absent variable is its default", incumbent=None,
        )
        for name in ("is_blind", "is_disabled", "social_security_retirement")
    ),
    Fault(
        "range-age", "contract.columns.range", "somebody of 200 years", edit=at("age", 0, 200),
        incidents=(28,), trap="no check of ranges",
    ),
    Fault(
        "range-wages-in-thousands", "contract.columns.range", "wages in thousands of dollars",
        edit=change(WAGES, lambda v: v / 1000), incidents=(1, 20), trap="no check of ranges",
    ),
    Fault(
        "range-dividends-negative", "contract.columns.range", "a negative dividend",
        edit=at("qualified_dividend_income", 0, -50.0), incidents=(28,), trap="no check of ranges",
    ),
    Fault(
        "range-hours-of-a-year", "contract.columns.range", "hours of a year as hours of a week",
        edit=change("weekly_hours_worked_before_lsr", lambda v: v * 52), incidents=(20,),
        trap="no check of ranges",
    ),
    Fault(
        "range-hours-deflated", "contract.columns.range", "hours deflated as if they were dollars",
        edit=change("weekly_hours_worked_before_lsr", lambda v: v / 5), incidents=(20,),
        trap="no check of ranges",
    ),
    Fault(
        "range-rent-of-a-month", "contract.columns.range", "rents that were cut to three digits",
        edit=change("pre_subsidy_rent", lambda v: np.minimum(v, 999)), incidents=(20,),
        trap="no check of ranges",
    ),
    Fault(
        "range-wage-extreme", "contract.columns.range", "wages of $900 billion",
        edit=at(WAGES, 0, 9e11), incidents=(5, 28), trap="no check of ranges",
    ),
    Fault(
        "range-no-range", "contract.columns.range", "two pensions whose sum is no finite number",
        edit=all_of(put("taxable_public_pension_income", np.arange(PERSONS, dtype="f4")),
                    at("taxable_public_pension_income", 0, np.float32(3e38)),
                    at("taxable_public_pension_income", 1, np.float32(3e38))),
        incidents=(28,), trap="infinities arise in formulas and are accepted",
    ),
    Fault(
        "range-race", "contract.columns.range", "a race code of 99", edit=at("cps_race", 0, 99),
        trap="no check of codes",
    ),
)  # fmt: skip

FAULTS = VALUES + COLUMNS
