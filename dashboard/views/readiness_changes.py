"""Near misses, what changed since the previous candidate, and the plan's clauses one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dashboard.blocks import Block, Cell, Column, Link, Links, Notice, Prose, Section, Status, Table
from dashboard.run_data import RunData
from dashboard.units import words
from dashboard.views.verdicts import (
    CLAUSES,
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
_COUNTED = ("pass", "fail", "error", "unmeasured", "waived", "not_applicable")
# what must be the same in both runs before their gates can be compared
_SAME = {
    "the policy": (RESULTS, "/policy/sha256"),
    "the incumbent": (RESULTS, "/incumbent/sha256"),
}


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
    lines = tuple(_clause(run, name, mine) for name, mine in by_clause.items())
    return Table("The plan's national release gates", columns, lines)


def _clause(run: RunData, name: str, rows: list[GateRow]) -> tuple[Cell, ...]:
    counts = Counter(str(row.status) for row in rows)
    numbers = (
        run.derived(counts[each], "number", f"gates of this clause with status {each}")
        for each in _COUNTED
    )
    return (Cell(name), _stands(rows), *numbers)


def _stands(rows: list[GateRow]) -> Cell:
    """Return how a clause stands: by the worst of its gates that block the stage."""
    found = {row.status for row in rows if row.at["blocking"]}
    if not found:
        said = "does not block this stage" if rows else "not judged in this run"
        return Cell(said, status=None if rows else "unmeasured")
    order: tuple[Status, ...] = ("error", "fail", "unmeasured", "waived", "pass", "not_applicable")
    worst = next(each for each in order if each in found)
    return Cell(words(worst), status=worst)


def near_misses(run: RunData, rows: list[GateRow]) -> Section:
    """Return the passing gates with least left to their limit, and failures inside the noise."""
    ranked = sorted(
        ((left, row) for row in rows if (left := left_to_limit(row)) is not None),
        key=lambda pair: (pair[0], pair[1].place),
    )
    noisy = [row for row in rows if row.status == "fail" and row.gate["within_noise"]]
    blocks: list[Block] = (
        [_nearest(run, ranked[:SHOWN])]
        if ranked
        else [Prose("No passing gate has a limit above 0, so none can be near it.")]
    )
    if noisy:
        blocks.append(_within_noise(run, noisy))
    return Section("Near misses", tuple(blocks))


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
    note = "Only gates whose limit is above 0; where it is 0, a pass has nothing to spare."
    return Table("Passing gates, the nearest to their limit first", columns, lines, note)


def _within_noise(run: RunData, rows: list[GateRow]) -> Table:
    columns = (Column("Gate"), *_numbers("Value", "Standard error", "Limit", "Margin"))
    lines = tuple(
        (
            gate_name(run, row),
            gate_value(run, row),
            run.cell(RESULTS, f"/gates/{row.place}/standard_error", row.gate["unit"]),
            gate_limit(run, row),
            gate_margin(run, row),
        )
        for row in rows
    )
    note = (
        "No more than two standard errors from no difference. Noise is shown; it decides nothing."
    )
    return Table("Failing gates whose difference is within noise", columns, lines, note)


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
    link = Link("compare", {"a": previous.key, "b": run.key}, f"Compare with {previous.run_id}")
    if differing := tuple(_differing(run, previous)):
        return Section(title, (*differing, Links((link,))))
    pairs = _paired(run, previous, stage)
    return Section(
        title, (*_changed(run, previous, pairs), *_moved(run, previous, pairs), Links((link,)))
    )


def _differing(run: RunData, previous: RunData) -> Iterator[Notice]:
    """Yield what the two runs were judged by that is not the same."""
    for what, (record, at) in _SAME.items():
        now, before = run.get(record, at), previous.get(record, at)
        if now != before or now is None:
            said = f"Not comparable gate by gate: {what} is another one than that of the run"
            yield Notice("warning", f"{said} {previous.run_id}.")


Pair = tuple[GateRow | None, GateRow | None]


def _paired(run: RunData, previous: RunData, stage: str) -> list[Pair]:
    """Return every gate of either run with its result before and now, in the order of now."""
    now = {row.id: row for row in gate_rows(run, stage)}
    before = {row.id: row for row in gate_rows(previous, stage)}
    return [(before.get(gate), now.get(gate)) for gate in dict.fromkeys([*now, *before])]


def _changed(run: RunData, previous: RunData, pairs: list[Pair]) -> Iterator[Block]:
    """Yield the gates with another status than before: those that no longer pass come first."""
    changed = [
        (before, now) for before, now in pairs if (before and before.status) != (now and now.status)
    ]
    changed.sort(key=lambda pair: pair[1] is not None and pair[1].status in PASSING)
    if not changed:
        yield Prose("No gate has another status than before.")
        return
    columns = (Column("Gate"), Column("Before"), Column("Now"), Column("Finding now"))
    lines = tuple(_change(run, previous, before, now) for before, now in changed)
    yield Table("Gates with another status", columns, lines)


def _change(
    run: RunData, previous: RunData, before: GateRow | None, now: GateRow | None
) -> tuple[Cell, ...]:
    absent = Cell("not judged")
    if now is not None:
        name, said = gate_name(run, now), run.cell(RESULTS, f"/gates/{now.place}/message")
    else:
        name, said = gate_name(previous, before) if before else absent, Cell("")
    return (
        name,
        gate_status(previous, before) if before else absent,
        gate_status(run, now) if now else absent,
        said,
    )


def _moved(run: RunData, previous: RunData, pairs: list[Pair]) -> Iterator[Block]:
    """Yield the values that moved most, as a share of their limit."""
    moves = [
        (move, before, now)
        for before, now in pairs
        if before and now and (move := _move(before, now))
    ]
    moves.sort(key=lambda each: -abs(each[0]))
    if not moves:
        yield Prose("No value with a limit above 0 has moved.")
        return
    columns = (Column("Gate"), *_numbers("Before", "Now", "Limit", "Move, share of the limit"))
    lines = tuple(
        (
            gate_name(run, now),
            gate_value(previous, before),
            gate_value(run, now),
            gate_limit(run, now),
            run.derived(move, "share", "(now - before) / limit now", signed=True),
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
