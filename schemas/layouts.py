"""The two H5 layouts: what lies where in a file, from headers alone.

`period_arrays` is `<variable>/<period>` (every eCPS); `entity_tables` is one pandas table per
entity and `_time_period` (the current policyengine-us default). What fits neither is listed, not
hidden: the loader would swallow it in silence (contract checks `layout.*`).
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError
from schemas.pickles import is_hostile

LayoutName = Literal["period_arrays", "entity_tables"]
ENTITIES = ("person", "household", "tax_unit", "spm_unit", "family", "marital_unit")
PERIOD_TABLE = "_time_period"
NO_PERIOD = 0
PLAIN_KINDS = "biufSO"  # numbers and text; the preflight lets no other objects through
PLAIN_BYTES = 8  # of a number: extended floats are no type of the engine, and differ by machine


@dataclass(frozen=True)
class Column:
    """Where one array of a variable lies: HDF5 path, field of a table, and its header."""

    path: str
    field: str | None
    index: int | None
    length: int
    dtype: np.dtype


@dataclass(frozen=True)
class FileLayout:
    """What a file holds: variable -> period -> column, and all that has no place in its layout.

    `period` is the file's year, or 0 where it declares none. `tables` is variable -> entity.
    """

    name: LayoutName
    period: int
    columns: dict[str, dict[str, Column]]
    tables: dict[str, str]
    irregular: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()


def read_layout(file: Path, h5: h5py.File) -> FileLayout:
    """Return the layout of an open file; raises DatasetError for a file without any variable."""
    if not len(h5):
        raise DatasetError(
            f"{file.name} has no variables",
            reason="dataset.layout",
            remedy="store each variable as <variable>/<period>, or one table per entity",
        )
    return _tables(file, h5) if set(h5) & set(ENTITIES) else _arrays(h5)


def _arrays(h5: h5py.File) -> FileLayout:
    columns: dict[str, dict[str, Column]] = {}
    irregular: list[str] = []
    for name, node in h5.items():
        if isinstance(node, h5py.Dataset):
            irregular.append(f"{name} is a bare array at the root: it has no period")
            columns[name] = {"": _plain(node)} if _is_column(node) else {}
        else:
            columns[name] = {key: _plain(each) for key, each in _one_dimensional(node)}
            irregular += _strangers(name, node)
    counts = Counter(key for periods in columns.values() for key in periods)
    years = [key for key, _ in counts.most_common() if is_year(key)]
    period = int(years[0]) if years else NO_PERIOD
    return FileLayout("period_arrays", period, columns, {}, tuple(irregular))


def is_year(key: str) -> bool:
    """Decide whether a period key is a plain year such as 2024."""
    return len(key) == 4 and key.isascii() and key.isdigit()


def _plain(node: h5py.Dataset) -> Column:
    return Column(node.name, None, None, len(node), node.dtype)


def _one_dimensional(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    for key, node in group.items():
        if isinstance(node, h5py.Dataset) and _is_column(node):
            yield key, node


def _is_column(node: h5py.Dataset) -> bool:
    """Decide whether an array can be a column: one dimension of numbers or text."""
    return node.ndim == 1 and _is_plain(node.dtype)


def _is_plain(dtype: np.dtype) -> bool:
    return dtype.kind in PLAIN_KINDS and (dtype.kind in "SO" or dtype.itemsize <= PLAIN_BYTES)


def _strangers(name: str, group: h5py.Group) -> list[str]:
    """Return a line for everything in a variable's group that is no column."""
    good = {key for key, _ in _one_dimensional(group)}
    return [f"{name}/{key} is {_what(group[key])}" for key in group if key not in good]


def _what(node: h5py.Group | h5py.Dataset) -> str:
    if isinstance(node, h5py.Group):
        return "a group"
    return f"{node.ndim}-dimensional" if node.ndim != 1 else f"of the type {node.dtype}"


