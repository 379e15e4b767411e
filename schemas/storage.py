"""How much room a file takes, and which relational extensions beside it load on their own.

A relational extension counts apart from the H5 only where it is separately loadable (plan:
Artifact size). That is looked at here, never taken from the manifest; extensions are untrusted
input and are opened read-only.
"""

from __future__ import annotations

import csv
import importlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import h5py

from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import MpgateError
from schemas.logical import DatasetHashes
from schemas.preflight import preflight

CSV_ROWS = 1_000  # enough to tell a table from text


class _NotSeparateError(Exception):
    """Why an extension is no file of its own, in words."""


def storage_record(
    h5: Path, hashes: DatasetHashes, extensions: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the `storage` record of a file and of the extensions its manifest lists, in bytes.

    `extensions` are the manifest's `relational_extensions`. One that is absent, changed or
    unreadable is recorded with its reason; nothing is raised for it.
    """
    return {
        "schema": "storage",
        "schema_version": 1,
        "subject": {"sha256": hashes.file_sha256},
        "h5": {"stored_bytes": hashes.size_bytes, "logical_bytes": hashes.logical_bytes},
        "extensions": [_extension(h5, hashes.file_sha256, each) for each in extensions],
    }


def _extension(h5: Path, h5_sha256: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    file = h5.parent / declared["file"]
    tables: list[str] = []
    reason: str | None = None
    try:
        tables = _separate_tables(h5, h5_sha256, declared, file)
    except _NotSeparateError as why:
        reason = str(why)
    found = file.stat().st_size if file.is_file() else 0
    return {
        "id": declared["id"],
        "file": declared["file"],
        "format": declared["format"],
        "stored_bytes": max(found, declared["size_bytes"]),
        "separately_loadable": reason is None,
        "reason": reason,
        "tables": tables,
    }


def _separate_tables(
    h5: Path, h5_sha256: str, declared: Mapping[str, Any], file: Path
) -> list[str]:
    """Return the tables of an extension; raises _NotSeparateError where it isn't one of its own."""
    name = declared["file"]
    if not file.resolve().is_relative_to(h5.parent.resolve()):
        raise _NotSeparateError(f"{name} leads away from the folder of {h5.name}")
    if not file.is_file():
        raise _NotSeparateError(f"{name} does not lie beside {h5.name}")
    sha256 = sha256_file(file)
    if sha256 == h5_sha256:
        raise _NotSeparateError(f"{name} is {h5.name} itself")
    if sha256 != declared["sha256"]:
        raise _NotSeparateError(f"{name} is {sha256[:12]}, the manifest names another content")
    reader = _READERS.get(declared["format"].lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise _NotSeparateError(f"{declared['format']} is no known format: {known}")
    tables = _read(reader, file, name)
    if not tables:
        raise _NotSeparateError(f"{name} holds no table with a row")
    inside = sorted({declared["id"], *tables} & set(_names_in(h5)))
    if inside:
        raise _NotSeparateError(f"{h5.name} itself holds {', '.join(inside)}")
    return tables


def _read(reader: Callable[[Path], list[str]], file: Path, name: str) -> list[str]:
    try:
        return reader(file)
    except _NotSeparateError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes its reader raise
        words = error.message if isinstance(error, MpgateError) else str(error)
        said = " ".join(words.split())[:160] or type(error).__name__
        raise _NotSeparateError(f"{name} does not open on its own ({said})") from error


def _names_in(h5: Path) -> Iterator[str]:
    """Yield the names of all variables and of all groups at the root of the main file."""
    yield from open_dataset(h5).variables
    with h5py.File(h5, "r") as file:
        yield from file


def _sqlite_tables(file: Path) -> list[str]:
    """Return the plain tables with a row; views and virtual tables could run code, so are left."""
    uri = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        listed = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        ).fetchall()
        return [name for (name,) in listed if _has_row(connection, name)]


def _has_row(connection: sqlite3.Connection, table: str) -> bool:
    """Decide whether a table has a row, without computing its generated columns."""
    quoted = table.replace('"', '""')
    return connection.execute(f'SELECT 1 FROM "{quoted}" LIMIT 1').fetchone() is not None


def _h5_tables(file: Path) -> list[str]:
    preflight(file)
    with h5py.File(file, "r") as h5:
        return sorted(name for name, node in h5.items() if _has_data(node))


def _has_data(node: h5py.Group | h5py.Dataset) -> bool:
    if isinstance(node, h5py.Group):
        return any(_has_data(each) for each in node.values())
    return bool(node.ndim and node.size) and len(node[:1]) == 1


def _parquet_tables(file: Path) -> list[str]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise _NotSeparateError("no pyarrow is installed to read parquet with") from None
    with parquet.ParquetFile(file) as table:
        rows = next(table.iter_batches(batch_size=1), None)
    return [file.stem] if rows is not None and rows.num_columns and rows.num_rows else []


def _csv_tables(file: Path) -> list[str]:
    """Return the one table of a CSV with a header and rows of its length (the first 1,000)."""
    with file.open(encoding="utf-8", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        header = next(lines, [])
        rows = list(islice(lines, CSV_ROWS))
    if any(len(row) != len(header) for row in rows):
        raise _NotSeparateError(f"{file.name} has rows of another length than its header")
    return [file.stem] if header and rows else []


_READERS: Mapping[str, Callable[[Path], list[str]]] = {
    "sqlite": _sqlite_tables,
    "h5": _h5_tables,
    "parquet": _parquet_tables,
    "csv": _csv_tables,
}
