"""ACS households as engine inputs.

What the survey says becomes an input where its meaning is one:
- INTP is one amount for interest, dividends, rent and royalties: a gain is taxable interest, the
  most common of them, and a loss rental income, for nothing else in it can be negative. Donors
  that know the kinds correct it.
- RETP (pensions of all payers, survivors' and disability ones included) is taxable private
  pension income, as in the CPS file.
- Receipt of SNAP, Medicaid, SSI and public assistance is take-up evidence; amounts are computed.
- Sex and PUMA stay in the source: the CPS file has neither, and the engine's default for them
  would speak of CPS households. Other income (OIP) is many things, none of them told.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd

from builder.embedded.mapping import load_mapping
from builder.embedded.population import DEPENDENT
from builder.frame import Columns, Frame
from builder.national.acs_units import ADULT, Units, units_of
from builder.sources.protocol import SourceData
from schemas.dataset import GROUP_ENTITIES, WEIGHT, id_name, membership_name
from schemas.errors import BuildError

ORIGIN, KEY = "acs-pums", "household_key"
_KEY_BYTES, _FIRST_KEY = 6, 1 << 48  # keys from 2**48 up: no CPS household has such a one
_TENURE = {1: "OWNED_WITH_MORTGAGE", 2: "OWNED_OUTRIGHT", 3: "RENTED", 4: "NONE"}
_SSI_AGED, _STUDENT_BENEFIT = 65, 19


def with_adults(data: SourceData) -> SourceData:
    """Return the source without households of minors only: an SPM unit needs an adult."""
    people = data.tables["person"]
    return only(data, people.loc[people["age"] >= ADULT, KEY])


def only(data: SourceData, keys: pd.Series | pd.Index) -> SourceData:
    """Return the source with the households of these keys alone, rows in their order."""
    kept = {
        name: data.tables[name][data.tables[name][KEY].isin(keys)].reset_index(drop=True)
        for name in ("household", "person")
    }
    return replace(data, tables={**data.tables, **kept})


def acs_frame(data: SourceData, period: int) -> Frame:
    """Return the source's households that have an adult as engine inputs, in whole dollars.

    Ids count from 1 in the order of the household table and the persons' lines. Origin is
    `acs-pums`, the source key 6 bytes of the sha256 of SERIALNO above all CPS keys. Raises
    BuildError for a source of another year, relationships that make no household, or two
    households with one key.
    """
    if data.semantics["period"] != period:
        raise BuildError(
            f"the ACS file is in dollars of {data.semantics['period']}, the spine of {period}",
            reason="acs.period",
            remedy="use the ACS file of the build's year",
        )
    usable = with_adults(data)
    homes, people = usable.tables["household"], usable.tables["person"]
    keys = _source_keys(homes[KEY])
    people = people.assign(home=pd.Index(homes[KEY]).get_indexer(people[KEY]))
    people = people.sort_values(["home", "line"], kind="stable").reset_index(drop=True)
    units = units_of(people)
    columns = _identifiers(people, units) | _household_columns(homes)
    columns |= _person_columns(people, units) | _housing_costs(homes, units)
    columns |= _social_security(people, units)
    columns |= _take_up(homes, people, units, columns)
    return Frame(_compact(columns), period, np.full(len(homes), ORIGIN), keys)


def _ranks(groups: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(groups, return_inverse=True)[1])


def _identifiers(people: pd.DataFrame, units: Units) -> Columns:
    columns: Columns = {"person_id": np.arange(1, len(people) + 1)}
    for entity in GROUP_ENTITIES:
        groups = people["home"].to_numpy() if entity == "household" else getattr(units, entity)
        member = _ranks(groups) + 1
        columns[membership_name(entity)] = member
        columns[id_name(entity)] = np.arange(1, member.max() + 1)
    return columns


def _household_columns(homes: pd.DataFrame) -> Columns:
    return {
        "state_fips": homes["state_fips"].to_numpy(),
        WEIGHT: homes[WEIGHT].to_numpy(dtype=np.float64),
        "tenure_type": homes["tenure_code"].map(_TENURE).to_numpy(dtype="U19"),
        "bedrooms": homes["bedrooms"].to_numpy(),
        "household_vehicles_owned": homes["household_vehicles_owned"].to_numpy(),
    }


def _person_columns(people: pd.DataFrame, units: Units) -> Columns:
    investment = people["investment_income"].to_numpy()
    return {
        "age": people["age"].to_numpy(),
        "tax_unit_role_input": units.role,
        "employment_income_before_lsr": people["employment_income"].to_numpy(),
        "self_employment_income_before_lsr": people["self_employment_income"].to_numpy(),
        "taxable_interest_income": np.maximum(investment, 0),
        "rental_income": np.minimum(investment, 0),
        "taxable_private_pension_income": people["pension_income"].to_numpy(),
        "is_disabled": people["has_difficulty"].to_numpy(),
        "is_blind": people["is_blind"].to_numpy(),
    }


def _housing_costs(homes: pd.DataFrame, units: Units) -> Columns:
    """Return the household's costs at its reference person: contract rent, real estate taxes."""
    size, payer = len(units.role), np.unique(units.reference)
    columns = {"pre_subsidy_rent": np.zeros(size), "real_estate_taxes": np.zeros(size)}
    columns["pre_subsidy_rent"][payer] = homes["rent"]
    columns["real_estate_taxes"][payer] = homes["real_estate_taxes"]
    return columns


