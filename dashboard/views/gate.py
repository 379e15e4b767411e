"""The gate page: one rule, how far the candidate is from it, what makes the difference, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

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
    Status,
    Table,
    Tone,
)
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.empty import unjudged_page
from dashboard.views.gate_charts import (
    sides_chart,
    stage_rows,
    value_chart,
)
from dashboard.views.gate_parts import parts_blocks, top_target
from dashboard.views.gate_past import past_section
from dashboard.views.gate_rule import rule_table
from dashboard.views.lookup import gate_link, short
from dashboard.views.verdicts import (
    PASSING,
    RESULTS,
    GateRow,
    gate_exceptions,
    gate_limit,
    gate_margin,
    gate_name,
    gate_noise,
    gate_row,
    gate_rows,
    gate_status,
    gate_value,
    group_title,
    other_stage,
)

_SLUG = "gate"
_TARGET_GROUPS = frozenset({"loss", "family", "aggregate", "targets"})
_ARTIFACT_GROUPS = frozenset({"size", "runtime", "artifacts", "baseline"})
# the records that one gate, or else the gates of a group, are judged on
_EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "baseline": ("baseline", "incumbent_evidence"),
    "contract": ("contract",),
    "contract.loader": ("loader",),
    "targets": ("loss",),
    "loss": ("loss", "evidence", "incumbent_evidence", "suite", "candidate_manifest"),
    "family": ("loss", "evidence", "incumbent_evidence", "suite"),
    "aggregate": ("loss", "evidence", "incumbent_evidence", "suite"),
    "benchmark": ("evidence", "incumbent_evidence", "suite"),
    "benchmark.tara-watson.external": ("external",),
    "runtime": ("runtime", "baseline"),
    "size": ("storage", "baseline"),
    "artifacts": ("bundle",),
    "cross_engine": ("cross_engine",),
    "exceptions": ("exceptions",),
}
_TONES: Mapping[Status, Tone] = {
    "pass": "good",
    "fail": "bad",
    "error": "bad",
    "waived": "warning",
    "unmeasured": "warning",
    "not_applicable": "info",
}


def gates_page(run: RunData, *, stage: str) -> Page:
    """Return every gate of a run as one table, by group, with links to their pages."""
    title = "All release gates"
    rows = gate_rows(run, stage)
    if not rows:
        return unjudged_page(run, _SLUG, title)
    columns = (
        Column("Gate"),
        Column("Group"),
        Column(f"Stage {stage}"),
        Column(f"Stage {other_stage(stage)}"),
        Column(f"Blocks {stage}"),
        *(Column(label, numeric=True) for label in ("Value", "Limit", "Margin")),
    )
    left_out = ", ".join(run.get(RESULTS, "/deselected") or ())
    note = f"Left out of this run, so not judged: {left_out}." if left_out else ""
    lines = tuple(_line(run, row) for row in rows)
    table = Table(f"The gates of {run.run_id}", columns, lines, note)
    lead = "Every gate with its status, in the order of the policy. Choose one to see its reasons."
    return Page(_SLUG, title, lead, (table,))


def _line(run: RunData, row: GateRow) -> tuple[Cell, ...]:
    other = replace(row, stage=other_stage(row.stage))
    noise = gate_noise(row).text if row.gate["within_noise"] is not None else ""
    return (
        gate_name(run, row),
        Cell(group_title(row.gate["group"])),
        gate_status(run, row),
        gate_status(run, other),
        Cell("yes" if row.at["blocking"] else "no"),
        gate_value(run, row),
        gate_limit(run, row),
        replace(gate_margin(run, row), note=noise),
    )


def gate_page(run: RunData, gate: str, history: pd.DataFrame, *, stage: str) -> Page:
    """Return everything the records know of one gate of a run.

    `history` holds the gate's results in every indexed run.
    """
    if not run.has(RESULTS):
        return unjudged_page(run, _SLUG, "Release gate")
    row = gate_row(run, gate, stage)
    every = Link(_SLUG, {"run": run.key, "stage": stage}, "All gates of this run")
    if row is None:
        said = f"The run {run.run_id} did not judge a gate {gate!r}."
        return Page(_SLUG, "Release gate", "", (Notice("empty", said), Links((every,))))
    blocks = (
        _finding(row),
        Links((*_causes(run, row), every)),
        _headline(run, row),
        _stages(run, row),
        *(chart for chart in (value_chart(run, stage_rows(row)), sides_chart(run, row)) if chart),
        *parts_blocks(run, row),
        rule_table(run, row),
        *_exceptions(run, row),
        *_details(run, row),
        _evidence(run, row),
        past_section(run, row, history),
    )
    lead = f"{group_title(row.gate['group'])}: {row.id}"
    return Page(_SLUG, row.gate["title"], lead, blocks)


def _finding(row: GateRow) -> Notice:
    """Return the status, the finding, and the next step where one is needed."""
    status, gate = words(row.status), row.gate
    stands = f"{status}, and this blocks it" if row.blocks else status
    reasons = ". ".join(filter(None, (row.own_reason, gate["message"])))
    said = f"Stage {row.stage}: {stands}. {reasons}."
    needed = row.status not in PASSING and gate["remedy"] != "none needed"
    remedy = f" What to do: {gate['remedy']}." if needed else ""
    return Notice(_TONES[row.status], f"{said}{remedy}")


def _causes(run: RunData, row: GateRow) -> Iterator[Link]:
    """Yield the links to what makes the difference, the top contributor first."""
    group = row.gate["group"]
    top = top_target(run, row)
    if top:
        yield Link("target", {"run": run.key, "target": top}, f"Top contributor: {top}")
    # a gate judged by the incumbent's own estimate has parts, but no targets
    if group in _TARGET_GROUPS and (top or not row.gate["contributors"]):
        yield Link("targets", {"run": run.key, "gate": row.id}, "Targets of this gate")
    if group == "benchmark":
        yield _benchmark_link(run, row.id)
    if group in _ARTIFACT_GROUPS:
        yield Link("artifacts", {"run": run.key}, "Artifacts of this run")


def _benchmark_link(run: RunData, gate: str) -> Link:
    """Return the link to a gate's benchmark, or to all of them where it is of several."""
    wanted = gate.removeprefix("benchmark.").rpartition(".")[0]
    known = {each["id"] for each in run.get("evidence", "/benchmarks") or ()}
    if wanted in known:
        return Link("microsim", {"run": run.key, "benchmark": wanted}, f"Benchmark {wanted}")
    return Link("microsim", {"run": run.key}, "All benchmarks")


