"""Tables as the bytes of an SQLite file: the same tables give the same bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from schemas.canonical import atomic_write, sha256_bytes

FORMAT = "sqlite"
Tables = Mapping[str, pd.DataFrame]


def write_extension(folder: Path, identifier: str, tables: Tables) -> dict[str, Any]:
    """Write `<identifier>.sqlite` below a folder, whole or not at all; return its manifest entry.

    Raises RecordError where the place can't be written.
    """
    content = database_bytes(tables)
    name = f"{identifier}.{FORMAT}"
    atomic_write(folder / name, content)
    return {
        "id": identifier,
        "file": name,
        "format": FORMAT,
        "sha256": sha256_bytes(content),
        "size_bytes": len(content),
    }


def database_bytes(tables: Tables) -> bytes:
    """Return an SQLite file of the tables: built in memory, vacuumed, no time in it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for name, frame in tables.items():
            _insert(connection, name, frame)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        return connection.serialize()


def _insert(connection: sqlite3.Connection, name: str, frame: pd.DataFrame) -> None:
    columns = ", ".join(f'"{each}" {_kind(frame[each])}' for each in frame)
    connection.execute(f'CREATE TABLE "{name}" ({columns})')
    marks = ", ".join("?" * len(frame.columns))
    rows = zip(*(_cells(frame[each]) for each in frame), strict=True)
    connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_float_dtype(column):
        return "REAL"
    return "INTEGER" if pd.api.types.is_integer_dtype(column) else "TEXT"


def _cells(column: pd.Series) -> list[Any]:
    """Return a column as Python values; what isn't known (NaN) is NULL."""
    values = np.asarray(column).tolist()
    return [None if value != value else value for value in values]
