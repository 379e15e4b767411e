"""Broken and hostile target databases: refused with a reason, and nothing in them is run."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from baselines.targets import load_targets
from baselines.targets.database import compile_database, read_database
from schemas.errors import BaselineError
from tests.baselines.target_databases import TABLES, VIEWS, write_published

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"


def change(path: Path, sql: str) -> None:
    """Run SQL on a database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)


CHANGED: dict[str, tuple[str, str]] = {
    "no view": ("DROP VIEW stratum_domain", "has no stratum_domain"),
    "no table": ("DROP TABLE field_valid_values", "has no field_valid_values"),
    "foreign column": ("ALTER TABLE targets ADD COLUMN more TEXT", "expected target_id, variable"),
    "a column less": ("ALTER TABLE strata DROP COLUMN notes", "strata has the columns"),
    "computed column": (
        "ALTER TABLE strata DROP COLUMN notes;"
        "ALTER TABLE strata ADD COLUMN notes TEXT AS (hex(stratum_id));",
        "all stored",
    ),
    "a view in place of a table": (
        "DROP VIEW target_overview; DROP TABLE targets;"
        "CREATE VIEW target_overview AS SELECT 1; CREATE VIEW targets AS " + ENDLESS,
        "has no targets",
    ),
    "a virtual table": (
        "DROP TABLE field_valid_values; CREATE VIRTUAL TABLE field_valid_values"
        " USING fts4(field_name, valid_value, description);",
        "has no field_valid_values",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_another_schema_is_refused(tmp_path: Path, name: str) -> None:
    sql, said = CHANGED[name]
    path = write_published(tmp_path / "policy_data.db", [()], [{}])
    assert len(read_database(path)) == 1
    change(path, sql)
    with pytest.raises(BaselineError, match=said) as caught:
        read_database(path)
    assert caught.value.reason.startswith("target_database.")
    assert "policy_data.db" in caught.value.remedy


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def _scribble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])


def _journal(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"pages")


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "absent": (Path.unlink, "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "isn't an SQLite file"),
    "text": (lambda path: path.write_text("targets,please\n"), "isn't an SQLite file"),
    "header alone": (lambda path: path.write_bytes(b"SQLite format 3\0"), "SQLite can't read it"),
    "cut short": (_cut, "corrupt|SQLite can't read it"),
    "scribbled over": (_scribble, "corrupt|SQLite can't read it"),
    "unmerged changes": (_journal, "never merged"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    spoil, said = FILES[name]
    path = tmp_path / "policy_data.db"
    compile_database(load_targets()[:50], path)
    spoil(path)
    with pytest.raises(BaselineError, match=said):
        read_database(path)


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BaselineError, match="isn't an SQLite file"):
            read_database(path)


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    views = (
        f"CREATE VIEW stratum_domain AS {ENDLESS};"
        "CREATE VIEW target_overview AS SELECT load_extension('evil') AS target_id;"
    )
    path = write_published(tmp_path / "odd name?#%.db", [()], [{}], views)
    before = path.read_bytes()
    assert [each.target_id for each in read_database(path)] == ["db/us/person_count"]
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_check_that_calls_a_function_isnt_run(tmp_path: Path) -> None:
    checked = TABLES.replace(
        "definition_hash VARCHAR(64)", "definition_hash CHECK (hex(definition_hash))", 1
    )
    path = tmp_path / "checked.db"
    change(path, checked + VIEWS)
    with pytest.raises(BaselineError, match="states no target"):
        read_database(path)


def tampered(record: dict[str, Any], **changes: Any) -> str:
    """Return a row's notes with fields of the record or of its target replaced."""
    target = {**record["target"], **{k: v for k, v in changes.items() if k in record["target"]}}
    return json.dumps(
        {**record, "target": target, **{k: v for k, v in changes.items() if k in record}}
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": 2}, "version 2"),
        ({"uprated": {"index": "x"}}, "its uprating isn't index"),
        ({"family": 7}, "wrong type"),
        ({"family": ""}, "column family is empty"),
        ({"scope": "everybody"}, "column scope"),
        ({"constraints": [["age", ">", 3]]}, "different constraints"),
        ({"unit": "usd"}, "usd"),
        ({"content_sha256": None}, "content_sha256 isn't text"),
    ],
)
def test_a_row_of_ours_that_was_changed_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "ours.db"
    compile_database([each for each in load_targets() if each.family == "ssi"], path)
    with closing(sqlite3.connect(path)) as connection, connection:
        sql = "SELECT target_id, notes FROM targets WHERE variable = 'person_count' LIMIT 1"
        number, notes = connection.execute(sql).fetchone()
        text = tampered(json.loads(notes), **changes)
        connection.execute("UPDATE targets SET notes = ? WHERE target_id = ?", (text, number))
    with pytest.raises(BaselineError, match=rf"target row {number} \(person_count\): .*{said}"):
        read_database(path)


def test_a_changed_value_no_longer_fits_its_uprating(tmp_path: Path) -> None:
    path = tmp_path / "ours.db"
    compile_database([each for each in load_targets() if each.uprated][:3], path)
    change(path, "UPDATE targets SET value = value * 1.01 WHERE target_id = 2")
    with pytest.raises(BaselineError, match=r"target row 2 .*times the factor"):
        read_database(path)
