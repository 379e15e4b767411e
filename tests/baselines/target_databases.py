"""A small target database as others write it: plain SQL in the published schema."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE strata (stratum_id INTEGER NOT NULL PRIMARY KEY, definition_hash VARCHAR(64) NOT NULL,
 parent_stratum_id INTEGER REFERENCES strata (stratum_id), notes VARCHAR);
CREATE TABLE stratum_constraints (stratum_id INTEGER NOT NULL, constraint_variable VARCHAR NOT NULL,
 operation VARCHAR NOT NULL, value VARCHAR NOT NULL, notes VARCHAR,
 PRIMARY KEY (stratum_id, constraint_variable, operation));
CREATE TABLE targets (target_id INTEGER NOT NULL PRIMARY KEY, variable VARCHAR NOT NULL,
 period INTEGER NOT NULL, stratum_id INTEGER NOT NULL, reform_id INTEGER NOT NULL, value FLOAT,
 active BOOLEAN NOT NULL, tolerance FLOAT, source VARCHAR, notes VARCHAR);
CREATE TABLE field_valid_values (field_name VARCHAR NOT NULL, valid_value VARCHAR NOT NULL,
 description VARCHAR, PRIMARY KEY (field_name, valid_value));
"""
VIEWS = """
CREATE VIEW stratum_domain AS SELECT stratum_id, constraint_variable AS domain_variable
 FROM stratum_constraints;
CREATE VIEW target_overview AS SELECT target_id, variable FROM targets;
"""
ROW = {
    "variable": "person_count",
    "period": 2024,
    "stratum_id": 1,
    "reform_id": 0,
    "value": 1000.0,
    "active": 1,
    "tolerance": None,
    "source": "Census ACS S0101",
    "notes": None,
}
Lines = Sequence[tuple[str, str, str]]


def write_published(
    path: Path, strata: Iterable[Lines], rows: Iterable[dict[str, Any]], views: str = VIEWS
) -> Path:
    """Write a database of strata 1, 2, ... and of target rows 1, 2, ... (changes to ROW)."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES + views)
        for number, lines in enumerate(strata, start=1):
            connection.execute(
                "INSERT INTO strata VALUES (?, ?, NULL, NULL)", (number, str(number))
            )
            for line in lines:
                found = (number, *line)
                connection.execute("INSERT INTO stratum_constraints VALUES (?,?,?,?,NULL)", found)
        for number, row in enumerate(rows, start=1):
            cells = (number, *{**ROW, **row}.values())
            connection.execute(f"INSERT INTO targets VALUES ({','.join('?' * 10)})", cells)
    return path
