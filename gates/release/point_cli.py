"""`mpgate release`: make a run the current candidate of its product, and show who was when."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from baselines.console import console, print_json, reported
from gates.release.cli import CHANGED
from gates.release.point import REFUSED, point
from schemas.pointer import EDITED, PointerError, read_pointer

app = typer.Typer(no_args_is_help=True, help="The current candidate: point at it, show it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_reported = partial(reported, mismatches=(*CHANGED, EDITED, REFUSED))


@app.command("point")
def point_command(
    run: Annotated[Path, typer.Argument(help="A sealed and judged run folder.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")],
    root: Annotated[
        Path | None, typer.Option(help="Where the runs lie; default: the folder of RUN.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run the current candidate: exit 0 pointed, 1 something was changed, 3 error.

    Example: mpgate release point runs/demo --by "Jane Doe" --reason "first with capital gains"

    Readiness is judged of the current candidate. A blocked run may be it; nothing is released.
    """
    with _reported(as_json):
        record = point(root or run.resolve().parent, run, by=by, reason=reason)
        if as_json:
            print_json(record)
        else:
            entry = record["entries"][-1]
            typer.echo(f"{record['product']}: {entry['run']} is current, {verdict(entry)}")


@app.command("current")
def current_command(
    root: Annotated[Path, typer.Option(help="Where the runs lie.")] = Path("runs"),
    product: Annotated[str, typer.Option(help="Whose current candidate.")] = "mp-national",
    as_json: AsJson = False,
) -> None:
    """Show the current candidate and those before it: exit 0 shown, 1 was edited, 3 none or error.

    Example: mpgate release current --root runs
    """
    with _reported(as_json):
        record = read_pointer(root, product)
        if record is None:
            raise PointerError(
                f"{product} has no current candidate below {root}",
                reason="pointer.absent",
                remedy="make a judged run current with `mpgate release point`",
            )
        if as_json:
            print_json(record)
        else:
            _show(record)


def _show(record: Mapping[str, Any]) -> None:
    """Print the history, newest first; names and reasons are shown as they are."""
    table = Table("no.", "run", "verdict", "incumbent", "pointed by", "at (UTC)", "reason")
    for entry in reversed(record["entries"]):
        values = (entry["number"], entry["run"], verdict(entry), entry["incumbent"]["id"])
        said = (entry["pointed_by"], entry["pointed_at"], entry["reason"])
        table.add_row(*(Text(str(each)) for each in (*values, *said)))
    current = record["entries"][-1]
    out = console()
    out.print(table)
    out.print(f"current  {current['run']} ({record['product']})", markup=False)


def verdict(entry: Mapping[str, Any]) -> str:
    """Return the verdict of an entry in words; a demonstration is never called ready."""
    word = entry["verdict"]
    if entry["demonstration"]:
        word = f"{'would be ready' if word == 'ready' else word} (demonstration)"
    return f"verdict {entry['verdict_number']}, {entry['stage']}: {word}"
