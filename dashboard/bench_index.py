"""Benchmark of the index: how long many runs take to index, to index again, and to open.

    python -m dashboard.bench_index --template RUN --runs 1000 --targets 2500

The runs are generated from one sealed run (see `dashboard.bench_runs`) in a scratch folder that is
removed afterwards. Goals: 1,000 runs of 2,500 targets in 60 seconds, opened in 2.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dashboard.bench_runs import many_runs
from dashboard.errors import DashboardError
from dashboard.index import Index
from dashboard.indexing import update_index
from schemas.errors import MpgateError

GOAL_RUNS, GOAL_TARGETS = 1000, 2500
GOALS = {"index_s": 60.0, "open_s": 2.0}
_WORDS = {
    "generate_s": "generate the runs, s",
    "index_s": "index them all, s",
    "again_s": "index again, nothing changed, s",
    "open_s": "open, list all runs, load the newest, s",
    "run_bytes": "size of the run folders, MB",
    "db_bytes": "size of the index, MB",
}
app = typer.Typer(add_completion=False)


@app.command()
def bench(
    template: Annotated[Path, typer.Option(help="A sealed and judged run to generate from.")],
    runs: Annotated[int, typer.Option(min=1)] = GOAL_RUNS,
    targets: Annotated[int, typer.Option(min=1, help="Targets of each run.")] = GOAL_TARGETS,
    scratch: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Where the runs are put; they are removed afterwards.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Print what indexing and opening take; exit code 1 where a goal of the full size is missed."""
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="mpgate-bench-") as folder:
            found = measure(template, Path(folder), runs, targets)
    except MpgateError as error:
        Console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(2) from error
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        Console().print(table_of(found))
    raise typer.Exit(1 if missed(found) else 0)


def measure(template: Path, folder: Path, runs: int, targets: int) -> dict[str, Any]:
    """Return seconds and sizes of an index of generated runs, which are left in `folder/runs`.

    Raises DashboardError where the template is none, the disk is too small, or a generated run is
    not indexed as a sound one: broken runs would be quick to index.
    """
    root, db = folder / "runs", folder / "index.duckdb"
    started = time.perf_counter()
    deque(many_runs(template, root, runs, targets), maxlen=0)
    generated = time.perf_counter()
    first = update_index([root], db)
    if first.broken or first.added != runs:
        raise DashboardError(
            f"{first.broken} of {first.added} generated runs are broken",
            reason="bench.broken",
            remedy="look at one with `mpgate index`; the records may have changed",
        )
    again = update_index([root], db)
    opened = _seconds_to_open(db)
    return {
        "runs": runs,
        "targets": targets,
        "generate_s": round(generated - started, 2),
        "index_s": round(first.seconds, 2),
        "again_s": round(again.seconds, 3),
        "open_s": round(opened, 3),
        "run_bytes": sum(each.stat().st_size for each in root.rglob("*") if each.is_file()),
        "db_bytes": db.stat().st_size,
        "disk_free_bytes": shutil.disk_usage(folder).free,
    }


def _seconds_to_open(db: Path) -> float:
    """Return how long it takes to list all runs and to have the records of the newest."""
    started = time.perf_counter()
    index = Index.open(db)
    index.load(str(index.runs().iloc[0]["key"]))
    seconds = time.perf_counter() - started
    index.close()
    return seconds


def missed(found: Mapping[str, Any]) -> list[str]:
    """Return which goals are missed; there are none for fewer runs or targets."""
    if found["runs"] < GOAL_RUNS or found["targets"] < GOAL_TARGETS:
        return []
    return [name for name, limit in GOALS.items() if found[name] > limit]


def table_of(found: Mapping[str, Any]) -> Table:
    """Return the figures as a table with their goals."""
    table = Table("step", title=f"{found['runs']:,} runs of {found['targets']:,} targets")
    for heading in ("measured", "goal"):
        table.add_column(heading, justify="right")
    for name, words in _WORDS.items():
        value = found[name] / 1e6 if name.endswith("_bytes") else found[name]
        goal = f"{GOALS[name]:g}" if name in GOALS else ""
        table.add_row(words, f"{value:,.2f}", goal)
    return table


if __name__ == "__main__":
    app()
