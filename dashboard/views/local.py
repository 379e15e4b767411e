"""The local products against PE's local files: what is measured, what is missing, what to use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING
from dashboard.views.local_gates import local_gates
from dashboard.views.local_pairs import (
    INCUMBENTS,
    OBJECTIVE,
    PRODUCTS,
    Pair,
    incumbent_of,
    judged_at,
    lead_of,
    local_places,
    local_sides,
    loss_sides,
    measures,
    missing_of,
    pairs_of,
)
from dashboard.views.local_places import places
from dashboard.views.lookup import compared, row_of

_FAST = "mp-local-fast"
_EXAMPLE = "3903"  # Ohio, 3rd congressional district


def local_page(candidates: Sequence[RunData], runs: pd.DataFrame) -> Page:
    """Return how far the local products are, per comparison, gate and place.

    `candidates` are all loaded runs of the local products; `runs` is the whole index, of which
    broken local runs are named. Partial records are shown as far as they go.
    """
    pairs = pairs_of(candidates)
    blocks = (
        *_state(candidates, runs),
        Section("Which file to use", tuple(_routing(candidates))),
        Section(
            "mp-local-rich and mp-local-fast against PE small-L0 and big-L0", (_matrix(pairs),)
        ),
        *(_comparison(pair) for pair in pairs if pair.run is not None),
        Section("What is missing, item by item", (_missing(pairs),)),
        Section("Local release gates", (local_gates(pairs),)),
        *places(pairs),
        *_other_runs(candidates),
    )
    lead = "The heavier, locally calibrated products: no analysis may rely on them before release."
    return Page("local", "Local products", lead, blocks)


def _state(candidates: Sequence[RunData], runs: pd.DataFrame) -> Iterator[Block]:
    """Yield whether there is any local run, and the broken ones with the reason."""
    if not candidates:
        yield Notice(
            "empty",
            "There is no run of mp-local-rich or mp-local-fast, so nothing local has been measured "
            "against PE small-L0 or big-L0. Every item that is missing is listed below. Once a "
            "run folder exists, judge it and index it:",
            "mpgate bundle judge RUN --incumbent pe-local-small-l0 && mpgate index --root runs",
        )
    if runs.empty:
        return
    broken = runs[runs["product"].isin(PRODUCTS) & (runs["state"] == "broken")]
    if not broken.empty:
        rows = tuple(
            (Cell(str(row["folder"])), Cell(str(row["product"])), Cell(str(row["reason"])))
            for row in broken.to_dict("records")
        )
        columns = (Column("Run folder"), Column("Product"), Column("What is wrong"))
        yield Table("Local runs that cannot be read", columns, rows)


def usable(candidates: Sequence[RunData]) -> RunData | None:
    """Return the newest mp-local-fast run whose verdict lets it replace a real incumbent."""
    ready = [
        run
        for run in candidates
        if run.product == _FAST
        and run.get("gate_results", "/verdicts/default/verdict") == "ready"
        and run.get("gate_results", "/demonstration") is False
    ]
    return max(ready, key=judged_at, default=None)


def _routing(candidates: Sequence[RunData]) -> Iterator[Block]:
    """Yield which file answers which question, as the plan routes users."""
    run = usable(candidates)
    yield _plain_answer(run)
    missing = "the shard of mp-local-fast is missing today"
    uncalibrated = 'mp-national, labelled "not state-calibrated"'
    if run is None:
        state = f"{uncalibrated}: {missing}"
        district = f"no file of this project: {missing}; never mp-national"
    else:
        state = f"the state's shard of mp-local-fast; without one {uncalibrated}"
        district = "the place's shard of mp-local-fast; without one no file, never mp-national"
    national = "mp-national once it is released (see Readiness), until then its incumbent"
    rows = (
        ("National microsimulation", national),
        (
            "National results by state or demographic group",
            "the same national file, unless weights calibrated locally are asked for",
        ),
        ("Analyses calibrated to a state", state),
        ("Congressional districts and smaller places", district),
        ("Research sweeps, work on targets", "mp-local-rich, for research only"),
    )
    columns = (Column("Question"), Column("File to use today"))
    cells = tuple((Cell(question), Cell(answer)) for question, answer in rows)
    note = "The national file is not calibrated to states (plan: User-facing routing)."
    yield Table("Routing of analyses", columns, cells, note)


def _plain_answer(run: RunData | None) -> Notice:
    """Return what an analyst is told who asks for one congressional district."""
    asked = "Asked about one place, such as Ohio's 3rd congressional district:"
    if run is None:
        return Notice(
            "warning",
            f"{asked} no file of this project is calibrated to it today. Do not use mp-national "
            "for it: its weights are not calibrated to states, let alone to districts. PE's "
            "published local files stay the source of official local figures until mp-local-fast "
            "is released.",
        )
    measured = _EXAMPLE in local_places(run)
    how = "has targets of that district, listed below" if measured else "has no target of it"
    return Notice(
        "info",
        f"{asked} use its shard of mp-local-fast, run {run.run_id}, whose loss record {how}. "
        "Where there is no shard of a place, no file of this project answers the question.",
    )


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
    return Table("Comparisons", columns, tuple(rows), f"Losses: {below}")


def _verdict(run: RunData | None) -> Cell:
    """Return the verdict on becoming the default; a demonstration is called one."""
    if run is None or not run.has("gate_results"):
        return Cell("unmeasured", status="unmeasured")
    shown = "demonstration only" if run.get("gate_results", "/demonstration") else ""
    return run.cell("gate_results", "/verdicts/default/verdict", note=shown)


def _comparison(pair: Pair) -> Section:
    """Return both sides of every measure of one comparison."""
    run = pair.run
    if run is None:
        return Section(pair.title, ())
    rows = [row_of(run, label, sides, "loss") for label, sides in measures(run)]
    if run.has("runtime"):
        peak = (
            run.cell("runtime", pointer("peak_rss_gb", side), "gigabytes")
            for side in ("candidate", "incumbent")
        )
        rows.append(row_of(run, "Peak memory of the benchmark run", peak, "gigabytes"))
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


def _other_runs(candidates: Sequence[RunData]) -> Iterator[Section]:
    """Yield all local runs, those against other incumbents included."""
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
    yield Section("All local runs", (Table("Local runs", columns, rows, note),), open=False)
