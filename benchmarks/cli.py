"""`measure`: make the evidence of one file, its reforms beside an incumbent's, and its runtime."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from baselines.registry import load_baseline
from baselines.store import baseline_path
from benchmarks.contributions import save_contributions
from benchmarks.evidence_store import cached_contributions, contributions_path
from benchmarks.measure import measure_together
from benchmarks.measure_tables import (
    benchmark_rows,
    benchmark_table,
    runtime_table,
    summary_table,
    target_table,
)
from benchmarks.runtime import measure_runtime
from benchmarks.suite import DEFAULT_SUITE
from schemas.canonical import canonical_bytes
from schemas.errors import MpgateError, UsageError
from schemas.records import write_record

ERROR_EXIT = 3
app = typer.Typer(no_args_is_help=True, help="Measure datasets: targets, reforms, runtime.")


class Part(StrEnum):
    """What of a measurement is wanted."""

    EVIDENCE = "evidence"
    BENCHMARKS = "benchmarks"
    RUNTIME = "runtime"


@app.callback()
def benchmarks_room() -> None:
    """Measure datasets: targets, reforms, runtime."""


@app.command()
def measure(
    file: Annotated[Path, typer.Argument(help="The H5 file to measure.")],
    incumbent: Annotated[
        str | None, typer.Option(help="Id of the incumbent to measure beside it.")
    ] = None,
    suite: Annotated[str, typer.Option(help="Id of the suite.")] = DEFAULT_SUITE,
    exact: Annotated[
        bool, typer.Option("--exact", help="No shortcuts: one plain simulation per reform.")
    ] = False,
    only: Annotated[
        Part | None, typer.Option(help="One part alone; runtime needs --incumbent.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the evidence here (and contributions beside it).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print records, not tables.")] = False,
) -> None:
    """Measure FILE once and keep its evidence.

    Example: mpgate measure runs/demo/candidate.h5 --out runs/demo/evidence.json
    """
    try:
        found = _measured(file, incumbent, suite, exact, only)
        if out is not None and Part.EVIDENCE in found:
            _write(out, found[Part.EVIDENCE])
        _show(found, only, as_json)
    except MpgateError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error


def _measured(
    file: Path, incumbent: str | None, suite: str, exact: bool, only: Part | None
) -> dict[str, Any]:
    """Return the records made, by part; `incumbent` holds the incumbent's evidence."""
    found: dict[str, Any] = {}
    other = None if incumbent is None else _incumbent_path(incumbent)
    if other is None and only is Part.RUNTIME:
        raise UsageError(
            "runtime is measured against an incumbent, pair by pair on this machine",
            reason="measure.no_incumbent",
            remedy="name one: --incumbent psl-cps-2024",
        )
    with _Bar(file) as advance:
        if only is not Part.RUNTIME:
            paths = [file] if other is None else [file, other]
            records = measure_together(paths, suite, progress=advance, exact=exact)
            found = dict(zip((Part.EVIDENCE, "incumbent"), records, strict=False))
        if other is not None and incumbent is not None and only in (None, Part.RUNTIME):
            found[Part.RUNTIME] = measure_runtime(
                file, other, incumbent_id=incumbent, progress=advance
            )
    return found


def _incumbent_path(incumbent: str) -> Path:
    load_baseline(incumbent)
    path = baseline_path(incumbent)
    if path is None:
        raise UsageError(
            f"the file of {incumbent} is not here",
            reason="measure.incumbent_absent",
            remedy=f"run `mpgate baseline fetch {incumbent}`, or "
            f"`mpgate baseline verify {incumbent} --file FILE`",
        )
    return path


class _Bar:
    """A progress bar on standard error; gives the function that moves it."""

    def __init__(self, file: Path) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
        self._task = self._bar.add_task(f"measuring {file.name}", total=None)

    def __enter__(self) -> Any:
        self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _advance(self, stage: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=stage, completed=done, total=total or None)


def _write(out: Path, record: dict[str, Any]) -> None:
    write_record(out, record, "evidence")
    if (contributions := cached_contributions(record)) is not None:
        save_contributions(contributions_path(out), contributions)


def _show(found: dict[str, Any], only: Part | None, as_json: bool) -> None:
    evidence, theirs = found.get(Part.EVIDENCE), found.get("incumbent")
    if as_json:
        typer.echo(canonical_bytes(_as_record(found, only)).decode(), nl=False)
        return
    console = Console()
    if evidence is not None and only in (None, Part.EVIDENCE):
        console.print(summary_table(evidence))
        console.print(target_table(evidence))
    if evidence is not None and only in (None, Part.BENCHMARKS):
        console.print(benchmark_table(evidence, theirs))
    if Part.RUNTIME in found:
        console.print(runtime_table(found[Part.RUNTIME]))


def _as_record(found: dict[str, Any], only: Part | None) -> Any:
    """Return one record where one was asked for or made, else all of them by name."""
    if only is Part.BENCHMARKS:
        return benchmark_rows(found[Part.EVIDENCE], found.get("incumbent"))
    if only is not None or len(found) == 1:
        return found[only or Part.EVIDENCE]
    return {str(part): record for part, record in found.items()}
