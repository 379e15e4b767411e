"""`mpgate index`: bring the dashboard's index up to date, and list what is in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from dashboard.console import DEFAULT_ROOT, print_json, reported
from dashboard.discovery import DEPTH
from dashboard.index import Index, default_db
from dashboard.indexing import IndexReport, update_index
from dashboard.views.empty import BUILD
from dashboard.views.published import flag
from dashboard.views.verdicts import listed_verdict

_COLOURS = {"ready": "green", "blocked": "red", "broken": "red"}
_HEADINGS = ("run", "product", "state", "verdict", "broad loss", "incumbent's", "gates not passing")
_NOT_PASSING = ("fail", "error", "unmeasured")


def index(
    root: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of runs; may be given again.", show_default="runs"),
    ] = None,
    db: Annotated[
        Path | None, typer.Option(help="The index file, else index.duckdb in the cache folder.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Read every run again, changed or not.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print report and runs as JSON.")] = False,
) -> None:
    """Index the runs below some folders for the dashboard: exit 0, or 3 for an error.

    Broken runs are listed with what is wrong with them; they are no error of indexing.

    Example: mpgate index --root runs
    """
    with reported(as_json):
        file = db or default_db()
        report = updated(root or [DEFAULT_ROOT], file, rebuild=rebuild)
        held = Index.open(file)
        runs, roots, problems = held.runs(), held.roots(), held.pointer_problems()
        held.close()
    if as_json:
        print_json(_as_record(report, runs, roots, problems))
        return
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    if runs.empty:
        console.print(f"No run lies in the folders named, or up to {DEPTH} below. Build: {BUILD}")
    else:
        console.print(run_table(runs, roots))
    for product, problem in problems.items():
        console.print(f"pointer of {product}: {_printable(problem)}", markup=False, soft_wrap=True)
    console.print(last_line(report), markup=False, soft_wrap=True)


def updated(roots: list[Path], db: Path, *, rebuild: bool = False) -> IndexReport:
    """Bring an index up to date, with a progress bar on a terminal; raises as `update_index`."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Reading runs", total=None)
        return update_index(
            roots,
            db,
            rebuild=rebuild,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def run_table(runs: pd.DataFrame, roots: Mapping[str, str]) -> Table:
    """Return one row per run: its verdict at its own stage, broad loss, gates not passing, problem.

    Runs of several roots are named with their root: two may have the same folder below it.
    """
    table = Table(expand=False)
    several = len(set(roots.values())) > 1
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    table.add_column("what is wrong", overflow="fold")
    for row in runs.to_dict("records"):
        verdict, colour = _verdict(row)
        folder = f"{roots[row['key']]}/{row['folder']}" if several else row["folder"]
        table.add_row(
            Text(_printable(folder)),
            Text(row["product"] or "unknown"),
            Text(row["state"], _COLOURS.get(row["state"], "white")),
            Text(verdict, colour),
            *(_loss(row[name]) for name in ("broad_candidate", "broad_incumbent")),
            _not_passing(row),
            Text(_printable(row["reason"] or "")),
        )
    return table


def _printable(text: str) -> str:
    """Return a text of a record without what would steer the terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _verdict(row: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the verdict with its stage, and its colour; a demonstration is never called ready."""
    if not row["stage"]:
        return "", "white"
    verdict, demonstration = row[f"verdict_{row['stage']}"], flag(row["demonstration"])
    said = f"{listed_verdict(verdict, demonstration=demonstration)} at {row['stage']}"
    hidden = demonstration and verdict == "ready"
    return said, "white" if hidden else _COLOURS.get(verdict, "white")


def _not_passing(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["gates_fail"]):
        return ""
    held = ((status, row[f"gates_{status}"]) for status in _NOT_PASSING)
    return ", ".join(f"{count:.0f} {status}" for status, count in held if count) or "none"


def _loss(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}"


def last_line(report: IndexReport) -> str:
    """Return what was done, in numbers of runs and seconds."""
    return (
        f"{report.runs} runs in the index, {report.broken} of them broken: {report.added} added, "
        f"{report.changed} changed, {report.kept} kept, {report.removed} removed in "
        f"{report.seconds:.1f} s"
    )


def _as_record(
    report: IndexReport, runs: pd.DataFrame, roots: Mapping[str, str], problems: Mapping[str, str]
) -> dict[str, Any]:
    rows = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        | {"root": roots[row["key"]]}
        for row in runs.to_dict("records")
    ]
    return {
        "report": {**asdict(report), "db": str(report.db)},
        "pointer_problems": dict(problems),
        "runs": rows,
    }
