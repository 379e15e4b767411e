"""The small hands of the faults: one function per way to spoil a file."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import pandas as pd

from schemas.dataset import WEIGHT, id_name, membership_name
from schemas.engine_metadata import variable_table
from tests.faults.model import Edit, Frames
from tests.small import PERIOD, Columns

ArraysEdit = Callable[[h5py.File], None]
TablesEdit = Callable[[Frames], None]


def append(entity: str, *, same_id: bool = False) -> Edit:
    """Add one record of an entity without a person: a copy of the last, with an id of its own."""

    def edit(columns: Columns) -> None:
        table = variable_table()
        for name in [n for n in columns if n in table and table[n].entity == entity]:
            columns[name] = np.append(columns[name], columns[name][-1:])
        if not same_id:
            columns[id_name(entity)][-1] += 1
        if entity == "household":
            columns[WEIGHT][-1] = 0

    return edit


def join(entity: str, person: int, other: int) -> Edit:
    """Put one person into the unit of another person."""

    def edit(columns: Columns) -> None:
        members = columns[membership_name(entity)]
        members[person] = members[other]

    return edit


def lose(entity: str, person: int = 1) -> Edit:
    """Point one person at a unit that is not stored; the person's housemate stays in theirs."""

    def edit(columns: Columns) -> None:
        columns[membership_name(entity)][person] = 10**6

    return edit


def one_id_for_two(entity: str) -> Edit:
    """Give two units of different households one id, as clones without new ids have it."""

    def edit(columns: Columns) -> None:
        columns[id_name(entity)][1] = columns[id_name(entity)][0]
        columns[membership_name(entity)][2:4] = columns[membership_name(entity)][0]

    return edit


def weigh_state(state: int, factor: float) -> Edit:
    """Multiply the weights of one state's households."""

    def edit(columns: Columns) -> None:
        weights = columns[WEIGHT]
        columns[WEIGHT] = np.where(columns["state_fips"] == state, weights * factor, weights)

    return edit


def owe_weight(household: int) -> Edit:
    """Make one household's weight -1 and give what it had to its neighbour, so totals stay."""

    def edit(columns: Columns) -> None:
        weights = columns[WEIGHT]
        weights[household + 1] += weights[household] + 1
        weights[household] = -1

    return edit


def move_household(household: int, state: int) -> Edit:
    """Store another state for a household; its weight goes to its neighbour, so totals stay."""

    def edit(columns: Columns) -> None:
        neighbour = household + 1 if household % 2 == 0 else household - 1
        columns["state_fips"][household] = state
        columns[WEIGHT][neighbour] += columns[WEIGHT][household]
        columns[WEIGHT][household] = 0

    return edit


def empty_state(state: int, county: str) -> Edit:
    """Move every household of a state to the county of another, without any weight."""

    def edit(columns: Columns) -> None:
        gone = columns["state_fips"] == state
        columns["county_fips"][gone] = county
        columns["state_fips"][gone] = int(county[:2])
        columns[WEIGHT][gone] = 0

    return edit


def cap(name: str, quantile: float) -> Edit:
    """Cap a column at a quantile of its non-zero values."""

    def edit(columns: Columns) -> None:
        values = columns[name]
        columns[name] = np.minimum(values, np.quantile(values[values != 0], quantile))

    return edit


def keep_nonzero(name: str, share: float) -> Edit:
    """Leave a column non-zero in a share of all records, at the largest values."""

    def edit(columns: Columns) -> None:
        values = columns[name]
        keep = np.argsort(values)[-round(share * len(values)) :]
        columns[name] = np.where(np.isin(np.arange(len(values)), keep), values, 0)

    return edit


def move_period(name: str, *keys: str) -> ArraysEdit:
    """Store a variable under other period keys than the file's."""

    def edit(h5: h5py.File) -> None:
        values = h5[f"{name}/{PERIOD}"][()]
        del h5[f"{name}/{PERIOD}"]
        for key in keys:
            h5[name].create_dataset(key, data=values)

    return edit


def add_array(path: str, values: np.ndarray) -> ArraysEdit:
    """Store one more array at any place in the file."""

    def edit(h5: h5py.File) -> None:
        h5.create_dataset(path, data=values)

    return edit


def replace_array(name: str, values: Callable[[np.ndarray], np.ndarray]) -> ArraysEdit:
    """Store other values for a variable, of any length, in the array layout."""

    def edit(h5: h5py.File) -> None:
        old = h5[f"{name}/{PERIOD}"][()]
        del h5[f"{name}/{PERIOD}"]
        h5[name].create_dataset(str(PERIOD), data=values(old))

    return edit


def to_table(name: str, old: str, new: str) -> TablesEdit:
    """Move a column to the table of another entity, as far as its length goes."""

    def edit(frames: Frames) -> None:
        values = frames[old].pop(name).to_numpy()
        frames[new][name] = np.resize(values, len(frames[new]))

    return edit


def copy_column(name: str, old: str, new: str) -> TablesEdit:
    """Store a column in a second table as well."""

    def edit(frames: Frames) -> None:
        frames[new][name] = np.resize(frames[old][name].to_numpy(), len(frames[new]))

    return edit


def table_period(*periods: object) -> TablesEdit:
    """Declare other periods, or none at all."""

    def edit(frames: Frames) -> None:
        del frames["_time_period"]
        if periods:
            frames["_time_period"] = pd.Series(periods)

    return edit


def add_table(key: str) -> TablesEdit:
    """Store a table that is no entity's."""

    def edit(frames: Frames) -> None:
        frames[key] = pd.DataFrame({"note": [1.0, 2.0]})

    return edit
