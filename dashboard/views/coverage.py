"""Every target with source, scope and entity, and those that lack one of them first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Download,
    Figure,
    Figures,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
)
from dashboard.run_data import RunData
from dashboard.units import NOTHING, words
from dashboard.views.coverage_left_out import left_out_sections
from dashboard.views.empty import lacks_record_page
from dashboard.views.states import place_name
from dashboard.views.target_filters import (
    PER_PAGE,
    ROLES,
    asked,
    choices,
    chosen_of,
    file_name,
    holding,
    id_cell,
    on_page,
    page_links,
    page_of,
    target_frame,
    word_cell,
)
from dashboard.views.target_sides import held_out_doubts

SLUG, TITLE = "coverage", "Targets coverage"
# What a target must state (plan: Epic 2, exit); the gate targets.provenance judges the same.
NEEDED = ("source", "scope", "entity")
_FILTERED = ("source", "scope", "entity", "family")
_COUNTED: Mapping[str, str] = {
    "source": "Source",
    "scope": "Scope (universe)",
    "entity": "Entity",
    "family": "Family",
    "geography_level": "Geography level",
    "role": "Role",
}
_LISTED: Mapping[str, str] = {
    "source": "Source",
    "scope": "Scope",
    "entity": "Entity",
    "family": "Family",
    "unit": "Unit",
    "geography_id": "Geography",
    "role": "Role",
    "holdout_group": "Group",
}


@dataclass(frozen=True)
class CoverageFilters:
    """What is asked for: empty is everything. `search` is plain text, found in any case."""

    source: str = ""
    scope: str = ""
    entity: str = ""
    family: str = ""
    search: str = ""
    page: int = 1


def coverage_options(run: RunData) -> dict[str, list[str]]:
    """Return the choices of each filter, sorted."""
    frame = target_frame(run)
    return {field: choices(frame[field]) for field in _FILTERED}


def coverage_page(run: RunData, filters: CoverageFilters, *, per_page: int = PER_PAGE) -> Page:
    """Return the page on which targets a run was compared, and what each of them states."""
    if not run.has("loss", "/targets"):
        return lacks_record_page(run, "loss", SLUG, TITLE, "Targets coverage")
    frame = target_frame(run)
    listed = Section("Every target", tuple(_listed(run, frame, filters, per_page)))
    overview = (
        Section("Counts", tuple(_counts(run, frame))),
        *left_out_sections(run, frame),
    )
    first = bool(chosen_of(filters)) or filters.page > 1
    blocks = (listed, *overview) if first else (*overview, listed)
    return Page(
        SLUG,
        TITLE,
        f"Run {run.run_id}: no target may judge a file unless it states its source, its scope and "
        "its entity.",
        (*_provenance(run, frame), *blocks),
    )


def _lacking(frame: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows state no source, no scope or no entity; blanks state nothing."""
    blank = [frame[field].str.strip() == "" for field in NEEDED]
    return blank[0] | blank[1] | blank[2]


def _provenance(run: RunData, frame: pd.DataFrame) -> Iterator[Block]:
    bad = frame[_lacking(frame)]
    if bad.empty:
        yield Notice("good", f"All {len(frame):,} compared targets state source, scope and entity.")
    else:
        yield Notice(
            "bad",
            f"{len(bad):,} of {len(frame):,} compared targets lack source, scope or entity. "
            "Complete them in the target registry, or exclude them from the suite with a reason.",
        )
        yield _lacking_table(run, bad)
        name = file_name("targets-lacking", run, {})
        yield Download("All targets that lack something, as CSV", name, bad)
    yield from _unaccounted(run)
    yield from held_out_doubts(run)
    yield Figures(tuple(_figures(run, frame, len(bad))))


def _unaccounted(run: RunData) -> Iterator[Notice]:
    """Yield a warning where compared and not compared targets do not make up the suite."""
    declared = run.get("suite", "/targets/count")
    told = run.get("loss", "/kept/count") + len(run.get("loss", "/dropped"))
    if declared is not None and declared != told:
        yield Notice(
            "warning",
            f"The suite holds {declared:,} targets, but the loss record tells of {told:,} only: "
            "the others are neither compared nor left out with a reason.",
        )