def _social_security(people: pd.DataFrame, units: Units) -> Columns:
    """Split each one's benefit by the rules of the CPS file, a difficulty being the evidence of
    disability (42 U.S.C. 402(a), (d), (e), (g); 423)."""
    constants, age = load_mapping().constants, people["age"].to_numpy()
    child = (units.role == DEPENDENT) & (age < ADULT)
    with_child = np.bincount(units.tax_unit, weights=child, minlength=len(age)) > 0
    alone = np.bincount(units.marital_unit, minlength=len(age))[units.marital_unit] == 1
    old = age >= constants["social_security_survivor_age"]
    kind = np.select(
        [
            age >= constants["social_security_retirement_age"],
            people["has_difficulty"].to_numpy(),
            age < _STUDENT_BENEFIT,
            alone & (old | with_child[units.tax_unit]),
        ],
        ["retirement", "disability", "dependents", "survivors"],
        "disability",
    )
    benefit = people["social_security"].to_numpy()
    kinds = ("retirement", "disability", "survivors", "dependents")
    return {f"social_security_{name}": np.where(kind == name, benefit, 0.0) for name in kinds}


def _take_up(homes: pd.DataFrame, people: pd.DataFrame, units: Units, made: Columns) -> Columns:
    """Return take-up flags: SNAP of the household is its reference person's SPM unit's."""
    ssi = people["ssi_reported"].to_numpy() > 0
    member = made[membership_name("spm_unit")] - 1
    size = len(made[id_name("spm_unit")])
    snap = np.zeros(size, dtype=bool)
    snap[member[np.unique(units.reference)]] = homes["receives_snap"]
    assistance = people["public_assistance_income"].to_numpy() > 0
    not_aged = people["age"].to_numpy() < _SSI_AGED
    return {
        "takes_up_snap_if_eligible": snap,
        "takes_up_tanf_if_eligible": np.bincount(member, weights=assistance, minlength=size) > 0,
        "takes_up_medicaid_if_eligible": people["has_medicaid"].to_numpy(),
        "takes_up_ssi_if_eligible": ssi,
        "meets_ssi_disability_criteria": (ssi & not_aged)
        | (made["social_security_disability"] > 0),
    }


def _source_keys(serials: pd.Series) -> np.ndarray:
    digests = (sha256(each.encode()).digest()[:_KEY_BYTES] for each in serials)
    keys = np.array([int.from_bytes(each) + _FIRST_KEY for each in digests], dtype=np.int64)
    if len(np.unique(keys)) != len(keys):
        raise BuildError(
            "two ACS households have one key",
            reason="acs.key_twice",
            remedy="take another number of households, or see that no SERIALNO occurs twice",
        )
    return keys


def _compact(columns: Columns) -> Columns:
    """Return ids and codes as int32, dollars as whole float32, weights and flags as they are."""
    kinds = {"i": np.int32, "u": np.int32, "f": np.float32}
    return {
        name: values
        if name == WEIGHT or values.dtype.kind not in kinds
        else np.rint(values).astype(kinds[values.dtype.kind])
        for name, values in columns.items()
    }
