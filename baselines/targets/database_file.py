"""Read a target database as an untrusted file: rows come out, nothing in it is executed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from baselines.targets.database_schema import TABLES, VIEWS
from baselines.targets.database_strata import Line
from schemas.errors import BaselineError

_MAGIC = b"SQLite format 3\0"
_MOST_BYTES_A_VALUE = 1_000_000
_PRAGMAS = ("table_xinfo", "integrity_check")
_REMEDY = (
    "pass a target database with the schema of policy_data.db: compile one, or fetch the "
    "published file again"
)


class Row(NamedTuple):
    """One row of the targets table, typed."""

    target_id: int
    variable: str
    period: int
    stratum_id: int
    reform_id: int
    value: float | None
    active: bool
    source: str | None
    notes: str | None


class RowError(Exception):
    """Why one row can't be read: a stable word and the detail."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the two parts apart."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Content:
    """The target rows as stored, by their number, and the constraints of each stratum."""

    rows: tuple[tuple[Any, ...], ...]
    strata: dict[int, tuple[Line, ...]]


def read_content(path: Path | str) -> Content:
    """Return what the tables hold; BaselineError if the file isn't a sound target database.

    The file is opened read-only and immutable; views, triggers, functions and virtual tables are
    never run, because an authorizer allows nothing but reading the columns of plain tables.
    """
    with _opened(Path(path)) as connection:
        _check_schema(connection, Path(path).name)
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != ("ok",):
            raise _refused(Path(path).name, "corrupt", f"it is corrupt ({found[0]})")
        return _content(connection)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    _check_file(path)
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    connection = None
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_A_VALUE)
        for pragma in (
            "trusted_schema=OFF",
            "query_only=ON",
            "cell_size_check=ON",
            "ignore_check_constraints=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.set_authorizer(_authorize)
        yield connection
    except sqlite3.Error as error:
        raise _refused(path.name, "corrupt", f"SQLite can't read it ({error})") from error
    finally:
        if connection is not None:
            connection.close()


def _authorize(action: int, first: str | None, *_: str | None) -> int:
    allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ) or (
        action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _check_file(path: Path) -> None:
    try:
        # A pipe or a device would never end.
        head = _head(path) if path.is_file() or not path.exists() else b""
    except OSError as error:
        said = f"it can't be read: {error.strerror}"
        raise _refused(path.name, "unreadable", said) from error
    if head != _MAGIC:
        raise _refused(path.name, "not_sqlite", "it isn't an SQLite file")
    for suffix in ("-wal", "-journal"):
        beside = path.with_name(path.name + suffix)
        if beside.is_file() and beside.stat().st_size:
            said = f"{beside.name} beside it holds changes that were never merged"
            raise _refused(path.name, "unfinished", said)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC))


def _refused(name: str, reason: str, what: str) -> BaselineError:
    return BaselineError(
        f"{name} is no usable target database: {what}",
        reason=f"target_database.{reason}",
        remedy=_REMEDY,
    )


def _check_schema(connection: sqlite3.Connection, name: str) -> None:
    """Refuse a file without the published tables and views, or with other columns in them."""
    found = connection.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
    # A virtual table has no root page: reading it would run a module.
    stored = {each for kind, each, root in found if kind == "table" and root}
    views = {each for kind, each, _ in found if kind == "view"}
    missing = sorted(set(TABLES) - stored) + sorted(set(VIEWS) - views)
    if missing:
        raise _refused(name, "schema", f"it has no {', no '.join(missing)}")
    for table, columns in TABLES.items():
        info = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        names, computed = {each[1] for each in info}, [each[1] for each in info if each[6]]
        if names != set(columns) or computed:
            said = f"{table} has the columns {', '.join(each[1] for each in info)}"
            raise _refused(name, "columns", f"{said}; expected {', '.join(columns)}, all stored")


def _content(connection: sqlite3.Connection) -> Content:
    strata: dict[int, list[Line]] = {
        each: [] for (each,) in connection.execute("SELECT stratum_id FROM strata")
    }
    for stratum_id, *line in connection.execute(
        "SELECT stratum_id, constraint_variable, operation, value FROM stratum_constraints"
    ):
        if stratum_id in strata:
            strata[stratum_id].append(Line(*map(str, line)))
    rows = connection.execute(f"SELECT {', '.join(Row._fields)} FROM targets ORDER BY target_id")
    return Content(tuple(rows), {key: tuple(sorted(lines)) for key, lines in strata.items()})


def typed_row(cells: tuple[Any, ...]) -> Row:
    """Return a stored row once every cell has the type its column declares, else RowError."""
    row = dict(zip(Row._fields, cells, strict=True))
    for name in ("target_id", "period", "stratum_id", "reform_id"):
        _expect(name, row[name], int)
    _expect("variable", row["variable"], str)
    for name in ("source", "notes"):
        _expect(name, row[name], str, type(None))
    _expect("value", row["value"], int, float, type(None))
    if row["active"] not in (0, 1):
        raise RowError("malformed", f"active is {row['active']!r}")
    return Row(**{**row, "active": bool(row["active"])})


def _expect(name: str, value: object, *types: type) -> None:
    if type(value) not in types:
        raise RowError("malformed", f"{name} is {value!r}")
