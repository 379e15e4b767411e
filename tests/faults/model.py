"""A fault: one small mutation of the sound file, what it reproduces, and who must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pandas as pd

from schemas.engine_metadata import variable_table
from schemas.writers import write_period_arrays
from tests.faults.good import INCUMBENT, good_columns
from tests.small import PERIOD, PERSONS, Columns

Layout = Literal["period_arrays", "entity_tables"]
LAYOUTS: tuple[Layout, ...] = ("period_arrays", "entity_tables")
Frames = dict[str, Any]
Edit = Callable[[Columns], None]


@dataclass(frozen=True)
class Fault:
    """One mutation: `edit` spoils columns, `arrays` and `tables` what only one layout has.

    `gate` is the gate that must catch it. `incidents` are numbers of the incident list
    (`incidents.json`), `trap` is what the loader makes of such a file.
    """

    id: str
    gate: str
    what: str
    edit: Edit = lambda columns: None
    arrays: Callable[[h5py.File], None] | None = None
    tables: Callable[[Frames], None] | None = None
    layouts: tuple[Layout, ...] = LAYOUTS
    period: int = PERIOD
    file_name: str = "fault.h5"
    incidents: tuple[int, ...] = ()
    trap: str = ""
    incumbent: str | None = INCUMBENT


@cache
def _good() -> Columns:
    return good_columns()


def sound() -> Columns:
    """Return a fresh copy of the sound file's columns."""
    return {name: values.copy() for name, values in _good().items()}


def build(fault: Fault, layout: Layout, folder: Path) -> Path:
    """Write the spoiled file in one layout and return its path."""
    columns = sound()
    fault.edit(columns)
    path = folder / fault.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    if layout == "period_arrays":
        write_period_arrays(path, columns, fault.period)
        if fault.arrays is not None:
            with h5py.File(path, "r+") as h5:
                fault.arrays(h5)
    else:
        frames = frames_of(columns) | {"_time_period": pd.Series([fault.period])}
        if fault.tables is not None:
            fault.tables(frames)
        write_frames(path, frames)
    return path


def frames_of(columns: Columns) -> Frames:
    """Return one table per entity; a name the engine does not know goes where its length fits."""
    table = variable_table()
    by_entity: dict[str, Columns] = {}
    for name, values in columns.items():
        by_length = "person" if len(values) == PERSONS else "household"
        entity = table[name].entity if name in table else by_length
        by_entity.setdefault(entity, {})[name] = values
    return {entity: pd.DataFrame(each) for entity, each in by_entity.items()}


def write_frames(path: Path, frames: Frames) -> None:
    """Write tables as pandas does, whatever they hold."""
    with pd.HDFStore(path, mode="w") as store:
        for key, frame in frames.items():
            queryable = isinstance(frame, pd.DataFrame) or None
            store.put(
                key, frame, format="table", data_columns=queryable, index=False, track_times=False
            )


def put(name: str, values: Any) -> Edit:
    """Store values (one per record, or one for all) as they are under a name."""

    def edit(columns: Columns) -> None:
        length = len(columns[name]) if name in columns else PERSONS
        columns[name] = np.full(length, values) if np.ndim(values) == 0 else np.asarray(values)

    return edit


def at(name: str, index: int, value: Any) -> Edit:
    """Give one record another value, in a type that can hold it."""

    def edit(columns: Columns) -> None:
        kind = np.result_type(columns[name], np.asarray(value))
        columns[name] = columns[name].astype(kind)
        columns[name][index] = value

    return edit


def change(name: str, function: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Replace a column by a function of it."""

    def edit(columns: Columns) -> None:
        columns[name] = function(columns[name])

    return edit


def drop(*names: str) -> Edit:
    """Leave columns out."""

    def edit(columns: Columns) -> None:
        for name in names:
            del columns[name]

    return edit


def rename(old: str, new: str) -> Edit:
    """Store a column under another name."""

    def edit(columns: Columns) -> None:
        columns[new] = columns.pop(old)

    return edit


def all_of(*edits: Edit) -> Edit:
    """Apply several edits in order."""

    def edit(columns: Columns) -> None:
        for each in edits:
            each(columns)

    return edit
