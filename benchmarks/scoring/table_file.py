"""A published table as typed rows: a CSV in UTF-8 with the columns of table.json, in any order.

Every defect is refused with its row (the header is row 1); nothing is half read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.canonical import sha256_bytes
from schemas.errors import MeasureError
from schemas.records import read_record

_FORMAT_FILE = Path(__file__).with_name("table.json")
# Python's float() also takes "nan", "1_000" and Unicode digits, which no published table means.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NAME, _TARGET = "target_name", "target"
SIDES = ("candidate", "incumbent")


@dataclass(frozen=True)
class TableRow:
    """One row as stated: figures in the row's unit, None for an empty estimate, "" for no word."""

    number: int
    name: str
    target: float
    candidate: float | None
    incumbent: float | None
    scope: str
    unit: str
    family: str


@dataclass(frozen=True)
class Table:
    """A published table: its file name, the sha256 of its bytes, and its rows in file order."""

    label: str
    sha256: str
    rows: tuple[TableRow, ...]


@cache
def table_format() -> Mapping[str, Any]:
    """Return the columns, the national prefix and the words for units."""
    return read_record(_FORMAT_FILE, "score_table")


def read_table(path: Path | str) -> Table:
    """Return the typed rows of a CSV; raises MeasureError naming the row and what is wrong."""
    source = Path(path)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise refused(f"{source.name} can't be read: {error.strerror}", "unreadable") from error
    rows = tuple(_typed(number, cells) for number, cells in _cells(_text(content, source.name)))
    if not rows:
        raise refused(f"{source.name} holds no rows", "empty")
    _require_unique(rows)
    return Table(source.name, sha256_bytes(content), rows)


def bad_row(number: int, what: str) -> MeasureError:
    """Return the refusal of one row."""
    return MeasureError(
        f"row {number}: {what}", reason="table.row", remedy="correct the row, or leave it out"
    )


def refused(message: str, kind: str) -> MeasureError:
    """Return the refusal of a whole table."""
    names = table_format()
    columns = f"{','.join(names['required'])}[,{','.join(names['optional'])}]"
    return MeasureError(
        message,
        reason=f"table.{kind}",
        remedy=f"give a CSV in UTF-8 with the columns {columns} and a row per target",
    )


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise refused(f"{name} isn't UTF-8: row {row}, byte {error.start}", "encoding") from error


def _cells(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the cells of each row by column, blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number, header = 0, None
    try:
        for number, cells in enumerate(reader, start=1):
            if header is None:
                header = _checked_header([each.strip() for each in cells])
            elif cells and len(cells) != len(header):
                raise bad_row(number, f"{len(cells)} cells, the header has {len(header)}")
            elif cells:
                yield number, {n: c.strip() for n, c in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise bad_row(number + 1, f"not CSV: {error}") from error
    if header is None:
        raise refused("the file is empty", "empty")


def _checked_header(header: list[str]) -> list[str]:
    required, optional = table_format()["required"], table_format()["optional"]
    unknown = [each or "(no name)" for each in header if each not in (*required, *optional)]
    missing = [each for each in required if each not in header]
    repeated = sorted({each for each in header if header.count(each) > 1})
    for names, what in ((unknown, "unknown"), (missing, "missing"), (repeated, "repeated")):
        if names:
            raise refused(f"{what} columns: {', '.join(names)}", "columns")
    return header


def _typed(number: int, cells: Mapping[str, str]) -> TableRow:
    if not cells[_NAME]:
        raise bad_row(number, f"{_NAME} is empty")
    sides = {side: _figure(number, side, cells[side]) if cells[side] else None for side in SIDES}
    return TableRow(
        number=number,
        name=cells[_NAME],
        target=_figure(number, _TARGET, cells[_TARGET]),
        candidate=sides["candidate"],
        incumbent=sides["incumbent"],
        scope=cells.get("scope", "").lower(),
        unit=_unit(number, cells.get("unit", "")),
        family=cells.get("family", "").lower(),
    )


def _figure(number: int, column: str, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise bad_row(number, f"{column} is {text!r}, not a finite number")
    if abs(float(text)) > table_format()["largest_figure"]:
        raise bad_row(number, f"{column} is {text!r}, too large for a figure of a target")
    return float(text)


def _unit(number: int, text: str) -> str:
    units = table_format()["units"]
    for unit, words in units.items():
        if text.lower() in words:
            return str(unit)
    if text:
        raise bad_row(number, f"unit is {text!r}, expected one of {', '.join(units)}")
    return ""


def _require_unique(rows: tuple[TableRow, ...]) -> None:
    first: dict[str, int] = {}
    for row in rows:
        if row.name in first:
            raise bad_row(row.number, f"{row.name} repeats row {first[row.name]}")
        first[row.name] = row.number
