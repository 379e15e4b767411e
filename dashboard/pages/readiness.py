"""Readiness: may the published candidate replace the incumbent, and what blocks it."""

from dataclasses import replace

from dashboard import draw, session
from dashboard.blocks import Notice, Page
from dashboard.run_data import RunData
from dashboard.views.readiness import readiness_page
from schemas.errors import MpgateError


def _page(chosen: session.Choice) -> Page:
    """Return the page of the run asked for, else of the published one, never of another."""
    index, product = session.index(), chosen.product
    published = index.current(product)
    asked = session.load(str(chosen.run)) if chosen.asked else None
    current, lost = (asked, None) if asked else _loaded(published)
    before = published if chosen.asked and not chosen.is_current else index.previous(product)
    previous, gone = _loaded(before)
    problems = [index.pointer_problems().get(product, "")]
    if gone:
        problems.append(f"the candidate to compare with cannot be read: {gone.message}")
    page = readiness_page(
        current,
        product=product,
        stage=chosen.stage,
        pointer=index.pointer(product),
        previous=previous,
        runs=chosen.runs,
        is_current=chosen.is_current or not chosen.asked,
        problem="; ".join(filter(None, problems)),
    )
    return page if lost is None else replace(page, blocks=(_why(lost), *page.blocks))


def _loaded(key: str | None) -> tuple[RunData | None, MpgateError | None]:
    """Return a run, or why it cannot be read; neither where there is no key."""
    if key is None:
        return None, None
    try:
        return session.load(key), None
    except MpgateError as error:
        return None, error


def _why(lost: MpgateError) -> Notice:
    said = f"The published candidate cannot be shown: {lost.message}. What to do: {lost.remedy}."
    return Notice("bad", said)


draw.page("readiness", "Replacement readiness", _page)
