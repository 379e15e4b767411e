"""Raw entity tables with h5py: pandas itself would refuse most of what is written here."""

from __future__ import annotations

import pickle
from typing import Any

import h5py
import numpy as np

from schemas.dataset import ENTITIES
from schemas.engine_metadata import variable_table
from tests.fuzz.arrays import array_of, as_bytes
from tests.fuzz.datasets import Drawn
from tests.small import PERSONS, Columns

# What a pandas block says of its columns, sound or not; every one is a literal pickle.
ODD_KINDS: tuple[Any, ...] = (None, 7, "ab", [], ["a"] * 9, [1, None], [["a"]], {"a": 1}, b"\xff")


def write_tables(h5: h5py.File, columns: Columns, drawn: Drawn) -> None:
    """Write one table per entity and `_time_period`, damaged as drawn."""
    fields: dict[str, dict[str, tuple[np.ndarray, Any]]] = {}
    for name, values in columns.items():
        fields.setdefault(_entity(name, len(values)), {})[name] = (as_bytes(values), None)
    for change in drawn.changes:
        for _, recipe in change.periods[:1]:
            if recipe.shape != "null":
                values, dtype = array_of(recipe)
                length = len(values) if values.ndim else 0
                found = fields.setdefault(_entity(change.name, length), {})
                if change.block and values.ndim == 1:
                    found[f"values_block_{len(found)}"] = (values[:, None], dtype)
                else:
                    found[change.name] = (values, dtype)
    for entity, found in fields.items():
        if entity not in h5:
            _write_table(h5, entity, found, drawn)
    if drawn.period is not None and "_time_period" not in h5:
        _write_period(h5, drawn.period)


def _entity(name: str, length: int) -> str:
    """Return the table of a column: its own, or one its length fits."""
    if name in variable_table():
        return variable_table()[name].entity
    return "person" if length == PERSONS else ENTITIES[length % len(ENTITIES)]


def _write_table(
    h5: h5py.File, entity: str, fields: dict[str, tuple[np.ndarray, Any]], drawn: Drawn
) -> None:
    rows = max((len(values) for values, _ in fields.values() if values.ndim), default=0)
    rows = {"empty": 0, "two rows": 2}.get(drawn.table, rows)
    kinds: list[Any] = [("index", "<i8")]
    for name, (values, dtype) in fields.items():
        if name != "index":
            kinds.append((name, dtype or values.dtype, values.shape[1:]))
    try:
        table = np.zeros(rows, np.dtype(kinds))
    except (ValueError, TypeError, UnicodeError):
        return  # a field name that a compound type cannot have
    for name, (values, _) in fields.items():
        part = values[:rows] if values.ndim else values
        if name != "index" and name in (table.dtype.names or ()):
            table[name][: len(part) if part.ndim else rows] = part
    try:
        options = {"compression": "gzip"} if drawn.chunks and rows else {}
        node = h5.create_dataset(f"{entity}/table", data=table, **options)
        _kinds(node, drawn)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError):
        return


def _kinds(node: h5py.Dataset, drawn: Drawn) -> None:
    """Write the names of each block's columns, or something else in their place."""
    for number, field in enumerate(node.dtype.names or ()):
        if not field.startswith("values_block_") or drawn.table == "no kind":
            continue
        names: Any = [f"{field}_{i}" for i in range(int(np.prod(node.dtype[field].shape)))]
        if drawn.table == "odd kind":
            names = ODD_KINDS[(number + len(field) + len(node.dtype)) % len(ODD_KINDS)]
        node.attrs[f"{field}_kind"] = np.bytes_(pickle.dumps(names, protocol=0))


def _write_period(h5: h5py.File, period: object) -> None:
    if isinstance(period, int | float):
        kind = np.dtype(type(period))
        h5["_time_period/table"] = np.array([(0, period)], [("index", "<i8"), ("values", kind)])
    else:
        h5["_time_period/values"] = np.array([period], dtype=h5py.string_dtype())
