"""Which run a static site is about, and what else its pages need of the index."""

from __future__ import annotations

import pandas as pd

from dashboard.errors import DashboardError
from dashboard.index import Index
from dashboard.run_data import RunData
from dashboard.site import Subject
from dashboard.views.gate_past import of_product
from dashboard.views.local_pairs import wanted
from schemas.errors import MpgateError

_LOCAL_RUNS = 8  # runs held in memory; the page counts the others
_READABLE = ("sealed", "unsealed")
_STAGE = "default"  # where no published candidate says another


def subject_of(index: Index, run: str | None, product: str, stage: str | None) -> Subject:
    """Return what a site is about: a run, see `chosen_run`, at a stage.

    Without a stage it is the one that the candidate was published for, else `default`, as in the
    app. Raises DashboardError where it is not clear which run is meant, or it can't be read.
    """
    runs = index.runs()
    key = chosen_run(index, runs, run, product)
    found = index.load(key)
    current, pointer = index.current(found.product), index.pointer(found.product)
    is_current = key == current
    before = index.previous(found.product) if is_current else current
    previous, lost = _loaded(index, before)
    problems = [index.pointer_problems().get(found.product, ""), lost]
    candidates = (_loaded(index, each)[0] for each in wanted(runs)[:_LOCAL_RUNS])
    return Subject(
        run=found,
        product=found.product,
        stage=stage or (str(pointer["entries"][-1]["stage"]) if pointer else _STAGE),
        is_current=is_current,
        pointer=pointer,
        problem="; ".join(filter(None, problems)),
        previous=previous,
        local=[each for each in candidates if each is not None],
        runs=runs,
        gates=index.gates(),
        gate_history=lambda gate: of_product(index.gates(gate=gate), runs, found.product),
    )


def chosen_run(index: Index, runs: pd.DataFrame, run: str | None, product: str) -> str:
    """Return the key of the run that is meant: the named, the published, or the only one.

    Raises DashboardError where there is none such, or more than one. That something else is wrong
    with the pointer (its previous candidate is gone, say) is for the site to tell.
    """
    if run is not None:
        named = runs[(runs["key"] == run) | (runs["folder"] == run)]
        return _only(named, f"is called {run!r}", "name it by its key, as in the list of runs")
    if current := index.current(product):
        return current
    if problem := index.pointer_problems().get(product):
        raise DashboardError(
            f"the pointer to the current {product} candidate can't be trusted: {problem}",
            reason="export.pointer",
            remedy="index the root that holds the run, mend the pointer with `mpgate release "
            "point`, or name a run with `--run`",
        )
    readable = runs[(runs["product"] == product) & runs["state"].isin(_READABLE)]
    return _only(
        readable,
        f"of {product} is judged, and none is published",
        "publish one with `mpgate release point`, or name one with `--run`",
    )


def _only(found: pd.DataFrame, what: str, remedy: str) -> str:
    if len(found) == 1:
        return str(found["key"].iloc[0])
    count = "no run" if found.empty else f"more than one run ({len(found)})"
    raise DashboardError(f"{count} {what}", reason="export.run", remedy=remedy)


def _loaded(index: Index, key: str | None) -> tuple[RunData | None, str]:
    """Return a run, or None and why it can't be shown; neither where there is no key."""
    if key is None:
        return None, ""
    try:
        return index.load(key), ""
    except MpgateError as error:
        return None, f"the candidate to compare with can't be read: {error.message}"
