"""Rows of a facts CSV: exact columns, one line a row, a content hash for each published row."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from baselines.targets.target import COLUMNS, Target, parse_target
from schemas.errors import BaselineError

STAMP = "content_sha256"
STAMPED_COLUMNS = (*COLUMNS, STAMP)
RESTORE = "restore baselines/targets/ from version control, or run `mpgate targets import`"

Row = dict[str, str]


@dataclass(frozen=True)
class ExcludedFact:
    """A published figure that is not a target, with the reason it was left out."""

    fact: str
    value: str
    unit: str
    geography_id: str
    source_period: str
    source_agency: str
    source_table: str
    source_file: str
    reason: str


EXCLUDED_COLUMNS = tuple(ExcludedFact.__dataclass_fields__)


def parse_targets(text: str, name: str = "facts") -> list[Target]:
    """Return the typed targets of a facts CSV, as published (not uprated).

    The columns are the published ones, with or without the content hash that an import adds.
    BaselineError names the row (the header is row 1), the id and what is wrong.
    """
    return list(_parsed(text, name))


@lru_cache(maxsize=4)
def _parsed(text: str, name: str) -> tuple[Target, ...]:
    stamped = text.partition("\n")[0].strip() == ",".join(STAMPED_COLUMNS)
    rows = read_rows(text, name, STAMPED_COLUMNS if stamped else COLUMNS)
    twice = repeated(row["target_id"] for row in rows.values())
    if twice:
        numbers = [number for number, row in rows.items() if row["target_id"] == twice[0]]
        raise bad_row(numbers[1], f"target id {twice[0]} repeats row {numbers[0]}", name)
    return tuple(_parse_row(number, row, name) for number, row in rows.items())


def _parse_row(number: int, row: Row, name: str) -> Target:
    try:
        target = parse_target(row)
    except ValueError as error:
        raise bad_row(number, f"{row['target_id'] or '(no id)'}: {error}", name) from error
    if row.get(STAMP, target.content_sha256) != target.content_sha256:
        changed = f"{target.target_id}: the row isn't the one imported, {STAMP} differs"
        raise bad_row(number, changed, name)
    return target


def parse_excluded(text: str, name: str = "excluded") -> list[ExcludedFact]:
    """Return the figures left out; BaselineError on a row without a fact or a reason."""
    facts = []
    for number, row in read_rows(text, name, EXCLUDED_COLUMNS).items():
        if not row["fact"].strip() or not row["reason"].strip():
            raise bad_row(number, f"{row['fact'] or '(no fact)'}: it names no fact or reason", name)
        facts.append(ExcludedFact(**row))
    return facts


def read_rows(text: str, name: str, columns: tuple[str, ...]) -> dict[int, Row]:
    """Return the rows by row number (the header is row 1); the columns must be exact."""
    if "\r" in text:
        raise BaselineError(
            f"{name} has carriage returns", reason="targets.row", remedy="end lines with \\n alone"
        )
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(next(reader, ()))
    if header != columns:
        raise BaselineError(
            f"{name} has the columns {', '.join(header)}, not exactly {', '.join(columns)}",
            reason="targets.columns",
            remedy="use the published columns, in their order",
        )
    rows = {}
    for number, cells in enumerate(_cells(reader, name), start=2):
        if len(cells) != len(columns):
            raise bad_row(number, f"{len(cells)} cells, expected {len(columns)}", name)
        if any("\n" in cell for cell in cells):
            raise bad_row(number, f"{cells[0]}: a cell has a line break", name)
        rows[number] = dict(zip(columns, cells, strict=True))
    return rows


def _cells(reader: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise BaselineError(
            f"{name} isn't readable as CSV: {error}",
            reason="targets.row",
            remedy="write it as UTF-8 CSV, one line a row",
        ) from error


def stamp(text: str, targets: Sequence[Target]) -> str:
    """Return the published CSV with each row's content hash added as the last column."""
    header, *lines = text.removesuffix("\n").split("\n")
    hashes = [target.content_sha256 for target in targets]
    stamped = [f"{line},{each}" for line, each in zip(lines, hashes, strict=True)]
    return "\n".join([f"{header},{STAMP}", *stamped]) + "\n"


def unstamp(text: str) -> str:
    """Return the bytes that were published: `stamp` undone."""
    return "".join(line.rpartition(",")[0] + "\n" for line in text.removesuffix("\n").split("\n"))


def bad_row(number: int, what: str, name: str) -> BaselineError:
    """Return the refusal of one row."""
    return BaselineError(
        f"{name} row {number}: {what}", reason="targets.row", remedy="correct the row"
    )


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once, in order of first sight."""
    return [value for value, count in Counter(values).items() if count > 1]
