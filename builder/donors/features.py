"""Records of a frame as donors and recipients: predictors, targets, keys, and placing values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from builder.frame import Frame
from schemas.dataset import id_name
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError

HEAD, SPOUSE, DEPENDENT = "HEAD", "SPOUSE", "DEPENDENT"
_ROLE = "tax_unit_role_input"
ALIASES: dict[str, tuple[str, ...]] = {
    "employment_income": ("employment_income_before_lsr",),
    "self_employment_income": ("self_employment_income_before_lsr",),
    "social_security": (
        "social_security_retirement",
        "social_security_disability",
        "social_security_survivors",
        "social_security_dependents",
    ),
}
PERSON_ONLY = frozenset({"is_head", "is_spouse", "is_dependent"})


@dataclass(frozen=True)
class Records:
    """The records of an entity in a frame.

    `record_of` is each person's record (person length); `head` the person row that stands for a
    record, `weights` its household's weight, `household` its household row (record length).
    """

    frame: Frame
    entity: str
    record_of: np.ndarray
    head: np.ndarray
    household: np.ndarray

    @property
    def size(self) -> int:
        """Return the number of records."""
        return len(self.head)

    @property
    def weights(self) -> np.ndarray:
        """Return the household weight of each record."""
        return np.asarray(self.frame.weights[self.household])

    def count(self, persons: np.ndarray) -> np.ndarray:
        """Return how many persons of each record a mask or amount adds up to."""
        return np.bincount(self.record_of, weights=persons, minlength=self.size)

    def place(self) -> np.ndarray:
        """Return the head's place in its household by person id: independent of row order."""
        return np.asarray(_places(self.frame)[self.head])


def records_of(frame: Frame, entity: str) -> Records:
    """Return the records of `person`, `tax_unit` or `household`.

    A tax unit is represented by its head, a household by its oldest head (of equals the one with
    the lowest id). Raises BuildError where a column is absent or a record has no one head.
    """
    household_of = frame.row_of("household")
    if entity == "person":
        rows = np.arange(frame.size("person"))
        return Records(frame, entity, rows, rows, household_of)
    record_of = frame.row_of(entity)
    is_head = _column(frame, _ROLE) == HEAD
    heads = np.bincount(record_of[is_head], minlength=frame.size(entity))
    wrong = heads != 1 if entity == "tax_unit" else heads == 0
    if wrong.any():
        raise BuildError(
            f"{int(wrong.sum())} records of the {entity} have no one head",
            reason="builder.record_without_head",
            remedy=f"give each tax unit one person with {_ROLE} {HEAD}",
        )
    head = _oldest(frame, record_of, is_head)
    return Records(frame, entity, record_of, head, household_of[head])


