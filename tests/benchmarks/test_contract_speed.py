"""The speed of the file checks: goals judged, children timed whole, a clean synthetic file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from benchmarks import contract_speed, contract_speed_file
from benchmarks.contract_speed import app, judge_goals, run_child, run_step
from benchmarks.contract_speed_file import goals, write_synthetic
from gates.cli import app as mpgate
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError, RecordError
from schemas.records import validate
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
HOUSEHOLDS = 102  # two in every state
runner = CliRunner()


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speed") / "synthetic.h5"
    write_synthetic(path, HOUSEHOLDS)
    return path


@pytest.fixture
def fresh_goals() -> Iterator[None]:
    goals.cache_clear()
    yield
    goals.cache_clear()


def told(result: Result) -> str:
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    return result.stderr


def figures(wall: float, peak: float, households: int) -> dict[str, Any]:
    def same(value: float) -> dict[str, float]:
        return {"median": value, "min": value / 2, "max": value * 2}

    step = {"exit_code": 0, "wall_s": same(wall), "peak_rss_gb": same(peak)}
    return {"households": households, "steps": {"preflight": step, "contract": step}}


def quick_steps(monkeypatch: pytest.MonkeyPatch, wall: float = 1.0, peak: float = 0.5) -> None:
    """Run no child, and make the goals those of the small file that the tests write."""
    walls, small = cycle((wall * 3, wall, wall / 2)), {**goals(), "households": HOUSEHOLDS}

    def run(*_: Any) -> dict[str, Any]:
        return {"wall_s": next(walls), "peak_rss_gb": peak, "exit_code": 0}

    monkeypatch.setattr(contract_speed, "run_step", run)
    monkeypatch.setattr(contract_speed, "goals", lambda: small)


def replace_step(monkeypatch: pytest.MonkeyPatch, step: str, code: str) -> None:
    steps = contract_speed.STEPS
    monkeypatch.setitem(steps, step, (("-c", code), steps[step][1]))


def test_the_columns_are_170_known_variables_each_at_its_entity() -> None:
    placed = [(name, entity) for entity, names in goals()["columns"].items() for name in names]
    names = [name for name, _ in placed]
    assert len(names) == len(set(names)) == 170
    assert placed == [(name, variable_table()[name].entity) for name in names]
    assert {*goals()["amounts"], *goals()["whole_numbers"]} - {"default"} <= set(names)


def test_the_goals_are_the_published_ones() -> None:
    wanted = {
        ("candidate", "preflight", "wall_s", "median"): 1,
        ("candidate", "contract", "wall_s", "median"): 8,
        ("synthetic", "contract", "wall_s", "median"): 20,
        ("synthetic", "contract", "peak_rss_gb", "max"): 1.5,
    }
    keys = ("file", "step", "figure", "statistic")
    assert {tuple(g[k] for k in keys): g["at_most"] for g in goals()["goals"]} == wanted
    assert goals()["households"] == 57_000


@pytest.mark.parametrize("where", [(), ("goals", 0), ("columns",)])
def test_a_goals_file_with_an_unknown_key_is_refused(
    where: tuple[str | int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_goals: None,
) -> None:
    record = json.loads(contract_speed_file.GOALS.read_text())
    inner = record
    for key in where:
        inner = inner[key]
    inner["surprise"] = 1
    changed = tmp_path / "goals.json"
    changed.write_text(json.dumps(record))
    monkeypatch.setattr(contract_speed_file, "GOALS", changed)
    with pytest.raises(RecordError, match="surprise"):
        goals()
    result = runner.invoke(app, [])
    assert result.exit_code == 3
    assert "surprise" in told(result)


def test_the_synthetic_file_holds_what_the_list_names(synthetic: Path) -> None:
    data = open_dataset(synthetic)
    assert (data.layout, data.period, data.irregular) == ("entity_tables", 2024, ())
    assert len(data.variables) == 170
    assert data.size_of("household") == HOUSEHOLDS
    for entity, names in goals()["columns"].items():
        assert {data.header(name).length for name in names} == {data.size_of(entity)}
        assert {data.entity_of(name) for name in names} == {entity}


def test_equal_numbers_of_households_give_equal_bytes(synthetic: Path, tmp_path: Path) -> None:
    write_synthetic(tmp_path / "again.h5", HOUSEHOLDS)
    write_synthetic(tmp_path / "other.h5", HOUSEHOLDS + 1)
    again, other = (sha256_file(tmp_path / name) for name in ("again.h5", "other.h5"))
    assert again == sha256_file(synthetic) != other


def test_the_synthetic_file_passes_the_contract(synthetic: Path) -> None:
    result = runner.invoke(mpgate, ["contract", str(synthetic), "--measure", "never", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    contract = [gate for gate in record["gates"] if gate["group"] == "contract"]
    others = [(gate["id"], gate["status"]) for gate in contract if gate["status"] != "pass"]
    unmeasured = ("contract.loader", "unmeasured")
    assert others == [("contract.inputs.parity", "not_applicable"), unmeasured]


@pytest.mark.parametrize(("times", "met"), [(1.0, True), (1.001, False)])
def test_a_goal_is_met_up_to_its_limit(times: float, met: bool) -> None:
    small, large = figures(times, 1, 4000), figures(20 * times, 0.75 * times, 57_000)
    judged = {
        (g["file"], g["step"], g["figure"]): g
        for g in judge_goals({"candidate": small, "synthetic": large})
    }
    assert judged["candidate", "preflight", "wall_s"]["met"] is met
    assert judged["candidate", "contract", "wall_s"]["met"] is True
    assert judged["synthetic", "contract", "wall_s"]["met"] is met
    peak = judged["synthetic", "contract", "peak_rss_gb"]  # its goal is for the largest run
    assert (peak["measured"], peak["met"]) == (1.5 * times, met)


def test_what_was_not_measured_has_no_judgement() -> None:
    judged = judge_goals({"candidate": None, "synthetic": figures(1, 0.1, 56_999)})
    assert [goal["met"] for goal in judged] == [None] * 4
    assert [goal["measured"] for goal in judged] == [None, None, 1, 0.2]


def test_a_child_is_measured_without_its_parents_memory(tmp_path: Path) -> None:
    def peak(code: str) -> float:
        run, words = run_child([sys.executable, "-I", "-c", code], tmp_path / "printed")
        assert (run["exit_code"], words) == (0, "")
        return float(run["peak_rss_gb"])

    ours = np.ones(25_000_000)
    small, large = peak("pass"), peak("held = bytes(b'x') * 300_000_000")
    assert small < 0.05 < ours.nbytes / 1e9
    assert 0.3 < large < 0.35


def test_a_child_is_timed_whole_and_has_a_cache_of_its_own(tmp_path: Path) -> None:
    code = "import os, time; time.sleep(0.5); print(os.environ['MPGATE_CACHE'])"
    run, _ = run_child([sys.executable, "-c", code], tmp_path / "printed")
    assert run["wall_s"] >= 0.5
    assert Path((tmp_path / "printed").read_text().strip()).parent == tmp_path


@pytest.mark.parametrize(
    ("step", "code", "limit_s", "words"),
    [
        ("preflight", "import time; time.sleep(60)", 1, "exit code -9"),
        ("preflight", "raise ValueError('broke')", 60, "exit code 1: ValueError: broke"),
        ("contract", "raise SystemExit(2)", 60, "exit code 2: no words"),
    ],
)
def test_a_child_that_hangs_or_breaks_is_a_typed_error(
    step: str, code: str, limit_s: float, words: str, tmp_path: Path, monkeypatch: Any
) -> None:
    replace_step(monkeypatch, step, code)
    with pytest.raises(MeasureError, match=f"any.h5 .*{words}") as caught:
        run_step(step, tmp_path / "any.h5", tmp_path, limit_s)
    assert caught.value.reason == "speed.child"


@pytest.mark.parametrize("code", ["raise ValueError('broke')", "print('{}')"])
def test_a_contract_without_its_record_is_a_typed_error(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_step(monkeypatch, "contract", code)
    with pytest.raises(RecordError):
        run_step("contract", tmp_path / "any.h5", tmp_path)


def test_a_child_that_cannot_start_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="absent-program could not be started"):
        run_child([str(tmp_path / "absent-program")], tmp_path / "printed")


def test_the_command_measures_both_files_as_they_are(tmp_path: Path) -> None:
    candidate = tmp_path / "no_far_states.h5"
    write_period_arrays(candidate, generated_households(20), 2024)
    options = ["--households", str(HOUSEHOLDS), "--repeats", "1", "--json"]
    command = [sys.executable, "-m", "benchmarks.contract_speed", candidate.name, *options]
    # From another folder than the project's, where the children run: the path must reach them.
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    validate(record, "contract_speed")
    files = record["files"]
    assert files["candidate"]["sha256"] == sha256_file(candidate)
    assert [file["layout"] for file in files.values()] == ["period_arrays", "entity_tables"]
    assert [file["households"] for file in files.values()] == [20, HOUSEHOLDS]
    exits = {name: file["steps"]["contract"]["exit_code"] for name, file in files.items()}
    assert exits == {"candidate": 1, "synthetic": 0}
    judged = [goal["met"] is not None for goal in record["goals"]]
    assert (judged, record["met"]) == ([True, True, False, False], False)
    assert [path.name for path in tmp_path.iterdir()] == [candidate.name]
    for file in files.values():
        preflight, contract = file["steps"]["preflight"], file["steps"]["contract"]
        assert 0.02 < preflight["wall_s"]["median"] < contract["wall_s"]["median"]
        assert 0.01 < preflight["peak_rss_gb"]["max"] < contract["peak_rss_gb"]["max"] < 1


@pytest.mark.parametrize(("wall", "code"), [(0.5, 0), (30.0, 1)])
def test_the_exit_code_says_whether_every_goal_is_met(
    wall: float, code: int, synthetic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_steps(monkeypatch, wall)
    result = runner.invoke(app, [str(synthetic), "--json"])
    assert result.exit_code == code, result.output
    record = json.loads(result.stdout)
    assert (record["met"], record["repeats"]) == (code == 0, 3)
    walls = {"median": wall, "min": wall / 2, "max": wall * 3}
    for file in record["files"].values():
        assert [step["wall_s"] for step in file["steps"].values()] == [walls, walls]


def test_without_a_candidate_the_command_never_says_that_all_is_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick_steps(monkeypatch)
    result = runner.invoke(app, ["--json"])
    assert result.exit_code == 1, result.output
    assert [goal["met"] for goal in json.loads(result.stdout)["goals"]] == [None, None, True, True]


def test_the_table_shows_measured_goal_and_whether_it_is_met(
    synthetic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_steps(monkeypatch, wall=2.25, peak=0.75)
    result = runner.invoke(app, [str(synthetic), "--households", "103"])
    assert result.exit_code == 1, result.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines()]
    assert ["candidate", "preflight", "wall_s, median", "2.25", "1", "no"] in rows
    assert ["candidate", "contract", "wall_s, median", "2.25", "8", "yes"] in rows
    assert ["synthetic", "contract", "peak_rss_gb, max", "0.75", "1.5", "not judged"] in rows
    assert "synthetic: 103 households, 170 columns" in result.stdout


def test_a_file_nobody_may_open_ends_with_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("text.h5", "absent.h5"):
        result = runner.invoke(app, [str(tmp_path / name), "--households", "1"])
        assert result.exit_code == 3
        assert name in told(result)


@pytest.mark.parametrize("error", [OSError("disk is full"), RuntimeError("h5"), MemoryError()])
def test_a_file_that_cannot_be_written_ends_with_exit_code_3(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(contract_speed, "write_synthetic", refuse)
    result = runner.invoke(app, ["--households", "51"])
    assert result.exit_code == 3
    assert (str(error) or "MemoryError") in told(result)
