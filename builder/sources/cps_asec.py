"""CPS ASEC public-use CSV: households, families and persons, joined by their sequence numbers.

Source: Census Bureau, CPS ASEC data dictionary: H_SEQ, FH_SEQ and PH_SEQ are one household's
number; FFPOS and PF_SEQ number the families in it; supplement weights have two implied decimals.
"""

from __future__ import annotations

import pandas as pd

from builder.sources.raw import RawSource

_PERSON_KEYS = ("PH_SEQ", "PF_SEQ", "P_SEQ", "SPM_ID", "TAX_ID", "A_LINENO", "A_SPOUSE")


def read(source: RawSource) -> dict[str, pd.DataFrame]:
    """Return household, family, spm_unit and person tables; households without persons (vacant or
    not interviewed) are left out."""
    people = source.read("person", entities=("person", "spm_unit"), keys=_PERSON_KEYS)
    homes = source.read("household", keys=("H_SEQ",))
    families = source.read("family", keys=("FH_SEQ", "FFPOS"))
    source.check_known(people["PH_SEQ"], homes["H_SEQ"], "household")
    homes = homes[homes["H_SEQ"].isin(people["PH_SEQ"])].reset_index(drop=True)
    family_of = _joined(people["PH_SEQ"], people["PF_SEQ"])
    source.check_known(family_of, _joined(families["FH_SEQ"], families["FFPOS"]), "family")
    return {
        "household": _household(source, homes),
        "family": _family(source, families, family_of),
        "spm_unit": _spm_unit(source, people),
        "person": _person(source, people, family_of),
    }


def _household(source: RawSource, homes: pd.DataFrame) -> pd.DataFrame:
    table = source.derive("household", homes)
    table.insert(0, "household_key", homes["H_SEQ"].astype("int64"))
    return table.assign(household_weight=source.weights(homes))


def _family(source: RawSource, families: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    keys = _joined(families["FH_SEQ"], families["FFPOS"])
    table = source.derive("family", families)
    table.insert(0, "family_key", keys)
    table.insert(1, "household_key", families["FH_SEQ"].astype("int64"))
    return table[keys.isin(known)].reset_index(drop=True)


def _spm_unit(source: RawSource, people: pd.DataFrame) -> pd.DataFrame:
    """Return one row per SPM unit: the file repeats its amounts on every member."""
    units = people.drop_duplicates("SPM_ID").reset_index(drop=True)
    table = source.derive("spm_unit", units, "person")
    table.insert(0, "spm_unit_key", units["SPM_ID"].astype("int64"))
    table.insert(1, "household_key", units["PH_SEQ"].astype("int64"))
    return table


def _person(source: RawSource, people: pd.DataFrame, family_of: pd.Series) -> pd.DataFrame:
    keys = pd.DataFrame(
        {
            "household_key": people["PH_SEQ"].astype("int64"),
            "family_key": family_of,
            "spm_unit_key": people["SPM_ID"].astype("int64"),
            "tax_unit_key": people["TAX_ID"].astype("int64"),
            "line": people["A_LINENO"].astype("int64"),
            "spouse_line": people["A_SPOUSE"].astype("int64"),
        }
    )
    return pd.concat([keys, source.derive("person", people)], axis=1)


def _joined(household: pd.Series, within: pd.Series) -> pd.Series:
    return household.astype("int64").astype(str) + "-" + within.astype("int64").astype(str)