def _lacking_table(run: RunData, bad: pd.DataFrame) -> Table:
    rows = []
    for place in bad.index[:PER_PAGE]:
        row = int(str(place))
        missing = [field for field in NEEDED if not str(bad.at[place, field]).strip()]
        cells = (word_cell(run, row, field) for field in NEEDED)
        rows.append((id_cell(run, row), Cell(", ".join(missing)), *cells))
    left = len(bad) - len(rows)
    return Table(
        "Targets that lack source, scope or entity",
        (Column("Target"), Column("Lacks"), *(Column(_COUNTED[field]) for field in NEEDED)),
        tuple(rows),
        note=f"{left:,} more are in the file." if left else "",
    )


def _figures(run: RunData, frame: pd.DataFrame, bad: int) -> Iterator[Figure]:
    yield Figure("Targets in the suite", run.cell("suite", "/targets/count"), "as it was frozen")
    yield Figure("Compared", run.cell("loss", "/kept/count"), "measured on both files")
    dropped = len(run.get("loss", "/dropped"))
    yield Figure("Not compared", run.derived(dropped, "", "number of entries in dropped"))
    rule = "number of targets with a blank source, scope or entity"
    yield Figure("Lacking something", run.derived(bad, "", rule), "none may")
    held = int((frame["role"] == "held_out").sum())
    yield Figure("Held out", run.derived(held, "", "number of targets whose role is held_out"))


def _counts(run: RunData, frame: pd.DataFrame) -> Iterator[Table]:
    for field, label in _COUNTED.items():
        counts = frame[field].value_counts()
        rows = tuple(
            _count_row(run, field, str(name), int(count)) for name, count in counts.items()
        )
        yield Table(f"By {label.lower()}", (Column(label), Column("Targets", numeric=True)), rows)


def _count_row(run: RunData, field: str, name: str, count: int) -> tuple[Cell, ...]:
    said = ROLES.get(name, name) if field == "role" else words(name)
    link = Link(SLUG, {"run": run.key, field: name}, said) if field in _FILTERED else None
    if not name.strip():
        said, link = "none stated", None
    cell = run.derived(count, "", f"number of targets whose {words(field)} is this")
    return Cell(said, name, link=link), cell


def _listed(
    run: RunData, frame: pd.DataFrame, filters: CoverageFilters, per_page: int
) -> Iterator[Block]:
    keep = holding(frame["target_id"], filters.search)
    for field in _FILTERED:
        if value := getattr(filters, field):
            keep &= frame[field] == value
    order = (~_lacking(frame)).sort_values(kind="stable").index
    rows = frame.loc[order][keep.loc[order]]
    chosen = chosen_of(filters)
    page, pages = page_of(len(rows), filters.page, per_page)
    yield Prose(f"{len(rows):,} of {len(frame):,} targets{asked(chosen)}. Page {page} of {pages}.")
    if chosen:
        yield Links((Link(SLUG, {"run": run.key}, "All targets, without filters"),))
    yield Table(
        "Targets and what they state",
        (Column("Target"), *(Column(label) for label in _LISTED.values())),
        tuple(_target_row(run, int(str(at))) for at in on_page(rows, page, per_page).index),
        note="Targets that lack something come first.",
    )
    yield from page_links(SLUG, {"run": run.key, **chosen}, page, pages)
    name = file_name("coverage", run, chosen)
    yield Download(f"These {len(rows):,} targets as CSV", name, rows)


def _target_row(run: RunData, place: int) -> tuple[Cell, ...]:
    return (id_cell(run, place), *(_stated(run, place, field) for field in _LISTED))


def _stated(run: RunData, place: int, field: str) -> Cell:
    cell = word_cell(run, place, field, ROLES if field == "role" else None)
    if field == "geography_id" and cell.text != NOTHING:
        return Cell(place_name(cell.text), cell.raw, cell.source, note=cell.text)
    return cell
