"""`mpgate` as a user types it, without an engine process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gates import session
from gates.cli import app
from gates.results import EXIT_CODES
from schemas.errors import MeasureError
from schemas.records import validate
from tests.gates.fakes import keep, small_file

runner = CliRunner()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the evidence cache inside the test."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def judge(*args: str) -> tuple[int, str]:
    done = runner.invoke(app, ["judge", *args, "--measure", "never"])
    return done.exit_code, done.output


def test_judge_exits_by_its_verdict_and_prints_the_record(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    keep(candidate, error=0.02)
    code, said = judge(str(candidate), "--results", str(tmp_path / "r"), "--json")
    record = json.loads(said[said.index("{") :])
    validate(record, "gate_results")
    assert code == EXIT_CODES[record["verdicts"]["default"]["verdict"]] != 0
    assert json.loads((tmp_path / "r" / "gate_results.json").read_text()) == record


def test_the_same_records_can_be_judged_again_without_the_h5(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    keep(candidate, error=0.02)
    judge(str(candidate), "--results", str(tmp_path / "r"))
    candidate.unlink()
    first = json.loads((tmp_path / "r" / "gate_results.json").read_text())
    judge(str(tmp_path / "r" / "records"), "--results", str(tmp_path / "again"))
    second = json.loads((tmp_path / "again" / "gate_results.json").read_text())
    assert {k: v for k, v in first.items() if k != "run"} == {
        k: v for k, v in second.items() if k != "run"
    }


def test_a_damaged_record_is_an_error_not_a_pass(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    keep(candidate, error=0.02)
    judge(str(candidate), "--results", str(tmp_path / "r"))
    (tmp_path / "r" / "records" / "evidence.json").write_text("{}")
    code, said = judge(str(tmp_path / "r" / "records"), "--json")
    gates = {g["id"]: g["status"] for g in json.loads(said[said.index("{") :])["gates"]}
    assert (code, gates["baseline.evidence"]) == (1, "error")


@pytest.mark.parametrize("bad", ["--stage=gamma", "--incumbent=nobody"])
def test_wrong_options_are_one_line_and_exit_3(tmp_path: Path, bad: str) -> None:
    code, said = judge(str(small_file(tmp_path / "run.h5")), bad)
    assert code == 3
    assert "Next:" in said
    assert "Traceback" not in said


def test_no_runtime_and_a_wrong_external_record(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    options = ("--results", str(tmp_path / "r"), "--no-runtime")
    judge(str(candidate), *options)
    record = json.loads((tmp_path / "r" / "gate_results.json").read_text())
    runtime = next(gate for gate in record["gates"] if gate["id"] == "runtime.median")
    assert runtime["status"] == "unmeasured"
    (tmp_path / "watson.json").write_text("{}")
    for about in (candidate, tmp_path / "r" / "records"):
        code, said = judge(str(about), "--external", str(tmp_path / "watson.json"))
        assert code == 3
        assert "external_benchmark record" in said
        assert "Next:" in said


@pytest.mark.parametrize(("typed", "runtime"), [((), "measure"), (("--no-runtime",), "off")])
def test_whether_runtimes_are_wanted_reaches_the_measuring_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], runtime: str
) -> None:
    asked: dict[str, Any] = {}

    def noting(*args: Any, **options: Any) -> None:
        asked.update(options)
        raise MeasureError("enough", reason="x", remedy="none")

    monkeypatch.setattr(session, "gather_with_progress", noting)
    assert judge(str(tmp_path / "run.h5"), *typed)[0] == 3
    assert asked["runtime"] == runtime


def test_a_file_that_is_no_h5_exits_3_with_a_results_file(tmp_path: Path) -> None:
    (tmp_path / "run.h5").write_text("no")
    code, said = judge(str(tmp_path / "run.h5"), "--results", str(tmp_path / "r"))
    assert code == 3
    assert "not an HDF5 file" in said
    assert json.loads((tmp_path / "r" / "gate_results.json").read_text())["status"] == "error"


@pytest.mark.parametrize(
    "command", ["judge", "contract", "hash", "measure", "build incumbent", "build national"]
)
def test_every_command_shows_an_example(command: str) -> None:
    done = runner.invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert "Example: mpgate" in " ".join(done.output.split())


def test_explain_prints_one_gate_of_a_file_and_of_its_records(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    keep(candidate, error=0.02)
    options = ("--results", str(tmp_path / "r"), "--explain", "targets.provenance")
    code, said = judge(str(candidate), *options)
    assert code in (1, 2)
    assert "targets.provenance: " in said
    assert "VERDICT" not in said
    again, shown = judge(str(tmp_path / "r" / "records"), "--explain", "loss.broad", "--json")
    found = json.loads(shown[shown.index("{") :])
    assert (again, found["gate"], found["status"]) == (code, "loss.broad", "pass")
    assert found["rule"].startswith("plan: National release gates, Target loss")


def test_an_unknown_gate_to_explain_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    code, said = judge(str(tmp_path / "absent.h5"), "--explain", "loss.bread")
    assert code == 3
    assert "there is no gate 'loss.bread' to explain" in said
    assert "loss.broad" in said


def test_exception_records_come_from_the_folder_named(tmp_path: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text("{")
    place = ("--exceptions", str(tmp_path / "records"))
    status = {}
    for name, options in (("given", place), ("committed", ())):
        judge(str(candidate), "--results", str(tmp_path / name), *options)
        record = json.loads((tmp_path / name / "gate_results.json").read_text())
        status[name] = {g["id"]: g["status"] for g in record["gates"]}["exceptions.valid"]
    assert status == {"given": "error", "committed": "pass"}
    judge(str(tmp_path / "committed" / "records"), "--results", str(tmp_path / "again"), *place)
    again = json.loads((tmp_path / "again" / "gate_results.json").read_text())
    assert {g["id"]: g["status"] for g in again["gates"]}["exceptions.valid"] == "error"
    assert judge(str(candidate), "--exceptions", str(tmp_path / "none"))[0] == 3
