"""Which targets of a run are shown: the frame of the loss record's rows, the filters, the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from dashboard.blocks import Cell, Link, Links
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, shown
from dashboard.views.states import state_of

PER_PAGE = 50
NATIONAL = "US"
HELD_OUT_GATE = "loss.held_out"
_OF_ALL = ("loss.broad", "targets.provenance")
_ODD = re.compile(r"[^A-Za-z0-9._]+")
_LONGEST_NAME = 120
COLUMNS = (
    "target_id", "family", "source", "scope", "entity", "unit", "geography_level", "geography_id",
    "holdout_group", "role", "target", "candidate", "incumbent", "candidate_error",
    "incumbent_error", "contribution", "winner",
)  # fmt: skip
# `contribution` of a target is its part of the difference of the loss that the gates judge by
ROLES: Mapping[str, str] = {"train": "train", "held_out": "HELD OUT", "none": "none stated"}
_COLUMN_OF = {
    "family": "family",
    "source": "source",
    "level": "geography_level",
    "role": "role",
    "winner": "winner",
}


@dataclass(frozen=True)
class TargetFilters:
    """What is asked for: empty is everything. `search` is plain text, found in any case.

    `state` is a geography id, or a state's two digits for everything inside that state.
    """

    gate: str = ""
    family: str = ""
    source: str = ""
    state: str = ""
    level: str = ""
    role: str = ""
    winner: str = ""
    search: str = ""
    page: int = 1

    def chosen(self) -> dict[str, str]:
        """Return the filters that are set, without the page."""
        return chosen_of(self)


def chosen_of(filters: Any) -> dict[str, str]:
    """Return the fields of a filter that are set, without the page."""
    given = {each.name: str(getattr(filters, each.name)) for each in fields(filters)}
    return {name: value for name, value in given.items() if value and name != "page"}


def asked(chosen: Mapping[str, str]) -> str:
    """Return in words what was asked for; empty where nothing was."""
    said = (f"{name} “{value}”" for name, value in chosen.items())
    return f" with {', '.join(said)}" if chosen else ""


def target_frame(run: RunData) -> pd.DataFrame:
    """Return the record's targets as they are; a row's label is its place in the record."""
    rows = run.get("loss", "/targets") or []
    return pd.DataFrame({name: [row[name] for row in rows] for name in COLUMNS})


def target_options(run: RunData) -> dict[str, list[str]]:
    """Return the choices of each filter, sorted; gates are those that are judged on targets."""
    frame = target_frame(run)
    options = {field: choices(frame[column]) for field, column in _COLUMN_OF.items()}
    places = {state_of(each) or each for each in frame["geography_id"].unique()}
    options |= {"gate": target_gates(run), "state": sorted(places)}
    return {each.name: options[each.name] for each in fields(TargetFilters) if each.name in options}


def choices(column: pd.Series[Any]) -> list[str]:
    """Return what stands in a column, sorted, blanks left out."""
    return sorted(str(each) for each in column.unique() if str(each).strip())


def target_gates(run: RunData) -> list[str]:
    """Return the ids of the release gates that are judged on targets, where there are any.

    A gate that finds none in this run is among them: its page leads here to learn why.
    """
    loss = run.records.get("loss")
    if not loss:
        return []
    named = {"family": loss["families"], "aggregate": loss["aggregates"]}
    each = [f"{kind}.{name}" for kind, found in named.items() for name in sorted(found)]
    return [*_OF_ALL, HELD_OUT_GATE, *each]


def gate_rows(run: RunData, gate: str, frame: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows a gate is judged on; none for a gate that is not judged on targets."""
    kind, _, name = gate.partition(".")
    if gate in _OF_ALL:
        return pd.Series(True, frame.index)
    if gate == HELD_OUT_GATE:
        return frame["role"] == "held_out"
    ids: list[str] = []
    if kind == "family":
        ids = run.get("loss", pointer("families", name, "targets")) or []
    elif kind == "aggregate":
        ids = [run.get("loss", pointer("aggregates", name, "target_id"))]
    return frame["target_id"].isin(ids)


