"""`mpgate dashboard export`: the dashboard of one run as a folder of plain HTML files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboard.console import DEFAULT_ROOT, print_json, reported
from dashboard.errors import DashboardError
from dashboard.escaping import visible
from dashboard.export import Exported, export_site
from dashboard.index import Index, default_db
from dashboard.index_cli import updated
from dashboard.site_charts import drawing
from dashboard.views.verdicts import STAGES


def export(
    out: Annotated[Path, typer.Argument(help="A folder that is absent, empty or an old export.")],
    root: Annotated[
        list[Path] | None, typer.Option(help="A folder of runs; may be given again.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="A run's key or folder; without it, the published one.")
    ] = None,
    product: Annotated[str, typer.Option(help="The product whose run it is.")] = "mp-national",
    stage: Annotated[
        str | None, typer.Option(help="beta or default; else the one it was published for.")
    ] = None,
    address: Annotated[
        str, typer.Option(help="Where the folder will be published: summary.md links there.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON.")
    ] = False,
) -> None:
    """Write the dashboard as static HTML: exit 0 written, 3 error and nothing changed.

    Example: mpgate dashboard export site --root runs --run demo

    The index is brought up to date first. The folder needs no server: open its index.html, or
    publish it as it is. It holds summary.md and annotations.txt for a GitHub step as well.
    """
    with reported(as_json):
        exported = _exported(out, root or [DEFAULT_ROOT], run, product, stage, address)
    if as_json:
        print_json(_record(exported))
    else:
        _print_table(exported)


def _exported(
    out: Path, roots: list[Path], run: str | None, product: str, stage: str | None, address: str
) -> Exported:
    if stage not in (None, *STAGES):
        raise DashboardError(
            f"there is no stage {stage!r}",
            reason="export.stage",
            remedy=f"use one of: {', '.join(STAGES)}",
        )
    database = default_db()
    updated(roots, database)
    index = Index.open(database)
    with closing(index), drawing() as charts:
        return export_site(
            index, out, run=run, product=product, stage=stage, address=address, charts=charts
        )


def _record(exported: Exported) -> dict[str, Any]:
    return {
        "folder": str(exported.folder),
        "index": str(exported.index),
        "run": exported.run,
        "run_id": exported.run_id,
        "product": exported.product,
        "stage": exported.stage,
        "is_current": exported.is_current,
        "pages": dict(exported.pages),
        "files": exported.files,
        "bytes": exported.bytes,
        "undrawn": list(exported.undrawn),
    }


def _print_table(exported: Exported) -> None:
    table = Table(title=Text(f"Dashboard of {exported.run_id}, stage {exported.stage}"))
    table.add_column("pages")
    table.add_column("count", justify="right")
    for slug, count in exported.pages.items():
        table.add_row(slug, str(count))
    console = Console(highlight=False)
    console.print(table)
    size = f"{exported.files} files, {exported.bytes / 1e6:.1f} MB"
    for problem in exported.undrawn:
        console.print(Text(visible(problem)))
    published = "" if exported.is_current else "; not the published candidate"
    typer.echo(f"{size}{published}. Open {exported.index}")
