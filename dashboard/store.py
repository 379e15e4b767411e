"""The index as a DuckDB file: written beside its place and renamed, so that readers keep theirs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from dashboard.errors import DashboardError
from dashboard.rows import TABLES, TEXT
from dashboard.run_data import RECORDS
from schemas.records import load_schema

VERSION = 2
SUFFIX = ".duckdb"
_POINTERS = dict.fromkeys(("product", "root", "record", "problem"), TEXT)
_META = dict.fromkeys(("name", "value"), TEXT)
_ALL: Mapping[str, Mapping[str, str]] = {**TABLES, "pointers": _POINTERS, "meta": _META}
_RUN = {table: "key" if table == "runs" else "run" for table in TABLES}
# nothing is fetched, whatever a query asks for
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


@dataclass(frozen=True)
class PointerRow:
    """The pointer of one product below one root: the record as JSON text, or what is wrong."""

    product: str
    root: str
    record: str | None
    problem: str | None


@dataclass(frozen=True)
class Held:
    """What an index holds: the fingerprint of each run by key, its pointers and its roots."""

    fingerprints: Mapping[str, str]
    pointers: tuple[PointerRow, ...]
    roots: tuple[str, ...]


def format_version() -> str:
    """Return what an index must have been written by: these tables, and these schemas."""
    names = ("common", "current_candidate", *sorted(set(RECORDS.values())))
    content = json.dumps([_ALL, [load_schema(name) for name in names]], sort_keys=True)
    return f"{VERSION}-{hashlib.sha256(content.encode()).hexdigest()}"


def attached(db: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection that can read an index, as `held`, and nothing else.

    The file is attached to a database in memory: two connections to one path in one process share
    the file that was there first, so that an index that was renamed into place would not be seen.
    """
    connection = duckdb.connect(":memory:", config={**_OFFLINE, "threads": "2"})
    try:
        connection.execute("ATTACH ? AS held (READ_ONLY)", [str(db)])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return what wrote an index; raises duckdb.Error where it has no such table."""
    row = connection.execute("SELECT value FROM held.meta WHERE name = 'version'").fetchone()
    return None if row is None else str(row[0])


def read_held(db: Path) -> Held | None:
    """Return what an index holds; None for one that is absent, damaged or of another version."""
    if not db.is_file():
        return None
    try:
        connection = attached(db)
    except duckdb.Error:
        return None
    try:
        if version_of(connection) != format_version():
            return None
        prints = connection.execute("SELECT key, fingerprint FROM held.runs").fetchall()
        return Held(dict(prints), read_pointers(connection), _roots(connection))
    except duckdb.Error:
        return None
    finally:
        connection.close()


def read_pointers(connection: duckdb.DuckDBPyConnection) -> tuple[PointerRow, ...]:
    """Return the pointers that an index holds, in order of product and root."""
    rows = connection.execute(
        "SELECT product, root, record, problem FROM held.pointers ORDER BY product, root"
    ).fetchall()
    return tuple(PointerRow(*row) for row in rows)


def _roots(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    row = connection.execute("SELECT value FROM held.meta WHERE name = 'roots'").fetchone()
    return tuple(json.loads(row[0])) if row else ()


@contextmanager
def locked(db: Path) -> Iterator[None]:
    """Keep other updates of an index out; raises DashboardError where one is at work.

    The lock goes with the process that holds it, so that none is left behind by one that died.
    """
    db.parent.mkdir(parents=True, exist_ok=True)
    with db.with_name(f".{db.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DashboardError(
                f"{db.name} is being updated by another `mpgate index`",
                reason="index.locked",
                remedy="wait until it has ended, or name another file with --db",
            ) from error
        yield


@contextmanager
def rewritten(db: Path, *, keep: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the next state of an index, which takes its place at the end.

    It starts as a copy of the index where `keep`, else empty. On any error nothing is changed.
    All is one transaction, so that rows are written once, and by one thread, which takes the least
    of the processors that read runs.
    """
    part = db.with_name(f".{db.name}.part")
    _discard(part)
    try:
        if keep:
            shutil.copyfile(db, part)
        connection = duckdb.connect(str(part), config={**_OFFLINE, "threads": "1"})
        try:
            connection.begin()
            if not keep:
                _create(connection)
            yield connection
            connection.commit()
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        _log(db).unlink(missing_ok=True)  # of whoever wrote to the old file: it is not for this one
        part.replace(db)
    finally:
        _discard(part)


def _log(db: Path) -> Path:
    """Return where DuckDB logs what it has yet to write to a file."""
    return db.with_name(f"{db.name}.wal")


def _discard(part: Path) -> None:
    for path in (part, _log(part)):
        path.unlink(missing_ok=True)


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    for table, columns in _ALL.items():
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {table} ({listed})")


def insert(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Add rows; the columns of each table are those of `dashboard.rows.TABLES`, in order."""
    for name, rows in tables.items():
        connection.register("added", rows)
        connection.execute(f"INSERT INTO {name} SELECT * FROM added")
        connection.unregister("added")


def remove(connection: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> None:
    """Take every row of the runs with these keys away."""
    gone = list(keys)
    for table, column in _RUN.items() if gone else ():
        connection.execute(f'DELETE FROM {table} WHERE "{column}" IN (SELECT unnest(?))', [gone])


def describe(
    connection: duckdb.DuckDBPyConnection, roots: Sequence[str], pointers: Sequence[PointerRow]
) -> None:
    """Put down what wrote the index, the roots it is of, and their pointers."""
    connection.execute("DELETE FROM meta")
    meta = [("version", format_version()), ("roots", json.dumps(list(roots)))]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
    connection.execute("DELETE FROM pointers")
    for each in pointers:
        row = [each.product, each.root, each.record, each.problem]
        connection.execute("INSERT INTO pointers VALUES (?, ?, ?, ?)", row)


def count_broken(db: Path) -> int:
    """Return how many runs of an index cannot be shown."""
    connection = attached(db)
    try:
        row = connection.execute("SELECT count(*) FROM held.runs WHERE state = 'broken'").fetchone()
        return int(row[0]) if row else 0
    finally:
        connection.close()
