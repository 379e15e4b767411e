"""The loader: it reads what the manifest names, and refuses what is not that very file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from schemas.canonical import sha256_file
from schemas.errors import DatasetError, RecordError
from schemas.extensions import load_extension
from schemas.manifests import candidate_manifest_path
from schemas.writers import write_entity_tables
from tests.gates.fakes import manifest_beside
from tests.small import PERIOD, small_columns

SCRIPT = """
CREATE TABLE lots (person_id INTEGER, basis REAL, note TEXT);
INSERT INTO lots VALUES (2, 20.0, 'b'), (1, NULL, 'a');
CREATE TABLE "odd "" name" (x INTEGER);
INSERT INTO "odd "" name" VALUES (7);
"""


def manifest(folder: Path, script: str = SCRIPT, **changes: Any) -> Path:
    """Write a small candidate whose manifest names one extension; return the manifest."""
    file, h5 = folder / "extra.sqlite", folder / "candidate.h5"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    write_entity_tables(h5, small_columns(), PERIOD)
    entry = {
        "id": "extra",
        "file": file.name,
        "format": "sqlite",
        "sha256": sha256_file(file),
        "size_bytes": file.stat().st_size,
    }
    manifest_beside(h5, relational_extensions=[entry | changes])
    return candidate_manifest_path(h5)


def reason(path: Path, identifier: str = "extra") -> str:
    with pytest.raises(DatasetError) as caught:
        load_extension(path, identifier)
    assert caught.value.remedy
    return caught.value.reason


def test_tables_come_by_name_in_stored_order(tmp_path: Path) -> None:
    tables = load_extension(manifest(tmp_path), "extra")
    assert sorted(tables) == ["lots", 'odd " name']
    assert tables["lots"]["person_id"].tolist() == [2, 1]
    assert tables["lots"]["basis"].isna().tolist() == [False, True]
    assert tables["lots"]["note"].tolist() == ["b", "a"]
    assert tables['odd " name']["x"].tolist() == [7]


def test_nothing_that_the_file_defines_is_evaluated(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"
    script = f"""
    CREATE TABLE plain (x INTEGER, y INTEGER AS (x + 1));
    INSERT INTO plain (x) VALUES (1);
    CREATE VIEW forever AS {endless};
    CREATE VIRTUAL TABLE words USING fts5(text);
    """
    tables = load_extension(manifest(tmp_path, script), "extra")
    assert {"forever", "words"}.isdisjoint(tables)
    assert list(tables["plain"]) == ["x"]


def test_an_unnamed_extension_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    with pytest.raises(DatasetError, match="names no extension other") as caught:
        load_extension(path, "other")
    assert caught.value.reason == "extension.unknown"
    assert "extra" in caught.value.remedy


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    with closing(sqlite3.connect(tmp_path / "extra.sqlite")) as connection, connection:
        connection.execute("UPDATE lots SET basis = 1")
    assert reason(path) == "extension.changed"


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    (tmp_path / "extra.sqlite").unlink()
    assert reason(path) == "extension.absent"


def test_a_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    path = manifest(folder)
    (folder / "extra.sqlite").rename(tmp_path / "extra.sqlite")
    (folder / "extra.sqlite").symlink_to(tmp_path / "extra.sqlite")
    assert reason(path) == "extension.absent"


def test_another_format_is_refused(tmp_path: Path) -> None:
    assert reason(manifest(tmp_path, format="parquet")) == "extension.format"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    (tmp_path / "extra.sqlite").write_bytes(b"no database" * 100)
    manifest_beside(
        tmp_path / "candidate.h5",
        relational_extensions=[
            {
                "id": "extra",
                "file": "extra.sqlite",
                "format": "sqlite",
                "sha256": sha256_file(tmp_path / "extra.sqlite"),
                "size_bytes": 1100,
            }
        ],
    )
    assert reason(path) == "extension.unreadable"


def test_a_manifest_that_breaks_its_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "candidate.manifest.json"
    path.write_text("{}")
    with pytest.raises(RecordError):
        load_extension(path, "extra")
