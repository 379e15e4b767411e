"""`mpgate build`: the embedded incumbent; the composition root adds the national build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from baselines.console import print_json, reported
from baselines.store import cache_dir
from benchmarks.weights import record_counts, weight_diagnostics
from builder.embedded.build import build_incumbent
from builder.stages.upkeep import StoredStage, list_stages, prune
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes

app = typer.Typer(no_args_is_help=True, help="Build data sets from their sources.")


@app.callback()
def builder_room() -> None:
    """Build data sets from their sources."""


@app.command()
def incumbent(
    out: Annotated[Path, typer.Option(help="The H5 file to write.", dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
) -> None:
    """Build the embedded incumbent `psl-cps-2024` from the public CPS file inside taxcalc.

    Example: mpgate build incumbent --out runs/demo/incumbent.h5
    """
    with reported(as_json):
        with Console(stderr=True).status("building the incumbent from taxcalc"):
            build_incumbent(out)
        summary = summarise(out)
    if as_json:
        print_json(summary)
    else:
        Console().print(summary_table(summary))


@app.command("stages")
def stages_command(
    keep: Annotated[
        int | None, typer.Option(help="Remove all but so many finished checkpoints per stage.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the checkpoints of builds, or remove old ones; what a build is using stays.

    Example: mpgate build stages --keep 2
    """
    store = cache_dir() / "stages"
    with reported(as_json):
        rows = list_stages(store) if keep is None else prune(store, keep)
    if as_json:
        print_json({"removed": keep is not None, "stages": [_row(each) for each in rows]})
        return
    table = Table(title="checkpoints" if keep is None else "removed checkpoints")
    for name in ("stage", "key", "state", "finished", "wall s", "bytes", "in use"):
        table.add_column(name)
    for row in rows:
        table.add_row(row.id, row.key[:12], *(str(v) for v in list(_row(row).values())[2:]))
    Console().print(table)


def _row(stored: StoredStage) -> dict[str, Any]:
    names = ("id", "key", "state", "finished_at", "wall_s", "size_bytes", "in_use")
    return {name: getattr(stored, name) for name in names}


def summarise(file: Path) -> dict[str, Any]:
    """Return what was written: counts, weights and hashes of an H5."""
    dataset = open_dataset(file)
    hashes = dataset_hashes(dataset)
    return {
        "file": str(file),
        "size_bytes": hashes.size_bytes,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "variables": len(dataset.variables),
        "counts": record_counts(dataset),
        "weights": weight_diagnostics(dataset),
    }


def summary_table(summary: dict[str, Any]) -> Table:
    """Return the summary as a table for the terminal."""
    table = Table(title=summary["file"])
    table.add_column("figure")
    table.add_column("value", justify="right")
    for entity, count in summary["counts"].items():
        table.add_row(f"{entity} records", f"{count:,}")
    for name, value in summary["weights"].items():
        table.add_row(f"weights: {name}", f"{value:,.4g}")
    table.add_row("variables", str(summary["variables"]))
    table.add_row("bytes", f"{summary['size_bytes']:,}")
    table.add_row("sha256", summary["sha256"][:16])
    table.add_row("logical sha256", summary["logical_sha256"][:16])
    return table
