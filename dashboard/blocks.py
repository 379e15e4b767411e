"""What a page is made of, whoever draws it: the Streamlit app and the static export alike.

View-models return a `Page` of these blocks. Nothing here holds markup: every text is plain and is
escaped where it is drawn. A number is a `Cell` that says where it came from: the record and the
JSON pointer that hold it, or the rule it was derived by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import altair as alt
import pandas as pd

Status = Literal["pass", "fail", "waived", "unmeasured", "not_applicable", "error"]
Tone = Literal["info", "good", "warning", "bad", "empty"]


@dataclass(frozen=True)
class Source:
    """Where a number stands: the run's key in the index, the record, the JSON pointer in it."""

    run: str
    record: str
    pointer: str


@dataclass(frozen=True)
class Link:
    """Another page and its parameters; each renderer makes its own address of it."""

    page: str
    params: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Cell:
    """One shown value: its text, the value behind it, and where that came from.

    `rule` says how a value was derived that no record holds as it is, as in `candidate - target`.
    `status` is drawn as a labelled mark; `note` is small print below the text.
    """

    text: str
    raw: float | int | str | None = None
    source: Source | None = None
    rule: str = ""
    link: Link | None = None
    status: Status | None = None
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A table's column; numbers are set right-aligned. `hint` explains the term."""

    label: str
    numeric: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells. The first cell of a row names it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, what it shows in words (for those who cannot see it), and the table behind it."""

    title: str
    description: str
    chart: alt.TopLevelMixin
    table: Table


@dataclass(frozen=True)
class Figure:
    """One headline number with its label and what it is held against."""

    label: str
    cell: Cell
    against: str = ""


@dataclass(frozen=True)
class Figures:
    """Headline numbers side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class GateCell:
    """One release gate as a cell: status in words, value, limit, margin, and its own page."""

    gate: str
    title: str
    status: Status
    blocking: bool
    value: Cell
    limit: Cell
    margin: Cell
    link: Link
    within_noise: bool | None = None


@dataclass(frozen=True)
class GateGroup:
    """The cells of one group of gates, under its title."""

    title: str
    cells: tuple[GateCell, ...]


@dataclass(frozen=True)
class GateGrid:
    """All release gates of one run by group."""

    groups: tuple[GateGroup, ...]


@dataclass(frozen=True)
class Notice:
    """A statement that must not be overlooked; `command` is what to run."""

    tone: Tone
    text: str
    command: str = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Links:
    """Links on a line of their own."""

    links: tuple[Link, ...]


@dataclass(frozen=True)
class Download:
    """A whole table as CSV, unformatted."""

    label: str
    file_name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """A titled part of a page; one that is not `open` is folded until asked for."""

    title: str
    blocks: tuple[Block, ...]
    open: bool = True


Block = Table | Chart | Figures | GateGrid | Notice | Prose | Links | Download | Section


@dataclass(frozen=True)
class Page:
    """One page: its slug (as in `Link.page`), title, one sentence on what it says, and blocks."""

    slug: str
    title: str
    lead: str
    blocks: tuple[Block, ...]


def walk(blocks: tuple[Block, ...]) -> list[Block]:
    """Return every block, those inside sections included, in reading order."""
    found: list[Block] = []
    for block in blocks:
        found.append(block)
        if isinstance(block, Section):
            found.extend(walk(block.blocks))
    return found


def cells_of(block: Any) -> list[Cell]:
    """Return every cell of a block (of the table behind a chart too), sections left out."""
    if isinstance(block, Table):
        return [cell for row in block.rows for cell in row]
    if isinstance(block, Chart):
        return cells_of(block.table)
    if isinstance(block, Figures):
        return [figure.cell for figure in block.figures]
    if isinstance(block, GateGrid):
        shown = [cell for group in block.groups for cell in group.cells]
        return [part for cell in shown for part in (cell.value, cell.limit, cell.margin)]
    return []
