"""Near misses, what changed since the previous candidate, and the plan's clauses one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from dashboard.blocks import Block, Cell, Column, Link, Links, Notice, Prose, Section, Status, Table
from dashboard.run_data import RunData
from dashboard.units import words
from dashboard.views.compare_facts import COMPARABLE, OF_GATES, Pair
from dashboard.views.gate_charts import ERRORS
from dashboard.views.microsim_rules import is_blunt
from dashboard.views.verdicts import (
    CLAUSES,
    GROUPS,
    PASSING,
    RESULTS,
    GateRow,
    clause_of,
    gate_limit,
    gate_margin,
    gate_name,
    gate_rows,
    gate_status,
    gate_value,
    left_to_limit,
)

SHOWN = 10
BEYOND = "Gates beyond the plan's ten"
_Two = tuple[GateRow | None, GateRow | None]
_COUNTED = ("pass", "fail", "error", "unmeasured", "waived", "not_applicable")


def clause_table(run: RunData, stage: str, rows: list[GateRow]) -> Table:
    """Return for each of the plan's national release gates how many of its gates pass or not."""
    columns = (
        Column("Clause of the plan"),
        Column(f"Stage {stage}"),
        *(Column(words(each), numeric=True) for each in _COUNTED),
    )
    names = (*CLAUSES, BEYOND)
    by_clause = {
        name: [row for row in rows if (clause_of(row.gate) or BEYOND) == name] for name in names
    }
    left_out = {_clause_of_id(each) for each in run.get(RESULTS, "/deselected") or ()}
    lines = tuple(
        _clause(run, name, mine, left_out=name in left_out) for name, mine in by_clause.items()
    )
    return Table("The plan's national release gates", columns, lines)


def _clause_of_id(gate: str) -> str:
    """Return the clause of a gate that was left out, of which a run keeps the id only."""
    title = GROUPS.get(gate.partition(".")[0], "")
    return title if title in CLAUSES else BEYOND


def _clause(run: RunData, name: str, rows: list[GateRow], *, left_out: bool) -> tuple[Cell, ...]:
    counts = Counter(str(row.status) for row in rows)
    numbers = (
        run.derived(counts[each], "number", f"gates of this clause with status {each}")
        for each in _COUNTED
    )
    return (Cell(name), _stands(rows, left_out=left_out), *numbers)


def _stands(rows: list[GateRow], *, left_out: bool) -> Cell:
    """Return how a clause stands: by the worst of its gates that block the stage.

    One of which gates were left out does not pass by the others.
    """
    found = {row.status for row in rows if row.at["blocking"]}
    if left_out and found and found <= PASSING:
        return Cell("not all judged", status="unmeasured")
    if not found:
        said = "does not block this stage" if rows else "not judged in this run"
        return Cell(said, status=None if rows else "unmeasured")
    order: tuple[Status, ...] = ("error", "fail", "unmeasured", "waived", "pass", "not_applicable")
    worst = next(each for each in order if each in found)
    return Cell(words(worst), status=worst)


def near_misses(run: RunData, rows: list[GateRow]) -> Section:
    """Return the passing gates with least left to their limit, all that noise could tip, and the
    passes that say little.
    """
    ranked = sorted(
        ((left, row) for row in rows if (left := left_to_limit(row)) is not None),
        key=lambda pair: (pair[0], pair[1].place),
    )
    unsure = sorted(
        ((size, row) for row in rows if (size := _in_errors(row)) is not None and size <= ERRORS),
        key=lambda pair: (pair[0], pair[1].place),
    )
    tables = (_nearest(run, ranked[:SHOWN]), _unsure(run, unsure), *_blunt(run, rows))
    return Section("Near misses", tables)


def _nearest(run: RunData, ranked: list[tuple[float, GateRow]]) -> Table:
    columns = (Column("Gate"), *_numbers("Value", "Limit", "Margin", "Left of the limit"))
    lines = tuple(
        (
            gate_name(run, row),
            gate_value(run, row),
            gate_limit(run, row),
            gate_margin(run, row),
            run.derived(left, "share", "size of margin / limit"),
        )
        for left, row in ranked
    )
    note = "Only gates whose limit is above 0: of a limit of 0 nothing can be a share."
    return Table("Passing gates, the nearest to their limit first", columns, lines, note)


def _in_errors(row: GateRow) -> float | None:
    """Return how many standard errors lie between value and limit; None where it is not known."""
    margin, error = row.at["margin"], row.gate["standard_error"]
    return abs(margin) / error if error and margin is not None else None


def _unsure(run: RunData, rows: list[tuple[float, GateRow]]) -> Table:
    """Return the gates that another sample could have put on the other side of their limit."""
    numbers = ("Value", "Standard error", "Limit", "Margin", "Margin in standard errors")
    lines = tuple(
        (
            gate_name(run, row),
            gate_status(run, row),
            gate_value(run, row),
            run.cell(RESULTS, f"/gates/{row.place}/standard_error", row.gate["unit"]),
            gate_limit(run, row),
            gate_margin(run, row),
            run.derived(size, "number", "size of margin / standard error"),
        )
        for size, row in rows
    )
    note = (
        "Another sample could have put these on the other side of their limit, whether they pass "
        "or not. Noise is shown; it decides nothing."
    )
    title = "Gates within two standard errors of their limit, the nearest first"
    return Table(title, (Column("Gate"), Column("Status"), *_numbers(*numbers)), lines, note)


