"""Faults of geography, names and inputs."""

from __future__ import annotations

import numpy as np

from tests.faults.edits import empty_state, keep_nonzero, move_household, weigh_state
from tests.faults.model import Fault, all_of, at, change, drop, put, rename
from tests.small import HOUSEHOLDS, PERSONS

WAGES = "employment_income_before_lsr"
OVERRIDES = "a stored formula variable overrides the formula"
IGNORED = "unknown names are ignored"
POVERTY = "poverty raises on its first use"

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
        "tract-of-another-state", "contract.geography.county_state", "every tract in Manhattan",
        edit=put("tract_geoid", np.where(np.arange(HOUSEHOLDS) % 2, "36061000100", "36061000201")),
        incidents=(16,), trap="a mismatch is accepted",
    ),
    Fault(
        "district-of-another-state", "contract.geography.county_state", "districts by rank",
        edit=put("congressional_district_geoid", np.arange(HOUSEHOLDS) + 101), incidents=(13, 16),
        trap="a mismatch is accepted",
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
    _stored("unreported_payroll_tax", "contract.names.forbidden", (), "an input like any",
            HOUSEHOLDS),
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
        for name in ("snap", "ssi", "tanf", "medicaid", "housing_assistance")
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

FAULTS = GEOGRAPHY + NAMES + INPUTS
