"""Who belongs together in an ACS household: the survey tells each person's tie to one person.

RELSHIPP names the tie to the reference person, and MAR who is married; who is whose parent or
spouse among the others is not asked. The rules:
- Couples: the reference person and the spouse; a child and a child-in-law, two parents, or two
  parents-in-law, where they are the only two married ones of their kind. Unmarried partners are
  none (26 U.S.C. 7703).
- The reference person claims unmarried children, grandchildren and foster children below 19, or
  below 24 while enrolled, and siblings and other relatives below 19, all younger than the claimant
  or spouse (26 U.S.C. 152(c)(2), (3)). Grandchildren go with him even where a parent lives there.
- Roommates and other nonrelatives below 18 go with the unmarried partner, else the oldest adult
  among the nonrelatives, else the reference person. Everybody else heads a tax unit.
- A family is the reference person with all relatives; a nonrelative's tax unit is another. The
  SPM unit has the unmarried partner's in it too (Census Bureau, SPM units), and an adult:
  a unit without one joins the reference person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from builder.embedded.population import DEPENDENT, HEAD, SPOUSE
from schemas.errors import BuildError

ADULT = 18
_CHILD, _STUDENT = 19, 24  # 26 U.S.C. 152(c)(3)(A): below these ages
_REFERENCE, _LAST = 20, 36  # 37 and 38 are residents of group quarters
_SPOUSES, _PARTNERS = (21, 23), (22, 24)
_CHILDREN, _IN_LAW = (25, 26, 27), 32
_CLAIMED_AS_CHILD = (*_CHILDREN, 30, 35)  # with grandchildren and foster children
_CLAIMED_AS_KIN = (28, 33)  # siblings and other relatives
_UNRELATED = (34, 36)
_PAIRS = ((*_CHILDREN, _IN_LAW), (29,), (31,))


@dataclass(frozen=True)
class Units:
    """Role and groups of each person (person length); a group is named by one member's row."""

    role: np.ndarray
    reference: np.ndarray
    tax_unit: np.ndarray
    marital_unit: np.ndarray
    family: np.ndarray
    spm_unit: np.ndarray


@dataclass(frozen=True)
class _People:
    """Persons by household and line, and the row of their household's reference person."""

    home: np.ndarray
    age: np.ndarray
    code: np.ndarray
    married: np.ndarray
    enrolled: np.ndarray
    reference: np.ndarray

    def any_in_home(self, persons: np.ndarray) -> np.ndarray:
        """Return whether any of the persons lives in each person's household."""
        return np.asarray(np.bincount(self.home, weights=persons)[self.home] > 0)

    def first_in_home(self, persons: np.ndarray) -> np.ndarray:
        """Return the row of the oldest of the persons in each one's household, -1 for none."""
        rows = np.flatnonzero(persons)
        oldest_last = rows[np.lexsort((-rows, self.age[rows]))]
        found = np.full(int(self.home.max()) + 1, -1)
        found[self.home[oldest_last]] = oldest_last
        return np.asarray(found[self.home])


def units_of(persons: pd.DataFrame) -> Units:
    """Return roles and groups of persons: home (row from 0), age, relationship_code,
    marital_status_code and is_enrolled, in the order of home and line.

    Raises BuildError for a code of no household's member, and for a household that has not one
    reference person and at most one spouse.
    """
    people = _people(persons)
    couple = _couples(people)
    claimant = _claimants(people)
    head = np.where(claimant >= 0, claimant, couple)
    rows = np.arange(len(head))
    role = np.select([claimant >= 0, couple != rows], [DEPENDENT, SPOUSE], HEAD)
    apart = people.code[head]
    family = np.where(np.isin(apart, (*_PARTNERS, *_UNRELATED)), head, people.reference)
    spm = _with_adults(people, np.where(np.isin(apart, _UNRELATED), head, people.reference))
    return Units(role.astype("U9"), people.reference, head, couple, family, spm)


def _people(persons: pd.DataFrame) -> _People:
    home, code = persons["home"].to_numpy(), persons["relationship_code"].to_numpy()
    strange = (code < _REFERENCE) | (code > _LAST)
    if strange.any():
        raise _wrong(f"RELSHIPP {code[strange][0]} is no member of a household")
    size = int(home.max()) + 1
    references = np.bincount(home[code == _REFERENCE], minlength=size)
    spouses = np.bincount(home[np.isin(code, _SPOUSES)], minlength=size)
    wrong = int(((references != 1) | (spouses > 1)).sum())
    if wrong:
        raise _wrong(f"{wrong:,} households have not one reference person and at most one spouse")
    return _People(
        home,
        persons["age"].to_numpy(),
        code,
        persons["marital_status_code"].to_numpy() == 1,
        persons["is_enrolled"].to_numpy(dtype=bool),
        np.flatnonzero(code == _REFERENCE)[home],
    )


def _wrong(what: str) -> BuildError:
    return BuildError(
        f"the ACS persons make no households: {what}",
        reason="acs.relationship",
        remedy="compare the file with its data dictionary (RELSHIPP)",
    )


def _couples(people: _People) -> np.ndarray:
    """Return the row of each person's couple's head (the reference person, or the older)."""
    rows = np.arange(len(people.home))
    couple = np.where(np.isin(people.code, _SPOUSES), people.reference, rows)
    for kinds in _PAIRS:
        members = people.married & np.isin(people.code, kinds)
        two = np.bincount(people.home, weights=members)[people.home] == 2
        if _IN_LAW in kinds:
            in_law = members & (people.code == _IN_LAW)
            two &= np.bincount(people.home, weights=in_law)[people.home] == 1
        couple = np.where(members & two, people.first_in_home(members), couple)
    return couple


def _claimants(people: _People) -> np.ndarray:
    """Return the row of the head who claims each person, -1 for none."""
    child = (people.age < _CHILD) | (people.enrolled & (people.age < _STUDENT))
    kin = np.isin(people.code, _CLAIMED_AS_KIN) & (people.age < _CHILD)
    related = kin | (np.isin(people.code, _CLAIMED_AS_CHILD) & child)
    filer = np.isin(people.code, (_REFERENCE, *_SPOUSES))
    eldest = people.age[people.first_in_home(filer)]
    unrelated = np.isin(people.code, _UNRELATED)
    grown = people.age >= ADULT
    partner = people.first_in_home(np.isin(people.code, _PARTNERS))
    adult = people.first_in_home(unrelated & grown)
    other = np.select([partner >= 0, adult >= 0], [partner, adult], people.reference)
    cases = [related & (people.age < eldest), unrelated & ~grown]
    claimant = np.select(cases, [people.reference, other], -1)
    return np.where(people.married, -1, claimant)


def _with_adults(people: _People, unit: np.ndarray) -> np.ndarray:
    """Return the units with those without an adult in the reference person's; where that one has
    none, the household is one unit."""

    def has_adult(units: np.ndarray) -> np.ndarray:
        grown = people.age >= ADULT
        return np.asarray(np.bincount(units, weights=grown, minlength=len(units))[units] > 0)

    joined = np.where(has_adult(unit), unit, people.reference)
    return np.where(people.any_in_home(~has_adult(joined)), people.reference, joined)
