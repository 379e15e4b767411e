"""The microsimulation benchmarks of a run: every reform of the frozen suite, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    row_of,
    sides,
    year,
)
from dashboard.views.microsim_charts import tolerance_chart
from dashboard.views.microsim_context import external, published, second_engine
from dashboard.views.microsim_people import people
from dashboard.views.microsim_rules import (
    JUDGED,
    explained_status,
    gate_of,
    is_blunt,
    relative,
    tolerance_of_all,
)
from dashboard.views.verdicts import PASSING

__all__ = ["benchmark_page", "microsim_page"]

_BILLION = 1e9
_NOISE = "The sampling noise of the effects is not measured."


def microsim_page(run: RunData, *, stage: str) -> Page:
    """Return every benchmark of the run's suite: effects, difference, tolerance, gates, people.

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
        *_blunt(run, stage),
        *(_judged(run, measure, stage) for measure in JUDGED),
        people(run),
        *_identities(run, stage),
        Section("Published figures, as context", tuple(published(run)), open=False),
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
    reforms = run.derived(len(run.get("suite", "/benchmarks")), "", "number of suite benchmarks")
    figures = [Figure("reforms in the suite", reforms)]
    if run.has(GATES):
        figures += _statuses(run, stage)
    return Figures(tuple(figures))


def _statuses(run: RunData, stage: str) -> Iterator[Figure]:
    """Yield how many gates have each status, and how many of those that do not pass block."""
    found = [
        gate["stages"][stage]
        for gate in run.get(GATES, "/gates") or ()
        if gate["group"] == "benchmark"
    ]
    rule = "number of benchmark gates with this status"
    for status in ("pass", "fail", "waived", "unmeasured", "error", "not_applicable"):
        those = [each for each in found if each["status"] == status]
        if those or status in ("pass", "fail"):
            count = run.derived(len(those), "", rule)
            stopping = sum(each["blocking"] for each in those)
            against = "" if status in PASSING or not those else f"{stopping} block {stage}"
            yield Figure(f"gates: {words(status)}", count, against)


def _blunt(run: RunData, stage: str) -> Iterator[Notice]:
    """Yield which reforms pass by a tolerance that is larger than the effect itself."""
    names = [
        entry["id"]
        for entry in run.get("suite", "/benchmarks")
        if any(is_blunt(run, gate_of(entry["id"], measure), stage) for measure in JUDGED)
    ]
    if names:
        yield Notice(
            "warning",
            f"Non-discriminating: {', '.join(names)}. There the tolerance is larger than the "
            "incumbent's whole effect, so a pass says little: read the relative difference.",
        )


def _judged(run: RunData, measure: str, stage: str) -> Section:
    """Return one judged measure: chart, and a row per benchmark behind it."""
    title = JUDGED[measure]
    entries: Sequence[Mapping[str, Any]] = run.get("suite", "/benchmarks")
    rows = [_row(run, place, entry, measure, stage) for place, entry in enumerate(entries)]
    points = [
        point
        for entry, row in zip(entries, rows, strict=True)
        for point in _points(run, entry["id"], measure, stage, row)
    ]
    gates = [gate_of(entry["id"], measure) for entry in entries]
    rule = tolerance_of_all(run, gates, stage)
    columns = (
        Column("Reform"),
        Column("Year", True),
        Column("Candidate", True, "Reform less baseline on the candidate."),
        Column("Incumbent", True, "Reform less baseline on the incumbent."),
        Column("Difference", True, "Candidate less incumbent."),
        Column("Relative", True, "The difference as a share of the incumbent's effect."),
        Column("Tolerance", True, rule),
        Column("Status"),
        Column("Gate"),
    )
    sign = "Plus means the government gains." if measure == "fiscal" else "Plus means a gain."
    note = " ".join([sign, rule, *_noise(run, gates)])
    table = Table(f"{title}: effect of each reform", columns, tuple(rows), note)
    if not points:
        return Section(title, (table,))
    description = (
        f"One dot per reform: candidate less incumbent in billions of dollars ({title.lower()}). "
        "The bar is the tolerance around zero: a dot outside it fails unless explained; one inside "
        "fails where the effect has the wrong sign or is next to nothing. An empty bar is a "
        "tolerance larger than the incumbent's whole effect: it tells nothing apart."
    )
    chart = tolerance_chart(points)
    return Section(title, (Chart(f"{title}: difference and tolerance", description, chart, table),))


def _noise(run: RunData, gates: Sequence[str]) -> Iterator[str]:
    if all(gate_number(run, gate, "standard_error").raw is None for gate in gates):
        yield _NOISE


def _row(
    run: RunData, place: int, entry: Mapping[str, Any], measure: str, stage: str
) -> tuple[Cell, ...]:
    ours, theirs = (
        side.cell("delta", measure, unit="usd", signed=True) for side in sides(run, entry["id"])
    )
    gate = gate_of(entry["id"], measure)
    judged = gate_number(run, gate, "delta", unit="usd", signed=True)
    delta = difference(run, ours, theirs, "usd") if judged.raw is None else judged
    page = Link("microsim", {"run": run.key, "benchmark": entry["id"]}, entry["id"])
    return (
        Cell(entry["id"], link=page, note=entry["title"]),
        year(run.cell("suite", pointer("benchmarks", place, "period"))),
        ours,
        theirs,
        delta,
        relative(run, delta, theirs),
        gate_number(run, gate, "stages", stage, "limit", unit="usd"),
        explained_status(run, gate, stage),
        gate_cell(run, gate, stage),
    )


def _points(
    run: RunData, benchmark: str, measure: str, stage: str, row: tuple[Cell, ...]
) -> Iterator[dict[str, Any]]:
    """Yield what the chart draws of a row, in $bn; nothing where there is no difference."""
    delta, limit, status = row[4].raw, row[6].raw, row[7].status
    if isinstance(delta, int | float):
        yield {
            "benchmark": benchmark,
            "difference": delta / _BILLION,
            "limit": limit / _BILLION if isinstance(limit, int | float) else None,
            "blunt": is_blunt(run, gate_of(benchmark, measure), stage),
            "status": status or "unmeasured",
        }


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
        gate = gate_of(entry["id"], "identity")
        status = (Cell("Status"), explained_status(run, gate, stage), Cell("–"), Cell("–"))
        note = "The cost of a flat transfer is known: everybody in the file gets the same amount."
        table = compared(f"{entry['title']}: identity", (*rows, status), note=note)
        yield Section("Identity", (table, *gate_links(run, gate, stage)))
