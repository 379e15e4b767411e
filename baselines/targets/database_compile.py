"""Compile targets to the SQLite target database: same targets, same bytes."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from baselines.targets.database_bytes import PAGE_SIZE, settle
from baselines.targets.database_rows import (
    IN_COLUMNS,
    misfit,
    notes_text,
    parse_notes,
    restore_target,
)
from baselines.targets.database_schema import (
    CREATE_TABLES,
    CREATE_VIEWS,
    TABLES,
    conventions,
    create_triggers,
)
from baselines.targets.database_strata import (
    Stratum,
    definition_hash,
    describe,
    lines_of,
    number_strata,
    parent_of,
)
from baselines.targets.target import Target
from schemas.canonical import atomic_write, sha256_bytes
from schemas.errors import BaselineError

# What a library may set otherwise by default, and the bytes show.
_LAYOUT = (
    f"page_size = {PAGE_SIZE}",
    "auto_vacuum = NONE",
    "encoding = 'UTF-8'",
    "secure_delete = ON",
)


def compile_database(targets: Sequence[Target], out: Path | str) -> str:
    """Write the target database of `targets` to `out`, whole or not at all; return its sha256.

    Values are stored as the targets state them: for `target_period`, after uprating. The order of
    `targets` doesn't matter. Raises BaselineError, naming the target and the reason, on no target,
    a repeated id, an unknown variable, a value of zero, constraints that contradict each other,
    and anything a reader couldn't restore exactly.
    """
    ordered = sorted(targets, key=lambda each: each.target_id)
    _refuse_misfits(ordered)
    content = settle(_database(ordered))
    _refuse_unsound(content)
    atomic_write(out, content)
    return sha256_bytes(content)


def _refuse_misfits(targets: Sequence[Target]) -> None:
    if not targets:
        raise _refused("there is no target to compile")
    for target_id, count in Counter(each.target_id for each in targets).items():
        if count > 1:
            raise _refused(f"{target_id} occurs {count} times")
    for target in targets:
        problem = misfit(target) or _lossy(target)
        if problem:
            raise _refused(f"{target.target_id}: {problem}")


def _lossy(target: Target) -> str | None:
    """Return why a reader wouldn't get this very target back, or None."""
    try:
        record = parse_notes(notes_text(target))
        if record is None or restore_target(record, _columns(target)) != target:
            return "a reader wouldn't get the same target back"
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _columns(target: Target) -> dict[str, Any]:
    return {name: getattr(target, name) for name in IN_COLUMNS}


def _refused(what: str) -> BaselineError:
    return BaselineError(
        f"the target database can't be compiled: {what}",
        reason="target_database.target",
        remedy="correct or leave out the target, then compile again; nothing was written",
    )


def _database(targets: Sequence[Target]) -> bytes:
    """Return the database as SQLite lays it out when rows come in canonical order."""
    placed = _place(targets)
    numbers = number_strata(stratum for stratum, _ in placed)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for setting in _LAYOUT:
            connection.execute(f"PRAGMA {setting}")
        connection.executescript(CREATE_TABLES + create_triggers())
        connection.execute("BEGIN")
        for table, rows in (
            ("field_valid_values", _valid_values(placed, numbers)),
            ("strata", _strata(numbers)),
            ("stratum_constraints", _constraints(numbers)),
            ("targets", _targets(placed, numbers)),
        ):
            marks = ", ".join("?" for _ in TABLES[table])
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.execute("COMMIT")
        connection.executescript(CREATE_VIEWS)
        connection.execute("VACUUM")
        return connection.serialize()


def _place(targets: Iterable[Target]) -> list[tuple[Stratum, Target]]:
    """Return each target with its stratum; figures for one quantity go to twin strata."""
    taken: Counter[tuple[Any, ...]] = Counter()
    placed = []
    for target in targets:
        lines = lines_of(target.constraints)
        key = (lines, target.variable, target.target_period)
        placed.append((Stratum(lines, taken[key]), target))
        taken[key] += 1
    return placed


def _strata(numbers: dict[Stratum, int]) -> Iterator[tuple[Any, ...]]:
    for stratum, number in numbers.items():
        above = parent_of(stratum)
        parent = None if above is None else numbers[above]
        yield number, definition_hash(stratum.lines, parent), parent, describe(stratum)


def _constraints(numbers: dict[Stratum, int]) -> Iterator[tuple[Any, ...]]:
    for stratum, number in numbers.items():
        for line in stratum.lines:
            yield number, *line, None


def _targets(
    placed: Iterable[tuple[Stratum, Target]], numbers: dict[Stratum, int]
) -> Iterator[tuple[Any, ...]]:
    for row, (stratum, target) in enumerate(placed, start=1):
        where = (target.variable, target.target_period, numbers[stratum], 0)
        yield row, *where, target.value, 1, None, target.source_agency, notes_text(target)


def _valid_values(
    placed: Sequence[tuple[Stratum, Target]], numbers: dict[Stratum, int]
) -> list[tuple[str, str, str | None]]:
    """Return the values that this file uses, and all operations: the facts alone decide them."""
    found: set[tuple[str, str, str | None]] = {
        ("active", "0", "Inactive"),
        ("active", "1", "Active"),
    }
    found |= {("operation", name, said) for name, said in conventions().operations.items()}
    for _, target in placed:
        found.add(("period", str(target.target_period), None))
        found.add(("source", target.source_agency, None))
        found.add(("variable", target.variable, None))
    variables = {line.variable for stratum in numbers for line in stratum.lines}
    found |= {("constraint_variable", name, None) for name in variables}
    return sorted(found, key=lambda each: each[:2])


def _refuse_unsound(content: bytes) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        found = connection.execute("PRAGMA integrity_check").fetchall()
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if found != [("ok",)] or broken:
        raise _refused(f"SQLite doesn't accept the result ({found[0][0]})")
