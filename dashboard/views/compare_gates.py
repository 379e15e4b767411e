"""Two runs gate by gate: status, value and limit, what changed first."""

from __future__ import annotations

from dashboard.blocks import Block, Cell, Column, Prose, Section, Table
from dashboard.units import NOTHING
from dashboard.views.compare_facts import COMPARABLE, NOT_COMPARABLE, OF_GATES, Pair
from dashboard.views.empty import lacking
from dashboard.views.verdicts import (
    RESULTS,
    GateRow,
    gate_limit,
    gate_name,
    gate_rows,
    gate_status,
    gate_value,
)

_COLUMNS = (
    Column("Gate"),
    Column("Status A"),
    Column("Status B"),
    Column("Value A", numeric=True),
    Column("Value B", numeric=True),
    Column("Change", numeric=True, hint="B - A"),
    Column("Limit A", numeric=True),
    Column("Limit B", numeric=True),
)
_Two = tuple[GateRow | None, GateRow | None]


def gates_section(pair: Pair, stage: str) -> Section:
    """Return every gate of either run at a stage: status changed, value or limit, unchanged."""
    title = f"Gate by gate, stage {stage}"
    absent = [run for run in (pair.a, pair.b) if not run.has(RESULTS, "/gates")]
    if absent:
        return Section(title, tuple(lacking(run, RESULTS, "The gates") for run in absent))
    paired = _paired(pair, stage)
    status = [each for each in paired if _status(each[0]) != _status(each[1])]
    value = [each for each in paired if each not in status and _judged(each[0]) != _judged(each[1])]
    same = [each for each in paired if each not in status and each not in value]
    blocks: list[Block] = [
        Prose(
            f"{len(status)} of {len(paired)} gates changed their status, {len(value)} more their "
            f"value or limit; {len(same)} are unchanged."
        ),
        _table(pair, "Status changed", status),
        _table(pair, "Value or limit changed, status the same", value),
        Section("Unchanged gates", (_table(pair, "Unchanged", same),), open=False),
    ]
    return Section(title, tuple(blocks))


def _paired(pair: Pair, stage: str) -> list[_Two]:
    ours = {row.id: row for row in gate_rows(pair.a, stage)}
    theirs = {row.id: row for row in gate_rows(pair.b, stage)}
    return [(ours.get(gate), theirs.get(gate)) for gate in dict.fromkeys([*ours, *theirs])]


def _status(row: GateRow | None) -> str | None:
    return None if row is None else row.status


def _judged(row: GateRow | None) -> tuple[float | None, float | None] | None:
    return None if row is None else (row.gate["value"], row.at["limit"])


def _table(pair: Pair, title: str, rows: list[_Two]) -> Table:
    return Table(title, _COLUMNS, tuple(_row(pair, *each) for each in rows))


def _row(pair: Pair, ours: GateRow | None, theirs: GateRow | None) -> tuple[Cell, ...]:
    dash, not_judged = Cell(NOTHING), Cell("not judged")
    named = gate_name(pair.b, theirs) if theirs else gate_name(pair.a, ours) if ours else dash
    values = (
        gate_value(pair.a, ours) if ours else dash,
        gate_value(pair.b, theirs) if theirs else dash,
    )
    return (
        named,
        gate_status(pair.a, ours) if ours else not_judged,
        gate_status(pair.b, theirs) if theirs else not_judged,
        *values,
        _change(pair, ours, theirs, *values),
        gate_limit(pair.a, ours) if ours else dash,
        gate_limit(pair.b, theirs) if theirs else dash,
    )


def _change(
    pair: Pair, ours: GateRow | None, theirs: GateRow | None, before: Cell, after: Cell
) -> Cell:
    if ours is None or theirs is None:
        return Cell(NOTHING)
    if ours.gate["unit"] != theirs.gate["unit"]:
        return Cell(NOT_COMPARABLE, note="different units")
    facts = OF_GATES.get(ours.gate["group"], COMPARABLE)
    return pair.change(before, after, ours.gate["unit"], facts)
