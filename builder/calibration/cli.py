"""`mpgate calibrate`: new household weights for a file, national or sparse local."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from builder.calibration.files import calibrate_file
from builder.calibration.settings import (
    LOCAL_CONFIG,
    NATIONAL_CONFIG,
    CalibrationSettings,
    load_settings,
)
from schemas.canonical import canonical_bytes
from schemas.errors import BuildError, MpgateError

ERROR_EXIT = 3
app = typer.Typer(no_args_is_help=True, help="Fit household weights to published targets.")

File = Annotated[Path, typer.Argument(help="The H5 file whose weights to fit.", metavar="FILE")]
Out = Annotated[Path, typer.Option(help="The H5 file to write.", dir_okay=False)]
Config = Annotated[Path | None, typer.Option(help="Settings, else the product's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON summary.")]


@app.callback()
def calibration() -> None:
    """Fit household weights to published targets."""


@app.command()
def national(file: File, out: Out, config: Config = None, as_json: AsJson = False) -> None:
    """Calibrate a national file: dense weights, all households kept.

    Example: mpgate calibrate national runs/demo/uncalibrated.h5 --out runs/demo/candidate.h5
    """
    _command(file, out, config or NATIONAL_CONFIG, as_json, local=False)


@app.command()
def local(file: File, out: Out, config: Config = None, as_json: AsJson = False) -> None:
    """Calibrate a local file: L0 drops households that the targets do not need.

    Example: mpgate calibrate local runs/demo/rich.h5 --out runs/demo/fast.h5 --json
    """
    _command(file, out, config or LOCAL_CONFIG, as_json, local=True)


def _command(file: Path, out: Path, config: Path, as_json: bool, *, local: bool) -> None:
    try:
        summary = _calibrate_with_bar(file, out, _settings(config, local))
    except MpgateError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error
    if as_json:
        typer.echo(canonical_bytes(summary).decode(), nl=False)
    else:
        Console().print(_table(summary))


def _settings(config: Path, local: bool) -> CalibrationSettings:
    settings = load_settings(config)
    if settings.is_local != local:
        raise BuildError(
            f"{config.name} is for {settings.product}",
            reason="calibration.product",
            remedy=f"use `mpgate calibrate {'local' if settings.is_local else 'national'}`",
        )
    return settings


def _calibrate_with_bar(file: Path, out: Path, settings: CalibrationSettings) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"calibrating {file.name}", total=None)

        def advance(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        summary = calibrate_file(file, out, settings, progress=advance)
        bar.update(task, description=f"wrote {out.name}", completed=1, total=1)
    return summary


def _table(summary: dict[str, Any]) -> Table:
    table = Table(title=f"{summary['product']}: {summary['file']}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for role, initial in summary["losses"]["initial"].items():
        if initial is not None:
            final = summary["losses"]["final"][role]
            name = f"{role} loss ({summary['targets'][role]:,} targets)"
            table.add_row(name, f"{initial:.4f} -> {final:.4f}")
    table.add_row("targets out of reach", f"{summary['targets_out_of_reach']:,}")
    for name, value in summary["stopping"].items():
        if value is not None:
            table.add_row(f"stopping: {name}", str(value))
    for name, value in summary["weights"].items():
        table.add_row(f"weights: {name}", f"{value:,.4g}")
    table.add_row("weights: largest ratio", f"{summary['max_ratio']:.3g}")
    table.add_row("weights: share at bounds", f"{summary['share_at_bounds']:.3g}")
    for entity, count in summary["counts"].items():
        table.add_row(f"{entity} records", f"{count:,}")
    for note in summary["notes"]:
        table.add_row("note", note)
    table.add_row("report", summary["report"])
    return table
