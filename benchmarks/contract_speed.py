"""How long the file checks take, each timed as a whole process: start of Python, imports and all.

The contract belongs to the gates, which this room may not import: it runs by its command line.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from baselines.store import CACHE_VARIABLE
from benchmarks.contract_speed_file import goals, write_synthetic
from schemas.canonical import canonical_bytes, sha256_file
from schemas.dataset import open_dataset
from schemas.errors import MeasureError, MpgateError
from schemas.records import read_record, validate

ROOT = Path(__file__).parents[1]
TIME_LIMIT_S = 120.0  # of one child: six times the slowest goal
MISSED_EXIT, ERROR_EXIT = 1, 3
# Command and allowed exit codes of each step; the file's path comes behind `--`, or last.
PREFLIGHT = "import sys; from schemas.preflight import preflight; preflight(sys.argv[1])"
STEPS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "preflight": (("-c", PREFLIGHT), (0,)),
    "contract": (("-m", "gates.cli", "contract", "--measure", "never", "--json", "--"), (0, 1)),
}
# `ru_maxrss` of a child starts at its parent's peak on Linux: so a parent of some 15 MB starts it.
LAUNCHER = """
import json, os, subprocess, sys, threading, time
limit, printed, *command = sys.argv[1:]
with open(printed, "wb") as out:
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)
    timer = threading.Timer(float(limit), child.kill)
    timer.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