def filtered(run: RunData, frame: pd.DataFrame, filters: TargetFilters) -> pd.DataFrame:
    """Return the rows asked for, those that raise the loss difference most first.

    Of the targets that the candidate wins, those that lower it most come first.
    """
    keep = gate_rows(run, filters.gate, frame) if filters.gate else pd.Series(True, frame.index)
    for field, column in _COLUMN_OF.items():
        if value := getattr(filters, field):
            keep &= frame[column] == value
    if filters.state:
        keep &= _inside(frame["geography_id"], filters.state)
    keep &= holding(frame["target_id"], filters.search)
    return frame[keep].sort_values("contribution", ascending=wins_first(filters), kind="stable")


def wins_first(filters: TargetFilters) -> bool:
    """Decide whether the largest wins come first: where only wins are asked for."""
    return filters.winner == "candidate"


def file_name(stem: str, run: RunData, chosen: Mapping[str, str]) -> str:
    """Return the name of a CSV file that says of which run it is and what was asked for."""
    said = "-".join(f"{name}-{value}" for name, value in chosen.items())
    plain = _ODD.sub("-", f"{stem}-{run.run_id}-{said}")[:_LONGEST_NAME]
    return f"{plain.strip('-.')}.csv"


def _inside(places: pd.Series[Any], state: str) -> pd.Series[bool]:
    within = {each: state in (each, state_of(each)) for each in places.unique()}
    return places.map(within).astype(bool)


def holding(column: pd.Series[Any], search: str) -> pd.Series[bool]:
    """Return which texts hold `search`, in any case; it is plain text and never a pattern."""
    wanted = search.strip()
    if not wanted:
        return pd.Series(True, column.index)
    return column.astype(str).str.contains(wanted, case=False, regex=False)


def page_of(count: int, page: int, per_page: int = PER_PAGE) -> tuple[int, int]:
    """Return the page that is shown (the nearest that exists) and the number of pages."""
    pages = max(1, -(-count // per_page))
    return min(max(page, 1), pages), pages


def on_page(frame: pd.DataFrame, page: int, per_page: int = PER_PAGE) -> pd.DataFrame:
    """Return the rows of a page, counted from 1."""
    return frame.iloc[(page - 1) * per_page : page * per_page]


def page_links(slug: str, params: Mapping[str, str], page: int, pages: int) -> tuple[Links, ...]:
    """Return links to the first, previous, next and last page; nothing where one page is all."""
    steps = {"First": 1, "Previous": page - 1, "Next": page + 1, "Last": pages}
    links = tuple(
        Link(slug, {**params, "page": str(number)}, f"{name} page ({number} of {pages})")
        for name, number in steps.items()
        if 1 <= number <= pages and number != page
    )
    return (Links(links),) if links else ()


def target_cell(
    run: RunData, row: int, field: str, *, signed: bool = False, unit: str = ""
) -> Cell:
    """Return a field of the target at a place of the record, with its source."""
    return run.cell("loss", pointer("targets", row, field), unit, signed=signed)


def id_cell(run: RunData, row: int, *, mark: bool = False) -> Cell:
    """Return a target's id with the link to its own page; `mark` says below it if it is held out.

    A table with a column for the role needs no mark.
    """
    at = pointer("targets", row, "target_id")
    name = run.get("loss", at)
    held = mark and run.get("loss", pointer("targets", row, "role")) == "held_out"
    link = Link("target", {"run": run.key, "target": name}, str(name))
    return run.cell("loss", at, link=link, note=ROLES["held_out"] if held else "")


def word_cell(run: RunData, row: int, field: str, words: Mapping[str, str] | None = None) -> Cell:
    """Return a field that is a word; blank is a dash, and `words` says it for the reader."""
    cell = target_cell(run, row, field)
    text = (words or {}).get(cell.text, cell.text)
    return Cell(text if text.strip() else NOTHING, cell.raw, cell.source)


def difference_cell(run: RunData, value: float, unit: str, rule: str) -> Cell:
    """Return a derived difference; of two figures in per cent it is in percentage points."""
    if shown(1.0, unit).endswith("%"):
        return run.derived(100 * value, "percentage points", f"100 * ({rule})", signed=True)
    return run.derived(value, unit, rule, signed=True)


def unit_of(unit: str) -> str:
    """Return the unit to write behind a target's figure; `other` says nothing and is left out."""
    return "" if unit == "other" else unit
