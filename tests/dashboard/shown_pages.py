"""What a page shows, for tests of view-models: texts, tables, links, and where numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.blocks import (
    Cell,
    Chart,
    Figures,
    GateGrid,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    cells_of,
    walk,
)
from dashboard.run_data import RunData
from dashboard.units import NOTHING


def tables(page: Page) -> dict[str, Table]:
    """Return every table by its title, those behind charts too."""
    found = (each.table if isinstance(each, Chart) else each for each in walk(page.blocks))
    return {each.title: each for each in found if isinstance(each, Table)}


def column(table: Table, label: str) -> list[str]:
    """Return the texts of one column, from the top."""
    place = [each.label for each in table.columns].index(label)
    return [row[place].text for row in table.rows]


def first_notes(table: Table) -> list[str]:
    """Return the small print of the first column: the ids of gates."""
    return [row[0].note for row in table.rows]


def texts(page: Page) -> str:
    """Return everything that is read on a page, one text per line."""
    return "\n".join([page.title, page.lead, *_texts(page)])


def _texts(page: Page) -> Iterator[str]:
    for block in walk(page.blocks):
        if isinstance(block, Notice):
            yield from (block.text, block.command)
        elif isinstance(block, Prose):
            yield block.text
        elif isinstance(block, Section):
            yield block.title
        elif isinstance(block, Table | Chart):
            table = block.table if isinstance(block, Chart) else block
            yield from (table.title, table.note, *(each.label for each in table.columns))
            yield block.description if isinstance(block, Chart) else ""
        elif isinstance(block, Figures):
            yield from (f"{each.label} {each.against}" for each in block.figures)
        for cell in cells_of(block):
            yield f"{cell.text} {cell.note}"


def links(page: Page) -> list[Link]:
    """Return every link of a page, in reading order."""
    found: list[Link] = []
    for block in walk(page.blocks):
        if isinstance(block, Links):
            found += block.links
        if isinstance(block, GateGrid):
            found += [cell.link for group in block.groups for cell in group.cells]
        found += [cell.link for cell in cells_of(block) if cell.link is not None]
    return found


def notices(page: Page) -> list[Notice]:
    """Return the statements of a page that must not be overlooked."""
    return [each for each in walk(page.blocks) if isinstance(each, Notice)]


def untraced(page: Page) -> list[Cell]:
    """Return the cells with a number that name neither a place in a record nor a rule."""
    return [
        cell
        for cell in _numeric(page)
        if cell.text != NOTHING and cell.source is None and not cell.rule
    ]


def _numeric(page: Page) -> Iterator[Cell]:
    for block in walk(page.blocks):
        yield from (each for each in cells_of(block) if isinstance(each.raw, int | float))
        table = block.table if isinstance(block, Chart) else block
        if isinstance(table, Table):
            for row in table.rows:
                pairs = zip(table.columns, row, strict=True)
                yield from (cell for label, cell in pairs if label.numeric)
        if isinstance(table, Figures | GateGrid):
            yield from cells_of(table)


def belied(page: Page, runs: Sequence[RunData]) -> list[Cell]:
    """Return the cells whose value is not what their record holds at the place they name."""
    by_key = {run.key: run for run in runs}
    sourced = [c for block in walk(page.blocks) for c in cells_of(block) if c.source is not None]
    assert sourced
    return [
        cell
        for cell in sourced
        if (source := cell.source)
        and str_or_number(by_key[source.run].get(source.record, source.pointer)) != cell.raw
    ]


def str_or_number(value: object) -> object:
    """Return a value of a record as a cell keeps it."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
