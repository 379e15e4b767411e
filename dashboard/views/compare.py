"""Any two runs side by side; a difference stands only where the figures are comparable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Block, Cell, Chart, Column, Link, Links, Notice, Page, Section, Table
from dashboard.charts import CANDIDATE, INCUMBENT, styled
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import shown, words
from dashboard.views.compare_facts import (
    AGAINST_INCUMBENT,
    OF_BENCHMARKS,
    OF_ERRORS,
    OF_FILES,
    OF_LOSSES,
    OF_RUNTIME,
    Pair,
    facts_notice,
    facts_section,
    told_notices,
)
from dashboard.views.compare_gates import gates_section
from dashboard.views.compare_targets import targets_section
from dashboard.views.lookup import place_of
from dashboard.views.target_filters import target_frame
from dashboard.views.target_sides import doubts
from dashboard.views.verdicts import RESULTS, verdict_words

SLUG, TITLE = "compare", "Compare two runs"
_LOSS = pointer("losses", GATING_LOSS)
# label, record, place, unit, what the figure rests on
_FIGURES: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("Broad loss", "loss", f"{_LOSS}/candidate", "loss", OF_LOSSES),
    ("Broad loss less the incumbent's", "loss", f"{_LOSS}/delta", "loss", AGAINST_INCUMBENT),
    ("Held-out loss", "loss", f"{_LOSS}/held_out/candidate", "loss", OF_LOSSES),
    ("Median error", "loss", "/median_error/candidate", "share", OF_ERRORS),
    ("Targets within 10 %", "loss", "/share_within_10pct/candidate", "share", OF_ERRORS),
    ("Targets won", "loss", "/wins", "", AGAINST_INCUMBENT),
    ("Targets lost", "loss", "/losses_count", "", AGAINST_INCUMBENT),
    ("Effective sample size", "evidence", "/weights/kish_ess", "households", OF_FILES),
    ("Effective share of the sample", "evidence", "/weights/ess_share", "share", OF_FILES),
    ("Households with positive weight", "evidence", "/weights/positive", "households", OF_FILES),
    ("Weight in the heaviest 1 %", "evidence", "/weights/top_1pct_share", "share", OF_FILES),
    ("Size of the H5", "evidence", "/subject/size_bytes", "bytes", OF_FILES),
    ("Median runtime, times the incumbent's", "runtime", "/median_ratio", "ratio", OF_RUNTIME),
    ("Peak memory", "runtime", "/peak_rss_gb/candidate", "gigabytes", OF_RUNTIME),
)
_COLUMNS = (
    Column("What"),
    Column("A", numeric=True),
    Column("B", numeric=True),
    Column("Change", numeric=True, hint="B - A"),
)


def compare_page(a: RunData, b: RunData, *, stage: str, search: str = "", page: int = 1) -> Page:
    """Return the page that compares two runs; changes are B less A."""
    pair = Pair(a, b)
    params = {"a": a.key, "b": b.key, "stage": stage}
    notices = (*_same(pair), facts_notice(pair), *told_notices(pair), *_doubts(pair))
    turned = Link(SLUG, {"a": b.key, "b": a.key, "stage": stage}, "Swap A and B")
    blocks: tuple[Block, ...] = (
        *notices,
        Links((turned,)),
        _verdicts(pair, stage),
        facts_section(pair),
        Section("Headline figures", (_headline(pair), _counts(pair))),
        gates_section(pair, stage),
        Section("Loss by family", tuple(_families(pair))),
        Section("Benchmarks", (_benchmarks(pair),)),
        targets_section(pair, params, search, page),
    )
    if search.strip() or page > 1:
        head = len(notices) + 1
        blocks = (*blocks[:head], blocks[-1], *blocks[head:-1])
    return Page(
        SLUG, TITLE, f"A is {a.run_id} ({a.product}), B is {b.run_id} ({b.product}).", blocks
    )


def _same(pair: Pair) -> Iterator[Notice]:
    if pair.a.key == pair.b.key:
        yield Notice("info", "A and B are the same run.")


def _doubts(pair: Pair) -> Iterator[Notice]:
    """Yield what stands against relying on the records of either run."""
    runs = {"A": pair.a} if pair.a.key == pair.b.key else {"A": pair.a, "B": pair.b}
    for label, run in runs.items():
        if run.has("loss", "/targets"):
            for each in doubts(run, target_frame(run)):
                yield Notice(each.tone, f"{label}: {each.text}")


def _verdicts(pair: Pair, stage: str) -> Table:
    """Return what each run was judged to be at the stage; a demonstration says so."""
    rows = tuple(
        (
            Cell(
                f"{label}: {run.run_id}", link=Link("readiness", {"run": run.key, "stage": stage})
            ),
            run.cell("candidate_manifest", "/label"),
            Cell(run.state),
            Cell(_verdict(run, stage)),
        )
        for label, run in (("A", pair.a), ("B", pair.b))
    )
    columns = (Column("Run"), Column("Candidate"), Column("State"), Column(f"Verdict for {stage}"))
    return Table("What each run was judged to be", columns, rows)


def _verdict(run: RunData, stage: str) -> str:
    if not run.has(RESULTS, pointer("verdicts", stage)):
        return "not judged"
    return verdict_words(run, stage)


def _pair_row(
    pair: Pair, label: str, record: str, at: str, unit: str, facts: tuple[str, ...]
) -> tuple[Cell, ...]:
    ours, theirs = (run.cell(record, at, unit) for run in (pair.a, pair.b))
    return Cell(label), ours, theirs, pair.change(ours, theirs, unit, facts)


def _headline(pair: Pair) -> Table:
    rows = tuple(_pair_row(pair, *each) for each in _FIGURES)
    note = "A figure that rests on something the runs do not share is not subtracted."
    return Table("Headline figures side by side", _COLUMNS, rows, note=note)


def _counts(pair: Pair) -> Table:
    named = [run.get("evidence", "/counts") or {} for run in (pair.a, pair.b)]
    rows = tuple(
        _pair_row(pair, words(name), "evidence", pointer("counts", name), "", OF_FILES)
        for name in sorted({*named[0], *named[1]})
    )
    return Table("Record counts", _COLUMNS, rows)


def _benchmarks(pair: Pair) -> Table:
    both = [run.get("evidence", "/benchmarks") or [] for run in (pair.a, pair.b)]
    names = dict.fromkeys(each["id"] for each in (*both[0], *both[1]))
    rows = [
        _benchmark_row(pair, name, measure)
        for name in names
        for measure in ("fiscal", "household_net_income")
    ]
    return Table(
        "What each reform changes, by run",
        _COLUMNS,
        tuple(rows),
        note=_reason(pair, OF_BENCHMARKS),
    )


def _benchmark_row(pair: Pair, name: str, measure: str) -> tuple[Cell, ...]:
    cells = []
    for run in (pair.a, pair.b):
        place = place_of(run.get("evidence", "/benchmarks"), name)
        at = pointer("benchmarks", "none" if place is None else place, "delta", measure)
        cells.append(run.cell("evidence", at, "dollars", signed=True))
    change = pair.change(cells[0], cells[1], "dollars", OF_BENCHMARKS)
    link = Link("microsim", {"run": pair.b.key, "benchmark": name}, name)
    return Cell(name, link=link, note=words(measure)), *cells, change


def _reason(pair: Pair, facts: tuple[str, ...]) -> str:
    why = pair.differs(facts)
    return f"Not subtracted: {why}." if why else ""


def _families(pair: Pair) -> Iterator[Block]:
    parts = [run.get("loss", f"{_LOSS}/by_family") for run in (pair.a, pair.b)]
    if None in parts:
        yield Notice("empty", "One of the runs has no loss by family.")
        return
    names = sorted({*parts[0], *parts[1]})
    rows = [
        _pair_row(
            pair, name, "loss", f"{_LOSS}/by_family{pointer(name, 'candidate')}", "loss", OF_LOSSES
        )
        for name in names
    ]
    yield Chart(
        "Mean error of each family, A and B",
        "One line per family from A's mean squared relative error (orange square) to B's (blue "
        "circle). Further left is better.",
        _dumbbells(names, parts),
        Table("Mean error by family", _COLUMNS, tuple(rows), note=_reason(pair, OF_LOSSES)),
    )


def _dumbbells(names: list[str], parts: list[Any]) -> Any:
    data = [
        {"family": name, "run": run, "error": part[name]["candidate"], "text": _text(part[name])}
        for run, part in zip(("A", "B"), parts, strict=True)
        for name in names
        if name in part
    ]
    base = alt.Chart(pd.DataFrame(data)).encode(
        x=alt.X("error:Q", title="mean squared relative error"), y=alt.Y("family:N", title=None)
    )
    colour = alt.Scale(domain=["A", "B"], range=[INCUMBENT, CANDIDATE])
    shape = alt.Scale(domain=["A", "B"], range=["square", "circle"])
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        color=alt.Color("run:N", scale=colour),
        shape=alt.Shape("run:N", scale=shape),
        tooltip=["family:N", "run:N", alt.Tooltip("text:N", title="mean error")],
    )
    lines = base.mark_line(color="#999999").encode(detail="family:N")
    return styled((lines + points).properties(width="container", height=alt.Step(22)))


def _text(part: dict[str, Any]) -> str:
    return shown(part["candidate"], "loss")
