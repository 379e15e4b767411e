"""A candidate's own lots table: read where it is sound, refused with a reason where it isn't."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.capital_gains.lots import GAINS, Lots, capital_gains_arm_inputs, indexed_gains
from benchmarks.capital_gains.lots_table import COLUMNS, METADATA, TABLE, read_lots_table
from benchmarks.capital_gains.prices import load_prices
from schemas.errors import DatasetError

YEAR = 2024
IDS = np.array([90_000_000_001, 7, 12, 3])
AMOUNTS = np.array([1500.0, -20.0, 0.0, 80.0])
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"
METADATA_ROWS = {"format_version": 1, "tax_year": YEAR, "source_gain_column": GAINS}


def lot(person: int, gain: float, held: float, **changes: Any) -> dict[str, Any]:
    """Return one row of the published layout."""
    row = {
        "lot_id": 1, "person_id": person, "tax_unit_id": 1, "household_id": 1, "tax_year": YEAR,
        "lot_index": 0, "sale_time": YEAR + 0.5, "holding_period": held,
        "purchase_time": YEAR + 0.5 - held, "sale_proceeds": 500 + gain, "basis": 500.0,
        "gain_or_loss": gain, "asset_type": "unknown", "is_gain_lot": gain > 0,
    }  # fmt: skip
    return {**row, **changes}


def rows(**changes: Any) -> list[dict[str, Any]]:
    """Return sound lots of the four persons, the first row changed."""
    first = lot(90_000_000_001, 1000.0, 12.0, **changes)
    return [first, lot(3, 80.0, 2.75), lot(7, -20.0, 5.0), lot(90_000_000_001, 500.0, 30.0)]


def write(path: Path, lots: list[dict[str, Any]], metadata: dict[str, Any] | None = None) -> Path:
    """Write a lots table as the published writer does: pandas, and JSON values as metadata."""
    with closing(sqlite3.connect(path)) as connection, connection:
        pd.DataFrame(lots).to_sql(TABLE, connection, index=False)
        connection.execute(f"CREATE INDEX by_person ON {TABLE} (person_id, tax_year)")
        connection.execute(f"CREATE TABLE {METADATA} (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        for key, value in {**METADATA_ROWS, "more": {}, **(metadata or {})}.items():
            connection.execute(f"INSERT INTO {METADATA} VALUES (?, ?)", (key, json.dumps(value)))
    return path


def change(path: Path, sql: str) -> None:
    """Run SQL on a database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)


def read(path: Path) -> Lots:
    return read_lots_table(path, IDS, AMOUNTS, YEAR)


