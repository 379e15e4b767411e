"""Blocks as HTML, for the app and the static export alike.

Every string is escaped here. Addresses come from `address` only, never from a record.
Looks are in `style.css`, scoped under the class `mpg`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Download,
    Figure,
    Figures,
    GateCell,
    GateGrid,
    GateGroup,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
)
from dashboard.charts import STATUS_MARKS
from dashboard.escaping import escaped
from dashboard.units import words

Address = Callable[[Link], str | None]
NUMBERS = "The numbers behind this chart"
_STATUS_ORDER = ("fail", "error", "unmeasured", "waived", "pass", "not_applicable")
_TONE_MARKS = {"info": "i", "good": "\u2714", "warning": "!", "bad": "\u2718", "empty": "\u2013"}
_LEAST_HEADING, _LAST_HEADING = 2, 6
_LONG = 36  # characters: a column with a longer text is kept wide enough to be read


@dataclass(frozen=True)
class _Drawing:
    """What the blocks of one call are drawn with; `level` is that of the next section's heading."""

    address: Address
    chart: Callable[[Chart], str] | None
    download: Callable[[Download], str | None] | None
    level: int = _LEAST_HEADING

    def deeper(self) -> _Drawing:
        level = min(self.level + 1, _LAST_HEADING)
        return _Drawing(self.address, self.chart, self.download, level)


def is_html(block: Block) -> bool:
    """Decide whether a block is wholly HTML: neither chart nor download, nor a section with one.

    The app draws the others by its own means.
    """
    if isinstance(block, Section):
        return all(map(is_html, block.blocks))
    return not isinstance(block, Chart | Download)


def render_blocks(
    blocks: Iterable[Block],
    address: Address,
    *,
    chart: Callable[[Chart], str] | None = None,
    download: Callable[[Download], str | None] | None = None,
    level: int = _LEAST_HEADING,
) -> str:
    """Return blocks as HTML in a `div` of the class `mpg`.

    `address` gives the address of a link, None where there is no such page: it is plain text then.
    `chart` draws a chart as markup; without it a chart is its description and its table.
    `download` gives the address of a CSV file; without one a download is left out. `level` is that
    of the outermost sections' headings. An empty section is its heading.
    """
    drawing = _Drawing(address, chart, download, level)
    return f'<div class="mpg">{_blocks(blocks, drawing)}</div>'


def render_title(page: Page) -> str:
    """Return a page's heading and lead as HTML."""
    lead = f'<p class="lead">{escaped(page.lead)}</p>' if page.lead else ""
    return f'<div class="mpg"><h1 tabindex="-1">{escaped(page.title)}</h1>{lead}</div>'


def _blocks(blocks: Iterable[Block], drawing: _Drawing) -> str:
    return "\n".join(_block(block, drawing) for block in blocks)


def _block(block: Block, drawing: _Drawing) -> str:
    match block:
        case Section():
            return _section(block, drawing)
        case Table():
            return _table(block, drawing.address)
        case Chart():
            return _chart(block, drawing)
        case Figures():
            shown = "".join(_figure(figure, drawing.address) for figure in block.figures)
            return f'<dl class="figures">{shown}</dl>'
        case GateGrid():
            return "".join(_gate_group(group, drawing) for group in block.groups)
        case Notice():
            return _notice(block)
        case Prose():
            return f"<p>{escaped(block.text)}</p>"
        case Links():
            return _links(block.links, drawing.address)
        case Download():
            return _download(block, drawing)


def _section(section: Section, drawing: _Drawing) -> str:
    heading = f"<h{drawing.level}>{escaped(section.title)}</h{drawing.level}>"
    inner = _blocks(section.blocks, drawing.deeper())
    if section.open:
        return f"<section>{heading}{inner}</section>"
    return f"<details><summary>{heading}</summary>{inner}</details>"


def _link(link: Link, shown: str, address: Address, attributes: str = "") -> str:
    """Return markup as a link, or as it is where the page has no address."""
    at = address(link)
    if at is None:
        return f"<span{attributes}>{shown}</span>" if attributes else shown
    return f'<a href="{escaped(at)}"{attributes}>{shown}</a>'


def _links(links: Iterable[Link], address: Address) -> str:
    items = (f"<li>{_link(link, escaped(_link_text(link)), address)}</li>" for link in links)
    return f'<ul class="links">{"".join(items)}</ul>'


def _link_text(link: Link) -> str:
    return link.text or " ".join([link.page, *link.params.values()])


def _chip(status: str) -> str:
    mark = f'<span aria-hidden="true">{STATUS_MARKS[status]}</span>'
    return f'<span class="chip st-{status}">{mark} {words(status)}</span>'


def _value(cell: Cell) -> str:
    """Return a cell's text; where there is a value behind it, with the value and its source."""
    if cell.raw is None and cell.source is None and not cell.rule:
        return f'<span class="v">{escaped(cell.text)}</span>'
    found = [("title", _origin(cell))]
    if cell.raw is not None:
        found.append(("data-raw", _raw(cell.raw)))
    if cell.source is not None:
        source = cell.source
        found.append(("data-source", f"{source.run}|{source.record}|{source.pointer}"))
    if cell.rule:
        found.append(("data-rule", cell.rule))
    attributes = "".join(f' {name}="{escaped(value)}"' for name, value in found)
    return f'<span class="v"{attributes}>{escaped(cell.text)}</span>'


def _raw(raw: float | int | str) -> str:
    return raw if isinstance(raw, str) else repr(raw)


