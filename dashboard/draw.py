"""Draws pages with Streamlit: text and tables as the shared HTML, the rest as its own elements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import altair as alt
import streamlit as st

from dashboard import session
from dashboard.blocks import Block, Chart, Download, Link, Notice, Page, Prose, Section
from dashboard.escaping import csv_text, visible, visible_parts
from dashboard.html import NUMBERS, is_html, render_blocks, render_title
from dashboard.run_data import RunData
from dashboard.views.verdicts import STAGES

HERE = Path(__file__).parent
PAGE_FAULT = "This page could not be finished"
CHART_FAULT = "This chart could not be drawn, the numbers behind it are below"
_LOG = logging.getLogger(__name__)
_TOP = 2
# only the width is fitted: else long labels of an axis take the height from what is drawn
_AUTOSIZE = alt.AutoSizeParams(type="fit-x", contains="padding")


def page(slug: str, title: str, view: Callable[[session.Choice], Page]) -> None:
    """Draw the page that `view` makes of what is chosen, or the one that says why there is none.

    Widgets that `view` draws stand between title and blocks.
    """
    head = st.container()
    made = session.page_of_index(slug, title, view)
    head.html(render_title(made))
    _blocks(made.blocks, _TOP)


def run_page(slug: str, title: str, view: Callable[[RunData, session.Choice], Page]) -> None:
    """Draw a page of the chosen run."""
    page(slug, title, partial(session.page_of_run, slug, title, view))


def notices(found: Sequence[Notice]) -> None:
    """Draw statements that are not part of a page."""
    if found:
        st.html(render_blocks(found, address))


@contextmanager
def guarded(fault: str) -> Iterator[None]:
    """Say so where drawing fails in a way that nobody foresaw; the terminal has the particulars."""
    try:
        yield
    except Exception as error:
        _LOG.exception(fault)
        said = f"{fault}: {type(error).__name__}. This is a fault of the dashboard: it says nothing"
        notices([Notice("bad", f"{said} about the run. The terminal that serves it has the rest.")])


def look() -> None:
    """Bring in the stylesheets, and the script that follows links without loading all anew."""
    for sheet in ("style.css", "app.css"):
        st.html(HERE / sheet)
    st.html(f"<script>{_script()}</script>", unsafe_allow_javascript=True)


def address(link: Link) -> str:
    """Return the relative address of a link; the chosen stage goes with it."""
    stage = {"stage": session.param("stage")} if session.param("stage") in STAGES else {}
    found = urlencode({**stage, **link.params}, errors="replace")
    return f"{link.page}?{found}" if found else link.page


def plain(text: str) -> str:
    """Return a text for a label that Streamlit reads as Markdown, with nothing left to read so."""
    return "".join(f"\\{each}" if each.isascii() and not _word(each) else each for each in text)


def _word(character: str) -> bool:
    return character.isalnum() or character == " "


@cache
def _script() -> str:
    return (HERE / "app.js").read_text(encoding="utf-8")


def _blocks(blocks: Iterable[Block], level: int) -> None:
    for wholly, group in groupby(blocks, key=is_html):
        if wholly:
            st.html(render_blocks(group, address, level=level))
            continue
        for block in group:
            _special(block, level)


def _special(block: Block, level: int) -> None:
    match block:
        case Chart():
            _chart(block, level)
        case Download():
            _download(block)
        case Section(open=True):
            st.html(render_blocks((replace(block, blocks=()),), address, level=level))
            _blocks(block.blocks, level + 1)
        case Section():
            with st.expander(plain(block.title)):
                _blocks(block.blocks, level + 1)


def _chart(block: Chart, level: int) -> None:
    said = Section(block.title, (Prose(block.description),))
    st.html(render_blocks((said,), address, level=level))
    with guarded(CHART_FAULT):
        spec = specification(block)
        st.vega_lite_chart(spec=spec, width="stretch", alt=visible(block.description))
    behind = Section(NUMBERS, (block.table,), open=False)
    st.html(render_blocks((behind,), address, level=level + 1))


def specification(block: Chart) -> dict[str, Any]:
    """Return a chart as Vega-Lite without links, in which no text holds what cannot be seen."""
    chart = block.chart
    if isinstance(chart, alt.Chart | alt.LayerChart):
        chart = chart.properties(autosize=_AUTOSIZE)
    spec: dict[str, Any] = visible_parts(chart.to_dict())
    for size in ("continuousWidth", "continuousHeight"):  # altair's own, for a page without width
        spec.get("config", {}).get("view", {}).pop(size, None)
    return spec


def _download(block: Download) -> None:
    """Draw a button; the CSV is written when it is asked for."""
    st.download_button(
        plain(block.label),
        lambda: csv_text(block.frame).encode(),
        block.file_name,
        "text/csv",
        on_click="ignore",
    )
