"""The pytest plugin: `pytest gates/ --candidate run.h5` measures once, then judges gate by gate.

The controlling process gathers the records before any worker starts and writes the results when
the session ends, however it ends. Workers judge from the written records only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gates.exceptions import EXCEPTIONS_DIR
from gates.inputs import JudgeInputs, read_inputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import STAGES, Policy, load_policy

GATE_ROOM = Path(__file__).parent
_RECORDS = "mpgate_records"


@dataclass
class GateRun:
    """One judging: the policy, the records, the stage, and where the results go."""

    policy: Policy
    inputs: JudgeInputs
    stage: str
    directory: Path

    def judge(self, gate_id: str) -> dict[str, Any]:
        """Return the result of one gate."""
        return judge_gate(self.policy.gate(gate_id), self.inputs, JUDGES)


RUN: pytest.StashKey[GateRun] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, once."""
    group = parser.getgroup("release gates")
    group.addoption("--candidate", metavar="FILE", help="the H5 file to judge")
    group.addoption("--incumbent", default="psl-cps-2024", metavar="ID", help="a pinned baseline")
    group.addoption("--stage", choices=STAGES, default="default", help="which column blocks")
    group.addoption("--measure", choices=("auto", "never"), default="auto")
    group.addoption(
        "--no-runtime", action="store_true", help="leave the runtime gate unmeasured (minutes)"
    )
    group.addoption(
        "--external", metavar="FILE", help="expected values of an external benchmark (JSON)"
    )
    group.addoption("--results", metavar="DIR", help="where the results are written")
    group.addoption(
        "--exceptions",
        metavar="DIR",
        default=str(EXCEPTIONS_DIR),
        help="the exception records (default: the committed ones)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register one marker per gate group; gather the records in the controlling process."""
    policy = load_policy()
    for group in sorted({gate.group for gate in policy.gates}):
        config.addinivalue_line("markers", f"{group}: gates of the group {group}")
    if hasattr(config, "workerinput"):
        workerinput: Mapping[str, str] = config.workerinput
        if _RECORDS in workerinput:
            directory = Path(workerinput[_RECORDS])
            stage = config.getoption("--stage")
            config.stash[RUN] = GateRun(policy, read_inputs(directory), stage, directory.parent)
        return
    candidate = config.getoption("--candidate")
    if candidate is not None:
        from gates.session import start_session

        start_session(config, policy, Path(candidate))
    elif _names_gates(config):
        raise pytest.UsageError(
            "no candidate was given. Name a file with `--candidate run.h5`, or let `make gates` "
            "build and judge the embedded one"
        )


def _names_gates(config: pytest.Config) -> bool:
    if config.getoption("--collect-only"):
        return False
    paths = (config.invocation_params.dir / str(arg).split("::")[0] for arg in config.args)
    return any(path.resolve().is_relative_to(GATE_ROOM) for path in paths)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each xdist worker where the records lie."""
    run = node.config.stash.get(RUN, None)
    if run is not None:
        node.workerinput[_RECORDS] = str(run.directory / "records")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every gate of the policy one node, marked with its group."""
    if "gate_id" in metafunc.fixturenames:
        gates = load_policy().gates
        params = [
            pytest.param(gate.id, id=gate.id, marks=getattr(pytest.mark, gate.group))
            for gate in gates
        ]
        metafunc.parametrize("gate_id", params)


@pytest.fixture(scope="session")
def gate_run(request: pytest.FixtureRequest) -> GateRun:
    """Return the judging this session was started for."""
    run = request.config.stash.get(RUN, None)
    if run is None:
        raise pytest.UsageError("gates need a candidate: add `--candidate run.h5`")
    return run


def explain(result: Mapping[str, Any], stage: str) -> str:
    """Return why a gate did not pass: rule, finding, contributors, remedy."""
    at = result["stages"][stage]
    lines = [
        f"{result['id']}: {at['status']}: {result['title']}",
        f"  finding: {result['message']} ({at['message']})",
    ]
    lines += [f"  - {detail}" for detail in result["details"][:5]]
    lines += [f"  {part['name']}: {part['value']:+,.6g}" for part in result["contributors"][:5]]
    lines += [f"  rule: {result['clause']}", f"  next: {result['remedy']}"]
    return "\n".join(lines)