def _origin(cell: Cell) -> str:
    """Say where a value stands, or how it was derived."""
    parts = [] if cell.raw is None else [_raw(cell.raw)]
    if cell.source is not None:
        parts.append(f"record {cell.source.record}, at {cell.source.pointer}")
    if cell.rule:
        parts.append(f"derived: {cell.rule}")
    return " \u00b7 ".join(parts)


def _cell(cell: Cell, address: Address) -> str:
    """Return what stands in a table cell or behind a label: text, status, small print."""
    shown = _value(cell) if cell.link is None else _link(cell.link, _value(cell), address)
    if cell.status is not None:
        named = cell.text.casefold() == words(cell.status)
        shown = _chip(cell.status) + ("" if named and cell.link is None else f" {shown}")
    note = f"<small>{escaped(cell.note)}</small>" if cell.note else ""
    return shown + note


def _table(table: Table, address: Address) -> str:
    head = "".join(map(_column, table.columns))
    numeric = [column.numeric for column in table.columns]
    body = "".join(_row(row, numeric, address) for row in table.rows)
    if not table.rows:
        body = f'<tr><td colspan="{max(1, len(numeric))}">none</td></tr>'
    note = f'<p class="note">{escaped(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{escaped(table.title)}">'
        f"<table><caption>{escaped(table.title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
    )


def _column(column: Column) -> str:
    kind = ' class="num"' if column.numeric else ""
    hint = f' title="{escaped(column.hint)}"' if column.hint else ""
    said = f'<span class="unseen"> ({escaped(column.hint)})</span>' if column.hint else ""
    return f'<th scope="col"{kind}{hint}>{escaped(column.label)}{said}</th>'


def _row(row: Iterable[Cell], numeric: list[bool], address: Address) -> str:
    return f"<tr>{''.join(_table_cell(*each, numeric, address) for each in enumerate(row))}</tr>"


def _table_cell(place: int, cell: Cell, numeric: list[bool], address: Address) -> str:
    kind = ' class="long"' if max(len(cell.text), len(cell.note)) > _LONG else ""
    if place < len(numeric) and numeric[place]:
        kind = ' class="num"'
    tag, scope = ("td", "") if place else ("th", ' scope="row"')
    return f"<{tag}{scope}{kind}>{_cell(cell, address)}</{tag}>"


def _figure(figure: Figure, address: Address) -> str:
    against = f'<dd class="against">{escaped(figure.against)}</dd>' if figure.against else ""
    shown = _cell(figure.cell, address)
    return f"<div><dt>{escaped(figure.label)}</dt><dd>{shown}</dd>{against}</div>"


def _gate_group(group: GateGroup, drawing: _Drawing) -> str:
    statuses = [cell.status for cell in group.cells]
    counted = [(statuses.count(each), each) for each in _STATUS_ORDER if each in statuses]
    counts = ", ".join(f"{count} {words(status)}" for count, status in counted)
    heading = f"{escaped(group.title)} <small>{counts}</small>"
    cells = "".join(map(partial(_gate_item, address=drawing.address), group.cells))
    return (
        f"<section><h{drawing.level}>{heading}</h{drawing.level}>"
        f'<ul class="gates">{cells}</ul></section>'
    )


def _gate_item(cell: GateCell, address: Address) -> str:
    label = f"{cell.title}: {'; '.join(_gate_words(cell))}"
    attributes = f' class="gate st-{cell.status}" aria-label="{escaped(label)}"'
    asides = ["" if cell.blocking else "not blocking", "within noise" if cell.within_noise else ""]
    aside = f"<small>{', '.join(filter(None, asides))}</small>" if any(asides) else ""
    parts = (("value", cell.value), ("limit", cell.limit), ("margin", cell.margin))
    numbers = "".join(f"<span><i>{name}</i> {_value(part)}</span>" for name, part in parts)
    inner = (
        f'<span class="top">{_chip(cell.status)}{aside}</span>'
        f'<span class="name">{escaped(cell.title)}</span><span class="numbers">{numbers}</span>'
    )
    return f"<li>{_link(cell.link, inner, address, attributes)}</li>"


def _gate_words(cell: GateCell) -> list[str]:
    """Return what the cell of a gate says, part by part."""
    noise = ["within noise"] if cell.within_noise else []
    return [
        words(cell.status),
        f"value {cell.value.text}",
        f"limit {cell.limit.text}",
        f"margin {cell.margin.text}",
        "blocking" if cell.blocking else "not blocking",
        *noise,
    ]


def _notice(notice: Notice) -> str:
    mark = f'<span class="mark" aria-hidden="true">{_TONE_MARKS[notice.tone]}</span>'
    command = f"<pre><code>{escaped(notice.command)}</code></pre>" if notice.command else ""
    return (
        f'<div class="notice tone-{notice.tone}">{mark}<p>{escaped(notice.text)}</p>{command}</div>'
    )


def _chart(chart: Chart, drawing: _Drawing) -> str:
    table = _table(chart.table, drawing.address)
    said = f"<b>{escaped(chart.title)}.</b> {escaped(chart.description)}"
    if drawing.chart is None:
        return f"<p>{said}</p>{table}"
    return (
        f"<figure><figcaption>{said}</figcaption>"
        f'<div class="scroll" role="group" tabindex="0" aria-label="{escaped(chart.title)}">'
        f"{drawing.chart(chart)}</div>"
        f"<details><summary>{NUMBERS}</summary>{table}</details></figure>"
    )


def _download(download: Download, drawing: _Drawing) -> str:
    at = drawing.download(download) if drawing.download else None
    if at is None:
        return ""
    return f'<p class="download"><a href="{escaped(at)}" download>{escaped(download.label)}</a></p>'
