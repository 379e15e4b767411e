"""`mpgate score`: losses of two datasets on targets, from a table or from two H5 files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from baselines.console import reported
from benchmarks.scoring.files import score_files
from benchmarks.scoring.table import table_record
from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from gates.results import RESULTS, assemble, counts, gate_table, headline, write_results
from schemas.canonical import canonical_bytes
from schemas.errors import UsageError
from schemas.records import validate, write_record

LOSS_RECORD = "loss_record.json"
STAGE = "default"
TABLE_WIDTH = 140
_SIDES = ("candidate", "incumbent")


def score(
    from_table: Annotated[
        Path | None, typer.Option("--from-table", help="A CSV of per-target figures.")
    ] = None,
    candidate: Annotated[Path | None, typer.Option(help="The candidate's H5.")] = None,
    incumbent: Annotated[Path | None, typer.Option(help="The incumbent's H5.")] = None,
    target_db: Annotated[
        Path | None, typer.Option(help="Score on the targets of this policy_data.db.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Write the records here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the loss record.")] = False,
) -> None:
    """Print the losses of a candidate against an incumbent: exit 0 scored, 3 error.

    Example: mpgate score --from-table published.csv --json
    Example: mpgate score --candidate run.h5 --incumbent other.h5 --target-db policy_data.db

    A table has the columns target_name,target,candidate,incumbent[,scope,unit,family] and is
    judged by the gates that need no file; that verdict is a demonstration. Two H5 files are
    scored only: `mpgate judge` judges a file.
    """
    with reported(as_json):
        record = _record(from_table, candidate, incumbent, target_db)
        validate(record, "loss_record")
        judged = None if from_table is None else judge_table(from_table.name, record)
        if results is not None:
            write_record(results / LOSS_RECORD, record, "loss_record")
            if judged is not None:
                write_results(results, judged)
        if as_json:
            sys.stdout.write(canonical_bytes(record).decode())
        else:
            _show(record, judged, results)


def judge_table(label: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gate results of a table's loss record; gates that need a file are unmeasured.

    Without an incumbent manifest the verdict is a demonstration.
    """
    policy, inputs = load_policy(), JudgeInputs.from_table(label, record)
    judged = {gate.id: judge_gate(gate, inputs, JUDGES) for gate in policy.gates}
    return assemble(policy, inputs, judged, stage=STAGE)


def _record(
    table: Path | None, candidate: Path | None, incumbent: Path | None, target_db: Path | None
) -> dict[str, Any]:
    if table is not None and (candidate, incumbent, target_db) == (None, None, None):
        return table_record(table)
    if table is None and candidate is not None and incumbent is not None:
        return _scored_with_bar(candidate, incumbent, target_db)
    raise UsageError(
        "score takes either a table or two files",
        reason="usage.option",
        remedy="give --from-table FILE.csv, or both --candidate and --incumbent "
        "(and --target-db with these)",
    )


def _scored_with_bar(candidate: Path, incumbent: Path, target_db: Path | None) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"scoring {candidate.name}", total=None)

        def advance(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        return score_files(candidate, incumbent, target_db=target_db, progress=advance)


def _show(record: Mapping[str, Any], judged: Mapping[str, Any] | None, where: Path | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False)
    for table in (_losses(record), _beside(record), _families(record)):
        console.print(table)
    for title, key in (("top wins", "top_wins"), ("top losses", "top_losses")):
        if record[key]:
            console.print(_contributors(title, record[key]))
    console.print(_words(record), markup=False)
    if judged is not None:
        _show_gates(console, judged)
    if where is not None:
        names = LOSS_RECORD if judged is None else f"{LOSS_RECORD} and {RESULTS}"
        console.print(f"results  {where}: {names}", markup=False, soft_wrap=True)


def _losses(record: Mapping[str, Any]) -> Table:
    title = f"{record['candidate']['label']} against {record['incumbent']['label']}"
    table = _table(title, "loss", *_SIDES, "delta", "standard error", "ten largest rows")
    for name, loss in record["losses"].items():
        figures = [_figure(loss[key]) for key in (*_SIDES, "delta", "standard_error")]
        carried = " / ".join(f"{loss['top_10_share'][side]:.1%}" for side in _SIDES)
        table.add_row(name, *figures, carried)
    return table


def _beside(record: Mapping[str, Any]) -> Table:
    table = _table("beside the headline", "figure", *_SIDES)
    for key in ("median_error", "p90_error", "share_within_10pct", "top_10_share"):
        table.add_row(key.replace("_", " "), *(f"{record[key][side]:.1%}" for side in _SIDES))
    return table


def _families(record: Mapping[str, Any]) -> Table:
    table = _table("protected families", "family", "targets", *_SIDES, "delta")
    for name, family in record["families"].items():
        held = str(len(family["targets"])) if family["targets"] else family["basis"]
        table.add_row(name, held, *(_figure(family[key]) for key in (*_SIDES, "delta")))
    return table


def _contributors(title: str, entries: list[dict[str, Any]]) -> Table:
    table = _table(f"{title} (part of the gating loss's delta)", "target", "value")
    for each in entries:
        table.add_row(Text(each["name"]), _figure(each["value"]))
    return table


def _words(record: Mapping[str, Any]) -> str:
    """Return counts and caveats in one paragraph."""
    words = (
        f"{record['kept']['count']} targets kept, {len(record['dropped'])} dropped: "
        f"{record['wins']} won, {record['losses_count']} lost, {record['ties']} tied."
    )
    if not record["headline_agrees"]:
        words += " Headline and win count disagree: look at the largest contributors."
    if record["noise"]["reason"]:
        words += f" No standard errors: {record['noise']['reason']}."
    return words


def _show_gates(console: Console, judged: Mapping[str, Any]) -> None:
    """Print the gates that a table can be judged by, then how many are left and the verdict."""
    seen = [gate for gate in judged["gates"] if gate["status"] != "unmeasured"]
    console.print(gate_table({**judged, "gates": seen}))
    console.print(counts(judged))
    console.print(f"VERDICT  {headline(judged)}", markup=False, soft_wrap=True)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=Text(title))
    table.add_column(first, overflow="fold")
    for each in others:
        table.add_column(each, justify="right")
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
