"""Where a view finds things in the records of one run: gates by id, benchmarks by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dashboard.blocks import Cell, Column, Link, Links, Notice, Table
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, words

GATES = "gate_results"
SIDE_RECORDS = {"evidence": "Candidate", "incumbent_evidence": "Incumbent"}
DIFFERENCE = "candidate - incumbent"
POINTS = "percentage points"
JUDGE = "mpgate bundle judge RUN --incumbent BASELINE"
BUILD = "mpgate build national --out RUN --judge BASELINE"
# What judging a sealed run makes again; all else of it is sealed as it was built and measured.
_OF_THE_VERDICT = frozenset({GATES, "bundle_check", "policy", "seal"})


@dataclass(frozen=True)
class Side:
    """What one file, candidate or incumbent, says of one benchmark.

    `place` is the benchmark's place in its evidence; None where that holds no such benchmark.
    """

    run: RunData
    record: str
    label: str
    place: int | None

    def at(self, *parts: str | int) -> str:
        """Return the JSON pointer of a part of the benchmark's entry."""
        return pointer("benchmarks", -1 if self.place is None else self.place, *parts)

    def get(self, *parts: str | int) -> Any:
        """Return what stands at a part of the entry; None where nothing does."""
        return None if self.place is None else self.run.get(self.record, self.at(*parts))

    def cell(self, *parts: str | int, unit: str = "", signed: bool = False) -> Cell:
        """Return a value of the entry with its source; a dash where nothing is."""
        if self.place is None:
            return Cell(NOTHING)
        return self.run.cell(self.record, self.at(*parts), unit, signed=signed)


def sides(run: RunData, benchmark: str) -> tuple[Side, Side]:
    """Return candidate and incumbent of a benchmark, in this order."""
    found = [
        Side(run, record, label, place_of(run.get(record, "/benchmarks"), benchmark))
        for record, label in SIDE_RECORDS.items()
    ]
    return found[0], found[1]


def place_of(entries: Iterable[Any] | None, wanted: str, key: str = "id") -> int | None:
    """Return the place of the first entry whose `key` is the one wanted; None without any."""
    for place, entry in enumerate(entries or ()):
        if entry[key] == wanted:
            return place
    return None


def gate_at(run: RunData, gate: str, *parts: str | int) -> str | None:
    """Return the JSON pointer of a part of a gate's result; None where it was not judged."""
    place = place_of(run.get(GATES, "/gates"), gate)
    return None if place is None else pointer("gates", place, *parts)


def gate_link(run: RunData, gate: str, stage: str, text: str = "") -> Link:
    """Return the link to a gate's own page."""
    return Link("gate", {"run": run.key, "gate": gate, "stage": stage}, text or gate)


def gate_links(run: RunData, gate: str, stage: str) -> Iterator[Links]:
    """Yield the link to a gate's page on a line of its own; nothing where it was not judged."""
    if gate_at(run, gate) is not None:
        yield Links((gate_link(run, gate, stage),))


def gate_status(run: RunData, gate: str, stage: str) -> Cell:
    """Return a gate's status at a stage in words."""
    at = gate_at(run, gate, "stages", stage, "status")
    if at is None:
        return Cell("not judged")
    found = run.cell(GATES, at)
    return replace(found, text=words(found.text), status=run.get(GATES, at))


def gate_cell(run: RunData, gate: str, stage: str) -> Cell:
    """Return a gate's id with the link to its page; `not judged` where there is no such gate."""
    known = gate_at(run, gate) is not None
    return Cell(gate, link=gate_link(run, gate, stage) if known else None)


def gate_number(
    run: RunData, gate: str, *parts: str | int, unit: str = "", signed: bool = False
) -> Cell:
    """Return a number of a gate's result with its source; a dash where there is none."""
    at = gate_at(run, gate, *parts)
    return Cell(NOTHING) if at is None else run.cell(GATES, at, unit, signed=signed)


def difference(run: RunData, ours: Cell, theirs: Cell, unit: str) -> Cell:
    """Return candidate less incumbent of two shown numbers; a dash where one is absent.

    Shares differ by percentage points.
    """
    if not isinstance(ours.raw, int | float) or not isinstance(theirs.raw, int | float):
        return Cell(NOTHING)
    found = ours.raw - theirs.raw
    if unit == "share":
        return run.derived(100 * found, POINTS, f"100 * ({DIFFERENCE})", signed=True)
    return run.derived(found, unit, DIFFERENCE, signed=True)


def row_of(run: RunData, label: str, pair: Iterable[Cell], unit: str) -> tuple[Cell, ...]:
    """Return a row of `compared`: the label, candidate, incumbent, and their difference."""
    ours, theirs = pair
    return Cell(label), ours, theirs, difference(run, ours, theirs, unit)


def year(cell: Cell) -> Cell:
    """Return the cell of a year without a thousands separator."""
    return replace(cell, text=cell.text.replace(",", ""))


def short(cell: Cell, length: int = 12) -> Cell:
    """Return the cell of a hash with its first digits as text and all of it in small print."""
    return cell if cell.raw is None else replace(cell, text=cell.text[:length], note=cell.text)


def compared(title: str, rows: Iterable[tuple[Cell, ...]], *, note: str = "") -> Table:
    """Return a table of what, candidate, incumbent and their difference."""
    columns = (
        Column("What"),
        Column("Candidate", True),
        Column("Incumbent", True),
        Column("Difference", True, "Candidate less incumbent."),
    )
    return Table(title, columns, tuple(rows), note)


def absent(run: RunData, record: str, command: str = JUDGE) -> Notice:
    """Return the statement that a record is not there, why, and what to run.

    What a sealed run lacks is never measured any more (gates.release.run): another run can have it.
    """
    said = f"Not available: {run.why_absent(record)}."
    if run.state == "sealed" and record not in _OF_THE_VERDICT:
        said += " This run is sealed and is never measured again: build into a new run folder."
        command = BUILD if run.product == "mp-national" else ""
    return Notice("empty", said, command)
