"""From tax units to persons, families, marital units and households.

What the source says and how it is read:
- `nu18`, `n1820`, `n21` count everyone in the unit, head and spouse included; `nu06`, `nu13`,
  `n24` (under 17) split the minors. Dependants are the counts less head and spouse.
- The source does not count a dependant who files for himself (DSI = 1) in the claiming unit's
  XTOT; only its EIC count shows him. He is one person of that unit: his own unit ends.
- `ffpos` numbers the families of a household; a family without an adult joins the first with one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from builder.embedded.hashing import draw
from builder.embedded.provider import HOUSEHOLD_KEY

HEAD, SPOUSE, DEPENDENT = "HEAD", "SPOUSE", "DEPENDENT"
_JOINT, _ADULT, _EIC_TOP = 2, 18, 3
# Age bands of dependants, oldest dependants last: [low, high)
_BANDS = ((0, 6), (6, 13), (13, 17), (17, 18), (18, 21), (21, None), (65, 86))


@dataclass(frozen=True)
class Population:
    """Source units and the persons made of them; all indices are row numbers.

    `persons` has: unit (source row), tax_unit, household, family, marital, role, age.
    `head_of` and `spouse_of` give a unit's persons (-1 for no spouse).
    """

    units: pd.DataFrame
    persons: pd.DataFrame
    head_of: np.ndarray
    spouse_of: np.ndarray
    sizes: dict[str, int]


def build_population(units: pd.DataFrame, oldest_adult_dependant: int) -> Population:
    """Return the persons and memberships of `units` (sorted by household key and RECID)."""
    units = units.reset_index(drop=True)
    claimed_by = _claiming_units(units)
    persons = _all_persons(units, oldest_adult_dependant)
    merged = claimed_by[persons["unit"].to_numpy()] != persons["unit"].to_numpy()
    persons.loc[merged, "role"] = DEPENDENT
    persons["tax_unit"] = _ranks(claimed_by[persons["unit"].to_numpy()])
    persons["household"] = _ranks(units[HOUSEHOLD_KEY].to_numpy()[persons["unit"].to_numpy()])
    persons["family"] = _families(units, persons)
    own_slot = persons["slot"].where(persons["slot"] > 1, 0)  # head and spouse share one
    persons["marital"] = _ranks(persons["unit"] * 100 + own_slot)
    place = persons.index.to_numpy()
    head_of, spouse_of = np.full(len(units), -1), np.full(len(units), -1)
    first, second = persons["slot"] == 0, persons["slot"] == 1
    head_of[persons.loc[first, "unit"]] = place[first]
    spouse_of[persons.loc[second, "unit"]] = place[second]
    groups = ("tax_unit", "household", "family", "marital")
    sizes = {group: int(persons[group].max()) + 1 for group in groups}
    return Population(units, persons, head_of, spouse_of, sizes)


def _ranks(keys: np.ndarray | pd.Series) -> np.ndarray:
    return np.asarray(np.unique(np.asarray(keys), return_inverse=True)[1])


def _spouse_ages(units: pd.DataFrame) -> np.ndarray:
    """Return spouse ages, -1 for no spouse; an age of 0 is absent and taken as the head's."""
    age = np.where(units["age_spouse"] == 0, units["age_head"], units["age_spouse"])
    return np.asarray(np.where(units["MARS"] == _JOINT, age, -1))


def dependant_counts(units: pd.DataFrame) -> np.ndarray:
    """Return dependants per unit and age band (units, 7), heads and spouses taken out."""
    head, spouse = units["age_head"].to_numpy(), _spouse_ages(units)
    known_spouse = np.where(units["age_spouse"] > 0, spouse, -1)

    def others(column: str, low: int, high: int) -> np.ndarray:
        filers = sum(((age >= low) & (age < high)).astype(np.int64) for age in (head, known_spouse))
        return np.asarray(np.maximum(units[column].to_numpy() - filers, 0))

    minors = others("nu18", 0, 18)
    below = [np.minimum(units[name].to_numpy(), minors) for name in ("nu06", "nu13", "n24")]
    adults = others("n21", 21, 1000)
    elderly = np.minimum(units["elderly_dependents"].to_numpy(), adults)
    bands = [below[0], below[1] - below[0], below[2] - below[1], minors - below[2]]
    bands += [others("n1820", 18, 21), adults - elderly, elderly]
    return np.column_stack(bands)


def _all_persons(units: pd.DataFrame, oldest: int) -> pd.DataFrame:
    counts = dependant_counts(units)
    row = np.arange(len(units))
    joint = np.flatnonzero(units["MARS"] == _JOINT)
    total = counts.sum(axis=1)
    owner = np.repeat(row, total)
    band = np.concatenate([np.repeat(np.arange(len(_BANDS)), c) for c in counts])
    slot = np.arange(len(owner)) - np.repeat(np.cumsum(total) - total, total) + 2
    low = np.array([b[0] for b in _BANDS])[band]
    high = np.array([b[1] or oldest + 1 for b in _BANDS])[band]
    recid = units["RECID"].to_numpy()[owner]
    age = low + np.floor(draw(recid, slot) * (high - low)).astype(np.int64)
    parts = [
        pd.DataFrame({"unit": row, "slot": 0, "role": HEAD, "age": units["age_head"]}),
        pd.DataFrame({"unit": joint, "slot": 1, "role": SPOUSE, "age": _spouse_ages(units)[joint]}),
        pd.DataFrame({"unit": owner, "slot": slot, "role": DEPENDENT, "age": age}),
    ]
    persons = pd.concat(parts).sort_values(["unit", "slot"], kind="stable")
    return persons.astype({"age": np.int64}).reset_index(drop=True)


def _claiming_units(units: pd.DataFrame) -> np.ndarray:
    """Return the unit each unit belongs to: itself, or the one that may claim its DSI filer.

    Among the family's other units: first one whose EIC count exceeds its dependants (evidence of
    a child counted there), then the oldest head.
    """
    dependants = dependant_counts(units)[:, :6].sum(axis=1)
    shown = (units["EIC"] > np.minimum(dependants, _EIC_TOP)).to_numpy()
    rank = shown * 1000 + units["age_head"].to_numpy()
    claimed = np.arange(len(units))
    filers = np.flatnonzero(units["DSI"] == 1)
    keys = units[[HOUSEHOLD_KEY, "ffpos"]].apply(tuple, axis=1)
    places = {key: rows.to_numpy() for key, rows in keys.index.to_series().groupby(keys)}
    for filer in filers:
        others = places[keys[filer]]
        others = others[(units["DSI"].to_numpy()[others] == 0)]
        if len(others):
            claimed[filer] = others[np.argmax(rank[others])]
    return claimed


def _families(units: pd.DataFrame, persons: pd.DataFrame) -> np.ndarray:
    """Return family rows: (household, ffpos), minors on their own with the first adult family."""
    key = units[HOUSEHOLD_KEY].to_numpy()[persons["unit"]]
    family = units["ffpos"].to_numpy()[persons["unit"]].astype(np.int64)
    frame = pd.DataFrame({"key": key, "family": family, "adult": persons["age"] >= _ADULT})
    has_adult = frame.groupby(["key", "family"])["adult"].transform("any")
    first = frame[has_adult].groupby("key")["family"].min()
    family = np.where(has_adult, family, frame["key"].map(first))
    return _ranks(key * 100 + family)
