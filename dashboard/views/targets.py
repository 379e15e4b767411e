"""Candidate, incumbent and published target: the loss, where it comes from, and every target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Download,
    Figure,
    Figures,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
)
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING, shown
from dashboard.views.empty import lacks_record_page
from dashboard.views.state_map import place_name
from dashboard.views.target import target_page
from dashboard.views.target_filters import (
    NATIONAL,
    ROLES,
    TargetFilters,
    difference_cell,
    filtered,
    gate_rows,
    id_cell,
    on_page,
    page_links,
    page_of,
    target_cell,
    target_frame,
    target_options,
    unit_of,
    word_cell,
)
from dashboard.views.target_parts import part_sections

__all__ = ["TargetFilters", "target_options", "target_page", "targets_page"]

SLUG, TITLE = "targets", "Targets"
# From here on a handful of rows decides the loss, whatever the others do.
_HEAVY = 0.5
_DIFFERENCE = "candidate - incumbent"


def targets_page(run: RunData, filters: TargetFilters) -> Page:
    """Return the page of a run's targets; what was asked for comes first."""
    if not run.has("loss", "/targets"):
        return lacks_record_page(run, "loss", SLUG, TITLE, "Targets")
    frame = target_frame(run)
    table = Section("All targets", tuple(_listed(run, frame, filters)))
    overview = (Section("Loss", tuple(_headline(run))), *part_sections(run, frame))
    blocks = (table, *overview) if filters.chosen() or filters.page > 1 else (*overview, table)
    return Page(
        SLUG,
        TITLE,
        f"Run {run.run_id}: how near candidate and incumbent come to the published figures, "
        "on the targets that both were measured on. Lower loss is better.",
        blocks,
    )


def _headline(run: RunData) -> Iterator[Block]:
    yield from _notices(run)
    loss = pointer("losses", GATING_LOSS)
    yield Figures(
        (
            _figure(run, "Broad loss", f"{loss}/candidate", f"{loss}/incumbent", "loss"),
            Figure("Targets won", run.cell("loss", "/wins"), "the candidate is closer"),
            Figure("Targets lost", run.cell("loss", "/losses_count"), "the incumbent is closer"),
            Figure("Ties", run.cell("loss", "/ties"), "equal errors"),
            _figure(run, "Median error", *_sides("/median_error"), "share"),
            _figure(run, "Within 10 %", *_sides("/share_within_10pct"), "share"),
            _figure(
                run, "Held-out loss", f"{loss}/held_out/candidate", f"{loss}/held_out/incumbent",
                "loss",
            ),
        )
    )  # fmt: skip
    yield _measures(run)


def _sides(at: str) -> tuple[str, str]:
    return f"{at}/candidate", f"{at}/incumbent"


def _figure(run: RunData, label: str, ours: str, theirs: str, unit: str) -> Figure:
    against = run.cell("loss", theirs, unit).text
    return Figure(label, run.cell("loss", ours, unit), f"incumbent {against}")


def _measures(run: RunData) -> Table:
    loss = pointer("losses", GATING_LOSS)
    rows = [
        _measure(run, "Broad loss", loss, "loss"),
        _measure(run, "Held-out loss", f"{loss}/held_out", "loss"),
        _measure(run, "Loss on the targets it may be calibrated to", f"{loss}/train", "loss"),
        _measure(run, "Median error", "/median_error", "share"),
        _measure(run, "90th percentile of the errors", "/p90_error", "share"),
        _measure(run, "Targets missed by at most 10 %", "/share_within_10pct", "share"),
        _measure(run, "Share of the loss in its ten largest rows", "/top_10_share", "share"),
    ]
    columns = (
        Column("Measure"),
        Column("Candidate", numeric=True),
        Column("Incumbent", numeric=True),
        Column("Difference", numeric=True, hint=_DIFFERENCE),
        Column("Standard error", numeric=True, hint="of the difference; a dash: not measured"),
    )
    note = run.get("loss", "/noise/reason")
    return Table(
        "Candidate against incumbent",
        columns,
        tuple(rows),
        note=f"No standard errors: {note}." if note else "",
    )


