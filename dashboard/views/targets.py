"""Candidate, incumbent and published target: the loss, where it comes from, and every target."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Figures,
    Link,
    Links,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING, shown
from dashboard.views.empty import lacks_record_page
from dashboard.views.target import target_page
from dashboard.views.target_filters import (
    TargetFilters,
    difference_cell,
    target_frame,
    target_options,
)
from dashboard.views.target_list import listed
from dashboard.views.target_parts import part_sections
from dashboard.views.target_sides import doubts, sides_words

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
    table = Section("All targets", tuple(listed(run, frame, filters)))
    overview = (Section("Loss", tuple(_headline(run, frame))), *part_sections(run, frame))
    asked = filters.chosen() or filters.page > 1
    sections = (table, *overview) if asked else (*overview, table)
    return Page(
        SLUG,
        TITLE,
        f"Run {run.run_id}: {sides_words(run)}. How near both come to the published figures, on "
        "the targets that both were measured on; lower loss is better.",
        (*doubts(run, frame), *sections),
    )


def _headline(run: RunData, frame: pd.DataFrame) -> Iterator[Block]:
    yield from _notices(run)
    loss = pointer("losses", GATING_LOSS)
    yield Figures(
        (
            _figure(run, "Broad loss", f"{loss}/candidate", f"{loss}/incumbent", "loss"),
            Figure("Targets won", run.cell("loss", "/wins"), "the candidate is closer"),
            Figure("Targets lost", run.cell("loss", "/losses_count"), "the incumbent is closer"),
            Figure("Ties", run.cell("loss", "/ties"), _ties(frame)),
            _compared(run),
            _figure(run, "Median error", *_sides("/median_error"), "share"),
            _figure(run, "Within 10 %", *_sides("/share_within_10pct"), "share"),
            _figure(
                run, "Held-out loss", f"{loss}/held_out/candidate", f"{loss}/held_out/incumbent",
                "loss",
            ),
        )
    )  # fmt: skip
    yield Links((Link("coverage", {"run": run.key}, "What is compared, held out and left out"),))
    yield _measures(run, frame)


def _ties(frame: pd.DataFrame) -> str:
    """Return what ties mostly are: targets to which no record of either file counts."""
    nothing = int(((frame["candidate"] == 0) & (frame["incumbent"] == 0)).sum())
    return f"equal errors, {nothing:,} because both estimate 0"


def _compared(run: RunData) -> Figure:
    left = len(run.get("loss", "/dropped") or ())
    return Figure("Compared", run.cell("loss", "/kept/count"), f"{left:,} left out, with reasons")


def _sides(at: str) -> tuple[str, str]:
    return f"{at}/candidate", f"{at}/incumbent"


def _figure(run: RunData, label: str, ours: str, theirs: str, unit: str) -> Figure:
    against = run.cell("loss", theirs, unit).text
    return Figure(label, run.cell("loss", ours, unit), f"incumbent {against}")


def _measures(run: RunData, frame: pd.DataFrame) -> Table:
    loss = pointer("losses", GATING_LOSS)
    rows = [
        _measure(run, "Broad loss", loss, "loss"),
        _measure(run, "Held-out loss", f"{loss}/held_out", "loss"),
        _measure(run, "Loss on the targets it may be calibrated to", f"{loss}/train", "loss"),
        _measure(run, "Median error", "/median_error", "share"),
        _measure(run, "90th percentile of the errors", "/p90_error", "share"),
        _measure(run, "Targets missed by at most 10 %", "/share_within_10pct", "share"),
        _measure(run, "Share of the loss in its ten largest rows", "/top_10_share", "share"),
        _noughts(run, frame),
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


def _noughts(run: RunData, frame: pd.DataFrame) -> tuple[Cell, ...]:
    """Return of how many targets each file has nothing at all: it misses them by 100 %."""
    ours, theirs = (int((frame[side] == 0).sum()) for side in ("candidate", "incumbent"))
    rule = "number of targets with an estimate of 0"
    return (
        Cell("Targets estimated as 0"),
        run.derived(ours, "", rule),
        run.derived(theirs, "", rule),
        difference_cell(run, ours - theirs, "", _DIFFERENCE),
        Cell(NOTHING),
    )


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
