"""The list of a run's targets: what was asked for, one page of it, the way on, all of it as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dashboard.blocks import Block, Cell, Column, Download, Link, Links, Notice, Prose, Table
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING
from dashboard.views.states import place_name
from dashboard.views.target_filters import (
    NATIONAL,
    ROLES,
    TargetFilters,
    asked,
    file_name,
    filtered,
    gate_rows,
    id_cell,
    on_page,
    page_links,
    page_of,
    target_cell,
    unit_of,
    wins_first,
    word_cell,
)

_SLUG = "targets"


def listed(run: RunData, frame: pd.DataFrame, filters: TargetFilters) -> Iterator[Block]:
    """Yield the filtered targets: how many, one page of them, the way on, and all as a file."""
    parts = _gate_parts(run, filters.gate)
    rows = _ordered(filtered(run, frame, filters), parts, ascending=wins_first(filters))
    page, pages = page_of(len(rows), filters.page)
    chosen = filters.chosen()
    yield Prose(f"{len(rows):,} of {len(frame):,} targets{asked(chosen)}. Page {page} of {pages}.")
    if filters.gate:
        yield from _about_gate(run, filters.gate, frame)
    if chosen:
        yield Links((Link(_SLUG, {"run": run.key}, "All targets, without filters"),))
    yield _targets_table(run, on_page(rows, page), parts, wins=wins_first(filters))
    yield from page_links(_SLUG, {"run": run.key, **chosen}, page, pages)
    name = file_name("targets", run, chosen)
    yield Download(f"These {len(rows):,} targets as CSV", name, _with_parts(rows, parts))


def _about_gate(run: RunData, gate: str, frame: pd.DataFrame) -> Iterator[Block]:
    kind, _, name = gate.partition(".")
    plural = {"family": "families", "aggregate": "aggregates"}.get(kind, "")
    basis = run.get("loss", pointer(plural, name, "basis")) if plural else None
    if basis == "incumbent_estimate":
        yield Notice(
            "info",
            f"The gate {gate} is judged against the incumbent's own estimate: no published target "
            "exists for it, so it has no row here.",
        )
    elif not gate_rows(run, gate, frame).any():
        yield Notice("info", f"The gate {gate} is judged on no target of this run.")
    yield Links((Link("gate", {"run": run.key, "gate": gate}, f"Gate {gate}"),))


@dataclass(frozen=True)
class _GatePart:
    """A target's part of a family gate's difference, and where the record holds it."""

    value: float
    at: str


def _gate_parts(run: RunData, gate: str) -> dict[str, _GatePart]:
    """Return the parts of a family gate's difference by target; none for other gates.

    They add up to the gate's own difference, which is not the loss's.
    """
    kind, _, name = gate.partition(".")
    if kind != "family":
        return {}
    at = ("families", name, "contributors")
    return {
        each["name"]: _GatePart(each["value"], pointer(*at, place, "value"))
        for place, each in enumerate(run.get("loss", pointer(*at)) or [])
    }


def _ordered(rows: pd.DataFrame, parts: dict[str, _GatePart], *, ascending: bool) -> pd.DataFrame:
    """Return the rows by their part of a family gate; as they are for other gates."""
    if not parts or rows.empty:
        return rows
    values = _values(rows, parts)
    return rows.loc[values.sort_values(ascending=ascending, kind="stable").index]


def _with_parts(rows: pd.DataFrame, parts: dict[str, _GatePart]) -> pd.DataFrame:
    """Return the rows with their parts of a family gate, where one is asked for."""
    return rows.assign(part_of_gate=_values(rows, parts)) if parts else rows


def _values(rows: pd.DataFrame, parts: dict[str, _GatePart]) -> pd.Series[float]:
    values = {name: part.value for name, part in parts.items()}
    return rows["target_id"].map(values).astype(float)


def _targets_table(
    run: RunData, rows: pd.DataFrame, parts: dict[str, _GatePart], *, wins: bool
) -> Table:
    part = Column("Part of the gate's difference", True, "adds up to the gate's difference")
    moves = f"{'lower' if wins else 'raise'} the {'gate' if parts else 'loss'}"
    return Table(
        f"Targets, those that {moves} most first",
        (_COLUMNS[0], part, *_COLUMNS[1:]) if parts else _COLUMNS,
        tuple(_row(run, int(str(place)), parts) for place in rows.index),
        note="Errors are relative to the target: 10 % means that it is missed by a tenth. Held-out "
        "targets may not be calibrated to.",
    )


_COLUMNS = (
    Column("Target"),
    Column("Family"),
    Column("Source"),
    Column("Geography"),
    Column("Role", hint="held-out targets may not be calibrated to"),
    Column("Target value", numeric=True),
    Column("Candidate", numeric=True),
    Column("Incumbent", numeric=True),
    Column("Candidate error", numeric=True),
    Column("Incumbent error", numeric=True),
    Column("Part of the loss difference", numeric=True, hint="+ is worse for the candidate"),
    Column("Closer"),
)


def _row(run: RunData, place: int, parts: dict[str, _GatePart]) -> tuple[Cell, ...]:
    unit = unit_of(run.get("loss", pointer("targets", place, "unit")))
    cells = (
        id_cell(run, place),
        word_cell(run, place, "family"),
        word_cell(run, place, "source"),
        _geography_cell(run, place),
        word_cell(run, place, "role", ROLES),
        *(target_cell(run, place, name, unit=unit) for name in ("target", *_ESTIMATES)),
        *(target_cell(run, place, f"{name}_error", unit="share") for name in _ESTIMATES),
        target_cell(run, place, "contribution", signed=True, unit="loss"),
        word_cell(run, place, "winner"),
    )
    if not parts:
        return cells
    found = parts.get(run.get("loss", pointer("targets", place, "target_id")))
    part = Cell(NOTHING) if found is None else run.cell("loss", found.at, "loss", signed=True)
    return (cells[0], part, *cells[1:])


_ESTIMATES = ("candidate", "incumbent")


def _geography_cell(run: RunData, place: int) -> Cell:
    """Return a target's geography by name; the record's id stays behind it."""
    cell = word_cell(run, place, "geography_id")
    name = place_name(cell.text)
    return Cell(name, cell.raw, cell.source, note="" if cell.text == NATIONAL else cell.text)