def refused(path: Path, reason: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        read(path)
    assert caught.value.reason == f"lots_table.{reason}"
    assert path.name in caught.value.message
    assert len(caught.value.message) < 400
    assert "write the lots table again" in caught.value.remedy


def test_lots_are_read_with_the_persons_of_the_dataset(tmp_path: Path) -> None:
    lots = read(write(tmp_path / "lots.sqlite", rows()))
    assert lots.person.tolist() == [0, 3, 1, 0]
    assert lots.gain.tolist() == [1000, 80, -20, 500]
    assert lots.basis.tolist() == [500] * 4
    assert lots.years_held.tolist() == [12, 2.75, 5, 30]
    assert lots.purchase_year.tolist() == [2012, 2021, 2019, 1994]
    assert lots.sale_year == YEAR


def test_the_lots_are_indexed(tmp_path: Path) -> None:
    lots = read(write(tmp_path / "lots.sqlite", rows()))
    cpi = load_prices("cpi_u")
    indexed = indexed_gains(AMOUNTS, lots, cpi, minimum_years_held=2.75)
    own = cpi.values
    cost = 500 * (own[2024] / own[2012] - 1) + min(500, 500 * (own[2024] / own[1994] - 1))
    assert indexed == pytest.approx([1500 - cost, -20, 0, 80])
    settings = {"minimum_years_held": 1, "floor_at_zero": True, "prices": "cpi_u"}
    inputs = capital_gains_arm_inputs(AMOUNTS, YEAR, settings, lots)
    assert inputs[GAINS][3] == pytest.approx(80 - min(80, 500 * (own[2024] / own[2021] - 1)))


def test_a_table_without_lots_fits_persons_without_gains(tmp_path: Path) -> None:
    path = write(tmp_path / "lots.sqlite", rows())
    change(path, f"DELETE FROM {TABLE}")
    assert read_lots_table(path, IDS, np.zeros(4), YEAR).gain.size == 0
    refused(path, "sum", "lots of 3 persons don't sum .* the first is person 90000000001")


CELLS: dict[str, tuple[dict[str, Any], str, str]] = {
    "NaN": ({"basis": np.nan}, "value", "basis is None"),
    "infinite": ({"sale_proceeds": np.inf}, "value", "sale_proceeds is inf"),
    "text": ({"basis": "500"}, "value", "basis is '500'"),
    "long text": ({"basis": "5" * 1000}, "value", "basis is '5555"),
    "fractional id": ({"person_id": 7.5}, "value", "person_id is 7.5"),
    "no id": ({"person_id": None}, "value", "person_id is None"),
    "unknown person": ({"person_id": 4}, "person", "person 4 isn't"),
    "unknown person after the last": ({"person_id": 2**62}, "person", "isn't in the dataset"),
    "another year": ({"tax_year": 2023}, "year", "was not sold in 2024"),
    "sold the year after": (
        {"sale_time": 2025.0, "purchase_time": 2013.0}, "year", "was not sold in 2024",
    ),
    "negative basis": (
        {"basis": -500.0, "sale_proceeds": 500.0}, "value", "negative proceeds or a negative basis",
    ),
    "negative proceeds": (
        {"basis": 500.0, "sale_proceeds": -1.0}, "value", "negative proceeds or a negative basis",
    ),
    "unbalanced": ({"basis": 499.0}, "value", "isn't its proceeds less its basis"),
    "loss called a gain": ({"is_gain_lot": False}, "value", "denies its gain"),
    "bought later": (
        {"holding_period": -1.0, "purchase_time": 2025.5}, "value", "bought after its sale",
    ),
    "bought before Christ": (
        {"holding_period": 3000.0, "purchase_time": -975.5}, "value", "before year 1",
    ),
    "held otherwise": ({"purchase_time": 2013.5}, "value", "not held from purchase to sale"),
    "another sum": ({"gain_or_loss": 999.0, "sale_proceeds": 1499.0}, "sum", "person 90000000001"),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_a_lot_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    changes, reason, said = CELLS[name]
    refused(write(tmp_path / "lots.sqlite", rows(**changes)), reason, said)


@pytest.mark.parametrize(
    ("metadata", "reason", "said"),
    [
        ({"tax_year": 2023}, "year", "tax_year 2023, not 2024"),
        ({"format_version": 2}, "metadata", "format_version 2, not 1"),
        ({"source_gain_column": "capital_gains"}, "metadata", "source_gain_column 'capital_gains'"),
        ({"tax_year": "9" * 1000}, "year", "tax_year '9999"),
    ],
)
def test_metadata_of_something_else_is_refused(
    tmp_path: Path, metadata: dict[str, Any], reason: str, said: str
) -> None:
    refused(write(tmp_path / "lots.sqlite", rows(), metadata), reason, said)


@pytest.mark.parametrize("key", METADATA_ROWS)
def test_absent_metadata_is_refused(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "lots.sqlite", rows())
    change(path, f"DELETE FROM {METADATA} WHERE key = '{key}'")
    refused(path, "year" if key == "tax_year" else "metadata", f"{key} nowhere")


def test_metadata_that_is_no_json_is_refused(tmp_path: Path) -> None:
    for number, value in enumerate(("'{'", "'" + "[" * 100_000 + "'", "x'00'")):
        path = write(tmp_path / f"{number}.sqlite", rows())
        change(path, f"UPDATE {METADATA} SET value = {value} WHERE key = 'tax_year'")
        refused(path, "year", "its metadata states tax_year")


@pytest.mark.parametrize(
    ("table", "column"), [(table, each) for table, names in COLUMNS.items() for each in names]
)
def test_a_missing_column_is_refused(tmp_path: Path, table: str, column: str) -> None:
    path = write(tmp_path / "lots.sqlite", rows())
    change(path, f"DROP INDEX by_person; ALTER TABLE {table} RENAME COLUMN {column} TO other;")
    refused(path, "no_column", f"{table} has no column {column}")


SCHEMAS: dict[str, tuple[str, str, str]] = {
    "no lots": (f"DROP TABLE {TABLE}", "no_table", f"no table {TABLE}"),
    "no metadata": (f"DROP TABLE {METADATA}", "no_table", f"no table {METADATA}"),
    "endless view": (
        f"DROP TABLE {TABLE}; CREATE VIEW {TABLE} AS {ENDLESS};", "no_table", "no table",
    ),
    "virtual table": (
        f"DROP TABLE {METADATA}; CREATE VIRTUAL TABLE {METADATA} USING fts4(key, value);",
        "no_table", f"no table {METADATA}",
    ),
    "computed column": (
        f"ALTER TABLE {TABLE} DROP COLUMN basis;"
        f"ALTER TABLE {TABLE} ADD COLUMN basis REAL AS (abs(lot_id));",
        "computed", f"{TABLE} has computed columns",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_another_schema_is_refused(tmp_path: Path, name: str) -> None:
    sql, reason, said = SCHEMAS[name]
    path = write(tmp_path / "lots.sqlite", rows())
    change(path, sql)
    refused(path, reason, said)


def _scribble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])


def _repeat_a_page(path: Path) -> None:
    """Let the last branch of the lots' B-tree lead where the first does: rows twice, rows lost."""
    change(path, f"INSERT INTO {TABLE} SELECT a.* FROM {TABLE} a, {TABLE} b, {TABLE} c, {TABLE} d")
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(query, (TABLE,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    page = (root - 1) * size
    cell = page + int.from_bytes(content[page + 12 : page + 14], "big")
    assert content[page] == 5  # an interior page: its cells name the pages below
    content[page + 8 : page + 12] = content[cell : cell + 4]
    path.write_bytes(content)


def _undecodable_name(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"CREATE INDEX", b"CREA\xffE INDEX"))


def _bytes_for_text(path: Path) -> None:
    change(path, f"UPDATE {TABLE} SET basis = CAST(x'ff' AS TEXT)")


FILES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "absent": (Path.unlink, "unreadable", "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "not_sqlite", "isn't an SQLite file"),
    "header alone": (lambda path: path.write_bytes(b"SQLite format 3\0"), "corrupt", "can't read"),
    "scribbled over": (_scribble, "corrupt", "corrupt|can't read"),
    "a page twice": (_repeat_a_page, "corrupt", f"{TABLE} is corrupt"),
    "a name that is no text": (_undecodable_name, "corrupt", "can't read it .*0xff"),
    "a huge value": (
        lambda path: change(path, f"UPDATE {METADATA} SET value = zeroblob(2000000)"),
        "corrupt",
        "too big",
    ),
    "broken text": (_bytes_for_text, "corrupt", "can't read"),
    "unmerged changes": (
        lambda path: path.with_name(path.name + "-wal").write_bytes(b"pages"),
        "unfinished",
        "never merged",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    spoil, reason, said = FILES[name]
    path = write(tmp_path / "lots.sqlite", rows())
    spoil(path)
    refused(path, reason, said)


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        refused(path, "not_sqlite", "isn't an SQLite file")


def test_a_table_longer_than_the_dataset_can_need_is_refused(tmp_path: Path) -> None:
    zero = lot(7, 0.0, 2.0)
    path = write(tmp_path / "lots.sqlite", [*rows(), *[zero] * 196])
    assert read(path).gain.size == 200
    refused(write(tmp_path / "long.sqlite", [*rows(), *[zero] * 197]), "too_long", "than 200 lots")


def test_a_dataset_that_repeats_a_person_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "lots.sqlite", rows())
    with pytest.raises(DatasetError, match="repeats a person_id"):
        read_lots_table(path, np.array([90_000_000_001, 7, 7, 3]), AMOUNTS, YEAR)


def test_nothing_that_the_file_defines_is_evaluated(tmp_path: Path) -> None:
    path = write(tmp_path / "odd name?#%.sqlite", rows())
    change(
        path,
        f"CREATE VIEW endless AS {ENDLESS};"
        f"CREATE INDEX other ON {TABLE} (asset_type);"
        "PRAGMA writable_schema=ON;"
        # No row fits the check, and the index holds other values than its expression has.
        "UPDATE sqlite_master SET sql = rtrim(sql, ')') || ', CHECK (hex(lot_id) = 1))'"
        f" WHERE name = '{TABLE}';"
        "UPDATE sqlite_master SET sql = replace(sql, 'asset_type', 'hex(lot_id)')"
        " WHERE name = 'other';",
    )
    before = path.read_bytes()
    assert read(path).gain.size == 4
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_reading_takes_no_lock(tmp_path: Path) -> None:
    path = write(tmp_path / "lots.sqlite", rows())
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert read(path).gain.size == 4
