"""Compare: any two runs, gate by gate and target by target."""

import streamlit as st

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.views.compare import compare_page
from dashboard.views.empty import no_choice_page


def _page(chosen: session.Choice) -> Page:
    labels = session.run_labels(chosen.runs)
    with st.container(horizontal=True):
        first = controls.choice("First run", "a", labels, "The run chosen in the menu")
        second = controls.choice("Second run", "b", labels, "None yet")
    first = first or chosen.run or ""
    if not first or not second:
        return no_choice_page("compare", "Compare two runs", "two runs")
    search = controls.text("Search in targets", "search")
    a, b = session.load(first), session.load(second)
    return compare_page(a, b, stage=chosen.stage, search=search, page=controls.page_number())


draw.page("compare", "Compare two runs", _page)
