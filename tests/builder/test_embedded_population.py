"""Persons, units and families: what the counts of the source become."""

from __future__ import annotations

import numpy as np
import pandas as pd

from builder.embedded.build import Sample
from builder.embedded.population import build_population, dependant_counts
from builder.embedded.provider import HOUSEHOLD_KEY

BASE = {
    HOUSEHOLD_KEY: 1,
    "RECID": 1,
    "MARS": 1,
    "DSI": 0,
    "EIC": 0,
    "ffpos": 1,
    "age_head": 40,
    "age_spouse": 0,
    "nu06": 0,
    "nu13": 0,
    "n24": 0,
    "nu18": 0,
    "n1820": 0,
    "n21": 1,
    "elderly_dependents": 0,
    "XTOT": 1,
}


def _units(*rows: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame([BASE | row for row in rows])


def test_head_and_spouse_are_taken_out_of_the_counts() -> None:
    counts = {"nu06": 1, "nu13": 1, "n24": 1, "nu18": 2, "n1820": 1, "n21": 1}
    units = _units(counts | {"MARS": 2, "age_spouse": 20})
    assert dependant_counts(units).tolist() == [[1, 0, 0, 1, 0, 0, 0]]


def test_dependants_get_an_age_inside_their_band() -> None:
    units = _units(
        {"nu06": 1, "nu13": 2, "n24": 3, "nu18": 4, "n1820": 1, "n21": 3, "elderly_dependents": 1}
    )
    persons = build_population(units, 30).persons
    ages = persons.loc[persons["role"] == "DEPENDENT", "age"].tolist()
    bands = [(0, 6), (6, 13), (13, 17), (17, 18), (18, 21), (21, 31), (65, 86)]
    assert [low <= age < high for age, (low, high) in zip(ages, bands, strict=True)] == [True] * 7


def test_a_dependant_who_files_is_one_person_of_the_unit_that_counts_him() -> None:
    """EIC of the second unit shows a child that its counts leave out: it is the claiming one."""
    units = _units(
        {"RECID": 1, "age_head": 60},
        {"RECID": 2, "age_head": 45, "EIC": 1},
        {"RECID": 3, "age_head": 18, "DSI": 1, "n21": 0, "n1820": 1},
    )
    people = build_population(units, 30)
    filer = people.persons.iloc[2]
    assert len(people.persons) == 3
    assert (filer["age"], filer["role"], filer["tax_unit"]) == (18, "DEPENDENT", 1)
    assert people.sizes == {"tax_unit": 2, "household": 1, "family": 1, "marital": 3}


def test_an_absent_spouse_age_is_the_heads() -> None:
    people = build_population(_units({"MARS": 2, "age_spouse": 0, "n21": 1, "XTOT": 2}), 30)
    assert people.persons["age"].tolist() == [40, 40]
    assert people.persons["marital"].tolist() == [0, 0]


def test_minors_on_their_own_join_a_family_with_an_adult() -> None:
    units = _units(
        {"RECID": 1, "ffpos": 2},
        {"RECID": 2, "ffpos": 1, "age_head": 9, "n21": 0, "nu18": 1},
        {"RECID": 3, "ffpos": 3},
    )
    assert build_population(units, 30).persons["family"].tolist() == [0, 0, 1]


def test_every_group_is_inhabited_and_has_one_head(incumbent: Sample) -> None:
    persons = incumbent.people.persons
    for group, size in incumbent.people.sizes.items():
        assert sorted(set(persons[group])) == list(range(size))
    heads = persons["role"].eq("HEAD").groupby(persons["tax_unit"]).sum()
    assert (heads == 1).all()
    assert (persons["role"].eq("SPOUSE").groupby(persons["tax_unit"]).sum() <= 1).all()


def test_every_spm_unit_has_an_adult_and_one_household(incumbent: Sample) -> None:
    persons = incumbent.people.persons
    assert (persons.groupby("family")["age"].max() >= 18).all()
    for group in ("tax_unit", "family", "marital"):
        assert (persons.groupby(group)["household"].nunique() == 1).all()


def test_claimed_filers_keep_their_income(incumbent: Sample) -> None:
    units, people = incumbent.people.units, incumbent.people
    filers = np.flatnonzero(units["DSI"] == 1)
    claimed = people.head_of[filers]
    assert len(filers) > 0
    assert (people.persons["role"].to_numpy()[claimed] == "DEPENDENT").all()
    wages = incumbent.columns["employment_income_before_lsr"][claimed]
    assert ((wages > 0) == (units["e00200"].to_numpy()[filers] > 0)).all()