def _blunt(run: RunData, rows: list[GateRow]) -> Iterator[Table]:
    """Yield the benchmarks that pass by a tolerance larger than the effect that they compare."""
    found = [
        row
        for row in rows
        if row.status == "pass"
        and row.gate["group"] == "benchmark"
        and is_blunt(run, row.id, row.stage)
    ]
    if not found:
        return
    columns = (Column("Gate"), *_numbers("Value", "Limit", "Incumbent's effect"))
    lines = tuple(
        (
            gate_name(run, row),
            gate_value(run, row),
            gate_limit(run, row),
            run.cell(RESULTS, f"/gates/{row.place}/incumbent", row.part_unit, signed=True),
        )
        for row in found
    )
    note = (
        "The tolerance is larger than the incumbent's whole effect: a candidate could miss most of "
        "that effect and pass."
    )
    yield Table("Passes that say little", columns, lines, note)


def changes_section(
    run: RunData, previous: RunData | None, stage: str, *, is_current: bool = True
) -> Section:
    """Return what changed since the candidate that was published before.

    A run that is not the current candidate is compared with the one that is.
    """
    title = "What changed since the previous candidate"
    if not is_current:
        title = "What differs from the published candidate"
    if previous is None or not previous.has(RESULTS):
        said = "No other candidate is published and indexed, so nothing can be compared."
        return Section(title, (Prose(said),))
    if previous.key == run.key:
        said = "The candidate before is this same run by an earlier verdict, and of a run only the"
        history = "see the history of the published candidate for what that verdict was"
        return Section(title, (Prose(f"{said} newest verdict is read: {history}."),))
    pair, pairs = Pair(previous, run), _paired(run, previous, stage)
    link = Link("compare", {"a": previous.key, "b": run.key}, f"Compare with {previous.run_id}")
    blocks = (*_differing(pair), *_changed(pair, pairs), *_moved(pair, pairs))
    return Section(title, (*blocks, Links((link,))))


def _differing(pair: Pair) -> Iterator[Notice]:
    """Yield what the two runs were judged by that is not the same."""
    if against := pair.differs(COMPARABLE):
        said = f"Not comparable throughout with the run {pair.a.run_id}: {against}"
        yield Notice("warning", f"{said}. A status that rests on it may differ for that alone.")


def _against(pair: Pair, before: GateRow | None, now: GateRow | None) -> str:
    """Return what stands against comparing a gate that both runs measured; empty: nothing."""
    if before is None or now is None or None in (before.gate["value"], now.gate["value"]):
        return ""
    return pair.differs(OF_GATES.get(now.gate["group"], COMPARABLE))


def _paired(run: RunData, previous: RunData, stage: str) -> list[_Two]:
    """Return every gate of either run with its result before and now, in the order of now."""
    now = {row.id: row for row in gate_rows(run, stage)}
    before = {row.id: row for row in gate_rows(previous, stage)}
    return [(before.get(gate), now.get(gate)) for gate in dict.fromkeys([*now, *before])]


def _changed(pair: Pair, pairs: list[_Two]) -> Iterator[Block]:
    """Yield the gates with another status than before: those that no longer pass come first."""
    changed = [
        (before, now) for before, now in pairs if (before and before.status) != (now and now.status)
    ]
    changed.sort(key=lambda two: two[1] is not None and two[1].status in PASSING)
    if not changed:
        yield Prose("No gate has another status than before.")
        return
    columns = (Column("Gate"), Column("Before"), Column("Now"), Column("Finding now"))
    lines = tuple(_change(pair, before, now) for before, now in changed)
    yield Table("Gates with another status", columns, lines)


def _change(pair: Pair, before: GateRow | None, now: GateRow | None) -> tuple[Cell, ...]:
    absent = Cell("not judged")
    if now is not None:
        name, said = gate_name(pair.b, now), pair.b.cell(RESULTS, f"/gates/{now.place}/message")
    else:
        name, said = gate_name(pair.a, before) if before else absent, Cell("")
    was = gate_status(pair.a, before) if before else absent
    return (
        name,
        replace(was, note=_against(pair, before, now)),
        gate_status(pair.b, now) if now else absent,
        said,
    )


def _moved(pair: Pair, pairs: list[_Two]) -> Iterator[Block]:
    """Yield the comparable values that moved most, as a share of their limit."""
    moves = [
        (move, before, now)
        for before, now in pairs
        if before and now and (move := _move(before, now)) and not _against(pair, before, now)
    ]
    moves.sort(key=lambda each: -abs(each[0]))
    if not moves:
        yield Prose("No value has moved that has a limit above 0 and can be compared.")
        return
    columns = (Column("Gate"), *_numbers("Before", "Now", "Limit", "Move, share of the limit"))
    lines = tuple(
        (
            gate_name(pair.b, now),
            gate_value(pair.a, before),
            gate_value(pair.b, now),
            gate_limit(pair.b, now),
            pair.b.derived(move, "share", "(now - before) / limit now", signed=True),
        )
        for move, before, now in moves[:SHOWN]
    )
    yield Table("The largest moves", columns, lines, "Only gates whose limit is above 0.")


def _move(before: GateRow, now: GateRow) -> float:
    """Return how far a value moved as a share of its limit; 0 where that cannot be said."""
    limit, old, new = now.at["limit"], before.gate["value"], now.gate["value"]
    if limit is None or limit <= 0 or old is None or new is None:
        return 0.0
    return float(new - old) / float(limit)


def _numbers(*labels: str) -> tuple[Column, ...]:
    return tuple(Column(label, numeric=True) for label in labels)
