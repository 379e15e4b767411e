"""The plan's local release gates, item by item: what the records hold and what they lack."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dashboard.blocks import Cell, Column, Table
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.units import NOTHING, words
from dashboard.views.local_pairs import (
    INCUMBENTS,
    OBJECTIVE,
    PLAN_PINS,
    PRODUCTS,
    Pair,
    lead_of,
    loss_sides,
    unknown_pins,
)

Row = tuple[Cell, ...]
_FAST = "mp-local-fast"
# Stages that must be recoverable and profiled, and the word a stage's id is known by.
_STAGES = {
    "donor integration": "donor",
    "PE table materialization": "table",
    "scoring": "scor",
    "export": "export",
}
_KINDS = {"geography": "a geography family", "income_program": "an income or program family"}
_CLAUSES = (
    "1. Pinned local baselines",
    "2. Beats small-L0 and big-L0 on their own objective",
    "3. Beats them on the broader target suite",
    "4. Held-out evaluation",
    "5. Held-out groups are complete: a geography and an income or program family",
    "6. Single-geography runtime of mp-local-fast at most twice the incumbent's",
    "7. Rebuild of mp-local-fast in less than 12 hours, or its slowest shard",
    "8. Recoverable, profiled stages: donor integration, tables, scoring, export",
)
_BELOW = "candidate less incumbent; below 0 is better"


def local_gates(pairs: Sequence[Pair]) -> Table:
    """Return one or more rows per local release gate; nothing is judged here."""
    rows: list[Row] = [
        *_pinned(pairs),
        *_losses(pairs, _CLAUSES[1], OBJECTIVE),
        *_losses(pairs, _CLAUSES[2], GATING_LOSS),
        *_losses(pairs, _CLAUSES[3], GATING_LOSS, "held_out"),
        *_groups(pairs),
        *_runtime(pairs),
        *_rebuild(pairs),
        *_stages(pairs),
    ]
    columns = (
        Column("Local release gate"),
        Column("For"),
        Column("What is there"),
        Column("State"),
        Column("What is missing"),
    )
    note = (
        "Nothing passes or fails here: the table says what the records hold of each clause (plan: "
        "Local release gates). The verdict of a run is in the comparisons above."
    )
    return Table("Local release gates", columns, tuple(rows), note)


def _row(clause: str, what: str, there: Cell, missing: str) -> Row:
    state = Cell("unmeasured", status="unmeasured") if missing else Cell("measured, not judged")
    return Cell(clause), Cell(what), there, state, Cell(missing or NOTHING)


def _runs(pairs: Sequence[Pair], **wanted: str) -> list[RunData]:
    """Return the runs of the comparisons whose fields are the wanted ones."""
    return [
        pair.run
        for pair in pairs
        if pair.run is not None
        and all(getattr(pair, name) == value for name, value in wanted.items())
    ]


def _pinned(pairs: Sequence[Pair]) -> Iterator[Row]:
    for incumbent, label in INCUMBENTS.items():
        runs = [run for run in _runs(pairs, incumbent=incumbent) if run.has("baseline")]
        if not runs:
            missing = f"a run that compares with {incumbent}, with its pins: {PLAN_PINS}"
            yield _row(_CLAUSES[0], label, Cell("nothing"), missing)
            continue
        unknown = unknown_pins(runs[0])
        if len({run.get("baseline", "/pins/h5_sha256") for run in runs}) > 1:
            unknown.append("one identity: the runs compare with different files of this name")
        known = [words(name) for name, value in runs[0].get("baseline", "/pins").items() if value]
        there = Cell(", ".join(known) or "nothing is pinned", note="baseline record")
        yield _row(_CLAUSES[0], label, there, ", ".join(unknown))


def _losses(pairs: Sequence[Pair], clause: str, loss: str, part: str = "") -> Iterator[Row]:
    """Yield candidate less incumbent of a loss per comparison."""
    for pair in pairs:
        found = lead_of(pair.run, loss_sides(pair.run, loss, part))
        if found.raw is None:
            missing = "no run compares them" if pair.run is None else "the loss record lacks it"
            yield _row(clause, pair.title, Cell("nothing"), missing)
        else:
            there = replace(found, note="; ".join(filter(None, (_BELOW, found.note))))
            missing = unproven(pair.run) if pair.run and loss == OBJECTIVE else ""
            yield _row(clause, pair.title, there, missing)


def unproven(run: RunData) -> str:
    """Return why the objective of a run is not shown to be the incumbent's own; empty if it is.

    The plan asks for the pinned objective on the exact subset of targets that it was fitted to.
    """
    local = run.get("baseline", "/local") or {}
    names = {"objective": "objective definition", "target_subset_sha256": "exact target subset"}
    unknown = [label for key, label in names.items() if not local.get(key)]
    if unknown:
        return f"the incumbent's {' and '.join(unknown)}: not pinned, so this is not its own"
    if local["target_subset_sha256"] != run.get("loss", "/kept/sha256"):
        return "the loss on the incumbent's pinned target subset: other targets were kept"
    return ""


def _groups(pairs: Sequence[Pair]) -> Iterator[Row]:
    for product in PRODUCTS:
        held = [run.get("loss", "/held_out/groups") or () for run in _runs(pairs, product=product)]
        kinds = set(_KINDS).intersection(*({group["kind"] for group in each} for each in held))
        kinds = kinds if held else set()
        missing = [label for kind, label in _KINDS.items() if kind not in kinds]
        there = Cell(", ".join(words(kind) for kind in sorted(kinds)) or "nothing")
        lacking = f"held-out groups of {' and '.join(missing)}" if missing else ""
        yield _row(_CLAUSES[4], product, there, lacking)


def _runtime(pairs: Sequence[Pair]) -> Iterator[Row]:
    """Yield the whole file's ratio: no record measures one geography alone."""
    missing = "a runtime record of one geography: the records measure whole files only"
    for pair in pairs:
        if pair.product != _FAST:
            continue
        there = Cell("nothing")
        if pair.run is not None and pair.run.has("runtime"):
            ratio = pair.run.cell("runtime", "/median_ratio", "ratio")
            there = Cell(ratio.text, ratio.raw, ratio.source, note="median ratio of the whole file")
        yield _row(_CLAUSES[5], pair.title, there, missing)


