"""`mpgate engine`: the frozen variable metadata of each engine version."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.engine.metadata import installed_versions
from benchmarks.engine_metadata.freeze import compare_with_installed, freeze, regenerate
from schemas.engine_metadata import (
    counties,
    frozen_versions,
    rejected_on_load,
    stored_formula_overrides,
    variable_table,
)
from schemas.errors import MpgateError

DIFFERS_EXIT, ERROR_EXIT = 1, 3
SHOWN = 50
app = typer.Typer(no_args_is_help=True, help="Frozen variable metadata: list, freeze, check.")


@app.command("list")
def list_command() -> None:
    """Show every frozen engine version, its figures, and whether it is the installed one.

    Example: mpgate engine list
    """
    try:
        console = Console()
        console.print(_table())
        console.print(_overrides())
    except MpgateError as error:
        _fail(error)


@app.command("freeze")
def freeze_command(
    check: Annotated[bool, typer.Option("--check", help="Compare only; write nothing.")] = False,
) -> None:
    """Take variables, counties and the effect of stored values out of the installed engine.

    Example: mpgate engine freeze --check

    Runs the engine once (1 to 3 minutes). With --check: exit 0 if nothing differs, else 1.
    """
    try:
        lines = compare_with_installed() if check else []
        if not check:
            typer.echo(f"frozen: {freeze(regenerate()).name}")
    except MpgateError as error:
        _fail(error)
    if lines:
        shown = [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] * (len(lines) > SHOWN))]
        typer.echo("\n".join(shown))
        raise typer.Exit(DIFFERS_EXIT)
    if check:
        typer.echo("the installed engine is the frozen one")


def _table() -> Table:
    installed = installed_versions()["policyengine_us"]
    table = Table("version", "sha256", "variables", "computed", "rejected", "counties", "installed")
    for version, sha256 in sorted(frozen_versions().items()):
        variables = variable_table(version).values()
        figures = (
            len(variables),
            sum(each.computed for each in variables),
            len(rejected_on_load(version)),
            len(counties(version)),
        )
        here = "yes" if version == installed else "no"
        table.add_row(version, sha256[:12], *(f"{figure:,}" for figure in figures), here)
    return table


def _overrides() -> Table:
    table = Table("version", "stored variable", "in period arrays", "in entity tables")
    words = {True: "overrides the rules", False: "is ignored"}
    for version in sorted(frozen_versions()):
        for name, found in sorted(stored_formula_overrides(version).items()):
            table.add_row(
                version, name, words[found["period_arrays"]], words[found["entity_tables"]]
            )
    return table


def _fail(error: MpgateError) -> None:
    Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(ERROR_EXIT)
