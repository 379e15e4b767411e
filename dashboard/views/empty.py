"""Pages for when there is nothing to show: what is lacking, why, and what to run."""

from __future__ import annotations

from dashboard.blocks import Link, Links, Notice, Page
from dashboard.run_data import RunData
from schemas.errors import MpgateError

NATIONAL = "mp-national"
INDEX = "mpgate index --root runs"
JUDGE = "mpgate bundle judge RUN"
BUILD = "mpgate build national --judge psl-cps-2024"
_SLUG, _TITLE = "readiness", "Replacement readiness"


def no_index_page(error: MpgateError, slug: str = _SLUG, title: str = _TITLE) -> Page:
    """Return the page of a dashboard whose index is absent or cannot be read."""
    said = Notice("empty", f"There is no index of runs to read: {error.message}.", INDEX)
    return _page(slug, title, said, Notice("info", f"What to do: {error.remedy}."))


def no_run_page(slug: str = _SLUG, title: str = _TITLE) -> Page:
    """Return the page of a dashboard whose index holds no run that can be shown."""
    return _page(
        slug,
        title,
        Notice("empty", "The index holds no run yet. Build a candidate and judge it:", BUILD),
        Notice("info", "Then bring the index up to date:", INDEX),
    )


def no_run_of(product: str) -> Notice:
    """Return the statement that no judged run of a product is indexed, and what makes one."""
    said = f"No judged run of {product} is indexed."
    if product == NATIONAL:
        return Notice("empty", f"{said} Build and judge one:", BUILD)
    return Notice("empty", f"{said} No build makes one yet: the page on local files says why.")


def no_choice_page(slug: str, title: str, what: str) -> Page:
    """Return the page that waits for a choice; `what` names it, as in `a run`."""
    chosen = Links((Link("history", {}, "All runs"),))
    return Page(slug, title, "", (Notice("empty", f"Choose {what} to show this page."), chosen))


def unknown_run_page(key: str, slug: str = _SLUG, title: str = _TITLE) -> Page:
    """Return the page of a run that the index does not hold."""
    said = f"The index holds no run {key!r}: its folder was moved or removed, or never indexed."
    return _page(slug, title, Notice("bad", said, INDEX), _everything())


def broken_run_page(reason: str, slug: str = _SLUG, title: str = _TITLE) -> Page:
    """Return the page of a run that is broken or half-written, with the reason."""
    said = f"This run is broken, so nothing of it is shown: {reason}"
    advice = "A sealed run is never mended. Build and judge into a new run folder:"
    return _page(slug, title, Notice("bad", said), Notice("info", advice, BUILD), _everything())


def unjudged_page(run: RunData, slug: str = _SLUG, title: str = _TITLE) -> Page:
    """Return the page of a run without a verdict."""
    said = f"The run {run.run_id} was not judged: {run.why_absent('gate_results')}."
    return _page(slug, title, Notice("empty", said, JUDGE), _everything())


def lacking(run: RunData, record: str, what: str) -> Notice:
    """Return the statement that a record is not there, why, and `what` cannot be shown for it."""
    return Notice("empty", f"{what} cannot be shown: {run.why_absent(record)}.")


def lacks_record_page(run: RunData, record: str, slug: str, title: str, what: str) -> Page:
    """Return the page that rests on a record which the run does not hold."""
    return _page(slug, title, lacking(run, record, what), Notice("info", "To measure it:", JUDGE))


def _everything() -> Links:
    return Links((Link("readiness", {}, "Readiness"), Link("history", {}, "All runs")))


def _page(slug: str, title: str, *blocks: Notice | Links) -> Page:
    return Page(slug, title, "There is nothing to show here yet.", blocks)
