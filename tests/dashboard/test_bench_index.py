"""The benchmark of the index: its runs are sound and differ, and its goals are held."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest
from sample_runs import write_run
from typer.testing import CliRunner

from dashboard import bench_runs
from dashboard.bench_index import GOAL_RUNS, GOAL_TARGETS, app, measure, missed
from dashboard.bench_runs import many_runs
from dashboard.errors import DashboardError
from dashboard.run_reader import read_run


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("template"), "template", failing=("family.snap",))


def test_generated_runs_are_sound_and_differ(template: Path, tmp_path: Path) -> None:
    first, second = many_runs(template, tmp_path, 2, 150)
    ours, theirs = (read_run(tmp_path, each.name) for each in (first, second))
    assert [len(each.records["loss"]["targets"]) for each in (ours, theirs)] == [150, 150]
    speaking = [
        name for name in ours.records if name not in ("baseline", "suite", "policy", "environment")
    ]
    alike = [name for name in speaking if ours.records[name] == theirs.records[name]]
    assert set(alike) == {"incumbent_evidence", "sources", "stages", "calibration"}
    gates = {each["id"]: each for each in ours.records["gate_results"]["gates"]}
    stage = gates["loss.broad"]["stages"]["default"]
    assert stage["limit"] - stage["margin"] == pytest.approx(gates["loss.broad"]["value"])


def test_the_benchmark_prints_its_figures(template: Path, tmp_path: Path) -> None:
    options = ["--template", str(template), "--runs", "20", "--targets", "100"]
    done = CliRunner().invoke(app, [*options, "--scratch", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["runs"] == 20
    assert figures["again_s"] < figures["index_s"]
    assert list(tmp_path.iterdir()) == []
    done = CliRunner().invoke(app, [*options, "--scratch", str(tmp_path / "none")])
    assert (done.exit_code, "does not exist" in done.output) == (2, True)


def test_a_template_without_a_verdict_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, "run", judged=False)
    with pytest.raises(DashboardError, match="not sealed and judged"):
        list(many_runs(run, tmp_path / "out", 1, 10))


def test_a_full_disk_is_told_before_it_is_full(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(0, 0, 1_000_000)
    monkeypatch.setattr(bench_runs.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DashboardError, match="are free"):
        list(many_runs(template, tmp_path, 1000, 100))
    assert len(list(tmp_path.iterdir())) == 1


def test_goals_hold_for_the_full_size_only() -> None:
    slow = {"runs": GOAL_RUNS, "targets": GOAL_TARGETS, "index_s": 61.0, "open_s": 1.0}
    assert missed(slow) == ["index_s"]
    assert missed({**slow, "runs": 20}) == []


@pytest.mark.nightly
def test_a_thousand_runs_index_and_open_in_time(template: Path, scratch: Path) -> None:
    found = measure(template, scratch, GOAL_RUNS, GOAL_TARGETS)
    assert missed(found) == [], found
