"""Faults of values, columns, geography, names and inputs."""

from __future__ import annotations

import numpy as np

from tests.faults.edits import cap, empty_state, keep_nonzero, move_household, weigh_state
from tests.faults.model import Fault, all_of, at, change, drop, put, rename
from tests.small import HOUSEHOLDS, PERSONS

WAGES = "employment_income_before_lsr"
GAINS = "long_term_capital_gains_before_response"
OVERRIDES = "a stored formula variable overrides the formula"
IGNORED = "unknown names are ignored"
POVERTY = "poverty raises on its first use"
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
        "range-race", "contract.columns.range", "a race code of 99", edit=at("cps_race", 0, 99),
        trap="no check of codes",
    ),
)  # fmt: skip

GEOGRAPHY = (
    Fault(
        "state-unknown", "contract.geography.states", "a household in state 3", incidents=(19,),
        edit=all_of(drop("county_fips"), move_household(0, 3)),
        trap="a nonsense code fails only when state tax is computed",
    ),
    Fault(
        "state-territory", "contract.geography.states", "a household in Puerto Rico",
        edit=all_of(drop("county_fips"), move_household(0, 72)),
        trap="a nonsense code fails only when state tax is computed",
    ),
    Fault(
        "state-absent", "contract.geography.states", "no states", edit=drop("state_fips"),
        incidents=(19,), trap="without states everybody lives in California", incumbent=None,
    ),
    Fault(
        "state-dc-lost", "contract.geography.complete", "nobody lives in DC", incidents=(13, 19),
        edit=empty_state(11, "24001"), trap="no check of completeness",
    ),
    Fault(
        "state-wyoming-lost", "contract.geography.complete", "nobody lives in Wyoming",
        edit=empty_state(56, "08001"), incidents=(13,), trap="no check of completeness",
    ),
    Fault(
        "state-crushed", "contract.geography.population", "Washington's weights near zero",
        edit=weigh_state(53, 0.001), incidents=(17,), trap="no check of sums by state",
    ),
    Fault(
        "state-tripled", "contract.geography.population", "three times the people in Ohio",
        edit=weigh_state(39, 3.0), incidents=(15, 17), trap="no check of sums by state",
    ),
    Fault(
        "county-integer", "contract.geography.county_format", "counties as integers",
        edit=change("county_fips", lambda v: v.astype("i4")), incidents=(10, 11), trap=POVERTY,
    ),
    Fault(
        "county-no-leading-zero", "contract.geography.county_format", "counties of four digits",
        edit=change("county_fips", lambda v: np.char.lstrip(v, "0")), incidents=(11,), trap=POVERTY,
    ),
    Fault(
        "county-float-text", "contract.geography.county_format", "a county of '1001.0'",
        edit=at("county_fips", 0, "1001.0"), incidents=(11, 22), trap=POVERTY,
    ),
    Fault(
        "county-planning-region", "contract.geography.county_vintage", "Connecticut of 2022",
        edit=at("county_fips", 12, "09110"), incidents=(11,), trap=POVERTY,
    ),
    Fault(
        "county-invented", "contract.geography.county_vintage", "a county that does not exist",
        edit=at("county_fips", 0, "01002"), incidents=(10,), trap=POVERTY,
    ),
    Fault(
        "county-zero", "contract.geography.county_vintage", "a county of 00000",
        edit=at("county_fips", 0, "00000"), incidents=(10,), trap=POVERTY,
    ),
    Fault(
        "county-of-another-state", "contract.geography.county_state", "Albany in Alabama",
        edit=at("county_fips", 0, "36001"), incidents=(10, 16), trap="a mismatch is accepted",
    ),
    Fault(
        "county-shifted", "contract.geography.county_state", "counties shifted by a household",
        edit=change("county_fips", lambda v: np.roll(v, 1)), incidents=(16,),
        trap="a mismatch is accepted",
    ),
)  # fmt: skip


def _stored(name: str, gate: str, incidents: tuple[int, ...], trap: str, size: int) -> Fault:
    return Fault(
        f"stored-{name}", gate, f"{name} is stored", incidents=incidents, trap=trap,
        edit=put(name, np.arange(size, dtype="f4")),
    )  # fmt: skip


NAMES = (
    *(
        _stored(name, "contract.names.rejected", (1,), "SPM results make the loader raise", size)
        for name, size in (("spm_unit_spm_threshold", HOUSEHOLDS), ("poverty_gap", HOUSEHOLDS),
                           ("spm_unit_net_income", HOUSEHOLDS))
    ),
    *(
        _stored(name, "contract.names.computed", (2, 30), OVERRIDES, size)
        for name, size in (("adjusted_gross_income", HOUSEHOLDS), ("income_tax", HOUSEHOLDS),
                           ("snap", HOUSEHOLDS), ("employment_income", PERSONS), ("rent", PERSONS))
    ),
    Fault(
        "stored-county-index", "contract.names.computed", "the county as an enum index",
        edit=put("county", np.arange(HOUSEHOLDS) + 1), incidents=(10,),
        trap="an index shifts when the engine's list grows",
    ),
    *(
        _stored(name, "contract.names.unknown", (2, 23), IGNORED, PERSONS)
        for name in ("would_claim_wic", "first_home_mortgage_interest", "agee", "takes_up_snap")
    ),
    *(
        _stored(name, "contract.names.forbidden", (), f"{IGNORED}; source diagnostics", PERSONS)
        for name in ("ssi_reported", "source_survey", "diagnostic_donor_distance",
                     "person_is_puf_clone", "wages_imputation_source")
    ),
)  # fmt: skip

INPUTS = (
    *(
        Fault(
            f"take-up-absent-{name}", "contract.inputs.take_up", f"no take-up flag of {name}",
            edit=drop(f"takes_up_{name}_if_eligible"), incidents=(15,),
            trap="an absent flag means 100 % take-up", incumbent=None,
        )
        for name in ("snap", "ssi", "tanf", "medicaid")
    ),
    Fault(
        "wages-rare", "contract.inputs.wages", "wages of one person in ten", incidents=(1, 2),
        edit=keep_nonzero(WAGES, 0.1), trap="no check of shares", incumbent=None,
    ),
    Fault(
        "wages-renamed", "contract.inputs.wages", "wages under the name of their sum",
        edit=rename(WAGES, "employment_income"), incidents=(1, 2), trap=OVERRIDES,
    ),
    Fault(
        "wages-zero", "contract.inputs.wages", "wages of zero", edit=change(WAGES, np.zeros_like),
        incidents=(1, 2), trap="defaults are accepted",
    ),
    Fault(
        "parity-assets-absent", "contract.inputs.parity", "no bank accounts", incidents=(30,),
        edit=drop("bank_account_assets"), trap="an absent variable is its default",
    ),
    Fault(
        "parity-stocks-empty", "contract.inputs.parity", "stocks of zero", incidents=(30,),
        edit=change("stock_assets", np.zeros_like), trap="defaults are accepted",
    ),
    Fault(
        "parity-interest-rare", "contract.inputs.parity", "interest of one person in twenty",
        edit=keep_nonzero("taxable_interest_income", 0.05), incidents=(30,),
        trap="no check of shares",
    ),
    Fault(
        "parity-childcare-absent", "contract.inputs.parity", "no child care costs",
        edit=drop("spm_unit_pre_subsidy_childcare_expenses"), incidents=(2, 30),
        trap="an absent variable is its default",
    ),
)  # fmt: skip

FAULTS = VALUES + COLUMNS + GEOGRAPHY + NAMES + INPUTS
