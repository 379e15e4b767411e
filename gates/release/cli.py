"""`mpgate bundle`: seal, judge, sign off, verify and show a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from baselines.console import EXIT_MISMATCH, console, print_json, reported
from gates.policy import STAGES, load_policy
from gates.release.layer_one import is_wholly_sealed, seal_layer_one, shortcomings
from gates.release.run import judge_run
from gates.release.verdict import sign_off
from gates.release.verify import problems, verify
from gates.results import EXIT_CODES, print_results
from schemas.bundle import EDITED, BundleError
from schemas.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Run folders: seal, judge, sign off, verify, show.")

Run = Annotated[Path, typer.Argument(help="A run folder, such as runs/demo.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
CHANGED = (EDITED, "bundle.changed", "bundle.incomplete", "bundle.path", "bundle.verdict")
_reported = partial(reported, mismatches=CHANGED)


@app.command("seal")
def seal_command(
    run: Run,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Seal though something is missing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Seal what was built and measured, read-only: exit 0 sealed, 1 something is missing, 3 error.

    Example: mpgate bundle seal runs/demo

    A sealed folder is never sealed anew: sealing it again only says whether it is as it was.
    """
    with _reported(as_json):
        if not is_wholly_sealed(run) and not incomplete and (lacking := shortcomings(run)):
            raise BundleError(
                f"{run} is not complete: {'; '.join(lacking)}",
                reason="bundle.incomplete",
                remedy="put what is missing there, or seal it as it is with `--incomplete`",
            )
        bundle = seal_layer_one(run)
        if as_json:
            print_json(bundle)
        else:
            typer.echo(f"sealed {run}: {len(bundle['files'])} files, digest {bundle['digest']}")


@app.command("judge")
def judge_command(
    run: Run,
    incumbent: Annotated[str, typer.Option(help="A pinned baseline.")] = "psl-cps-2024",
    stage: Annotated[str, typer.Option(help="beta or default.")] = "default",
    no_runtime: Annotated[
        bool, typer.Option("--no-runtime", help="Leave the runtime out: the bundle lacks it.")
    ] = False,
    external: Annotated[
        Path | None, typer.Option(help="Expected values of an external benchmark (JSON).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure and seal a run folder, judge what is sealed, seal the verdict: exits as `judge`.

    Example: mpgate bundle judge runs/demo --incumbent psl-cps-2024

    A folder that is sealed already is judged on its own records; earlier verdicts are kept.
    """
    with _reported(as_json):
        if stage not in STAGES:
            raise UsageError(
                f"--stage {stage} is unknown", reason="usage.option", remedy=f"use {STAGES}"
            )
        results = judge_run(
            run,
            incumbent,
            load_policy(),
            stage,
            runtime="off" if no_runtime else "measure",
            external=external,
            quiet=as_json,
        )
        if as_json:
            print_json(results)
        else:
            print_results(results, console())
    raise typer.Exit(EXIT_CODES[results["verdicts"][stage]["verdict"]])


@app.command("sign-off")
def sign_off_command(
    run: Run,
    by: Annotated[str, typer.Option("--by", help="Who stands for the verdict.")],
    as_json: AsJson = False,
) -> None:
    """Sign the latest verdict off: exit 0 signed, 1 something was changed, 3 error.

    Example: mpgate bundle sign-off runs/demo --by "Jane Doe"
    """
    with _reported(as_json):
        seal = sign_off(run, by)
        if as_json:
            print_json(seal)
        else:
            typer.echo(f"verdict {seal['number']} ({seal['verdict']}): {signature(seal)}")


@app.command("verify")
def verify_command(run: Run, as_json: AsJson = False) -> None:
    """Hold a run folder against its seals: exit 0 intact and complete, 1 not so, 3 error.

    Example: mpgate bundle verify runs/demo

    Everything that is missing, changed or added is named.
    """
    with _reported(as_json):
        found = verify(run)
        wrong = problems(found)
        if as_json:
            print_json({**found, "problems": wrong})
        else:
            for line in wrong:
                typer.echo(line)
            words = f"refused, {len(wrong)} problems" if wrong else "intact and complete"
            typer.echo(f"BUNDLE  {run}: {words}, digest {found['layer_one']['digest']}")
    raise typer.Exit(EXIT_MISMATCH if wrong else 0)


@app.command("show")
def show_command(run: Run, as_json: AsJson = False) -> None:
    """Show the files of a sealed run folder and its verdicts: exit 0, or 3 error.

    Example: mpgate bundle show runs/demo
    """
    with reported(as_json):
        found = verify(run)
        if as_json:
            print_json(found)
            return
        _show(found)


def _show(found: Mapping[str, Any]) -> None:
    table = Table("path", "role", "bytes", "sha256")
    for each in found["files"]:
        size = f"{each['size_bytes']:,}"
        table.add_row(each["path"], each["role"], size, each["sha256"][:12])
    out = console()
    out.print(table)
    layer = found["layer_one"]
    out.print(f"run      {layer['run_id']} ({layer['product']}), digest {layer['digest']}")
    state = "intact" if layer["intact"] else "changed"
    out.print(f"layer 1  {state}, {'complete' if layer['complete'] else 'incomplete'}")
    for each in found["verdicts"]:
        seal = each["seal"]
        words = "cannot be read" if seal is None else f"{seal['verdict']}, {signature(seal)}"
        out.print(f"{each['name']:<8} {words}{': CHANGED' if each['problems'] else ''}")
    if not found["verdicts"]:
        out.print("layer 2  no verdict is sealed")


def signature(seal: Mapping[str, Any]) -> str:
    """Return who signed a verdict off and when, in words."""
    if seal["signed_off_by"] is None:
        return "not signed off"
    return f"signed off by {seal['signed_off_by']} on {seal['signed_off_on']}"
