"""The readiness page: may the current candidate ship, what blocks it, and how bad is it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Figures,
    GateCell,
    GateGrid,
    GateGroup,
    Link,
    Links,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.run_data import pointer as json_pointer
from dashboard.units import words
from dashboard.views.empty import unjudged_page
from dashboard.views.lookup import gate_link, short
from dashboard.views.published import (
    broken_runs,
    judged_again,
    pointer_history,
    pointer_notices,
    published_by,
    runs_to_choose,
)
from dashboard.views.readiness_blockers import blockers
from dashboard.views.readiness_changes import (
    changes_section,
    clause_table,
    near_misses,
)
from dashboard.views.verdicts import (
    RESULTS,
    GateRow,
    by_group,
    gate_limit,
    gate_margin,
    gate_rows,
    gate_value,
    other_stage,
    verdict_notice,
)

_DECISIONS = {
    "release_track": "release track",
    "another_modelling_iteration": "another modelling iteration",
    "undecided": "undecided",
}


def readiness_page(
    current: RunData | None,
    *,
    product: str,
    stage: str,
    pointer: Mapping[str, Any] | None,
    previous: RunData | None,
    runs: pd.DataFrame,
    is_current: bool = True,
    problem: str = "",
) -> Page:
    """Return whether the candidate may ship at a stage, what blocks it, and what changed.

    `current` is the run that the pointer names, or one chosen by hand (`is_current` False); None
    where no run is published or the published one cannot be read. `problem` says what is wrong
    with the pointer. `previous` is the candidate that was published before, or the published one
    where this run was chosen by hand.
    """
    loaded = current is not None
    notices = tuple(pointer_notices(pointer, problem, is_current=is_current, loaded=loaded))
    after = (*pointer_history(pointer, runs), *broken_runs(runs, product))
    if current is None:
        body: tuple[Block, ...] = (runs_to_choose(runs, product),)
    elif not current.has(RESULTS):
        body = unjudged_page(current).blocks
    else:
        entry = published_by(pointer) if is_current else ()
        again = judged_again(pointer, current) if is_current else ()
        compared = changes_section(current, previous, stage, is_current=is_current)
        body = (*again, *_verdict(current, stage), *_context(current, entry))
        body = (*body, *_gates(current, stage, compared))
        after = (*_reasons(current), *after)
    title = f"Readiness of {product}"
    return Page("readiness", title, _lead(current, product), (*notices, *body, *after))


def _lead(run: RunData | None, product: str) -> str:
    """Return the question of the page, with the run and the incumbent that it is about."""
    named = run.get(RESULTS, "/incumbent/id") if run else None
    incumbent = "the incumbent" if named in (None, "none") else named
    candidate = f"the run {run.run_id}" if run else f"the {product} candidate"
    return f"May {candidate} replace {incumbent}, what blocks it, and how bad is it?"


def _verdict(run: RunData, stage: str) -> tuple[Block, ...]:
    """Return the ten seconds: whether it may ship, what blocks it, and how bad."""
    return (
        *_error(run),
        verdict_notice(run, stage),
        verdict_notice(run, other_stage(stage)),
        *blockers(run, stage, gate_rows(run, stage)),
    )


def _context(run: RunData, entry: tuple[tuple[Cell, ...], ...]) -> tuple[Block, ...]:
    return (*_decision(run), _figures(run), _facts(run, entry))


def _gates(run: RunData, stage: str, compared: Section) -> tuple[Block, ...]:
    """Return the gates in short, then every one: a grid of ninety cells comes last."""
    rows = gate_rows(run, stage)
    grid = _grid(run, stage, rows)
    return (clause_table(run, stage, rows), near_misses(run, rows), compared, grid)


def _error(run: RunData) -> Iterator[Block]:
    """Yield why a candidate could not be judged at all, and what to do."""
    error = run.get(RESULTS, "/error")
    if error:
        said = f"This candidate could not be judged: {error['message']}."
        yield Notice("bad", f"{said} What to do: {error['remedy']}.")


def _facts(run: RunData, entry: tuple[tuple[Cell, ...], ...]) -> Table:
    """Return who is compared with whom, by what rules and when, and who published it."""
    rows = (
        (Cell("Candidate"), _label(run, "candidate"), _digest(run, "candidate")),
        (Cell("Incumbent"), _label(run, "incumbent"), _digest(run, "incumbent")),
        (Cell("Judged"), run.cell(RESULTS, "/run/judged_at"), Cell("")),
        (
            Cell("Policy"),
            run.cell(RESULTS, "/policy/id"),
            short(run.cell(RESULTS, "/policy/sha256")),
        ),
        (Cell("Run"), Cell(run.run_id, note=_state(run)), Cell("")),
        *((*row, Cell("")) for row in entry),
    )
    columns = (
        Column("What"),
        Column("Which"),
        Column("SHA-256", hint="the first 12 digits; all of them below"),
    )
    return Table("Candidate against incumbent", columns, rows)


def _state(run: RunData) -> str:
    return "sealed" if run.state == "sealed" else "not sealed: it can still be changed"


def _label(run: RunData, side: str) -> Cell:
    return run.cell(RESULTS, json_pointer(side, "label"))


def _digest(run: RunData, side: str) -> Cell:
    cell = short(run.cell(RESULTS, json_pointer(side, "sha256")))
    return cell if cell.raw is not None else replace(cell, note="not known")


def _figures(run: RunData) -> Figures:
    """Return the headline figures, each beside what it is held against."""
    broad = json_pointer("losses", GATING_LOSS)
    held = json_pointer("losses", GATING_LOSS, "held_out")
    return Figures(
        (
            _against_incumbent(run, "Broad loss", "loss", broad),
            _against_incumbent(run, "Held-out loss", "loss", held),
            _wins(run),
            _ess(run),
            _runtime(run),
            _size(run),
        )
    )


def _against_incumbent(run: RunData, label: str, record: str, at: str) -> Figure:
    theirs = run.cell(record, f"{at}/incumbent", "loss")
    return Figure(label, run.cell(record, f"{at}/candidate", "loss"), f"incumbent {theirs.text}")


def _wins(run: RunData) -> Figure:
    lost, tied = (run.cell("loss", at, "number").text for at in ("/losses_count", "/ties"))
    won = run.cell("loss", "/wins", "number")
    return Figure("Targets won", won, f"{won.text} won : {lost} lost : {tied} tied")


def _ess(run: RunData) -> Figure:
    theirs = run.cell("incumbent_evidence", "/weights/ess_share", "share")
    ours = run.cell("evidence", "/weights/ess_share", "share")
    return Figure("Effective sample size, share of records", ours, f"incumbent {theirs.text}")


def _runtime(run: RunData) -> Figure:
    low, high = (run.cell("runtime", f"/interval/{end}", "ratio").text for end in ("low", "high"))
    return Figure(
        "Median runtime over the incumbent's",
        run.cell("runtime", "/median_ratio", "ratio"),
        f"interval {low} to {high}" if run.has("runtime") else "not measured",
    )


def _size(run: RunData) -> Figure:
    theirs = run.cell("baseline", "/pins/h5_size_bytes", "bytes").text
    ours = run.cell(RESULTS, "/candidate/size_bytes", "bytes")
    return Figure("H5 size", ours, f"incumbent {theirs}")


def _decision(run: RunData) -> Iterator[Block]:
    """Yield what follows from the verdict."""
    if found := run.get(RESULTS, "/decision"):
        words = _DECISIONS.get(found["decision"], found["decision"])
        said = f"Decision for stage {found['stage']}: {words}. {found['statement']}"
        yield Notice("info", said)


def _reasons(run: RunData) -> Iterator[Block]:
    """Yield the folded reasons of the decision, where it has any."""
    found = run.get(RESULTS, "/decision")
    if found and found["reasons"]:
        rows = tuple(_reason(run, place, each) for place, each in enumerate(found["reasons"]))
        columns = tuple(map(Column, ("Gate", "Kind of work", "Status", "Finding")))
        table = Table(f"Reasons for the decision on stage {found['stage']}", columns, rows)
        yield Section("Reasons for the decision", (table,), open=False)


def _reason(run: RunData, place: int, reason: Mapping[str, Any]) -> tuple[Cell, ...]:
    at = json_pointer("decision", "reasons", place)
    stage = str(run.get(RESULTS, "/decision/stage"))
    status = Cell(words(reason["status"]))
    link = gate_link(run, reason["gate"], stage)
    return (
        run.cell(RESULTS, f"{at}/gate", link=link),
        run.cell(RESULTS, f"{at}/kind"),
        status,
        run.cell(RESULTS, f"{at}/message"),
    )


def _grid(run: RunData, stage: str, rows: list[GateRow]) -> Section:
    """Return one cell per release gate, by group of the plan."""
    groups = tuple(
        GateGroup(title, tuple(_cell(run, row) for row in mine)) for title, mine in by_group(rows)
    )
    every = Link("gate", {"run": run.key, "stage": stage}, "All gates as one table")
    return Section(f"Every release gate at stage {stage}", (GateGrid(groups), Links((every,))))


def _cell(run: RunData, row: GateRow) -> GateCell:
    return GateCell(
        gate=row.id,
        title=row.gate["title"],
        status=row.status,
        blocking=bool(row.at["blocking"]),
        value=gate_value(run, row),
        limit=gate_limit(run, row),
        margin=gate_margin(run, row),
        link=gate_link(run, row.id, row.stage),
        within_noise=row.gate["within_noise"],
    )
