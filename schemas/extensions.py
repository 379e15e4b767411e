"""Load a relational extension that a candidate's manifest names, without the builder.

The file is untrusted input: it is opened read-only, its sha256 is compared first, and only stored
columns of plain tables are read, so that nothing it defines is evaluated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from schemas.canonical import sha256_file
from schemas.errors import DatasetError
from schemas.records import read_record

FORMAT = "sqlite"
_MOST_BYTES_A_VALUE = 1_000_000


def load_extension(manifest_path: Path | str, identifier: str) -> dict[str, pd.DataFrame]:
    """Return the tables of an extension by name, rows in stored order.

    `manifest_path` is the candidate manifest (`<stem>.manifest.json` beside the H5). Raises
    RecordError for an invalid manifest and DatasetError, with an `extension.` reason, for an id
    that it doesn't name, and a file that is absent, another one, of another format or unreadable.
    """
    manifest = Path(manifest_path)
    entry = _entry(read_record(manifest, "candidate_manifest"), manifest.name, identifier)
    file = _verified(manifest.parent, entry)
    try:
        return _tables(file)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:160]
        raise _refused(entry, "unreadable", f"SQLite can't read it ({said})") from error


def _entry(manifest: Mapping[str, Any], name: str, identifier: str) -> Mapping[str, Any]:
    entries: dict[str, Mapping[str, Any]] = {
        each["id"]: each for each in manifest["relational_extensions"]
    }
    if identifier not in entries:
        raise DatasetError(
            f"{name} names no extension {identifier}",
            reason="extension.unknown",
            remedy=f"use one of: {', '.join(sorted(entries)) or 'none is there'}",
        )
    return entries[identifier]


def _verified(folder: Path, entry: Mapping[str, Any]) -> Path:
    """Return the file of an entry, once it is known to be the one that the manifest names."""
    if entry["format"].lower() != FORMAT:
        raise _refused(entry, "format", f"its format is {entry['format']}, not {FORMAT}")
    file: Path = (folder / entry["file"]).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise _refused(entry, "absent", "it does not lie beside the manifest")
    if sha256_file(file) != entry["sha256"]:
        raise _refused(entry, "changed", "its sha256 is not the one that the manifest names")
    return file


def _tables(file: Path) -> dict[str, pd.DataFrame]:
    uri = f"file:{quote(str(file))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_A_VALUE)
        connection.execute("PRAGMA trusted_schema = OFF")
        # A virtual table has no root page: reading it would run a module.
        listed = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        ).fetchall()
        return {name: _table(connection, name) for (name,) in listed}


def _table(connection: sqlite3.Connection, name: str) -> pd.DataFrame:
    """Return the stored columns of a table; computed ones (`hidden` is not 0) are left out."""
    info = connection.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
    columns = [column for _, column, _, _, _, _, hidden in info if not hidden]
    listed = ", ".join(_quoted(each) for each in columns)
    rows = connection.execute(f"SELECT {listed} FROM {_quoted(name)}").fetchall()
    return pd.DataFrame(rows, columns=columns)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _refused(entry: Mapping[str, Any], reason: str, what: str) -> DatasetError:
    return DatasetError(
        f"extension {entry['id']} ({entry['file']}) can't be loaded: {what}",
        reason=f"extension.{reason}",
        remedy="put the file that was written with the H5 beside its manifest",
    )
