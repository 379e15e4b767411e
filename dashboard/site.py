"""Which pages a static site has, and where each lies.

A site is about one run at one stage. It starts at the pages of the menu and follows their links;
a link to what it doesn't hold (another run, a filter, a later page) has no address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dashboard.blocks import GateGrid, Link, Links, Page, cells_of, walk
from dashboard.run_data import RunData
from dashboard.site_files import safe_name
from dashboard.views.artifacts import artifacts_page
from dashboard.views.compare import compare_page
from dashboard.views.coverage import CoverageFilters, coverage_page
from dashboard.views.gate import gate_page, gates_page
from dashboard.views.history import history_page
from dashboard.views.local import local_page
from dashboard.views.microsim import benchmark_page, microsim_page
from dashboard.views.readiness import readiness_page
from dashboard.views.target_filters import TargetFilters
from dashboard.views.targets import target_page, targets_page

# slug: the parameter that names one of several such pages
_PARAMETER: Mapping[str, str] = {
    "gate": "gate",
    "targets": "gate",
    "target": "target",
    "microsim": "benchmark",
    "coverage": "page",
}
MENU: Mapping[str, str] = {
    "readiness": "Readiness",
    "gate": "Release gates",
    "targets": "Targets",
    "microsim": "Microsimulation",
    "artifacts": "Artifacts",
    "local": "Local files",
    "compare": "Compare with the previous candidate",
    "history": "History",
    "coverage": "Target coverage",
}
COVERAGE_ROWS = 500  # without a server there is no search, so that few long pages serve better
_OF_NO_RUN = frozenset({"history", "local"})
# these list hundreds of targets, as do those of one gate: their links lead only to pages that
# others lead to as well
_NOT_FOLLOWED = frozenset({"target", "coverage"})


@dataclass(frozen=True)
class Key:
    """One page of a site: its slug and what it is about, if there are several such pages."""

    slug: str
    about: str = ""

    @property
    def file(self) -> str:
        """The page's file, below the site's folder."""
        if self.slug == "readiness":
            return "index.html"
        return f"{self.slug}/{safe_name(self.about)}.html" if self.about else f"{self.slug}.html"


@dataclass(frozen=True)
class Subject:
    """What a site is about: a run at a stage, and what else its pages need of the index.

    `gate_history` gives all results of a gate. `problem` says what is wrong with the pointer.
    """

    run: RunData
    product: str
    stage: str
    is_current: bool
    pointer: Mapping[str, object] | None
    problem: str
    previous: RunData | None
    local: Sequence[RunData]
    runs: pd.DataFrame
    gates: pd.DataFrame
    gate_history: Callable[[str], pd.DataFrame] = field(repr=False)


def key_of(link: Link, subject: Subject) -> Key | None:
    """Return the page of the site that a link leads to; None where the site has no such page."""
    given = {name: value for name, value in link.params.items() if value}
    if link.page == "compare":
        return Key("compare") if given == _compared(subject) else None
    if link.page not in (*MENU, "target") or not _is_of(subject, link.page, given):
        return None
    about = given.pop(_PARAMETER.get(link.page, ""), "")
    if link.page == "coverage" and about == "1":
        about = ""
    if given or (link.page == "target" and not about):
        return None
    return Key(link.page, about)


def _is_of(subject: Subject, slug: str, given: dict[str, str]) -> bool:
    """Decide whether a link stays with the site's run, product and stage; take these out of it."""
    run = given.pop("run", subject.run.key if subject.is_current or slug in _OF_NO_RUN else "")
    stage = given.pop("stage", subject.stage)
    product = given.pop("product", subject.product)
    return (run, stage, product) == (subject.run.key, subject.stage, subject.product)


def _compared(subject: Subject) -> dict[str, str] | None:
    if subject.previous is None:
        return None
    return {"a": subject.previous.key, "b": subject.run.key}


def pages_of(subject: Subject, begin: Callable[[Page], None] | None = None) -> dict[Key, Page]:
    """Return every page of the site, those of the menu first; `begin` is given each when made."""
    found: dict[Key, Page] = {}
    waiting = deque(Key(slug) for slug in MENU if slug != "compare" or subject.previous)
    known = _Known(subject.run)
    while waiting:
        key = waiting.popleft()
        if key in found:
            continue
        page = found[key] = _page(key, subject)
        if begin is not None:
            begin(page)
        for link in links_of(page):
            to = key_of(link, subject)
            if to and to not in found and known.leads(key, to):
                waiting.append(to)
    return found


class _Known:
    """What the records hold a page of; a link to anything else is not followed."""

    def __init__(self, run: RunData) -> None:
        """Take the ids from the records."""
        self._ids = {
            "gate": {each["id"] for each in run.get("gate_results", "/gates") or ()},
            "target": {each["target_id"] for each in run.get("loss", "/targets") or ()},
        }
        self._ids["targets"] = self._ids["gate"]

    def leads(self, origin: Key, to: Key) -> bool:
        """Decide whether a link is followed."""
        listed = origin.slug in _NOT_FOLLOWED or (origin.slug == "targets" and origin.about)
        if to.slug == "target" and listed:
            return False
        return not to.about or to.slug not in self._ids or to.about in self._ids[to.slug]


def links_of(page: Page) -> Iterator[Link]:
    """Yield every link of a page, in reading order."""
    for block in walk(page.blocks):
        if isinstance(block, Links):
            yield from block.links
        elif isinstance(block, GateGrid):
            yield from (cell.link for group in block.groups for cell in group.cells)
        yield from (cell.link for cell in cells_of(block) if cell.link is not None)


def _page(key: Key, subject: Subject) -> Page:
    """Return one page as its view-model makes it."""
    run, stage, about = subject.run, subject.stage, key.about
    makers: Mapping[str, Callable[[], Page]] = {
        "readiness": lambda: _readiness(subject),
        "gate": lambda: _gate(about, subject),
        "targets": lambda: targets_page(run, TargetFilters(gate=about)),
        "target": lambda: target_page(run, about),
        "microsim": lambda: (
            benchmark_page(run, about, stage=stage) if about else microsim_page(run, stage=stage)
        ),
        "artifacts": lambda: artifacts_page(run),
        "local": lambda: local_page(subject.local, subject.runs),
        "compare": lambda: compare_page(subject.previous or run, run, stage=stage),
        "history": lambda: history_page(
            subject.runs, subject.gates, product=subject.product, stage=stage
        ),
        "coverage": lambda: coverage_page(
            run, CoverageFilters(page=_number(about)), per_page=COVERAGE_ROWS
        ),
    }
    return makers[key.slug]()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _gate(gate: str, subject: Subject) -> Page:
    if not gate:
        return gates_page(subject.run, stage=subject.stage)
    return gate_page(subject.run, gate, subject.gate_history(gate), stage=subject.stage)


def _readiness(subject: Subject) -> Page:
    return readiness_page(
        subject.run,
        product=subject.product,
        stage=subject.stage,
        pointer=subject.pointer,
        previous=subject.previous,
        runs=subject.runs,
        is_current=subject.is_current,
        problem=subject.problem,
    )
