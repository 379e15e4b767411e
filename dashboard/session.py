"""What the address asks for, and the runs that answer it.

The address is the only state: `product`, `run`, `stage` and each page's own parameters. A value
that the index does not know is never used, neither as a path nor in a query: the default takes its
place and a notice says so. Indexes and runs stay loaded until the index file is replaced.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.blocks import Link, Links, Notice, Page, Prose, Tone
from dashboard.index import Index
from dashboard.run_data import RunData
from dashboard.serve import INDEX_VARIABLE
from dashboard.views.empty import broken_run_page, no_index_page, no_run_page
from dashboard.views.verdicts import STAGES
from schemas.errors import MpgateError

PRODUCTS = ("mp-national", "mp-local-rich", "mp-local-fast")
BROKEN = "broken"
SHOWN = ("sealed", "unsealed")
_LONGEST = 300
_SHOWN = 60
RUNS_KEPT = 8
_GATES_KEPT = 16
_LABEL_COLUMNS = (
    "key", "candidate_label", "run_id", "folder", "judged_at", "verdict_default", "state",
)  # fmt: skip

Stamp = tuple[str, int, int, int]


@dataclass(frozen=True)
class Choice:
    """What is looked at: product, stage, and the run by its key, None where there is none.

    `asked` says that the address names the run, `is_current` that the pointer of its product does.
    `problems` are what in the address was not followed, and why.
    """

    product: str
    stage: str
    run: str | None
    asked: bool
    is_current: bool
    runs: pd.DataFrame
    problems: tuple[Notice, ...] = ()


def param(name: str) -> str:
    """Return a parameter of the address, cut to a length that any true one has; else nothing."""
    return str(st.query_params.get(name, ""))[:_LONGEST]


def unknown(what: str, asked: str, instead: str) -> Notice:
    """Return the statement that the address asks for what is not there, and what is shown."""
    cut = asked if len(asked) <= _SHOWN else f"{asked[:_SHOWN]}…"
    return Notice("warning", f"There is no {what} {cut!r} here. Shown instead: {instead}.")


def index() -> Index:
    """Return the index that the launcher names; raises DashboardError where there is none."""
    return _open(_stamp())


def runs() -> pd.DataFrame:
    """Return the table of all runs; not to be changed. Raises DashboardError without an index."""
    return _runs(_stamp())


def gates(gate: str | None = None) -> pd.DataFrame:
    """Return the results of all runs, or of one gate; not to be changed."""
    return _gates(_stamp(), gate)


def load(key: str) -> RunData:
    """Return a run; raises DashboardError where it is unknown, broken or changed."""
    return _load(_stamp(), key)


def load_or_none(key: str | None) -> RunData | None:
    """Return a run that a page is better with; None where there is none or it cannot be read."""
    try:
        return None if key is None else load(key)
    except MpgateError:
        return None


def choice() -> Choice:
    """Return what the address asks for, with what is published in the place of what is missing.

    Raises DashboardError without an index.
    """
    known = runs()
    product, run, problems = _product(known), param("run"), []
    if run and run not in set(known["key"]):
        problems.append(unknown("run", run, "the current candidate, or else the newest run"))
        run = ""
    if not run and param("product") not in ("", *PRODUCTS):
        problems.append(unknown("product", param("product"), product))
    if param("stage") not in ("", *STAGES):
        problems.append(unknown("stage", param("stage"), f"the {stage(product)} stage"))
    current = index().current(product)
    shown = run or current or _newest(known, product)
    is_current = shown is not None and shown == current
    return Choice(product, stage(product), shown, bool(run), is_current, known, tuple(problems))


def stage(product: str) -> str:
    """Return the stage asked for; else that of the published candidate; else `default`."""
    if param("stage") in STAGES:
        return param("stage")
    published = index().pointer(product)
    entries = published["entries"] if published else ()
    return str(entries[-1]["stage"]) if entries else STAGES[-1]


def kept() -> dict[str, str]:
    """Return the parameters that go with the reader from page to page."""
    return {name: param(name) for name in ("product", "run", "stage") if param(name)}


def page_of_index(slug: str, title: str, view: Callable[[Choice], Page]) -> Page:
    """Return a page; where there is no index, no run in it, or no sound run, the page saying so.

    Each of these pages says what to do.
    """
    try:
        chosen = choice()
    except MpgateError as error:
        return no_index_page(error, slug, title)
    if chosen.runs.empty:
        return no_run_page(slug, title)
    try:
        return view(chosen)
    except MpgateError as error:
        return _stopped(error, slug, title)


def _stopped(error: MpgateError, slug: str, title: str) -> Page:
    """Return the page that says why a run cannot be shown, and what to do: not all are broken."""
    if error.reason == "run.broken":
        return broken_run_page(str(error), slug, title)
    tone: Tone = "empty" if error.reason == "run.unjudged" else "bad"
    said = Notice(tone, f"Nothing of this run is shown: {error.message}.")
    advice = Notice("info", f"What to do: {error.remedy}.")
    links = Links((Link("readiness", {}, "Readiness"), Link("history", {}, "All runs")))
    return Page(slug, title, "", (said, advice, links))


def page_of_run(
    slug: str, title: str, view: Callable[[RunData, Choice], Page], chosen: Choice
) -> Page:
    """Return a page of the chosen run, which says whose it is; without one, the page saying so."""
    if chosen.run is not None:
        run = load(chosen.run)
        made = view(run, chosen)
        return replace(made, blocks=(_whose(run, chosen), *made.blocks))
    said = f"The index holds no run of {chosen.product}."
    links = Links((Link("local", {}, "What is lacking"), Link("history", {}, "All runs")))
    return Page(slug, title, "", (Notice("empty", said), links))


def cannot_show_published(product: str) -> str:
    """Return why the published candidate of a product is not to be seen; nothing where it is.

    Nothing too where none is published.
    """
    held = index()
    if held.current(product) or not (held.pointer(product) or product in held.pointer_problems()):
        return ""
    return held.pointer_problems().get(product) or "the index does not hold it"


def _whose(run: RunData, chosen: Choice) -> Prose | Notice:
    """Return which run a page is about: the published candidate, or another, and why that one."""
    if chosen.is_current:
        return Prose(f"This is run {run.run_id}, the published candidate.")
    if chosen.asked:
        said = f"This is not the published candidate, but run {run.run_id}, chosen by hand."
        return Notice("warning", said)
    instead = f"Shown instead: run {run.run_id}, the newest judged run of {chosen.product}."
    if why := cannot_show_published(chosen.product):
        return Notice("bad", f"The published candidate cannot be shown: {why}. {instead}")
    return Notice("warning", f"No candidate is published. {instead}")


def run_labels(known: pd.DataFrame) -> Mapping[str, str]:
    """Return how each run is called in a list of choices, by its key.

    Runs that would be called the same, as copies below two roots, are told apart by their folder.
    """
    columns = [known[name].fillna("").astype(str) for name in _LABEL_COLUMNS]
    labels = {key: _label(*rest) for key, *rest in zip(*columns, strict=True)}
    times = Counter(labels.values())
    folders = dict(zip(known["key"], known["folder"], strict=True))
    return {
        key: f"{label} · {folders[key]}" if times[label] > 1 else label
        for key, label in labels.items()
    }


def _label(label: str, run_id: str, folder: str, judged: str, verdict: str, state: str) -> str:
    name = label or run_id or folder
    said = (
        name,
        run_id if run_id != name else "",
        judged[:10],
        BROKEN if state == BROKEN else verdict.replace("_", " "),
    )
    return " · ".join(filter(None, said))


def _product(known: pd.DataFrame) -> str:
    """Return the product of the run asked for; else the one asked for; else the national one."""
    found = known.loc[known["key"] == param("run"), "product"]
    asked = str(found.iloc[0]) if len(found) else param("product")
    return asked if asked in PRODUCTS else PRODUCTS[0]


def _newest(known: pd.DataFrame, product: str) -> str | None:
    """Return the newest run of a product, one that can be shown before any other."""
    ours = known[known["product"] == product]
    for found in (ours[ours["state"].isin(SHOWN)], ours):
        if len(found):
            return str(found.iloc[0]["key"])
    return None


def _stamp() -> Stamp:
    """Return what changes when the index file is replaced."""
    path = os.environ.get(INDEX_VARIABLE, "")
    try:
        found = Path(path).stat()
    except OSError:
        return path, 0, 0, 0
    return path, found.st_mtime_ns, found.st_ino, found.st_size


@lru_cache(maxsize=1)
def _open(stamp: Stamp) -> Index:
    return Index.open(Path(stamp[0]))


@lru_cache(maxsize=1)
def _runs(stamp: Stamp) -> pd.DataFrame:
    return _open(stamp).runs()


@lru_cache(maxsize=RUNS_KEPT)
def _load(stamp: Stamp, key: str) -> RunData:
    return _open(stamp).load(key)


@lru_cache(maxsize=_GATES_KEPT)
def _gates(stamp: Stamp, gate: str | None) -> pd.DataFrame:
    return _open(stamp).gates(gate=gate)
