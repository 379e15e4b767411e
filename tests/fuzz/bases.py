"""Good files to spoil: both layouts, every way the project and pandas write them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from schemas.writers import write_entity_tables, write_period_arrays
from tests.faults.good import good_columns
from tests.faults.model import frames_of
from tests.small import PERIOD, Columns, small_columns

# The modification time of an object, which pandas cannot leave out of a fixed table.
TIME_MESSAGE = re.compile(
    rb"(\x12\x00\x08\x00[\x00\x01]\x00\x00\x00\x01\x00\x00\x00)....", re.DOTALL
)


def _plain_arrays(path: Path, columns: Columns, latest: bool = False) -> None:
    """Write uncompressed arrays, text with variable length: other structures than gzip chunks."""
    with h5py.File(path, "w", libver="latest" if latest else "earliest") as h5:
        for name, values in columns.items():
            text = values.dtype.kind == "U"
            kind = h5py.string_dtype() if text else values.dtype
            data = values.astype(object) if text else values
            h5.create_dataset(f"{name}/{PERIOD}", data=data, dtype=kind, track_times=False)


def _latest_arrays(path: Path, columns: Columns) -> None:
    _plain_arrays(path, columns, latest=True)


def _pandas(form: str, queryable: bool) -> Callable[[Path, Columns], None]:
    """Return a writer of pandas tables without compression: blocks of columns, or fixed arrays."""

    def write(path: Path, columns: Columns) -> None:
        if form == "fixed":  # text would be pickled objects: refused whatever else is wrong
            columns = {name: values for name, values in columns.items() if values.dtype.kind != "U"}
        frames = {**frames_of(columns), "_time_period": pd.Series([PERIOD])}
        with pd.HDFStore(path, mode="w") as store:
            for key, frame in frames.items():
                table = isinstance(frame, pd.DataFrame) and queryable
                options = {"data_columns": True} if table else {}
                options |= {"index": False} if form == "table" else {}
                store.put(key, frame, format=form, track_times=False, **options)

    return write


def _arrays(path: Path, columns: Columns) -> None:
    write_period_arrays(path, columns, PERIOD)


def _tables(path: Path, columns: Columns) -> None:
    write_entity_tables(path, columns, PERIOD)


WRITERS = (
    ("good-arrays", good_columns, _arrays),
    ("good-tables", good_columns, _tables),
    ("small-arrays", small_columns, _arrays),
    ("small-tables", small_columns, _tables),
    ("plain-arrays", good_columns, _plain_arrays),
    ("latest-arrays", small_columns, _latest_arrays),
    ("plain-tables", good_columns, _pandas("table", queryable=True)),
    ("block-tables", good_columns, _pandas("table", queryable=False)),
    ("fixed-tables", small_columns, _pandas("fixed", queryable=False)),
)


@cache
def bases() -> dict[str, bytes]:
    """Return the bytes of every good file by name; equal in every process."""
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, columns, write in WRITERS:
            path = Path(folder) / f"{name}.h5"
            write(path, {key: np.array(values) for key, values in sorted(columns().items())})
            found[name] = TIME_MESSAGE.sub(rb"\g<1>\0\0\0\0", path.read_bytes())
    return found
