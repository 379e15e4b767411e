"""The index as pages ask it. It is opened for reading only, and stays as it was when opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from dashboard import store
from dashboard.discovery import Place
from dashboard.errors import DashboardError
from dashboard.pointers import Standing, standings
from dashboard.rows import RUN_COLUMNS, TABLES, TARGET_COLUMNS
from dashboard.run_data import RunData
from dashboard.run_reader import read_folder, unreadable

CACHE_VARIABLE = "MPGATE_CACHE"
_NONE = Standing()
_AGAIN = "run `mpgate index`"
_NEWEST_FIRST = "ORDER BY newest DESC NULLS LAST, folder, key"


def default_db() -> Path:
    """Return where the index is kept: below $MPGATE_CACHE, or .mpgate in the project root."""
    named = os.environ.get(CACHE_VARIABLE)
    project = Path(__file__).resolve().parent.parent
    return (Path(named).expanduser() if named else project / ".mpgate") / f"index{store.SUFFIX}"


class Index:
    """An open index; every answer is of the moment when it was written."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read the rows of all runs and pointers; `open` is what callers use."""
        self._connection = connection
        rows = self._ask(f"SELECT * FROM held.runs {_NEWEST_FIRST}")
        names = [each[0] for each in rows.description or ()]
        self._rows = {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}
        held = store.read_pointers(connection)
        self._standings = standings(held, list(self._rows.values()))

    @classmethod
    def open(cls, db: Path) -> Index:
        """Open an index file.

        Raises DashboardError: `index.absent` where there is none, `index.unreadable` where it is
        damaged or was written by another version.
        """
        if not db.is_file():
            raise DashboardError("nothing was indexed yet", reason="index.absent", remedy=_AGAIN)
        with _readable():
            connection = store.attached(db)
            if store.version_of(connection) != store.format_version():
                connection.close()
                raise _unreadable("it was written by another version")
            return cls(connection)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def runs(self) -> pd.DataFrame:
        """Return one row per run, `RUN_COLUMNS`, the newest verdict first, broken ones included.

        Missing text and flags are None, missing numbers NaN.
        """
        return self._table(f"SELECT * FROM held.runs {_NEWEST_FIRST}", [], RUN_COLUMNS)

    def roots(self) -> Mapping[str, str]:
        """Return the root of each run by key: a path of this machine, which no page shows."""
        return {key: str(row["root"]) for key, row in self._rows.items()}

    def gates(self, *, run: str | None = None, gate: str | None = None) -> pd.DataFrame:
        """Return one row per gate and run, of one run or of one gate if named.

        Runs come the newest verdict first, their gates in the order of the policy.
        """
        return self._table(
            "SELECT gates.*, judged_at, run_id FROM held.gates JOIN held.runs ON run = key "
            "WHERE (? IS NULL OR run = ?) AND (? IS NULL OR gate = ?) "
            f"{_NEWEST_FIRST}, position",
            [run, run, gate, gate],
            (*TABLES["gates"], "judged_at", "run_id"),
        )

    def targets(self, run: str) -> pd.DataFrame:
        """Return the kept targets of a run in the order of its loss record."""
        return self._table(
            "SELECT * FROM held.targets WHERE run = ? ORDER BY position",
            [run],
            TARGET_COLUMNS,
        )

    def benchmarks(self, run: str | None = None) -> pd.DataFrame:
        """Return what each reform changes by measure, for the candidate and for the incumbent."""
        return self._table(
            "SELECT benchmarks.* FROM held.benchmarks JOIN held.runs ON run = key "
            f"WHERE (? IS NULL OR run = ?) {_NEWEST_FIRST}, position",
            [run, run],
            ("run", "benchmark", "measure", "candidate", "incumbent"),
        )

    def pointer(self, product: str) -> Mapping[str, Any] | None:
        """Return the pointer record of a product, as read; None where there is no sound one."""
        return self._standings.get(product, _NONE).record

    def pointer_problems(self) -> Mapping[str, str]:
        """Return what is wrong with the pointers, by product."""
        return {name: each.problem for name, each in self._standings.items() if each.problem}

    def current(self, product: str) -> str | None:
        """Return the run that is the current candidate; None if it is not as it was published."""
        return self._standings.get(product, _NONE).current

    def previous(self, product: str) -> str | None:
        """Return the run that was the current candidate before."""
        return self._standings.get(product, _NONE).previous

    def load(self, key: str) -> RunData:
        """Return a run, read from its folder again.

        Raises DashboardError: `run.unknown`, `run.broken`, `run.unjudged`, or `run.changed` if the
        folder is no longer what was indexed.
        """
        row = self._rows.get(key)
        if row is None:
            raise DashboardError(
                "no run of that key is in the index", reason="run.unknown", remedy=_AGAIN
            )
        reading = read_folder(Place(Path(row["root"]), row["folder"]))
        if (reading.state, reading.content) != (row["state"], row["content"]):
            raise DashboardError(
                f"{row['run_id']} was changed since it was indexed: {reading.reason or 'records'}",
                reason="run.changed",
                remedy=_AGAIN,
            )
        if reading.data is None:
            raise unreadable(reading)
        return replace(reading.data, row={name: row[name] for name in RUN_COLUMNS})

    def _ask(self, query: str, values: Sequence[str | None] = ()) -> duckdb.DuckDBPyConnection:
        """Run a query on a cursor of its own: pages are made in several threads."""
        with _readable():
            return self._connection.cursor().execute(query, list(values))

    def _table(
        self, query: str, values: Sequence[str | None], columns: Sequence[str]
    ) -> pd.DataFrame:
        with _readable():
            found = self._ask(query, values).df()[list(columns)]
        return pd.DataFrame({name: _plain(found[name]) for name in columns})


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column without pandas' own missing value, which breaks `if` and `==`."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype(object).where(column.notna(), None)
    missing = column.isna().any() or pd.api.types.is_float_dtype(column)
    return column.astype("float64" if missing else "int64")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> DashboardError:
    return DashboardError(
        f"the index can't be read: {why[:300]}",
        reason="index.unreadable",
        remedy="make it anew with `mpgate index --rebuild`",
    )