def _headline(run: RunData, row: GateRow) -> Figures:
    noise = gate_noise(row)
    return Figures(
        (
            Figure("Value", gate_value(run, row), noise.text),
            Figure(f"Limit at stage {row.stage}", gate_limit(run, row)),
            Figure("Margin", gate_margin(run, row), "below 0: past the limit"),
        )
    )


def _stages(run: RunData, row: GateRow) -> Table:
    """Return status, limit and margin at both stages."""
    columns = (
        *map(Column, ("Stage", "Status", "Blocks")),
        *(Column(label, numeric=True) for label in ("Value", "Limit", "Margin")),
        Column("Why"),
    )
    lines = tuple(
        (
            Cell(each.stage, link=gate_link(run, row.id, each.stage, each.stage)),
            gate_status(run, each),
            Cell("yes" if each.at["blocking"] else "no"),
            gate_value(run, each),
            gate_limit(run, each),
            gate_margin(run, each),
            run.cell(RESULTS, pointer("gates", row.place, "stages", each.stage, "message")),
        )
        for each in stage_rows(row)
    )
    return Table("At both stages", columns, lines)


def _exceptions(run: RunData, row: GateRow) -> Iterator[Block]:
    """Yield the waivers, explanations and product decisions that cover a failure."""
    if lines := tuple(gate_exceptions(run, row)):
        columns = (Column("Record"), Column("Who answers for it, until when, and why"))
        yield Table("Waiver or explanation", columns, lines)


def _details(run: RunData, row: GateRow) -> Iterator[Block]:
    details = row.gate["details"]
    if details:
        at = pointer("gates", row.place, "details")
        lines = tuple((run.cell(RESULTS, f"{at}/{place}"),) for place in range(len(details)))
        yield Table("Details", (Column("What was found"),), lines)


def _evidence(run: RunData, row: GateRow) -> Section:
    """Return the records that the gate was judged on, and what pins them."""
    names = _EVIDENCE.get(row.id) or _EVIDENCE.get(row.gate["group"], ())
    lines = [(Cell(name.replace("_", " ")), _hash_of(run, name)) for name in names]
    lines += [
        (Cell(label), short(run.cell(RESULTS, at)))
        for label, at in (
            ("candidate file", "/candidate/sha256"),
            ("incumbent file", "/incumbent/sha256"),
            ("policy", "/policy/sha256"),
        )
    ]
    columns = (Column("Record"), Column("SHA-256", hint="the first 12 digits; all of them below"))
    table = Table("What the gate was judged on", columns, tuple(lines))
    return Section("Evidence and its hashes", (table,))


def _hash_of(run: RunData, record: str) -> Cell:
    cell = short(run.cell(RESULTS, pointer("inputs", record)))
    return cell if cell.raw is not None else replace(cell, text="not there")
