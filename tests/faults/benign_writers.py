"""Other ways to write the same columns, in both layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pandas as pd

from schemas.dataset import open_dataset
from schemas.writers import write_entity_tables, write_period_arrays
from tests.faults.model import Layout, frames_of
from tests.small import PERIOD, Columns

ARRAYS: Layout = "period_arrays"
TABLES: Layout = "entity_tables"
Writer = Callable[[Path, Columns], None]
Order = Callable[[list[str]], Iterable[str]]


def arrays(path: Path, columns: Columns) -> None:
    write_period_arrays(path, columns, PERIOD)


def by_hand(
    *,
    names: Order = list,
    libver: str = "earliest",
    track_order: bool = False,
    big_endian: bool = False,
    **how: Any,
) -> Writer:
    """Write arrays with other HDF5 settings; text keeps its plain settings where they differ."""

    def write(path: Path, columns: Columns) -> None:
        with h5py.File(path, "w", libver=libver, track_order=track_order) as h5:
            for name in names(sorted(columns)):
                values = _bytes(columns[name])
                if big_endian and values.dtype.kind in "iuf":
                    values = values.astype(values.dtype.newbyteorder(">"))
                given = {
                    k: v for k, v in how.items() if k != "fillvalue" or values.dtype.kind != "S"
                }
                group = h5.create_group(name, track_order=track_order)
                group.create_dataset(str(PERIOD), data=values, **given)

    return write


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values


def low_level(path: Path, columns: Columns) -> None:
    """Write compact arrays, which the plain interface of h5py does not offer."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_layout(h5py.h5d.COMPACT)
    with h5py.File(path, "w") as h5:
        for name, text in columns.items():
            values = np.ascontiguousarray(_bytes(text))
            kind = h5py.h5t.py_create(values.dtype, logical=True)
            space = h5py.h5s.create_simple(values.shape)
            group = h5.create_group(name)
            made = h5py.h5d.create(group.id, str(PERIOD).encode(), kind, space, dcpl=settings)
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


def text_as(what: Literal["variable", "utf-8", "wide"]) -> Writer:
    """Write text in another HDF5 type."""

    def write(path: Path, columns: Columns) -> None:
        with h5py.File(path, "w") as h5:
            for name, values in columns.items():
                place = f"{name}/{PERIOD}"
                if values.dtype.kind != "U":
                    h5[place] = values
                elif what == "wide":
                    h5[place] = _bytes(values).astype("S60")
                else:
                    length = None if what == "variable" else 40
                    kind = h5py.string_dtype("utf-8", length)
                    data = values.astype(object) if length is None else _bytes(values).astype(kind)
                    h5.create_dataset(place, data=data, dtype=kind)

    return write


def described(writer: Writer, *places: str) -> Writer:
    """Add attributes that nobody needs, sentences included, to a file and the named objects."""

    def write(path: Path, columns: Columns) -> None:
        writer(path, columns)
        with h5py.File(path, "r+") as h5:
            for node in (h5, *(h5[place] for place in places)):
                node.attrs["source"] = "Records of 2024."
                node.attrs["note"] = np.bytes_("Rent and mortgage.")
                node.attrs["numbers"] = np.arange(5)
                node.attrs["nothing"] = h5py.Empty("f4")

    return write


def repacked(path: Path, columns: Columns) -> None:
    """Copy every object into a new file, the last first."""
    old = path.with_suffix(".old.h5")
    arrays(old, columns)
    with h5py.File(old) as source, h5py.File(path, "w") as h5:
        for name in reversed(list(source)):
            source.copy(name, h5)


def rewritten(path: Path, columns: Columns) -> None:
    """Store an array, delete it and store it again: the file keeps the hole."""
    arrays(path, columns)
    with h5py.File(path, "r+") as h5:
        del h5["age"]
    with h5py.File(path, "r+") as h5:
        h5[f"age/{PERIOD}"] = columns["age"]


def copied(writer: Writer) -> Writer:
    def write(path: Path, columns: Columns) -> None:
        first = path.with_name("first.h5")
        writer(first, columns)
        shutil.copy(first, path)

    return write


def to_tables(path: Path, columns: Columns) -> None:
    """Convert a file of arrays with this project's own reader and writer."""
    arrays(path.with_name("first.h5"), columns)
    write_entity_tables(path, _read(path.with_name("first.h5")), PERIOD)


def to_arrays(path: Path, columns: Columns) -> None:
    frames(path.with_name("first.h5"), columns)
    write_period_arrays(path, _read(path.with_name("first.h5")), PERIOD)


def _read(path: Path) -> Columns:
    data = open_dataset(path)
    return {name: data.read(name) for name in data.variables}


def indexed(labels: Callable[[int], Any]) -> Writer:
    """Write tables with other row labels; rows stay where they are."""

    def write(path: Path, columns: Columns) -> None:
        frames(path, columns, labels=labels)

    return write


def frames(
    path: Path,
    columns: Columns,
    *,
    complevel: int = 0,
    fletcher32: bool = False,
    names: Order = list,
    column_order: Order = list,
    period_format: str = "table",
    data_columns: Any = True,
    labels: Callable[[int], Any] | None = None,
    min_itemsize: int | None = None,
    **how: Any,
) -> None:
    """Write tables as pandas does, with other settings."""
    settings = {"format": "table", "index": False, "track_times": False, **how}
    with pd.HDFStore(
        path, mode="w", complevel=complevel, complib="zlib", fletcher32=fletcher32
    ) as store:
        tables = frames_of(columns)
        for key in names(sorted(tables)):
            frame = tables[key][list(column_order(list(tables[key])))]
            if labels is not None:
                frame = frame.set_axis(labels(len(frame)), axis=0)
            text = {n: min_itemsize for n in frame if min_itemsize and frame[n].dtype.kind in "OU"}
            store.put(key, frame, data_columns=data_columns, min_itemsize=text, **settings)
        store.put("_time_period", pd.Series([PERIOD]), format=period_format, track_times=False)
