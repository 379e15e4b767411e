"""Read a candidate's own lots table: untrusted SQLite, rows come out, nothing in it is executed.

Layout and rules: the `capital_gains_lots` extension of microplex-us (commit e32651ef).
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np

from benchmarks.capital_gains.lots import GAINS, Lots, unbalanced_persons
from schemas.errors import DatasetError

TABLE = "capital_gains_lots"
METADATA = "capital_gains_lot_metadata"
_IDS = ("person_id", "tax_year", "is_gain_lot")
_AMOUNTS = (
    "sale_time", "holding_period", "purchase_time", "sale_proceeds", "basis", "gain_or_loss",
)  # fmt: skip
_UNREAD = ("lot_id", "tax_unit_id", "household_id", "lot_index", "asset_type")
COLUMNS = {TABLE: (*_IDS, *_AMOUNTS, *_UNREAD), METADATA: ("key", "value")}
FORMAT_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_MOST_BYTES_A_VALUE = 1_000_000
_MOST_LOTS_A_PERSON = 50
_SAME_TIME = 1e-6  # years, about half a minute
# Proceeds less basis is the gain, up to the rounding of large amounts.
_ABSOLUTE, _RELATIVE = 1e-5, 1e-9


def read_lots_table(path: Path | str, person_ids: np.ndarray, gains: np.ndarray, year: int) -> Lots:
    """Return the lots of a dataset's persons, sold in `year`, from an SQLite lots table.

    `person_ids` and `gains` (dollars) are the dataset's person-length arrays in file row order.
    Raises DatasetError, with a `lots_table.` reason, for a file that isn't a sound lots table, is
    of another year or names an unknown person, for a lot that contradicts itself, and where the
    lots of a person don't sum to the person's gain. The file is opened read-only and immutable.
    """
    file = Path(path)
    with _opened(file) as connection:
        _check_tables(connection, file.name)
        _check_metadata(connection, file.name, year)
        columns = _columns(connection, file.name, most=_MOST_LOTS_A_PERSON * person_ids.size)
    _check_lots(columns, file.name, year)
    lots = Lots(
        person=_person_rows(columns["person_id"], person_ids, file.name),
        gain=columns["gain_or_loss"],
        basis=columns["basis"],
        years_held=columns["holding_period"],
        purchase_year=np.floor(columns["purchase_time"]).astype(np.int64),
        sale_year=year,
    )
    wrong = unbalanced_persons(lots, gains)
    if wrong.size:
        said = f"the lots of {wrong.size} persons don't sum to their {GAINS}"
        raise _refused(file.name, "sum", f"{said}; the first is person {person_ids[wrong[0]]}")
    return lots


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that may be hostile, read-only and immutable: no lock, no journal, no write.

    Settings: sqlite.org/security.html, untrusted database files. Only fixed queries of plain
    tables follow, and read-only files have no CHECK: nothing that the file defines is evaluated.
    """
    _check_file(path)
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    connection = None
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_A_VALUE)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        yield connection
    # A name that isn't UTF-8 makes SQLite's own message undecodable.
    except (sqlite3.Error, UnicodeDecodeError) as error:
        said = f"SQLite can't read it ({_short(str(error))})"
        raise _refused(path.name, "corrupt", said) from error
    finally:
        if connection is not None:
            connection.close()


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


