"""`mpgate`: the one console command. It composes the rooms, so that they never call upwards."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from baselines.cli import app as baseline_app
from baselines.targets_cli import app as targets_app
from benchmarks.cli import measure as measure_command
from benchmarks.engine_cli import app as engine_app
from dashboard.cli import HANDED_ON
from dashboard.cli import app as dashboard_app
from dashboard.cli import index as index_command
from gates.ci import app as ci_app
from gates.exceptions import EXCEPTIONS_DIR
from gates.explain import explanation, print_explanation, require_explainable
from gates.file_cli import contract, file_hash
from gates.inputs import JudgeInputs, read_inputs, write_inputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.measuring import with_external
from gates.policy import STAGES, Policy, load_policy
from gates.release.cli import app as bundle_app
from gates.release.layer_one import is_wholly_sealed
from gates.release.point_cli import app as release_app
from gates.release.run import RESULTS_DIR, with_bundle_check
from gates.results import (
    EXIT_CODES,
    EXIT_ERROR,
    RESULTS,
    assemble,
    error_record,
    print_results,
    write_results,
)
from gates.score_cli import score
from schemas.canonical import canonical_bytes
from schemas.errors import MpgateError, UsageError

app = typer.Typer(
    name="mpgate",
    help="Decide, with evidence, whether a microdata H5 may replace the incumbent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(baseline_app, name="baseline", help="Pinned incumbents: list, fetch, verify, ...")
app.add_typer(targets_app, name="targets", help="Target facts: import, build, verify, ...")
app.add_typer(engine_app, name="engine", help="Frozen variable metadata: list, freeze, check.")
app.add_typer(bundle_app, name="bundle", help="Run folders: seal, judge, sign off, verify, ...")
app.add_typer(release_app, name="release", help="The current candidate: point at it, show it.")
app.add_typer(dashboard_app, name="dashboard", help="Show readiness; export it as HTML.")
app.add_typer(ci_app, name="ci", help="Steps of the pull-request check.")
app.command("index", context_settings=HANDED_ON, short_help="Index run folders.")(index_command)
app.command("measure")(measure_command)
app.command("contract")(contract)
app.command("hash")(file_hash)
app.command("score")(score)
if importlib.util.find_spec("builder"):
    build_app = importlib.import_module("builder.cli").app
    build_app.command("national")(importlib.import_module("gates.build_cli").national)
    app.add_typer(build_app, name="build", help="Build an H5.")
    calibrate_app = importlib.import_module("builder.calibration.cli").app
    app.add_typer(calibrate_app, name="calibrate", help="Fit the weights of an H5.")

AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]


@app.command("judge")
def judge(
    candidate: Annotated[Path, typer.Argument(help="An H5, or the records of an earlier run.")],
    incumbent: Annotated[str, typer.Option(help="A pinned baseline.")] = "psl-cps-2024",
    stage: Annotated[str, typer.Option(help="beta or default.")] = "default",
    measure: Annotated[str, typer.Option(help="auto or never.")] = "auto",
    no_runtime: Annotated[
        bool, typer.Option("--no-runtime", help="Leave the runtime gate unmeasured (minutes).")
    ] = False,
    external: Annotated[
        Path | None, typer.Option(help="Expected values of an external benchmark (JSON).")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Where to write the results.")] = None,
    exceptions: Annotated[
        Path | None, typer.Option(help="A folder of exception records, else the committed ones.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(help="Print one gate: finding, rule, limit, wins and losses.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a file against an incumbent: exit 0 ready, 1 blocked, 2 incomplete, 3 error.

    Example: mpgate judge run.h5 --incumbent psl-cps-2024 --stage beta
    Example: mpgate judge runs/demo/results/records --explain loss.broad

    Given the directory `results/records` of an earlier run, it judges the same evidence again, with
    the same exception records on the same day unless `--exceptions` names others. Runtimes are
    measured last; `--external` is compared with the evidence in either case.
    """
    policy = load_policy()
    try:
        _known(stage, STAGES, "--stage")
        _known(measure, ("auto", "never"), "--measure")
        if explain is not None:
            require_explainable(explain, [gate.id for gate in policy.gates])
        runtime = "off" if no_runtime else "measure"
        asked = _Asked(candidate, incumbent, measure, runtime, external, results, exceptions)
        inputs, directory = _inputs(asked, policy, as_json)
    except MpgateError as error:
        record = error_record(policy, candidate, incumbent, error, _stage_or_default(stage))
        if results is not None:
            write_results(results, record)
        _finish(record, as_json, error)
    judged = {gate.id: judge_gate(gate, inputs, JUDGES) for gate in policy.gates}
    record = assemble(policy, inputs, judged, stage=stage)
    write_results(directory, record)
    if explain is not None:
        _explain(explanation(inputs, policy.gate(explain), judged[explain], stage), as_json)
        raise typer.Exit(_exit_code(record))
    _finish(record, as_json, None, directory)


class _Asked(NamedTuple):
    """What to judge and with what, as typed."""

    candidate: Path
    incumbent: str
    measure: str
    runtime: str
    external: Path | None
    results: Path | None
    exceptions: Path | None


def _inputs(asked: _Asked, policy: Policy, quiet: bool) -> tuple[JudgeInputs, Path]:
    """Return the records to judge and where the results go; an H5's records are written there."""
    from gates.session import exceptions_today, gather_with_progress, results_directory

    given = None if asked.exceptions is None else exceptions_today(asked.exceptions)
    if (asked.candidate / "judge_inputs.json").is_file():
        inputs = read_inputs(asked.candidate)
        if asked.external is not None:
            inputs = with_external(inputs, asked.external, policy)
        directory = asked.results or asked.candidate.parent
        if is_wholly_sealed(asked.candidate.parent):  # its own records: judged with its seal
            inputs = with_bundle_check(inputs, asked.candidate.parent)
            directory = asked.results or asked.candidate.parent / RESULTS_DIR
            given = given or exceptions_today(EXCEPTIONS_DIR)
        return (inputs if given is None else replace(inputs, exceptions=given)), directory
    inputs = gather_with_progress(
        asked.candidate,
        asked.incumbent,
        policy,
        asked.measure,
        runtime=asked.runtime,
        external=asked.external,
        quiet=quiet,
    )
    inputs = replace(inputs, exceptions=given or exceptions_today(EXCEPTIONS_DIR))
    directory = asked.results or results_directory(Path.cwd(), asked.candidate)
    write_inputs(directory / "records", inputs)
    return inputs, directory


def _explain(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(canonical_bytes(found).decode())
    else:
        print_explanation(found, Console())


def _exit_code(record: dict[str, Any]) -> int:
    return EXIT_CODES[record["verdicts"][record["stage"]]["verdict"]]


def _known(value: str, allowed: tuple[str, ...], option: str) -> None:
    if value not in allowed:
        raise UsageError(
            f"{option} {value} is unknown", reason="usage.option", remedy=f"use {allowed}"
        )


def _stage_or_default(stage: str) -> str:
    return stage if stage in STAGES else "default"


def _finish(
    record: dict[str, Any],
    as_json: bool,
    error: MpgateError | None,
    directory: Path | None = None,
) -> None:
    """Print the record and leave with the exit code of its verdict."""
    if as_json:
        sys.stdout.write(canonical_bytes(record).decode())
    elif error is None:
        print_results(record, Console())
    if error is not None:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_ERROR)
    if directory is not None and not as_json:
        Console().print(f"results  {directory / RESULTS}", markup=False, soft_wrap=True)
    raise typer.Exit(_exit_code(record))


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
