"""The Streamlit app: its pages, and the sidebar that leads to them and chooses what is shown.

The address alone decides what is shown, so every view can be shared: see `dashboard.session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import charts, controls, draw, session
from schemas.errors import MpgateError

SCRIPTS = Path(__file__).parent / "pages"
TITLE = "Replacement readiness"
HOME = "readiness"
# slug: name in the menu; the slug is script and address too
PAGES: Mapping[str, str] = {
    HOME: "Readiness",
    "gate": "Release gates",
    "targets": "Targets",
    "microsim": "Microsimulation",
    "artifacts": "Artifacts",
    "local": "Local files",
    "compare": "Compare two runs",
    "history": "History",
    "coverage": "Target coverage",
}
UNLISTED: Mapping[str, str] = {"target": "One target"}


def show() -> None:
    """Draw the page that the address names."""
    st.set_page_config(layout="wide")  # each page has a title of its own
    draw.look()
    pages = {slug: _page(slug, title) for slug, title in {**PAGES, **UNLISTED}.items()}
    # the bare address shows the home page too, which keeps an address of its own
    bare = st.Page(SCRIPTS / f"{HOME}.py", title=TITLE, url_path="start", default=True)
    asked = st.navigation([bare, *pages.values()], position="hidden")
    with st.sidebar:
        _menu(pages)
    with draw.guarded(draw.PAGE_FAULT):
        with st.sidebar:
            controls.scope()
        draw.notices(_problems())
        with charts.unchecked():
            asked.run()


def load() -> None:
    """Load what the first pages need, the current candidate included: a second or two."""
    for slug in PAGES:
        import_module(f"dashboard.views.{slug}")
    with suppress(Exception):  # the page will say what is wrong, and the others stand
        for product in session.PRODUCTS:
            session.load_or_none(session.index().current(product))


def _page(slug: str, title: str) -> Any:
    return st.Page(SCRIPTS / f"{slug}.py", title=f"{title} · {TITLE}", url_path=slug)


def _menu(pages: Mapping[str, Any]) -> None:
    """Draw the links to the pages; each takes along what was chosen, as Streamlit's own don't."""
    for slug, title in PAGES.items():
        st.page_link(pages[slug], label=title, query_params=session.kept())


def _problems() -> tuple[Any, ...]:
    try:
        return session.choice().problems
    except MpgateError:
        return ()
