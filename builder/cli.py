"""`mpgate build`: make the embedded data sets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.weights import record_counts, weight_diagnostics
from builder.candidate import build_candidate, load_config
from builder.embedded.build import build_incumbent
from schemas.canonical import canonical_bytes
from schemas.dataset import open_dataset
from schemas.errors import MpgateError
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path

ERROR_EXIT = 3
app = typer.Typer(no_args_is_help=True, help="Build data sets from their sources.")


class Role(StrEnum):
    """Which embedded data set: the one judged against, or the one judged."""

    INCUMBENT = "incumbent"
    CANDIDATE = "candidate"


@app.callback()
def builder_room() -> None:
    """Build data sets from their sources."""


@app.command()
def embedded(
    role: Annotated[Role, typer.Option(help="Which data set to build.")],
    out: Annotated[Path, typer.Option(help="The H5 file to write.", dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
) -> None:
    """Build an embedded data set from the public CPS file inside taxcalc; needs no network.

    Example: mpgate build embedded --role incumbent --out runs/demo/incumbent.h5

    Example: mpgate build embedded --role candidate --out runs/demo/candidate.h5 --json
    """
    try:
        _build_with_bar(role, out)
        summary = summarise(out, role)
    except MpgateError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error
    if as_json:
        typer.echo(canonical_bytes(summary).decode(), nl=False)
    else:
        Console().print(_table(summary))


def _build_with_bar(role: Role, out: Path) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"building the {role} from taxcalc", total=None)

        def advance(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        if role is Role.INCUMBENT:
            build_incumbent(out)
        else:
            build_candidate(out, load_config(), advance)
        bar.update(task, description=f"wrote {out.name}", completed=1, total=1)


def summarise(out: Path, role: str) -> dict[str, Any]:
    """Return what was written: counts, weights, hashes and where the manifest lies, if any."""
    dataset = open_dataset(out)
    hashes = dataset_hashes(dataset)
    manifest = candidate_manifest_path(out)
    return {
        "role": str(role),
        "file": str(out),
        "manifest": str(manifest) if role == Role.CANDIDATE else None,
        "size_bytes": hashes.size_bytes,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "variables": len(dataset.variables),
        "counts": record_counts(dataset),
        "weights": weight_diagnostics(dataset),
    }


def _table(summary: dict[str, Any]) -> Table:
    table = Table(title=f"{summary['role']}: {summary['file']}")
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
    if summary["manifest"]:
        table.add_row("manifest", summary["manifest"])
    return table
