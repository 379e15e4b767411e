"""The child process: every way it can end is one clear, typed line."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.engine import child, session, worker
from benchmarks.engine.plan import derive_plan, planned_steps
from benchmarks.engine.trace import CallTrace, RunCounter
from schemas.errors import MeasureError

FINISHES = """
import json, sys
job = json.load(open(sys.argv[1]))
print(json.dumps({"stage": "output", "done": 1, "total": 2}), flush=True)
json.dump({"formula_runs": 7}, open(job["meta_out"], "w"))
"""
FAILS = "import sys; sys.exit('ValueError: SPM unit has no adult')"
IS_KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
HANGS = "import time; time.sleep(60)"
REFUSES = "import json; print(json.dumps({message!r})); raise SystemExit(3)"
HOGS = """
import time
from benchmarks.engine.memory import MemoryWatch
from benchmarks.engine.messages import claim_stdout, refuse_memory
emit = claim_stdout()
MemoryWatch(0.3, lambda gb: refuse_memory(emit, gb, 0.3))
hoard = bytearray(b"x" * 500_000_000)
time.sleep(60)
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a function that runs a script in place of the worker."""

    def start(script: str, timeout_s: float = 30.0, progress: Any = None) -> dict[str, Any]:
        module = tmp_path / "stand_in.py"
        module.write_text(script)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(child, "WORKER", "stand_in")
        return child.run_child({"path": "/data/candidate.h5"}, tmp_path, progress, timeout_s)

    return start


def test_meta_and_progress_come_back(run: Any) -> None:
    seen: list[tuple[str, int, int]] = []
    meta = run(FINISHES, progress=lambda *message: seen.append(message))
    assert meta == {"formula_runs": 7}
    assert seen == [("output", 1, 2)]


def test_failure_shows_the_end_of_stderr(run: Any) -> None:
    with pytest.raises(MeasureError, match=r"candidate\.h5 \(exit 1\): ValueError: SPM unit"):
        run(FAILS)


def test_a_kill_from_outside_is_told_apart(run: Any) -> None:
    with pytest.raises(MeasureError, match=r"killed by signal 9 on candidate\.h5") as caught:
        run(IS_KILLED)
    assert caught.value.reason == "engine.killed"


def test_timeout_stops_the_child(run: Any) -> None:
    with pytest.raises(MeasureError, match=r"ran past 0\.5 seconds"):
        run(HANGS, timeout_s=0.5)


def test_memory_ceiling_stops_the_child(run: Any) -> None:
    with pytest.raises(MeasureError, match=r"passed 0\.3 GB of memory"):
        run(HOGS)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"reason": "engine.unknown_parameter", "parameters": ["gov.no"]}, "no parameter gov.no"),
        (
            {"reason": "engine.other_file", "loaded": {"household": 1}, "file": {"household": 2}},
            "loaded {'household': 1}",
        ),
    ],
)
def test_refusals_are_typed(run: Any, message: dict[str, Any], text: str) -> None:
    with pytest.raises(MeasureError, match=text) as caught:
        run(REFUSES.format(message={"stage": "error", **message}))
    assert caught.value.reason == message["reason"]


def test_peak_memory_grows_with_use() -> None:
    """In a process of its own: an earlier test may have taken this one's peak past any use here."""
    code = (
        "import numpy as np\n"
        "from benchmarks.engine.memory import peak_rss_gb\n"
        "before = peak_rss_gb()\n"
        "hoard = np.ones(60_000_000)\n"
        "print(before, peak_rss_gb(), hoard.nbytes / 1e9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, hoard = map(float, done.stdout.split())
    assert 0 < before < after
    assert 0.5 * hoard < after - before < 1.5 * hoard


def test_parent_does_not_import_the_engine() -> None:
    code = (
        "import sys, benchmarks.engine.session; "
        "print(any(m.startswith('policyengine') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_plan_evaluates_what_a_branch_would_repeat() -> None:
    trace = CallTrace()
    year = "2024"
    top, branching, shared = ("net", year), ("state_credit", year), ("aid", year)
    trace.enter(top, "default")
    trace.enter(branching, "default")
    trace.enter(shared, "old_law")
    trace.leave()
    trace.leave()
    trace.enter(shared, "default")
    trace.leave()
    trace.leave()
    plan = derive_plan(trace, ["net", "age"], 2024)
    assert plan == {"outputs": ["net"], "steps": ["aid@{year}", "state_credit@{year}"]}
    assert trace.runs[shared] == 2


class FakeSimulation:
    """As core does: every series gets weights attached, and a formula may ask for them too."""

    branch_name = "default"

    def calculate(self, name: str, period: str) -> str:
        if name != "household_weight":
            self.get_weights(name, period)
        return name

    def get_weights(self, name: str, period: str) -> str:
        return self.calculate("household_weight", period)

    def _run_formula(self, variable: Any, population: Any, period: str) -> str:
        return self.calculate(population, period)


@pytest.mark.parametrize(("asked", "read"), [("snap", False), ("household_weight", True)])
def test_only_a_formula_that_asks_reads_the_weights(asked: str, read: bool) -> None:
    class Simulation(FakeSimulation):
        pass

    counter = RunCounter()
    counter.install(Simulation)
    counter.ignore_attached_weights(Simulation)
    Simulation()._run_formula(SimpleNamespace(name="decile"), asked, "2024")
    assert counter.weights_read is read
    assert counter.runs == {("decile", "2024"): 1}


def test_plan_serves_outputs_that_open_branches_only() -> None:
    steps = planned_steps(["household_net_income"], 2024)
    assert steps
    assert not any("{" in step for step in steps)
    assert planned_steps(["age"], 2024) == []


def test_of_the_orders_tried_the_one_with_fewest_runs_is_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = CallTrace()
    runs = {(): 9, ("aid@2024",): 4, ("aid@2024", "credit@2024"): 6}
    derived = iter([["aid@{year}"], ["aid@{year}", "credit@{year}"], ["aid@{year}"]])

    def evaluate(simulation: None, job: dict[str, Any], emit: Any) -> None:
        trace.runs["net", "2024"] += runs[tuple(job["steps"])]

    monkeypatch.setattr(worker, "counting", lambda *_: trace)
    monkeypatch.setattr(worker, "load", lambda *_: None)
    monkeypatch.setattr(worker, "evaluate", evaluate)
    monkeypatch.setattr(
        worker, "derive_plan", lambda *_: {"outputs": ["net"], "steps": next(derived)}
    )
    found = worker._find_plan({"year": 2024, "outputs": ["net"]}, None, lambda *_: None)
    assert found == {"plan": {"outputs": ["net"], "steps": ["aid@{year}"]}}


def test_the_memory_ceiling_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(session.MEMORY_VARIABLE, raising=False)
    for machine, ceiling in ((4.0, 6.0), (24.0, 12.0), (0.0, 6.0)):
        monkeypatch.setattr(session, "_machine_gb", lambda gb=machine: gb)
        assert session.memory_ceiling_gb() == ceiling
    monkeypatch.setenv(session.MEMORY_VARIABLE, "12")
    assert session.memory_ceiling_gb() == 12
    for wrong in ("much", "-1", "nan"):
        monkeypatch.setenv(session.MEMORY_VARIABLE, wrong)
        with pytest.raises(MeasureError, match=wrong):
            session.memory_ceiling_gb()
