"""The target database: compile the registry to it, and read ours or a published one alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from baselines.targets.database_compile import compile_database
from baselines.targets.database_file import Content, Row, RowError, read_content, typed_row
from baselines.targets.database_foreign import foreign_target
from baselines.targets.database_growth import grow
from baselines.targets.database_rows import misfit, parse_notes, restore_target, same_constraints
from baselines.targets.database_strata import Line
from baselines.targets.target import Scalar, Target
from schemas.canonical import sha256_file
from schemas.errors import BaselineError

__all__ = [
    "DatabaseTargets",
    "SkippedRow",
    "compile_database",
    "database_identity",
    "read_database",
    "read_database_report",
]
DEFAULT_YEAR = 2024


@dataclass(frozen=True)
class SkippedRow:
    """A row that gave no target: its number, its variable, a stable word and the detail.

    `reason` is one of inactive, reform, other_period, malformed, no_stratum, duplicate, operator,
    geography, unknown_variable, constraint_value, contradictory, counter, unit, entity, no_value.
    """

    row: int | None
    variable: str
    reason: str
    detail: str


@dataclass(frozen=True)
class DatabaseTargets:
    """The targets in the order of the rows, and every row that gave none."""

    targets: tuple[Target, ...]
    skipped: tuple[SkippedRow, ...]


def database_identity(path: Path | str) -> dict[str, str]:
    """Return `{id, sha256}`: the file's name without folders, and the hash of its bytes."""
    try:
        return {"id": Path(path).name, "sha256": sha256_file(path)}
    except OSError as error:
        raise BaselineError(
            f"the target database {Path(path).name} can't be read: {error.strerror}",
            reason="target_database.unreadable",
            remedy="check the path",
        ) from error


def read_database(path: Path | str, year: int = DEFAULT_YEAR) -> list[Target]:
    """Return the targets that the database states for `year` (see `read_database_report`)."""
    return list(read_database_report(path, year).targets)


def read_database_report(path: Path | str, year: int = DEFAULT_YEAR) -> DatabaseTargets:
    """Return the targets for `year` and the rows left out, from our database or a published one.

    Of each stratum and variable the latest period up to `year` counts, else the earliest. A value
    of another year is grown by the index its row declares, in a published file by CPI-U (dollars)
    or population (counters); without an index for these years it stays as stated, its
    `target_period` is its own, and `notes` says so. Inactive rows and rows under a reform, which
    need a simulation of that reform, are left out. Raises BaselineError on a file that isn't a
    sound target database, a row of ours that was tampered with, and a file without any target.
    """
    content, name = read_content(path), Path(path).name
    skipped: list[SkippedRow] = []
    rows = list(_current(_typed(content, skipped), skipped))
    targets: dict[str, Target] = {}
    for row in _of_year(rows, year, skipped):
        try:
            target = _target(row, content.strata, name)
            if target.target_id in targets:
                raise RowError("duplicate", f"a second figure for {target.target_id}")
        except RowError as problem:
            skipped.append(_skip(row, problem.reason, problem.detail))
            continue
        targets[target.target_id] = grow(target, year)
    if not targets:
        raise BaselineError(
            f"{name} states no target for {year}: {len(skipped)} row(s) left out",
            reason="target_database.no_target",
            remedy="use a database with active rows under current law",
        )
    return DatabaseTargets(tuple(targets.values()), tuple(skipped))


def _skip(row: Row, reason: str, detail: str) -> SkippedRow:
    return SkippedRow(row.target_id, row.variable, reason, detail)


def _typed(content: Content, skipped: list[SkippedRow]) -> Iterator[Row]:
    for cells in content.rows:
        try:
            row = typed_row(cells)
            if row.stratum_id not in content.strata:
                raise RowError("no_stratum", f"stratum {row.stratum_id} doesn't exist")
            yield row
        except RowError as problem:
            number = cells[0] if isinstance(cells[0], int) else None
            skipped.append(SkippedRow(number, str(cells[1]), problem.reason, problem.detail))


def _current(rows: Iterable[Row], skipped: list[SkippedRow]) -> Iterator[Row]:
    """Yield the active rows under current law, one per variable, period and stratum."""
    seen: dict[tuple[str, int, int], int] = {}
    for row in rows:
        key = (row.variable, row.period, row.stratum_id)
        if not row.active:
            skipped.append(_skip(row, "inactive", "the row is switched off"))
        elif row.reform_id != 0:
            said = f"reform {row.reform_id}: its figure is the effect of a repeal"
            skipped.append(_skip(row, "reform", said))
        elif key in seen:
            skipped.append(_skip(row, "duplicate", f"repeats row {seen[key]}"))
        else:
            seen[key] = row.target_id
            yield row


def _of_year(rows: list[Row], year: int, skipped: list[SkippedRow]) -> Iterator[Row]:
    """Yield per stratum and variable the row of the latest period up to `year`, else earliest."""
    periods: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        periods.setdefault((row.stratum_id, row.variable), []).append(row.period)
    for row in rows:
        held = periods[row.stratum_id, row.variable]
        best = max((each for each in held if each <= year), default=min(held))
        if row.period == best:
            yield row
        else:
            skipped.append(_skip(row, "other_period", f"{row.period}; {best} serves {year}"))


def _target(row: Row, strata: dict[int, tuple[Line, ...]], name: str) -> Target:
    record, lines = parse_notes(row.notes), strata[row.stratum_id]
    if record is None:
        return foreign_target(row, lines, name)
    columns: dict[str, Scalar] = {
        "value": repr(row.value),
        "variable": row.variable,
        "target_period": row.period,
        "source_agency": row.source or "",
    }
    try:
        target = restore_target(record, columns)
        if not same_constraints(target, lines):
            raise ValueError("its stratum and its notes have different constraints")
        problem = misfit(target)
        if problem:
            raise ValueError(problem)
    except (TypeError, ValueError) as error:
        raise BaselineError(
            f"{name} target row {row.target_id} ({row.variable}): {error}",
            reason="target_database.row",
            remedy="compile the database again from the registry",
        ) from error
    return target