def _measure(run: RunData, label: str, at: str, unit: str) -> tuple[Cell, ...]:
    ours, theirs = (run.cell("loss", each, unit) for each in _sides(at))
    delta = run.cell("loss", f"{at}/delta", unit, signed=True)
    pair = (ours.raw, theirs.raw)
    if delta.raw is None and all(isinstance(each, int | float) for each in pair):
        value = run.get("loss", f"{at}/candidate") - run.get("loss", f"{at}/incumbent")
        delta = difference_cell(run, value, unit, _DIFFERENCE)
    return Cell(label), ours, theirs, delta, run.cell("loss", f"{at}/standard_error", unit)


def _notices(run: RunData) -> Iterator[Notice]:
    """Yield what puts the headline into proportion."""
    loss = run.get("loss", pointer("losses", GATING_LOSS)) or {}
    wins, losses = run.get("loss", "/wins"), run.get("loss", "/losses_count")
    if run.get("loss", "/headline_agrees") is False:
        better = "lower" if loss["delta"] < 0 else "higher"
        yield Notice(
            "warning",
            f"The headline and the win count disagree: the candidate's loss is {better} than the "
            f"incumbent's, yet it is closer on {wins:,} targets and farther on {losses:,}. "
            "Look at the targets that carry the most before you rely on either.",
        )
    held = loss.get("held_out")
    if held and loss["delta"] < 0 < held["delta"]:
        yield Notice(
            "bad",
            "The candidate is worse than the incumbent on the held-out targets: it is better only "
            "on what it may have been calibrated to.",
        )
    for side in ("candidate", "incumbent"):
        share = run.get("loss", f"/top_10_share/{side}")
        if share is not None and share > _HEAVY:
            yield Notice(
                "warning",
                f"Ten rows carry {shown(share, 'share')} of the {side}'s loss: the headline says "
                "little about the other targets.",
            )


def _listed(run: RunData, frame: pd.DataFrame, filters: TargetFilters) -> Iterator[Block]:
    """Yield the filtered targets: how many, one page of them, the way on, and all as a file."""
    parts = _gate_parts(run, filters.gate)
    rows = _ordered(filtered(run, frame, filters), parts)
    page, pages = page_of(len(rows), filters.page)
    chosen = filters.chosen()
    yield Prose(f"{len(rows):,} of {len(frame):,} targets{_asked(chosen)}. Page {page} of {pages}.")
    if filters.gate:
        yield from _about_gate(run, filters.gate, frame)
    if chosen:
        yield Links((Link(SLUG, {"run": run.key}, "All targets, without filters"),))
    yield _targets_table(run, on_page(rows, page), parts)
    yield from page_links(SLUG, {"run": run.key, **chosen}, page, pages)
    yield Download(f"These {len(rows):,} targets as CSV", f"targets-{run.run_id}.csv", rows)


def _asked(chosen: dict[str, str]) -> str:
    asked = (f"{name} “{value}”" for name, value in chosen.items())
    return f" with {', '.join(asked)}" if chosen else ""


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


def _ordered(rows: pd.DataFrame, parts: dict[str, _GatePart]) -> pd.DataFrame:
    """Return the rows with the worst of a family gate first; as they are for other gates."""
    if not parts or rows.empty:
        return rows
    values = {name: part.value for name, part in parts.items()}
    order = rows["target_id"].map(values).sort_values(ascending=False, kind="stable").index
    return rows.loc[order]


def _targets_table(run: RunData, rows: pd.DataFrame, parts: dict[str, _GatePart]) -> Table:
    part = Column("Part of the gate's difference", True, "adds up to the gate's difference")
    return Table(
        f"Targets, those that raise the {'gate' if parts else 'loss'} most first",
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
        geography_cell(run, place),
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


def geography_cell(run: RunData, place: int) -> Cell:
    """Return a target's geography by name; the record's id stays behind it."""
    cell = word_cell(run, place, "geography_id")
    name = place_name(cell.text)
    return Cell(name, cell.raw, cell.source, note="" if cell.text == NATIONAL else cell.text)
