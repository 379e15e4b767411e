"""What tests of the benchmark, artifact and local pages ask of a page, beside `shown_pages`."""

from __future__ import annotations

from collections.abc import Mapping

from shown_pages import belied, untraced

from dashboard.blocks import Cell, Chart, Page, Table, walk
from dashboard.run_data import RunData


def require_sourced(page: Page, *runs: RunData) -> None:
    """Require that every number names its place or rule, and that every place holds it."""
    assert not untraced(page)
    assert not belied(page, runs)


def charts(page: Page) -> dict[str, Chart]:
    """Return every chart by its title."""
    return {block.title: block for block in walk(page.blocks) if isinstance(block, Chart)}


def data_of(chart: Chart) -> list[dict[str, object]]:
    """Return the rows of all data that a chart is drawn from."""
    return [row for rows in chart.chart.to_dict()["datasets"].values() for row in rows]


def rows_of(table: Table) -> dict[str, Mapping[str, Cell]]:
    """Return a table's rows by their first cell's text, cells by column."""
    labels = [column.label for column in table.columns]
    return {row[0].text: dict(zip(labels, row, strict=True)) for row in table.rows}