timer.cancel()
print(json.dumps([wall, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""
app = typer.Typer(pretty_exceptions_enable=False)
Told = Callable[[str], None]


def measure_speed(
    candidate: Path | None, households: int, repeats: int, told: Told = lambda _: None
) -> dict[str, Any]:
    """Return the `contract_speed` record; `told` hears the name of each piece of work.

    Raises MeasureError for a child that breaks down or hangs, DatasetError for a candidate that
    nobody may open.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="mpgate-speed-") as folder:
            files = _files(candidate, households, Path(folder), repeats, told)
    except (OSError, RuntimeError, MemoryError) as error:  # PyTables raises RuntimeErrors
        raise MeasureError(
            f"the files could not be written or timed: {str(error) or type(error).__name__}",
            reason="speed.files",
            remedy="give the temporary folder (TMPDIR) more space, or take fewer households",
        ) from error
    judged = judge_goals(files)
    record = {
        "schema": "contract_speed",
        "schema_version": 1,
        "machine": _machine(),
        "repeats": repeats,
        "files": files,
        "goals": judged,
        "met": all(goal["met"] is True for goal in judged),
        "run": {"measured_at": round(time.time())},
    }
    validate(record, "contract_speed")
    return record


def _files(
    candidate: Path | None, households: int, folder: Path, repeats: int, told: Told
) -> dict[str, Any]:
    files: dict[str, Any] = {"candidate": None}
    if candidate is not None:
        files["candidate"] = _file(candidate.absolute(), folder, repeats, told)
    told("writing the synthetic file")
    synthetic = folder / "synthetic.h5"
    write_synthetic(synthetic, households)
    return files | {"synthetic": _file(synthetic, folder, repeats, told)}


def judge_goals(files: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each goal with its figure; `met` is null where the file it is for was not measured.

    The goals of the synthetic file are for one size: another has figures and no judgement.
    """
    judged = []
    for goal in goals()["goals"]:
        file = files[goal["file"]]
        measured = file and file["steps"][goal["step"]][goal["figure"]][goal["statistic"]]
        wanted = goals()["households"] if goal["file"] == "synthetic" else None
        applies = file is not None and wanted in (None, file["households"])
        met = measured <= goal["at_most"] if applies else None
        judged.append({**goal, "measured": measured, "met": met})
    return judged


def _file(path: Path, folder: Path, repeats: int, told: Told) -> dict[str, Any]:
    dataset, steps = open_dataset(path), {}
    for step in STEPS:
        runs = []
        for number in range(1, repeats + 1):
            told(f"{path.name}: {step} {number} of {repeats}")
            runs.append(run_step(step, path, folder))
        figures = {
            key: _statistics([run[key] for run in runs]) for key in ("wall_s", "peak_rss_gb")
        }
        steps[step] = {"exit_code": max(run["exit_code"] for run in runs), **figures}
    return {
        "label": path.name,
        "sha256": sha256_file(path),
        "layout": dataset.layout,
        "size_bytes": path.stat().st_size,
        "households": dataset.size_of("household"),
        "persons": dataset.size_of("person"),
        "columns": len(dataset.variables),
        "steps": steps,
    }


def _statistics(values: Sequence[float]) -> dict[str, float]:
    figures = {"median": median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in figures.items()}


def run_step(step: str, path: Path, folder: Path, limit_s: float = TIME_LIMIT_S) -> dict[str, Any]:
    """Run one step on a file as a child; return its `wall_s`, `peak_rss_gb` (10^9) and exit code.

    The child gets an empty cache in `folder`. Raises MeasureError unless it did its work.
    """
    arguments, allowed = STEPS[step]
    printed = folder / f"{step}.json"
    run, words = run_child([sys.executable, *arguments, str(path)], printed, limit_s)
    if run["exit_code"] not in allowed:
        raise MeasureError(
            f"{step} of {path.name} ended with exit code {run['exit_code']}: {words or 'no words'}",
            reason="speed.child",
            remedy=f"run {step} on this file alone; a negative code is a signal (-9: killed, "
            f"after {limit_s:g} s or for want of memory)",
        )
    if step == "contract":  # a traceback exits 1 too, but leaves no record
        read_record(printed, "gate_results")
    return run


def run_child(
    command: Sequence[str], printed: Path, limit_s: float = TIME_LIMIT_S
) -> tuple[dict[str, Any], str]:
    """Return the figures of one process and its last error line; `printed` gets its output."""
    launched = subprocess.run(
        [sys.executable, "-I", "-c", LAUNCHER, str(limit_s), str(printed), *command],
        cwd=ROOT,
        env={**os.environ, CACHE_VARIABLE: str(printed.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    words = launched.stderr.strip().splitlines()[-1:]
    if launched.returncode:
        raise MeasureError(
            f"{Path(command[0]).name} could not be started: {' '.join(words) or 'no words'}",
            reason="speed.child",
            remedy="free memory and temporary space, then run it again",
        )
    wall, peak, exit_code = json.loads(launched.stdout)
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {"wall_s": wall, "peak_rss_gb": peak * unit / 1e9, "exit_code": exit_code}
    return figures, " ".join(words)[:300]


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "cpu_count": os.cpu_count() or 1,
        "memory_gb": round(memory, 1),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


@app.command()
def time_checks(
    candidate: Annotated[
        Path | None, typer.Argument(metavar="CANDIDATE.h5", help="The file of the small goals.")
    ] = None,
    households: Annotated[
        int | None,
        typer.Option(
            min=1, max=10**6, help="Of the synthetic file; without it, those of the goals."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each step is run.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Time the file checks: exit 0 every goal is met, 1 one is missed or not judged, 3 error.

    Example: python -m benchmarks.contract_speed runs/demo/candidate.h5 --repeats 5

    Without a candidate, or with another number of households, some goals are not judged.
    """
    try:
        count = goals()["households"] if households is None else households
        record = _measure_with_bar(candidate, count, repeats)
    except MpgateError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error
    if as_json:
        typer.echo(canonical_bytes(record).decode(), nl=False)
    else:
        _show(record)
    raise typer.Exit(0 if record["met"] else MISSED_EXIT)


def _measure_with_bar(candidate: Path | None, households: int, repeats: int) -> dict[str, Any]:
    pieces = 1 + len(STEPS) * repeats * (1 if candidate is None else 2)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=pieces, completed=-1)  # told at a piece's start

        def told(piece: str) -> None:
            bar.update(task, description=piece, advance=1)

        return measure_speed(candidate, households, repeats, told)


def _show(record: Mapping[str, Any]) -> None:
    console = Console()
    for name, file in record["files"].items():
        if file is not None:
            console.print(_steps_table(name, file, record["repeats"]))
    console.print(_goals_table(record["goals"]))
    machine = record["machine"]
    words = f"{machine['cpu_count']} cores, {machine['memory_gb']} GB, Python {machine['python']}"
    console.print(words, highlight=False)


def _steps_table(name: str, file: Mapping[str, Any], repeats: int) -> Table:
    sizes = f"{file['households']:,} households, {file['columns']} columns, {file['layout']}"
    table = Table("step", "figure", title=f"{name}: {sizes}")
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    table.add_column("exit code", justify="right")
    table.caption = f"{repeats} runs each, every run a new process"
    for step, found in file["steps"].items():
        for figure in ("wall_s", "peak_rss_gb"):
            values = [f"{found[figure][each]:.2f}" for each in ("median", "min", "max")]
            table.add_row(step, figure, *values, str(found["exit_code"]))
    return table


def _goals_table(judged: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("file", "step", "figure", title="Goals")
    for heading in ("measured", "goal", "met"):
        table.add_column(heading, justify="right")
    words = {True: "yes", False: "no", None: "not judged"}
    for goal in judged:
        measured = "" if goal["measured"] is None else f"{goal['measured']:.2f}"
        figure = f"{goal['figure']}, {goal['statistic']}"
        row = (goal["file"], goal["step"], figure, measured, f"{goal['at_most']:g}")
        table.add_row(*row, words[goal["met"]])
    return table


if __name__ == "__main__":
    app()
