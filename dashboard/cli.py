"""`mpgate dashboard`: index the runs and serve the dashboard on this machine; `export` writes it.

Nothing heavy is imported before it is needed, and without the packages of the dashboard extra the
commands say what to install.
"""

from __future__ import annotations

import importlib
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard.console import DEFAULT_ROOT, reported
from dashboard.errors import DashboardError
from dashboard.serve import PORT, serve

PACKAGES = ("altair", "duckdb", "pyarrow", "streamlit")
# for a command whose options, `--help` among them, are those of the command that it loads
HANDED_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

app = typer.Typer(help="Show whether the current candidate may replace the incumbent.")


@app.callback(invoke_without_command=True)
def dashboard(
    context: typer.Context,
    root: Annotated[
        list[Path] | None, typer.Option(help="A folder of runs; may be given again.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = PORT,
    db: Annotated[
        Path | None, typer.Option(help="The index file, else the usual one of the project.")
    ] = None,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Show the index as it is, not brought up to date.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = False,
) -> None:
    """Bring the index up to date and serve the dashboard until interrupted: exit 3 on an error.

    Example: mpgate dashboard --root runs --port 8501

    It listens on 127.0.0.1 and nowhere else, and reads records only. The page says what to run
    where there is nothing to show.
    """
    if context.invoked_subcommand is not None:
        return
    with reported():
        _require_packages()
        index = db or _module("dashboard.index").default_db()
        if not no_index:
            _update(root, index)
        raise typer.Exit(serve(index, port, lambda at: _ready(at, open_browser)))


@app.command(
    "export",
    context_settings=HANDED_ON,
    short_help="Write one run as static HTML.",
)
def export(context: typer.Context) -> None:
    """Hand all arguments on to the export, which is loaded only now."""
    _hand_on(context, "export")


def index(context: typer.Context) -> None:
    """Hand all arguments on to the indexing command, which is loaded only now."""
    _hand_on(context, "index")


def _hand_on(context: typer.Context, name: str) -> None:
    with reported():
        _require_packages()
    inner = typer.Typer(pretty_exceptions_enable=False)
    inner.command(name)(getattr(_module(f"dashboard.{name}_cli"), name))
    inner(context.args, prog_name=context.command_path)


def _update(roots: list[Path] | None, index: Path) -> None:
    """Bring the index up to date and say what it holds.

    Raises DashboardError where no folder is named and the usual one is not there.
    """
    if not roots and not DEFAULT_ROOT.is_dir():
        build = _module("dashboard.views.empty").BUILD
        raise DashboardError(
            f"there is no run yet: no folder {DEFAULT_ROOT} here",
            reason="index.no_root",
            remedy=f"build and judge one with `{build}`, or name a folder of runs with --root",
        )
    report = _module("dashboard.index_cli").updated(roots or [DEFAULT_ROOT], index)
    typer.echo(
        f"index    {report.runs} runs ({report.broken} broken), {report.added + report.changed} "
        f"read in {report.seconds:.1f} s"
    )


def _ready(address: str, open_browser: bool) -> None:
    typer.echo(f"address  {address}   (Ctrl-C stops it)")
    if open_browser:
        webbrowser.open(address)


def _require_packages() -> None:
    """Raise DashboardError where a package of the dashboard extra is not installed."""
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if lacking:
        raise DashboardError(
            f"the dashboard needs {', '.join(lacking)}",
            reason="dashboard.packages",
            remedy="install the dashboard extra: pip install 'microdata-release-gate[dashboard]'",
        )


def _module(name: str) -> Any:
    return importlib.import_module(name)