def _oldest(frame: Frame, record_of: np.ndarray, is_head: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(is_head)
    age, ids = _column(frame, "age")[rows], frame.columns[id_name("person")][rows]
    ordered = rows[np.lexsort((ids, -age.astype(np.float64), record_of[rows]))]
    return np.asarray(ordered[np.unique(record_of[ordered], return_index=True)[1]])


def _places(frame: Frame) -> np.ndarray:
    household, ids = frame.row_of("household"), frame.columns[id_name("person")]
    order = np.lexsort((ids, household))
    first = np.unique(household[order], return_index=True)[1]
    start = np.repeat(first, np.diff(np.append(first, len(order))))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - start
    return places


def _column(frame: Frame, name: str) -> np.ndarray:
    if name not in frame.columns:
        raise BuildError(
            f"the frame has no column {name}, which donor imputation needs",
            reason="builder.recipient_column",
            remedy="build the column in an earlier stage, or leave the predictor out of the spec",
        )
    return np.asarray(frame.columns[name])


def amount(records: Records, name: str) -> np.ndarray:
    """Return an engine column per record as float64.

    A person's amounts are added up over the record; of any other person's column, and of a larger
    group's, it is the head's that counts.
    """
    frame, info = records.frame, variable_table()[name]
    values = _column(frame, name)
    if info.entity == records.entity:
        return values.astype(np.float64)
    if info.entity == "person" and info.value_type == "float":
        return records.count(values.astype(np.float64))
    rows = records.head
    if info.entity != "person":
        rows = frame.row_of(info.entity)[rows]
    return np.asarray(values[rows], dtype=np.float64)


def _role(records: Records, role: str) -> np.ndarray:
    return np.asarray(_column(records.frame, _ROLE) == role)


def _in_tax_unit(records: Records, persons: np.ndarray) -> np.ndarray:
    per_unit = records.frame.sum_to("tax_unit", persons.astype(np.float64))
    return np.asarray(per_unit[records.frame.row_of("tax_unit")[records.head]])


def _dependants(records: Records) -> np.ndarray:
    persons = _role(records, DEPENDENT)
    household = records.entity == "household"
    return records.count(persons) if household else _in_tax_unit(records, persons)


def _tax_unit_size(records: Records) -> np.ndarray:
    return _in_tax_unit(records, np.ones(records.frame.size("person")))


def _household_size(records: Records) -> np.ndarray:
    persons = np.ones(records.frame.size("person"))
    return np.asarray(records.frame.sum_to("household", persons)[records.household])


DERIVED: Mapping[str, Callable[[Records], np.ndarray]] = {
    "age": lambda records: _column(records.frame, "age")[records.head].astype(np.float64),
    "is_joint": lambda records: np.minimum(_in_tax_unit(records, _role(records, SPOUSE)), 1.0),
    "dependants": _dependants,
    "is_head": lambda records: _role(records, HEAD)[records.head].astype(np.float64),
    "is_spouse": lambda records: _role(records, SPOUSE)[records.head].astype(np.float64),
    "is_dependent": lambda records: _role(records, DEPENDENT)[records.head].astype(np.float64),
    "tax_unit_size": _tax_unit_size,
    "household_size": _household_size,
}


def columns_behind(name: str, totals: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return the engine columns that a predictor adds up; none for a derived one."""
    if name in DERIVED:
        return ()
    return totals.get(name) or ALIASES.get(name) or (name,)


def predictor_table(
    records: Records, predictors: Sequence[str], totals: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the predictors per record (float64): derived ones, totals, or engine columns."""
    table = {}
    for name in predictors:
        if name in DERIVED:
            table[name] = DERIVED[name](records)
        else:
            columns = columns_behind(name, totals)
            table[name] = sum((amount(records, each) for each in columns), np.zeros(records.size))
    return pd.DataFrame(table)


def target_values(records: Records, name: str) -> np.ndarray:
    """Return a target per record (float64), zeros where the frame has no such column.

    A person's flag counts for the record when any member has it.
    """
    if name not in records.frame.columns:
        return np.zeros(records.size)
    info = variable_table()[name]
    if info.entity == "person" and records.entity != "person":
        summed = records.count(_column(records.frame, name).astype(np.float64))
        return np.minimum(summed, 1.0) if info.value_type == "bool" else summed
    return amount(records, name)


def placed(
    records: Records, name: str, values: np.ndarray, chosen: np.ndarray, allocation: str
) -> np.ndarray:
    """Return the target's column with the `chosen` records' values (record length) put in.

    A person's variable goes to the head (the other members have none of it), or, with `shares`,
    to the members in the shares they had before, where those have one sign.
    """
    info = variable_table()[name]
    size = records.frame.size(info.entity)
    old = np.asarray(records.frame.columns.get(name, np.zeros(size, dtype=_dtype(info.value_type))))
    if info.entity == records.entity:
        new = np.where(chosen, values, old.astype(np.float64))
        return _stored(new, old.dtype)
    share = np.zeros(size)
    share[records.head] = 1.0
    if allocation == "shares":
        before = old.astype(np.float64)
        total, gross = records.count(before), records.count(np.abs(before))
        usable = ((gross > 0) & (gross == np.abs(total)))[records.record_of]
        share = np.where(usable, before / np.where(usable, total[records.record_of], 1.0), share)
    to_person = share * values[records.record_of]
    return _stored(np.where(chosen[records.record_of], to_person, old), old.dtype)


def _dtype(value_type: str) -> np.dtype:
    kinds = {"bool": np.bool_, "int": np.int32}
    return np.dtype(kinds.get(value_type, np.float32))


def _stored(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.asarray(np.rint(values) if dtype.kind in "iu" else values).astype(dtype)
