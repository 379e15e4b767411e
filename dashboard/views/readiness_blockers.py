"""What stands between a candidate and a stage: what was left out, what blocks, what is waived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dashboard.blocks import Block, Cell, Column, Notice, Table
from dashboard.run_data import RunData
from dashboard.views.empty import JUDGE
from dashboard.views.verdicts import (
    DEMONSTRATION,
    RESULTS,
    GateRow,
    gate_exceptions,
    gate_finding,
    gate_limit,
    gate_name,
    gate_noise,
    gate_status,
    gate_value,
    past_limit,
    worst_first,
)


def blockers(run: RunData, stage: str, rows: list[GateRow]) -> Iterator[Block]:
    """Yield the gates that were left out, those that block, worst first, and what is waived."""
    left_out = run.get(RESULTS, "/deselected") or []
    if left_out:
        said = f"Gates were left out of this run, {left_out[0]} first, {len(left_out)} in all"
        yield Notice("warning", f"{said}: nothing here speaks of them. Judge all gates:", JUDGE)
    if stopping := worst_first(rows):
        yield _blocking(run, stage, stopping)
    elif not left_out:
        yield _nothing(run, stage)
    if waived := [row for row in rows if row.status == "waived"]:
        yield _waived(run, stage, waived)


def _nothing(run: RunData, stage: str) -> Notice:
    """Return the statement that no gate blocks; good news only where a release can follow."""
    if run.get(RESULTS, "/demonstration"):
        said = f"No gate blocks stage {stage}, but it is {DEMONSTRATION}."
        return Notice("warning", f"{said} Nothing can be released on it.")
    return Notice("good", f"Nothing blocks stage {stage}.")


def _blocking(run: RunData, stage: str, stopping: list[GateRow]) -> Table:
    columns = (
        Column("Gate"),
        Column("Status"),
        Column("Past the limit", numeric=True, hint="as a share of the limit"),
        Column("Value", numeric=True),
        Column("Limit", numeric=True),
        Column("Finding, and what to do"),
    )
    lines = tuple(_stopping(run, row) for row in stopping)
    note = (
        "Errors first, then failures, then what is not measured. A limit of 0 tolerates nothing, "
        "and some failures do not rest on the value: both come before failures by a share."
    )
    return Table(f"What blocks stage {stage}, worst first", columns, lines, note)


def _stopping(run: RunData, row: GateRow) -> tuple[Cell, ...]:
    past = run.derived(past_limit(row), "share", "size of margin / limit")
    noise = gate_noise(row).text if row.gate["within_noise"] is not None else ""
    if row.status == "fail" and row.own_reason:
        noise = "does not rest on the value"
    return (
        gate_name(run, row),
        gate_status(run, row),
        replace(past, note=noise),
        gate_value(run, row),
        gate_limit(run, row),
        gate_finding(run, row),
    )


def _waived(run: RunData, stage: str, rows: list[GateRow]) -> Table:
    """Return every failure that a record lets pass, with who answers for it and until when."""
    columns = (
        Column("Gate"),
        Column("Blocks"),
        Column("Value", numeric=True),
        Column("Limit", numeric=True),
        Column("Who answers for it, until when, and why"),
    )
    lines = tuple(
        (
            gate_name(run, row),
            Cell("yes" if row.at["blocking"] else "no"),
            gate_value(run, row),
            gate_limit(run, row),
            replace(said, note=record.text),
        )
        for row in rows
        for record, said in gate_exceptions(run, row)
    )
    judged_on = run.get(RESULTS, "/run/exceptions_judged_on") or "an unknown day"
    note = f"Past their limit and let pass by a record that was valid on {judged_on}."
    return Table(f"Waived at stage {stage}", columns, lines, note)