def _rebuild(pairs: Sequence[Pair]) -> Iterator[Row]:
    runs = [run for run in _runs(pairs, product=_FAST) if run.has("stages")]
    if not runs:
        yield _row(_CLAUSES[6], _FAST, Cell("nothing"), "a record of the build's stages")
        return
    stages = runs[0].get("stages", "/stages")
    hours = math.fsum(stage["wall_s"] for stage in stages) / 3600
    total = runs[0].derived(hours, "hours", "sum of wall_s of all stages / 3600")
    reused = [words(stage["id"]) for stage in stages if stage["reused"]]
    missing = "proof that it ran on the standard cloud runner without manual cleanup"
    if reused:
        missing += f"; stages taken from checkpoints: {', '.join(reused)}"
    yield _row(_CLAUSES[6], _FAST, total, missing)


def _stages(pairs: Sequence[Pair]) -> Iterator[Row]:
    for product in PRODUCTS:
        runs = [run for run in _runs(pairs, product=product) if run.has("stages")]
        names = [stage["id"] for stage in runs[0].get("stages", "/stages")] if runs else []
        missing = [
            label for label, key in _STAGES.items() if not any(key in name for name in names)
        ]
        there = Cell(", ".join(words(name) for name in names) or "nothing", note="stages on record")
        lacking = f"a stage of its own for: {', '.join(missing)}" if missing else ""
        yield _row(_CLAUSES[7], product, there, lacking)
