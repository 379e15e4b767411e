"""`mpgate baseline`: list, fetch, verify, freeze and diff the incumbents."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from baselines import diff as differences
from baselines import fetch as download
from baselines import freeze as freezing
from baselines import store, verify
from baselines.console import EXIT_MISMATCH, console, print_json, reported
from baselines.registry import list_baselines, load_baseline
from schemas.records import read_record

app = typer.Typer(
    no_args_is_help=True, help="The incumbents on record: list, fetch, verify, freeze, diff."
)

Id = Annotated[str, typer.Argument(help="Incumbent id, as `mpgate baseline list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_reported = partial(reported, mismatches=(verify.MISMATCH,))


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Show every incumbent on record, its pins and whether its file is here.

    Example: mpgate baseline list --json
    """
    with _reported(as_json):
        manifests = list_baselines()
        if as_json:
            print_json({"baselines": manifests})
            return
        table = Table("id", "product", "release", "sha256", "policyengine-us", "file", "evidence")
        for each in manifests:
            table.add_row(*_row(each))
        console().print(table)


def _row(manifest: dict[str, Any]) -> tuple[str, ...]:
    pins = manifest["pins"]
    return (
        manifest["id"],
        manifest["product"],
        "eligible" if manifest["release_eligible"] else "not eligible",
        (pins["h5_sha256"] or "unpinned")[:12],
        pins["policyengine_us"] or "unknown",
        "here" if store.stored_path(manifest["id"]).is_file() else "not here",
        str(len(manifest["frozen_evidence"])),
    )


@app.command("fetch")
def fetch_command(
    baseline_id: Id,
    endpoint: Annotated[
        str | None, typer.Option(help="Hub address; default $HF_ENDPOINT, else the public hub.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Take this copy instead of downloading.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download an incumbent at its pinned revision and keep it only if its sha256 is the pin.

    Example: mpgate baseline fetch ecps-2024-1.115.5
    """
    with _reported(as_json):
        if source is None:
            path = download.fetch(baseline_id, endpoint=endpoint)
        else:
            path = store.adopt(baseline_id, source)
        if as_json:
            print_json({"id": baseline_id, "path": str(path)})
        else:
            typer.echo(f"{baseline_id} is here and is the pinned content: {path}")


@app.command("verify")
def verify_command(
    baseline_id: Id,
    file: Annotated[
        Path | None, typer.Option(help="Check this file; default: the one in the cache.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a file with the pins of an incumbent; exit code 1 on a mismatch.

    Example: mpgate baseline verify psl-cps-2024 --file runs/demo/incumbent.h5
    """
    with _reported(as_json):
        path = file or store.stored_path(baseline_id)
        checked = verify.verify_file(baseline_id, path)
        if as_json:
            print_json({"id": baseline_id, "path": str(path), "holds": checked})
        else:
            typer.echo(f"{path} is {baseline_id}: {', '.join(checked)} hold")


@app.command("freeze")
def freeze_command(
    baseline_id: Id,
    file: Annotated[Path, typer.Argument(help="The incumbent's H5, or evidence (.json) of it.")],
    replace: Annotated[bool, typer.Option(help="Overwrite what is frozen, on purpose.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pin an H5 in its manifest, or freeze evidence measured on it; exit code 1 if it differs.

    Example: mpgate baseline freeze psl-cps-2024 runs/demo/incumbent.h5
    """
    with _reported(as_json):
        before = load_baseline(baseline_id)
        if file.suffix == ".json":
            evidence = read_record(file, "evidence")
            beside = file.with_suffix(".npz")
            contributions = beside if beside.is_file() else None
            freezing.freeze_evidence(
                baseline_id, evidence, contributions=contributions, replace=replace
            )
        else:
            freezing.freeze_file(baseline_id, file, replace=replace)
        changes = differences.diff_records(before, load_baseline(baseline_id))
        _show_changes(changes, as_json, {"id": baseline_id})


@app.command("diff")
def diff_command(
    left: Id,
    right: Annotated[str, typer.Argument(help="Another incumbent's id, or the path of an H5.")],
    as_json: AsJson = False,
) -> None:
    """Compare two manifests, or a manifest's pins and a file; exit code 1 if they differ.

    Example: mpgate baseline diff ecps-2024-1.115.5 ecps-2024-frozen-20260606
    """
    with _reported(as_json):
        manifest = load_baseline(left)
        if Path(right).is_file():
            changes = verify.file_mismatches(manifest, Path(right))
        else:
            changes = differences.diff_records(manifest, load_baseline(right))
        _show_changes(changes, as_json, {"left": left, "right": right})
    if changes:
        raise typer.Exit(EXIT_MISMATCH)


def _show_changes(
    changes: Sequence[differences.Difference], as_json: bool, about: dict[str, Any]
) -> None:
    if as_json:
        print_json({**about, "changes": [change._asdict() for change in changes]})
        return
    if not changes:
        typer.echo("no differences")
        return
    table = Table()
    for heading in ("field", "left", "right"):
        table.add_column(heading, overflow="fold")
    for change in changes:
        table.add_row(change.field, str(change.left), str(change.right))
    console().print(table)
