"""The local products against PE's local files: what is measured, what is missing, what to use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Link,
    Links,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.units import NOTHING
from dashboard.views.artifacts_cost import spread
from dashboard.views.local_basis import basis
from dashboard.views.local_gates import local_gates
from dashboard.views.local_pairs import (
    INCUMBENTS,
    OBJECTIVE,
    PRODUCTS,
    Pair,
    incumbent_of,
    judged_at,
    lead_of,
    local_sides,
    loss_sides,
    measures,
    missing_of,
    pairs_of,
    wanted,
)
from dashboard.views.local_places import places
from dashboard.views.local_routing import routing
from dashboard.views.lookup import SIDE_RECORDS, compared, row_of
from dashboard.views.published import LISTED, rows_of, text_of
from dashboard.views.verdicts import listed_verdict

_SIZES = {
    "Households": ("/counts/household", ""),
    "Households with a positive weight": ("/weights/positive", ""),
    "Effective sample size (Kish), households": ("/weights/kish_ess", ""),
    "Weight of the heaviest 1 % of households": ("/weights/top_1pct_share", "share"),
}


def local_page(candidates: Sequence[RunData], runs: pd.DataFrame) -> Page:
    """Return how far the local products are, per comparison, gate and place.

    `candidates` are all loaded runs of the local products; `runs` is the whole index, of which
    broken local runs are named. Partial records are shown as far as they go.
    """
    pairs = pairs_of(candidates)
    blocks = (
        *_state(candidates, runs),
        Section("Which file to use", tuple(routing(candidates))),
        Section(
            "mp-local-rich and mp-local-fast against PE small-L0 and big-L0", (_matrix(pairs),)
        ),
        *(_comparison(pair) for pair in pairs if pair.run is not None),
        Section("What is missing, item by item", (*basis(candidates), _missing(pairs))),
        Section("Local release gates", (local_gates(pairs),)),
        *places(pairs),
        *_other_runs(candidates, runs),
    )
    lead = "The heavier, locally calibrated products: no analysis may rely on them before release."
    return Page("local", "Local products", lead, blocks)


def _state(candidates: Sequence[RunData], runs: pd.DataFrame) -> Iterator[Block]:
    """Yield whether there is any local run, and the broken ones with the reason."""
    broken = tuple(_broken(runs))
    if not candidates:
        said = "There is no run of mp-local-rich or mp-local-fast"
        if any(row[1].text in PRODUCTS for row in broken):
            said = "No run of mp-local-rich or mp-local-fast can be read"
        yield Notice(
            "empty",
            f"{said}, so nothing local has been measured against PE small-L0 or big-L0. Every item "
            "that is missing is listed below. Once all of them exist, judge the run folder and "
            "index it:",
            "mpgate bundle judge RUN --incumbent pe-local-small-l0 && mpgate index --root runs",
        )
    if broken:
        note = "" if len(broken) <= LISTED else f"The first {LISTED} of {len(broken)}."
        columns = (Column("Run folder"), Column("Product"), Column("What is wrong"))
        yield Table("Local runs that cannot be read", columns, broken[:LISTED], note)


def _broken(runs: pd.DataFrame) -> Iterator[tuple[Cell, ...]]:
    """Yield the broken local runs; one too broken to tell its product may be local too."""
    if runs.empty:
        return
    for row in rows_of(runs[runs["state"] == "broken"]):
        product = text_of(row["product"])
        if product in (*PRODUCTS, ""):
            reason = text_of(row["reason"]) or "no reason is known"
            yield Cell(text_of(row["folder"])), Cell(product or "not known"), Cell(reason)


def _run_cell(run: RunData) -> Cell:
    return Cell(run.run_id, link=Link("artifacts", {"run": run.key}, run.run_id))


def _matrix(pairs: Sequence[Pair]) -> Table:
    """Return every product against every incumbent: the lead by each measure, and the verdict."""
    rows = []
    for pair in pairs:
        run = pair.run
        sides = (
            loss_sides(run, GATING_LOSS),
            local_sides(run),
            loss_sides(run, OBJECTIVE),
            loss_sides(run, GATING_LOSS, "held_out"),
        )
        ratio = run.cell("runtime", "/median_ratio", "ratio") if run else Cell(NOTHING)
        rows.append(
            (
                Cell(pair.title),
                _run_cell(run) if run else Cell("no run"),
                *(lead_of(run, each) for each in sides),
                ratio,
                _verdict(run),
            )
        )
    below = "Candidate less incumbent; below 0 is better."
    columns = (
        Column("Comparison"),
        Column("Newest run"),
        Column("Broad loss", True, below),
        Column("Local loss", True, below),
        Column("PE's objective", True, below),
        Column("Held-out loss", True, below),
        Column("Runtime ratio", True, "Candidate over incumbent, the whole file."),
        Column("Verdict"),
    )
    note = (
        f"Losses: {below} PE's objective is formed on the targets that the run keeps; clause 2 "
        "below says whether they are the incumbent's own."
    )
    return Table("Comparisons", columns, tuple(rows), note)


def _verdict(run: RunData | None) -> Cell:
    """Return the verdict on becoming the default; a demonstration is never called ready."""
    if run is None or not run.has("gate_results"):
        return Cell("unmeasured", status="unmeasured")
    cell = run.cell("gate_results", "/verdicts/default/verdict")
    if not run.get("gate_results", "/demonstration"):
        return replace(cell, text=listed_verdict(cell.text, demonstration=False))
    text = listed_verdict(cell.text, demonstration=True)
    rule = f"gate_results: verdict {cell.text or 'not given'}, and the run is a demonstration"
    return Cell(text, raw=text, rule=rule)


def _comparison(pair: Pair) -> Section:
    """Return both sides of every measure of one comparison."""
    run = pair.run
    if run is None:
        return Section(pair.title, ())
    rows = [row_of(run, label, sides, "loss") for label, sides in measures(run)]
    rows += [
        row_of(run, label, (run.cell(record, at, unit) for record in SIDE_RECORDS), unit)
        for label, (at, unit) in _SIZES.items()
    ]
    if run.has("runtime"):
        rows += [
            row_of(run, f"Median {label} of the benchmark run", spread(run, key, "median"), unit)
            for label, key, unit in (
                ("seconds", "total_s", "seconds"),
                ("peak memory", "peak_rss_gb", "gigabytes"),
            )
        ]
    sizes = (
        run.cell("storage", "/h5/stored_bytes", "bytes"),
        run.cell("baseline", "/pins/h5_size_bytes", "bytes"),
    )
    rows.append(row_of(run, "H5 on disk", sizes, "bytes"))
    links = [Link(page, {"run": run.key}, page) for page in ("targets", "microsim", "artifacts")]
    return Section(pair.title, (compared("Both sides", rows), Links(tuple(links))), open=False)


def _missing(pairs: Sequence[Pair]) -> Table:
    rows = tuple(
        (Cell(pair.title), Cell(item), Cell(what))
        for pair in pairs
        for item, what in missing_of(pair)
    )
    columns = (Column("Comparison"), Column("What is missing"), Column("What to do"))
    return Table("Missing records", columns, rows)


def _other_runs(candidates: Sequence[RunData], runs: pd.DataFrame) -> Iterator[Section]:
    """Yield the local runs, those against other incumbents too, and how many more there are."""
    if not candidates:
        return
    rows = tuple(
        (
            _run_cell(run),
            Cell(run.product),
            Cell(INCUMBENTS.get(incumbent_of(run), incumbent_of(run) or "not stated")),
            Cell(run.state),
            _verdict(run),
            Cell(judged_at(run) or NOTHING),
        )
        for run in sorted(candidates, key=judged_at, reverse=True)
    )
    columns = (
        Column("Run"),
        Column("Product"),
        Column("Incumbent"),
        Column("State"),
        Column("Verdict"),
        Column("Judged at"),
    )
    note = "Only comparisons with PE small-L0 and big-L0 count for the gates above."
    left = len(wanted(runs)) - len(rows)
    if left > 0:
        note = f"{left} more are on the page of all runs. {note}"
    yield Section("Local runs", (Table("Local runs", columns, rows, note),), open=False)