def _check_tables(connection: sqlite3.Connection, name: str) -> None:
    """Refuse a file without both tables, stored as such, or without one of their columns."""
    found = connection.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
    # A virtual table has no root page: reading it would run a module.
    stored = {each for kind, each, root in found if kind == "table" and root}
    for table, expected in COLUMNS.items():
        if table not in stored:
            raise _refused(name, "no_table", f"it has no table {table}")
        info = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        missing = sorted(set(expected) - {each[1] for each in info})
        if missing or any(each[6] for each in info):
            said = f"has no column {', '.join(missing)}" if missing else "has computed columns"
            raise _refused(name, "no_column" if missing else "computed", f"{table} {said}")
        # The quick check follows every page; the full one would evaluate expressions of an index.
        (verdict,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if verdict != "ok":
            raise _refused(name, "corrupt", f"{table} is corrupt ({_short(verdict)})")


def _check_metadata(connection: sqlite3.Connection, name: str, year: int) -> None:
    expected = {"format_version": FORMAT_VERSION, "tax_year": year, "source_gain_column": GAINS}
    for key, value in expected.items():
        query = f"SELECT value FROM {METADATA} WHERE key = ?"
        stated = [_parsed(each) for (each,) in connection.execute(query, (key,)).fetchmany(2)]
        if stated != [value]:
            shown = _short(*stated) if stated else "nowhere"
            said = f"its metadata states {key} {shown}, not {value}"
            raise _refused(name, "year" if key == "tax_year" else "metadata", said)


def _short(*cells: object) -> str:
    """Return untrusted cells as a message may show them."""
    return " and ".join(repr(each)[:80] for each in cells)


def _parsed(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (RecursionError, ValueError):
        return text


def _columns(connection: sqlite3.Connection, name: str, most: int) -> dict[str, np.ndarray]:
    """Return the columns that are read: ids as int64, times in years and amounts as float64."""
    names = (*_IDS, *_AMOUNTS)
    rows = connection.execute(f"SELECT {', '.join(names)} FROM {TABLE}").fetchmany(most + 1)
    if len(rows) > most:
        raise _refused(name, "too_long", f"it holds more than {most} lots")
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {key: _column(key, each, name) for key, each in zip(names, cells, strict=True)}


def _column(key: str, cells: Sequence[object], name: str) -> np.ndarray:
    whole = key in _IDS
    wrong = [each for each in cells if not _fits(each, whole)]
    if wrong:
        kind = "whole" if whole else "finite"
        said = f"{key} is {_short(wrong[0])} in a lot, not a {kind} number"
        raise _refused(name, "value", said)
    return np.array(cells, dtype=np.int64 if whole else np.float64)


def _fits(cell: object, whole: bool) -> bool:
    """Decide whether a cell is a number as its column needs it; SQLite keeps NaN as NULL."""
    if isinstance(cell, float):
        return not whole and math.isfinite(cell)
    return isinstance(cell, int)


def _check_lots(lots: dict[str, np.ndarray], name: str, year: int) -> None:
    """Refuse lots of another year and lots whose own columns contradict each other."""
    sold, held, bought = (lots[key] for key in ("sale_time", "holding_period", "purchase_time"))
    proceeds, basis, gain = (lots[key] for key in ("sale_proceeds", "basis", "gain_or_loss"))
    of_year = (lots["tax_year"] == year) & (np.floor(sold) == year)
    balanced = np.isclose(proceeds - basis, gain, rtol=_RELATIVE, atol=_ABSOLUTE)
    rules = (
        ("year", of_year, f"was not sold in {year}"),
        ("value", (proceeds >= 0) & (basis >= 0), "has negative proceeds or a negative basis"),
        ("value", balanced, "has a gain that isn't its proceeds less its basis"),
        ("value", lots["is_gain_lot"] == (gain > 0), "has an is_gain_lot that denies its gain"),
        ("value", (held >= 0) & (bought >= 1), "was bought after its sale or before year 1"),
        ("value", np.abs(sold - held - bought) <= _SAME_TIME, "was not held from purchase to sale"),
    )
    for reason, holds, what in rules:
        if not holds.all():
            person = lots["person_id"][int(np.argmin(holds))]
            raise _refused(name, reason, f"a lot of person {person} {what}")


def _person_rows(found: np.ndarray, person_ids: np.ndarray, name: str) -> np.ndarray:
    """Return the dataset row of each person id; an unknown or repeated id is refused."""
    order = np.argsort(person_ids, kind="stable")
    ids = person_ids[order]
    if np.any(ids[1:] == ids[:-1]):
        raise _refused(name, "person", "the dataset repeats a person_id")
    places = np.searchsorted(ids, found)
    known = places < ids.size
    known[known] = ids[places[known]] == found[known]
    if not known.all():
        said = f"person {found[int(np.argmin(known))]} isn't in the dataset"
        raise _refused(name, "person", said)
    return order[places]


def _refused(name: str, reason: str, what: str) -> DatasetError:
    return DatasetError(
        f"{name} is no usable lots table: {what}",
        reason=f"lots_table.{reason}",
        remedy="write the lots table again, from this very dataset and year",
    )
