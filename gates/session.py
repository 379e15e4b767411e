"""The controlling process of a gate run: gather records, collect results, write the verdict."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gates.exceptions import ExceptionSet, read_exceptions
from gates.inputs import JudgeInputs, write_inputs
from gates.measuring import gather, gather_contract
from gates.plugin import RUN, GateRun
from gates.policy import Policy
from gates.results import RESULTS, assemble, error_record, print_results, write_results
from schemas.canonical import sha256_file
from schemas.errors import MeasureError, MpgateError

RUNS = "runs"
TABLE_WIDTH = 140


def results_directory(root: Path, candidate: Path) -> Path:
    """Return `runs/<run>/results` for a file of a run, else `runs/judged/<name>-<sha>/results`."""
    runs = (root / RUNS).resolve()
    file = candidate.resolve()
    if file.is_relative_to(runs) and len(file.relative_to(runs).parts) > 1:
        return runs / file.relative_to(runs).parts[0] / "results"
    tag = sha256_file(file)[:12] if file.is_file() else "absent"
    return runs / "judged" / f"{file.stem or 'candidate'}-{tag}" / "results"


def shown(path: Path) -> str:
    """Return a path as the user would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def exceptions_today(directory: Path) -> ExceptionSet:
    """Return the exception records of a folder, judged on today's date (UTC)."""
    return read_exceptions(directory, datetime.now(UTC).date().isoformat())


def start_session(config: pytest.Config, policy: Policy, candidate: Path) -> None:
    """Gather all records and register the collector; a file nobody may trust ends the session.

    Raises pytest.UsageError with one clear line after the error results are on disk.
    """
    given = config.getoption("--results")
    path = config.invocation_params.dir / candidate
    directory = Path(given).resolve() if given else results_directory(config.rootpath, path)
    stage, incumbent = config.getoption("--stage"), config.getoption("--incumbent")
    try:
        exceptions = exceptions_today(
            config.invocation_params.dir / config.getoption("--exceptions")
        )
        judged = None if config.getoption("markexpr") == "contract" else policy
        mode = config.getoption("--measure")
        inputs = gather_with_progress(path, incumbent, judged, mode, **_asked(config))
    except MpgateError as error:
        write_results(directory, error_record(policy, path, incumbent, error, stage))
        raise pytest.UsageError(f"{error} Results: {shown(directory / RESULTS)}") from None
    except BaseException as stop:  # an interrupted run leaves a record too
        write_results(directory, error_record(policy, path, incumbent, _stopped(stop), stage))
        raise
    inputs = replace(inputs, exceptions=exceptions)
    write_inputs(directory / "records", inputs)
    run = GateRun(policy, inputs, stage, directory)
    config.stash[RUN] = run
    if config.option.xmlpath is None:
        config.option.xmlpath = str(directory / "junit.xml")
    config.pluginmanager.register(Collector(run), "mpgate-collector")


def _asked(config: pytest.Config) -> dict[str, Any]:
    """Return what of `gather`'s runtime and external values the options ask for."""
    external = config.getoption("--external")
    workers = config.getoption("numprocesses", None) or config.getoption("tx", None)
    runtime = "off" if config.getoption("--no-runtime") else "workers" if workers else "measure"
    return {
        "runtime": runtime,
        "external": None if external is None else config.invocation_params.dir / external,
    }


def _stopped(stop: BaseException) -> MeasureError:
    return MeasureError(
        f"measuring stopped: {type(stop).__name__} {stop}",
        reason="measure.stopped",
        remedy="run it again: finished simulations are cached",
    )


def gather_with_progress(
    path: Path,
    incumbent: str | None,
    policy: Policy | None,
    mode: Any,
    *,
    runtime: Any = "measure",
    external: Path | None = None,
    quiet: bool = False,
) -> JudgeInputs:
    """Gather the records with a progress bar on standard error.

    Without a policy only the contract is looked at: nothing else is measured.
    """
    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("measuring", total=None)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        if policy is None or incumbent is None:
            return gather_contract(path, incumbent, mode=mode, progress=show)
        wanted = {"mode": mode, "runtime": runtime, "external": external}
        return gather(path, incumbent, policy, **wanted, progress=show)


class Collector:
    """Collects the result of every gate and writes the results, however the session ends."""

    def __init__(self, run: GateRun) -> None:
        """Start with no results and nothing known of the selection."""
        self.run = run
        self.results: dict[str, dict[str, Any]] = {}
        self.selected: frozenset[str] | None = None
        self.record: dict[str, Any] | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which gates were selected (without worker processes)."""
        if session.items:
            self._select([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note which gates were selected (as every worker reports it)."""
        self._select(ids)

    def _select(self, node_ids: Sequence[str]) -> None:
        known = {gate.id for gate in self.run.policy.gates}
        named = {node.partition("[")[2].rstrip("]") for node in node_ids}
        self.selected = frozenset(named & known)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result that a gate's node carries."""
        for name, value in report.user_properties:
            if name == "gate_result" and isinstance(value, dict):
                self.results[value["id"]] = value

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Write the results before pytest exits."""
        selected = self.selected or frozenset()
        every = {gate.id for gate in self.run.policy.gates}
        self.record = assemble(
            self.run.policy,
            self.run.inputs,
            self.results,
            stage=self.run.stage,
            deselected=frozenset(every - selected),
        )
        write_results(self.run.directory, self.record)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdict and where the results are."""
        if self.record is not None:
            terminalreporter.section("release gates")
            text = io.StringIO()
            print_results(self.record, Console(file=text, width=TABLE_WIDTH))
            terminalreporter.write_line(text.getvalue().rstrip())
            terminalreporter.write_line(f"results  {shown(self.run.directory / RESULTS)}")
