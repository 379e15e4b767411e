"""`mpgate targets`: import, list, verify, cover and compile the published target facts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from baselines.console import EXIT_MISMATCH, console, print_json, reported
from baselines.targets import Target, load_targets
from baselines.targets.coverage import COVERED, coverage_report, product_cells, products
from baselines.targets.database import compile_database, read_database
from baselines.targets.engine_indices import freeze_indices
from baselines.targets.feeds import import_feed
from baselines.targets.verify import Check, verify_registry
from schemas.errors import UsageError

app = typer.Typer(
    no_args_is_help=True,
    help="The target facts on record: import, list, verify, coverage, build.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
TargetDb = Annotated[
    Path | None, typer.Option(help="Read this policy_data.db in place of the committed facts.")
]
Product = Annotated[
    str | None, typer.Option(help="mp-national, mp-local-rich or mp-local-fast; default: all.")
]


@app.command("list")
def list_command(
    family: Annotated[str | None, typer.Option(help="One family, such as ssi.")] = None,
    source: Annotated[str | None, typer.Option(help='One agency, such as "IRS SOI".')] = None,
    geography: Annotated[
        str | None, typer.Option(help="A level (national, state, ...) or a place (US, 06).")
    ] = None,
    product: Product = None,
    target_db: TargetDb = None,
    as_json: AsJson = False,
) -> None:
    """Show the targets, uprated, with source, scope, entity and how each was grown.

    Example: mpgate targets list --family ssi --json
    """
    with reported(as_json):
        cells = product_cells(_known(product)) if product else None
        shown = [
            each
            for each in _targets(target_db)
            if family in (None, each.family)
            and source in (None, each.source_agency)
            and geography in (None, each.geography_level, each.geography_id)
            and (cells is None or (each.family, each.geography_level) in cells)
        ]
        if as_json:
            print_json({"count": len(shown), "targets": [target_record(each) for each in shown]})
            return
        _show_targets(shown)


@app.command("verify")
def verify_command(as_json: AsJson = False) -> None:
    """Check hashes, rows, concept rules, exclusions, provenance, indices; exit 1 on a mismatch.

    Example: mpgate targets verify
    """
    with reported(as_json):
        checks = verify_registry()
        if as_json:
            print_json({"checks": [each._asdict() for each in checks]})
        else:
            _show_checks(checks)
    if any(each.ok is False for each in checks):
        raise typer.Exit(EXIT_MISMATCH)


@app.command("coverage")
def coverage_command(
    product: Product = None, target_db: TargetDb = None, as_json: AsJson = False
) -> None:
    """Show what each product needs and has; exit 1 if a row lacks source, scope or entity.

    Example: mpgate targets coverage --product mp-local-fast
    """
    with reported(as_json):
        targets = _targets(target_db)
        names = [_known(product)] if product else list(products())
        reports = [coverage_report(targets, name) for name in names]
        if as_json:
            print_json({"coverage": reports})
        else:
            for report in reports:
                _show_coverage(report)
    if any(report["incomplete"] for report in reports):
        raise typer.Exit(EXIT_MISMATCH)


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="Where to write the database.")],
    as_json: AsJson = False,
) -> None:
    """Compile the committed facts to SQLite; the same facts give the same sha256.

    Example: mpgate targets build --out policy_data.db
    """
    with reported(as_json):
        targets = load_targets()
        sha256 = compile_database(targets, out)
        if as_json:
            print_json({"path": str(out), "sha256": sha256, "targets": len(targets)})
        else:
            typer.echo(f"{out}: {len(targets)} targets, sha256 {sha256}")


@app.command("import")
def import_command(
    manifest: Annotated[Path, typer.Option(help="The feed's manifest (JSON).")],
    csv_folder: Annotated[
        Path | None, typer.Option("--from", help="Where its CSV files are; default: beside it.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Refuse the manifest unless this is its sha256.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a facts feed and commit its rows: all of them, or nothing and the reason.

    Example: mpgate targets import --manifest FEED.json --from downloads

    A feed is a manifest (schema facts_feed: id, part, publisher, licence, columns, and files with
    name, role, rows, sha256) and its CSV files: one of role `facts`, at most one `excluded`. Part
    `base` replaces the committed facts, `extension` the rows added to them. A wrong hash, a row
    without source, scope or entity, a figure derived from a dataset, an unknown variable, a
    contradiction, a blocked concept or an index that doesn't fit refuses the whole feed.
    """
    with reported(as_json):
        done = import_feed(manifest, csv_folder=csv_folder, sha256=sha256)
        if as_json:
            print_json({"feed": done.feed, "part": done.part, "rows": done.rows})
        else:
            rows = ", ".join(f"{count} {role}" for role, count in done.rows.items())
            typer.echo(f"{done.feed} is the {done.part} feed: {rows}")


@app.command("freeze-indices")
def freeze_indices_command(as_json: AsJson = False) -> None:
    """Renew the uprating indices from the installed engine's parameter files.

    Example: mpgate targets freeze-indices
    """
    with reported(as_json):
        names = freeze_indices()
        if as_json:
            print_json({"indices": names})
        else:
            typer.echo(f"{len(names)} indices frozen: {', '.join(names)}")


def target_record(target: Target) -> dict[str, Any]:
    """Return one target as a `target` record: `value` uprated, the growth beside it."""
    record: dict[str, Any] = {"schema": "target", "schema_version": 2, **vars(target)}
    record["uprated"] = dict(vars(target.uprated)) if target.uprated else None
    record["constraints"] = [list(each) for each in target.constraints]
    return record


def _targets(target_db: Path | None) -> list[Target]:
    return load_targets() if target_db is None else read_database(target_db)


def _known(product: str) -> str:
    if product not in products():
        raise UsageError(
            f"no product is called {product!r}",
            reason="usage.product",
            remedy=f"use one of: {', '.join(products())}",
        )
    return product


def _show_targets(targets: Sequence[Target]) -> None:
    table = Table("id", "value", "unit", "scope", "entity", "source", "period", "uprated by")
    for each in targets:
        growth = f"{each.uprated.factor:.4f} {each.uprated.index}" if each.uprated else ""
        table.add_row(
            *map(
                Text,  # a database may carry any text: none of it is markup
                (
                    each.target_id,
                    f"{each.value:,.0f}",
                    each.unit,
                    each.scope,
                    each.entity,
                    f"{each.source_agency}, {each.source_table}",
                    str(each.source_period),
                    growth,
                ),
            )
        )
    console().print(table)
    typer.echo(f"{len(targets)} targets")


def _show_checks(checks: Sequence[Check]) -> None:
    said = {True: "holds", False: "MISMATCH", None: "not checked"}
    table = Table("check", "result", "problems", "first problem")
    for each in checks:
        first = each.problems[0] if each.problems else ""
        table.add_row(each.name, said[each.ok], str(len(each.problems)), Text(first))
    console().print(table)


def _show_coverage(report: dict[str, Any]) -> None:
    table = Table("family", "level", "rows", "places", "status", "reason", title=report["product"])
    for cell in report["cells"]:
        table.add_row(
            cell["family"],
            cell["level"],
            str(cell["rows"]),
            f"{cell['places']} of {cell['places_needed']}",
            cell["status"],
            cell["reason"] or "",
        )
    console().print(table)
    covered, standing = report["counts"][COVERED], report["not_uprated"]
    typer.echo(
        f"{report['product']}: {covered} of {len(report['cells'])} cells covered; "
        f"{report['complete']} of {report['rows']} rows state source, scope and entity; "
        f"{standing['rows']} not uprated: {standing['reason']}"
    )
