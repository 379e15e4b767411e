"""`python -m gates.ci`: the steps of the pull-request check that are more than a line of shell.

Everything that names a candidate, and everything in its records, is untrusted: inputs are refused
unless they are plain names, nothing that was measured can speak to the runner, and the state of
the check follows from the results record alone.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from baselines.console import reported
from gates.ci_candidate import located, source
from gates.ci_state import DEMONSTRATIONS, report, state
from gates.policy import STAGES
from schemas.errors import UsageError

REFUSED = 1
UNTOLD = 127
# the files by which a step may tell the runner what to do
_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")

app = typer.Typer(no_args_is_help=True, help="Steps of the pull-request check.")


@app.command("source")
def source_command(
    artifact: Annotated[
        str | None, typer.Option(envvar="CANDIDATE_ARTIFACT", help="RUN_ID/NAME of an artifact.")
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(envvar="CANDIDATE_RELEASE", help="TAG/FILE.h5 of a release, or its URL."),
    ] = None,
    path: Annotated[
        str | None, typer.Option(envvar="CANDIDATE_PATH", help="An H5 in the repository.")
    ] = None,
) -> None:
    """Decide where the candidate comes from and say so in $GITHUB_OUTPUT: exit 0, or 3 error.

    Example: python -m gates.ci source --path candidate/candidate.h5

    At most one may be named. With none it is `candidate/candidate.h5` where the branch has that
    file, else the embedded candidate, to be built.
    """
    with reported(False):
        repository = os.environ.get("GITHUB_REPOSITORY", "")
        _output(source(Path.cwd(), repository, artifact=artifact, release=release, path=path))


@app.command("locate")
def locate_command(
    folder: Annotated[Path, typer.Argument(help="What was downloaded.")],
) -> None:
    """Find the one H5 in a folder and name it in $GITHUB_OUTPUT: exit 0, or 3 error.

    Example: python -m gates.ci locate downloaded
    """
    with reported(False):
        _output({"candidate": located(folder)})


@app.command("shield", context_settings={"ignore_unknown_options": True})
def shield_command(
    command: Annotated[list[str], typer.Argument(help="What to run, with its arguments.")],
) -> None:
    """Run a command whose output may hold untrusted text: exits as the command does.

    Example: python -m gates.ci shield -- pytest gates/ --candidate run.h5

    While it runs the runner obeys no workflow command: a variable that is named like one can put
    no annotation, mask or output into the check. Nor is the command told of the files that the
    runner reads. Both its streams go into one, so that none of it comes after the end mark.
    """
    told = {name: value for name, value in os.environ.items() if name not in _FILES}
    mark = secrets.token_hex(32)
    typer.echo(f"::stop-commands::{mark}")
    sys.stdout.flush()
    try:
        code = subprocess.run(command, env=told, stderr=subprocess.STDOUT, check=False).returncode
    except OSError as error:
        typer.echo(f"{command[0]} can't be run: {error.strerror}", err=True)
        code = UNTOLD
    typer.echo(f"\n::{mark}::")
    raise typer.Exit(code)


@app.command("report")
def report_command(
    site: Annotated[Path, typer.Argument(help="The exported dashboard; may be absent.")],
    results: Annotated[
        Path | None, typer.Option(help="gate_results.json, for where there is no dashboard.")
    ] = None,
) -> None:
    """Append the summary to $GITHUB_STEP_SUMMARY and print the annotations: exit 0.

    Example: python -m gates.ci report site --results runs/check/results/gate_results.json

    The summary is cut at GitHub's 1 MiB; of the annotations, no more than ten are printed, and
    only lines that are nothing else.
    """
    with reported(False):
        target = os.environ.get("GITHUB_STEP_SUMMARY")
        summary, annotations = report(site, results, _size(target))
        _append(target, summary)
        for line in annotations:
            typer.echo(line)


@app.command("verdict")
def verdict_command(
    results: Annotated[Path, typer.Argument(help="gate_results.json of this check.")],
    candidate: Annotated[str, typer.Option(help="The H5 that was to be judged.")],
    incumbent: Annotated[str, typer.Option(help="What it was to be judged against.")],
    stage: Annotated[str, typer.Option(help="beta or default.")] = "default",
    demonstration: Annotated[
        str, typer.Option(help="fail, or report-only: pass where no release is in question.")
    ] = "fail",
) -> None:
    """Set the state of the check: exit 0 it passes, 1 it fails.

    Example: python -m gates.ci verdict gate_results.json --candidate run.h5 --incumbent ID

    `ready` passes; everything else fails with the reason, a file that was not judged included. A
    demonstration fails as well, since no release can follow from it: with `report-only` it passes
    once everything was judged that a file alone can be judged by, and says that it is no release
    decision.
    """
    with reported(False):
        for value, allowed in ((stage, STAGES), (demonstration, DEMONSTRATIONS)):
            if value not in allowed:
                raise UsageError(
                    f"{value} is unknown", reason="usage.option", remedy=f"use one of {allowed}"
                )
    asked = {"incumbent": incumbent, "stage": stage, "demonstration": demonstration}
    found = state(results, candidate, **asked)
    typer.echo(found.command())
    _append(os.environ.get("GITHUB_STEP_SUMMARY"), found.markdown())
    raise typer.Exit(0 if found.passes else REFUSED)


def _output(values: dict[str, str]) -> None:
    """Print values, and append them to $GITHUB_OUTPUT; they are plain names, so one line each."""
    lines = "".join(_lines(values))
    typer.echo(lines, nl=False)
    if target := os.environ.get("GITHUB_OUTPUT"):
        with Path(target).open("a") as stream:
            stream.write(lines)


def _lines(values: dict[str, str]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{key}={value}\n"


def _size(target: str | None) -> int:
    return Path(target).stat().st_size if target and Path(target).exists() else 0


def _append(target: str | None, text: str) -> None:
    """Append to a file of the runner; print where there is none."""
    if target is None:
        typer.echo(text)
        return
    with Path(target).open("a") as stream:
        stream.write(text + "\n")


if __name__ == "__main__":
    app(prog_name="python -m gates.ci")
