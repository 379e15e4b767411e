"""`mpgate build national`: build, check the contract, and on request measure, judge and seal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from baselines.console import console, reported
from builder.cli import summarise, summary_table
from builder.national.build import Built, build_national
from builder.national.config import DEFAULT_CONFIG, load_config
from builder.sources.catalog import UserSources
from builder.stages.table import stage_table
from gates.judges import JUDGES
from gates.judging import PASSING, judge_gate
from gates.measuring import gather_contract
from gates.policy import STAGES, load_policy
from gates.release.contents import RECORDS_DIR
from gates.release.run import judge_run
from gates.results import EXIT_CODES, print_results
from schemas.canonical import to_plain
from schemas.errors import BuildError, UsageError
from schemas.records import read_record

T = TypeVar("T")
_CONTRACT, _LOADER = "contract", "contract.loader"


def national(
    config: Annotated[Path, typer.Option(help="A national_build record.")] = DEFAULT_CONFIG,
    out: Annotated[Path | None, typer.Option(help="The run folder, else runs/<id>-<key>.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="Judge and seal the run against this pinned baseline.")
    ] = None,
    stage: Annotated[str, typer.Option(help="beta or default.")] = "default",
    no_runtime: Annotated[
        bool, typer.Option("--no-runtime", help="Leave the runtime out: the bundle lacks it.")
    ] = False,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch sources that are not here yet.")
    ] = False,
    path: Annotated[
        list[str] | None, typer.Option(help="SOURCE/FILE=PATH of a file that you supply.")
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="SOURCE/FILE=SHA256 that you vouch for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the JSON line.")] = False,
) -> None:
    """Build an mp-national candidate from its configuration; with --judge, exits as `judge`.

    Example: mpgate build national --out runs/national --judge psl-cps-2024

    Finished stages are reused. The contract's file checks must pass before the folder appears. The
    last line is JSON; without --judge its figures of loss and verdict are null.
    """
    with reported(as_json):
        if stage not in STAGES:
            raise UsageError(
                f"--stage {stage} is unknown", reason="usage.option", remedy=f"use {STAGES}"
            )
        settings = load_config(config)
        user = UserSources(_by_file(path, Path), _by_file(pin, str))
        with _bar(as_json) as progress:
            built = build_national(
                settings,
                out,
                offline=not download,
                user=user,
                check=require_contract,
                progress=progress,
            )
        if not as_json:
            console().print(stage_table(built.records))
            console().print(summary_table(summarise(built.candidate)))
        results = None
        if judge is not None:
            runtime = "off" if no_runtime else "measure"
            results = judge_run(
                built.folder, judge, load_policy(), stage, runtime=runtime, quiet=as_json
            )
            if not as_json:
                print_results(results, console())
        typer.echo(json.dumps(to_plain(outcome(built, results, stage)), sort_keys=True))
    if results is not None:
        raise typer.Exit(EXIT_CODES[results["verdicts"][stage]["verdict"]])


def require_contract(file: Path) -> None:
    """Refuse an H5 that breaks the contract; the engine is not started.

    Raises BuildError naming the gates; the loader gate is judged with the rest of the run.
    """
    inputs = gather_contract(file, None, mode="never")
    gates = [g for g in load_policy().gates if g.group == _CONTRACT and g.id != _LOADER]
    judged = (judge_gate(gate, inputs, JUDGES) for gate in gates)
    broken = [each for each in judged if each["status"] not in PASSING]
    if broken:
        raise BuildError(
            "; ".join(f"{each['id']}: {each['message']}" for each in broken),
            reason="export.contract",
            remedy="mend the stage that made these columns; nothing was announced",
        )


def outcome(built: Built, results: Mapping[str, Any] | None, stage: str) -> dict[str, Any]:
    """Return what a build came to in one flat object; null where the run was not judged."""
    figures = dict.fromkeys(
        ("verdict", "loss_candidate", "loss_incumbent", "heldout_candidate", "heldout_incumbent")
    )
    found: dict[str, Any] = {**figures, "wins": None, "losses": None, "failing_gates": None}
    if results is not None:
        gates = {each["id"]: each for each in results["gates"]}
        found["verdict"] = results["verdicts"][stage]["verdict"]
        for name, gate in (("loss", "loss.broad"), ("heldout", "loss.held_out")):
            found |= {f"{name}_{side}": gates[gate][side] for side in ("candidate", "incumbent")}
        record = built.folder / RECORDS_DIR / "loss.json"
        if record.is_file():
            loss = read_record(record, "loss_record")
            found |= {"wins": loss["wins"], "losses": loss["losses_count"]}
        failing = (e for e in results["gates"] if e["stages"][stage]["status"] in ("fail", "error"))
        found["failing_gates"] = [each["id"] for each in failing]
    return found | {
        "run": built.folder.name,
        "ess_share": summarise(built.candidate)["weights"]["ess_share"],
        "build_s": round(sum(each.wall_s for each in built.records), 1),
        "peak_rss_gb": round(max(each.peak_rss_bytes for each in built.records) / 1e9, 2),
    }


def _by_file(given: list[str] | None, kind: Callable[[str], T]) -> dict[str, dict[str, T]]:
    """Return SOURCE/FILE=VALUE options by source and file; raises UsageError for another form."""
    found: dict[str, dict[str, T]] = {}
    for each in given or ():
        name, _, value = each.partition("=")
        source, _, file = name.partition("/")
        if not (source and file and value):
            raise UsageError(
                f"{each} is not SOURCE/FILE=VALUE",
                reason="usage.option",
                remedy="write for example --path irs-puf-2015/puf_2015.csv=data/puf_2015.csv",
            )
        found.setdefault(source, {})[file] = kind(value)
    return found


@contextmanager
def _bar(quiet: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bar:
        task = bar.add_task("building", total=None)

        def show(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield show
