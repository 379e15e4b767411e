"""Readiness: may the published candidate replace the incumbent, and what blocks it."""

from dashboard import draw, session
from dashboard.blocks import Page
from dashboard.views.readiness import readiness_page


def _page(chosen: session.Choice) -> Page:
    """Return the page of the run asked for, else of the published one, never of another."""
    index, product = session.index(), chosen.product
    current, published = None, index.current(product)
    if chosen.asked:
        current = session.load(str(chosen.run))
    elif published:
        current = session.load_or_none(published)
    before = published if chosen.asked and not chosen.is_current else index.previous(product)
    return readiness_page(
        current,
        product=product,
        stage=chosen.stage,
        pointer=index.pointer(product),
        previous=session.load_or_none(before),
        runs=chosen.runs,
        is_current=chosen.is_current or not chosen.asked,
        problem=index.pointer_problems().get(product, ""),
    )


draw.page("readiness", "Replacement readiness", _page)