def _tables(file: Path, h5: h5py.File) -> FileLayout:
    period = _table_period(h5)
    columns: dict[str, dict[str, Column]] = {}
    tables: dict[str, str] = {}
    misplaced: list[str] = []
    known = {*ENTITIES, PERIOD_TABLE}
    irregular = [f"{key} is no entity table" for key in h5 if key not in known]
    for entity in ENTITIES:
        if entity not in h5:
            continue
        irregular += _foreign_nodes(h5, entity)
        for name, column in _table_columns(file, h5, entity).items():
            if not _is_plain(column.dtype):
                irregular.append(f"{name} in the table {entity} is of the type {column.dtype}")
                continue
            if name in tables:
                misplaced.append(f"{name} is in the tables {tables[name]} and {entity}")
                continue
            columns[name] = {str(period): column}
            tables[name] = entity
    misplaced += _in_other_tables(tables)
    return FileLayout("entity_tables", period, columns, tables, tuple(irregular), tuple(misplaced))


def _foreign_nodes(h5: h5py.File, entity: str) -> list[str]:
    """Return a line for what lies beside an entity's table; `_i_` and `meta` are pandas' own."""
    group = h5[entity]
    own = {"table", "_i_table", "meta"}
    keys = group if isinstance(group, h5py.Group) else ()
    return [f"{entity}/{key} is no part of a table" for key in keys if key not in own]


def _in_other_tables(tables: dict[str, str]) -> list[str]:
    known = variable_table()
    return [
        f"{name} is in the table {entity}, the engine wants it in {known[name].entity}"
        for name, entity in tables.items()
        if name in known and known[name].entity != entity
    ]


def _table_period(h5: h5py.File) -> int:
    """Return the year in `_time_period`, or 0 where there is none, or more than one."""
    group = h5.get(PERIOD_TABLE)
    node = group.get("table", group.get("values")) if isinstance(group, h5py.Group) else None
    if not isinstance(node, h5py.Dataset) or not len(node):
        return NO_PERIOD
    values = node[()]
    if values.dtype.names is not None:
        values = values[next(name for name in values.dtype.names if name != "index")]
    if len(np.unique(values)) > 1:
        return NO_PERIOD
    text = np.ravel(values)[0]
    year = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return int(year) if is_year(year) else NO_PERIOD


def _table_columns(file: Path, h5: h5py.File, entity: str) -> dict[str, Column]:
    group = h5[entity]
    node = group.get("table") if isinstance(group, h5py.Group) else None
    if not isinstance(node, h5py.Dataset) or node.dtype.names is None or node.ndim != 1:
        raise DatasetError(
            f"the {entity} table of {file.name} is not in pandas table format",
            reason="dataset.layout",
            remedy='write it with format="table"',
        )
    found: dict[str, Column] = {}
    for field in node.dtype.names:
        if field == "index":
            continue
        if node.attrs.get(f"{field}_meta") in ("category", b"category"):
            raise DatasetError(
                f"{field} in the {entity} table of {file.name} is a pandas category, whose codes "
                "stand for texts in another table",
                reason="dataset.layout",
                remedy="store text as text",
            )
        dtype, length, path = node.dtype[field], len(node), f"/{entity}/table"
        if field.startswith("values_block_"):
            names = _block_names(node, field)
            if dtype.shape != (len(names),):
                raise DatasetError(
                    f"the {entity} table of {file.name} names {len(names)} columns of {field}, "
                    f"which has the shape {dtype.shape}",
                    reason="dataset.layout",
                    remedy="write the file again with pandas",
                )
            for i, name in enumerate(names):
                found[name] = Column(path, field, i, length, dtype.base)
        else:
            found[field] = Column(path, field, None, length, dtype)
    return found


def _block_names(node: h5py.Dataset, field: str) -> list[str]:
    """Return the column names of a pandas block: a literal pickle, which the preflight judged."""
    text = bytes(node.attrs[f"{field}_kind"])
    if is_hostile(text):  # once more, where it is opened
        raise ValueError(f"the names of {field} are no literal list")
    names = pickle.loads(text)
    return [str(name) for name in names]
