"""`measure`: make the evidence of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.contributions import save_contributions
from benchmarks.evidence_store import cached_contributions, contributions_path
from benchmarks.measure import measure_evidence
from benchmarks.suite import DEFAULT_SUITE, load_suite
from schemas.canonical import canonical_bytes
from schemas.errors import MpgateError
from schemas.records import write_record

ERROR_EXIT = 3
app = typer.Typer(no_args_is_help=True, help="Measure datasets: targets, reforms, weights.")


@app.callback()
def benchmarks_room() -> None:
    """Measure datasets: targets, reforms, weights."""


@app.command()
def measure(
    file: Annotated[Path, typer.Argument(help="The H5 file to measure.")],
    suite: Annotated[str, typer.Option(help="Id of the suite.")] = DEFAULT_SUITE,
    out: Annotated[
        Path | None, typer.Option(help="Write the evidence here (and contributions beside it).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evidence record.")] = False,
) -> None:
    """Measure FILE once and keep its evidence.

    Example: mpgate measure runs/demo/candidate.h5 --out runs/demo/evidence.json
    """
    try:
        record = _measure_with_bar(file, suite)
        if out is not None:
            write_record(out, record, "evidence")
            if (contributions := cached_contributions(record)) is not None:
                save_contributions(contributions_path(out), contributions)
        _show(record, as_json)
    except MpgateError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error


def _measure_with_bar(file: Path, suite: str) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"measuring {file.name}", total=None)

        def advance(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        return measure_evidence(file, suite, progress=advance)


def _show(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(canonical_bytes(record).decode(), nl=False)
        return
    console = Console()
    console.print(_summary_table(record))
    console.print(_target_table(record))


def _summary_table(record: dict[str, Any]) -> Table:
    table = Table(title=f"{record['subject']['label']}, suite {record['suite']['id']}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for entity, count in record["counts"].items():
        table.add_row(f"{entity} records", f"{count:,}")
    for name, value in record["weights"].items():
        table.add_row(f"weights: {name}", f"{value:,.4g}")
    for benchmark in record["benchmarks"]:
        for name, value in benchmark["delta"].items():
            table.add_row(f"{benchmark['id']}: {name}", f"{value:+,.0f}")
    return table


def _target_table(record: dict[str, Any]) -> Table:
    table = Table(title="Estimates against published figures")
    for heading in ("target", "estimate", "published", "error"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    published = {each.target_id: each.value for each in load_suite(record["suite"]["id"]).targets}
    for row in record["targets"]:
        value, estimate = published[row["target_id"]], row["estimate"]
        error = f"{(estimate - value) / abs(value):+.1%}"
        table.add_row(row["target_id"], f"{estimate:,.4g}", f"{value:,.4g}", error)
    return table
