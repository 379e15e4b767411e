"""Our engine beside a plain PolicyEngine script: `python -m benchmarks.bench_engine`.

The last line printed is JSON with the ratios, the seconds and whether all outputs are equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.bench_engine_compare import (
    VALUE,
    WHOLE,
    Options,
    Tools,
    compare,
    piece_count,
)
from benchmarks.bench_engine_plain import BEST, LISTED, settings
from benchmarks.suite import DEFAULT_SUITE, listed_outputs, load_suite
from benchmarks.suite_arms import suite_arms
from schemas.canonical import atomic_write, canonical_bytes
from schemas.dataset import open_dataset
from schemas.errors import MpgateError

DEMO = Path("runs/demo")
INCUMBENT = Path("runs/incumbent/psl-cps-2024.h5")
DIFFERS_EXIT, ERROR_EXIT = 1, 3
OUR_WORDS = ("session", "file", "arm", "method")
app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def bench_engine(
    candidate: Annotated[Path, typer.Option(help="The one H5 file.")] = DEMO / "candidate.h5",
    incumbent: Annotated[Path, typer.Option(help="The other one.")] = INCUMBENT,
    suite: Annotated[str, typer.Option(help="Id of the suite.")] = DEFAULT_SUITE,
    plain_reforms: Annotated[
        int | None,
        typer.Option(min=1, help="Time the plain script on so many reforms of the settings."),
    ] = None,
    skip_best_order: Annotated[
        bool, typer.Option("--skip-best-order", help="Leave the best order of outputs out.")
    ] = False,
    max_minutes: Annotated[
        float | None, typer.Option(min=1, help="Time fewer reforms rather than take longer.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result with all runs here.")] = None,
) -> None:
    """Time our engine and a plain script on the same simulations, and compare their outputs.

    Example: python -m benchmarks.bench_engine --plain-reforms 1 --skip-best-order

    Exit 0: all outputs are equal, 1: some differ, 3: error. The last line is JSON.
    """
    try:
        options = Options(
            plain_reforms=plain_reforms or len(settings()["plain_reforms"]),
            best_order=not skip_best_order,
            max_minutes=max_minutes or settings()["max_minutes"],
        )
        result = _compare_with_bar({"candidate": candidate, "incumbent": incumbent}, suite, options)
        if out is not None:
            atomic_write(out, canonical_bytes(result))
    except MpgateError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ERROR_EXIT) from error
    runs = ("plain_runs", "our_runs")
    _show(result)
    typer.echo(json.dumps({key: value for key, value in result.items() if key not in runs}))
    raise typer.Exit(0 if result["outputs_equal"] else DIFFERS_EXIT)


def _compare_with_bar(files: Mapping[str, Path], suite_id: str, options: Options) -> dict[str, Any]:
    suite = load_suite(suite_id)
    datasets = {name: open_dataset(path) for name, path in files.items()}
    arms = {name: suite_arms(suite, dataset) for name, dataset in datasets.items()}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        pieces = piece_count(len(files), options)
        task = bar.add_task("starting", total=pieces, completed=-1)  # told at a piece's start
        detail = bar.add_task("", total=None)

        def told(piece: str) -> None:
            bar.console.print(piece, highlight=False)
            bar.update(task, description=piece, advance=1)

        def advance(stage: str, done: int, total: int) -> None:
            bar.update(detail, description=f"  {stage}", completed=done, total=total or None)

        tools = Tools(told=told, progress=advance)
        listed, period = listed_outputs(suite), int(suite.record["period"])
        return compare(datasets, arms, listed, period, options, tools)


def _show(result: Mapping[str, Any]) -> None:
    console = Console()
    console.print(_runs_table("Plain script", result["plain_runs"], ("file", "arm", "order")))
    console.print(_runs_table("Ours", result["our_runs"], OUR_WORDS))
    console.print(_ratios_table(result))
    for line in (_scaling(result["timed_runs"]), *_differences(result["differing_outputs"])):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _runs_table(title: str, rows: Sequence[Mapping[str, Any]], words: Sequence[str]) -> Table:
    """Return one line per simulation: the words, then every figure that some simulation has."""
    figures = list(dict.fromkeys(key for row in rows for key in row if key not in words))
    table = Table(*words, title=title)
    for figure in figures:
        table.add_column(figure, justify="right")
    for row in rows:
        numbers = (f"{row[key]:.1f}" if key in row else "" for key in figures)
        table.add_row(*(str(row.get(word, "")) for word in words), *numbers)
    return table


def _ratios_table(result: Mapping[str, Any]) -> Table:
    goals = settings()["goals"]
    size = f"goal at {goals['households_per_file']:,} households per file"
    table = Table("simulations", title="Plain script over ours")
    for heading in ("plain s", "ours s", "ratio", size, "ratio to the best order"):
        table.add_column(heading, justify="right")
    for title, end in (("value-only reforms", ""), ("whole suite", f"_{WHOLE}")):
        best = result[f"speedup{end}_vs_best_order"]
        table.add_row(
            title,
            f"{result[f'plain{end}_s']:,.0f}",
            f"{result[f'ours{end}_s']:,.0f}",
            f"{result[f'speedup{end}']:.1f}",
            f"{goals[f'speedup{end}']:g}",
            "not timed" if best is None else f"{best:.1f}",
        )
    return table


def _scaling(runs: Mapping[str, int]) -> str:
    return (
        f"plain script: timed {runs[LISTED]} of {runs[VALUE]} value-only and {runs[WHOLE]} suite "
        f"simulations ({runs[BEST]} in the best order), scaled up: per file, mean baseline x "
        "baselines + mean reform x other arms (other years, structural reforms and a file without "
        "time taken to last as long); ours timed whole, from an empty cache"
    )


def _differences(found: Mapping[str, Any]) -> list[str]:
    if not found["count"]:
        return ["outputs: every array of the timed simulations is equal"]
    return [f"outputs: {found['count']} arrays differ, such as", *found["first"]]


if __name__ == "__main__":
    app()
