"""The microsimulation benchmarks of a run: every reform of the frozen suite, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Figure,
    Figures,
    Link,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.benchmark import benchmark_page
from dashboard.views.lookup import (
    GATES,
    absent,
    compared,
    difference,
    gate_cell,
    gate_links,
    gate_number,
    gate_status,
    row_of,
    sides,
    year,
)
from dashboard.views.microsim_charts import tolerance_chart
from dashboard.views.microsim_context import external, second_engine

__all__ = ["benchmark_page", "microsim_page"]

_BILLION = 1e9
# The measures that the plan judges, as the gates name them.
JUDGED = {"fiscal": "Budget", "household_net_income": "Household net income"}
_TOLERANCE = "5 % of the incumbent's effect or $5bn, whichever is larger (plan: Microsimulation)."


def microsim_page(run: RunData, *, stage: str) -> Page:
    """Return every benchmark of the run's suite: effects, difference, tolerance, gates.

    `stage` (beta or default) decides which limits and statuses are shown.
    """
    lead = (
        "What each reform of the frozen suite costs on the candidate and on the incumbent, and "
        "whether the difference stays within the tolerance."
    )
    if not run.has("suite"):
        blocks: tuple[Block, ...] = (absent(run, "suite"),)
        return Page("microsim", "Microsimulation benchmarks", lead, blocks)
    blocks = (
        *_missing(run),
        _headline(run, stage),
        *(_judged(run, measure, stage) for measure in JUDGED),
        *_identities(run, stage),
        Section("External benchmark by Tara Watson", tuple(external(run, stage))),
        Section("Second engine on the same tax units", tuple(second_engine(run, stage))),
    )
    return Page("microsim", "Microsimulation benchmarks", lead, blocks)


def _missing(run: RunData) -> Iterator[Notice]:
    for record in ("evidence", "incumbent_evidence", GATES):
        if not run.has(record):
            yield absent(run, record)


def _headline(run: RunData, stage: str) -> Figures:
    """Return how many gates of the suite have each status at this stage."""
    found = [
        run.get(GATES, pointer("gates", place, "stages", stage, "status"))
        for place, gate in enumerate(run.get(GATES, "/gates") or ())
        if gate["group"] == "benchmark"
    ]
    rule = "number of benchmark gates with this status"
    figures = [
        Figure(f"gates: {words(status)}", run.derived(found.count(status), "", rule))
        for status in ("pass", "fail", "waived", "unmeasured", "error", "not_applicable")
        if status in found or status in ("pass", "fail")
    ]
    reforms = run.derived(len(run.get("suite", "/benchmarks")), "", "number of suite benchmarks")
    return Figures((Figure("reforms in the suite", reforms), *figures))


def _judged(run: RunData, measure: str, stage: str) -> Section:
    """Return one judged measure: chart, and a row per benchmark behind it."""
    title = JUDGED[measure]
    rows, points = [], []
    for place, entry in enumerate(run.get("suite", "/benchmarks")):
        row = _row(run, place, entry, measure, stage)
        rows.append(row)
        delta, limit, status = row[4].raw, row[5].raw, row[6].status
        if isinstance(delta, int | float):
            bound = limit / _BILLION if isinstance(limit, int | float) else None
            point = {"benchmark": entry["id"], "difference": delta / _BILLION, "limit": bound}
            points.append({**point, "status": status or "unmeasured"})
    columns = (
        Column("Reform"),
        Column("Year", True),
        Column("Candidate", True, "Reform less baseline on the candidate."),
        Column("Incumbent", True, "Reform less baseline on the incumbent."),
        Column("Difference", True, "Candidate less incumbent."),
        Column("Tolerance", True, _TOLERANCE),
        Column("Status"),
        Column("Gate"),
    )
    sign = "Plus means the government gains." if measure == "fiscal" else "Plus means a gain."
    table = Table(f"{title}: effect of each reform", columns, tuple(rows), f"{sign} {_TOLERANCE}")
    if not points:
        return Section(title, (table,))
    description = (
        f"One dot per reform: candidate less incumbent in billions of dollars ({title.lower()}). "
        "The grey bar is the tolerance around zero: a dot outside it fails unless explained."
    )
    chart = tolerance_chart(points)
    return Section(title, (Chart(f"{title}: difference and tolerance", description, chart, table),))


def _row(
    run: RunData, place: int, entry: Mapping[str, Any], measure: str, stage: str
) -> tuple[Cell, ...]:
    ours, theirs = (
        side.cell("delta", measure, unit="usd", signed=True) for side in sides(run, entry["id"])
    )
    gate = f"benchmark.{entry['id']}.{measure}"
    judged = gate_number(run, gate, "delta", unit="usd", signed=True)
    page = Link("microsim", {"run": run.key, "benchmark": entry["id"]}, entry["id"])
    return (
        Cell(entry["id"], link=page, note=entry["title"]),
        year(run.cell("suite", pointer("benchmarks", place, "period"))),
        ours,
        theirs,
        difference(run, ours, theirs, "usd") if judged.raw is None else judged,
        gate_number(run, gate, "stages", stage, "limit", unit="usd"),
        gate_status(run, gate, stage),
        gate_cell(run, gate, stage),
    )


def _identities(run: RunData, stage: str) -> Iterator[Section]:
    """Yield the benchmarks whose cost is known beforehand: people times an amount."""
    for entry in run.get("suite", "/benchmarks"):
        if "identity" not in entry:
            continue
        pair = sides(run, entry["id"])
        rows = []
        for label, part, unit in (
            ("People in the file", "population", "persons"),
            ("Cost that follows from it", "expected", "usd"),
            ("Cost that was measured", "measured", "usd"),
            ("Relative difference", "relative_difference", "share"),
        ):
            cells = (side.cell("identity", part, unit=unit) for side in pair)
            rows.append(row_of(run, label, cells, unit))
        gate = f"benchmark.{entry['id']}.identity"
        status = (Cell("Status"), gate_status(run, gate, stage), Cell("–"), Cell("–"))
        note = "The cost of a flat transfer is known: everybody in the file gets the same amount."
        table = compared(f"{entry['title']}: identity", (*rows, status), note=note)
        yield Section("Identity", (table, *gate_links(run, gate, stage)))
