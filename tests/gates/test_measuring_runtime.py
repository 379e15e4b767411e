"""The measuring step: when runtimes are measured, and what becomes of a supplied record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runtime import XDIST_VARIABLE
from gates import measuring, measuring_runtime
from gates.inputs import JudgeInputs, read_inputs, write_inputs
from gates.measuring import gather, gather_contract, with_external
from gates.policy import load_policy
from schemas.errors import BaselineError, DatasetError, MeasureError, RecordError
from schemas.records import validate
from tests.gates.fakes import evidence_of, loader_of, small_file
from tests.gates.runtimes import runtime_of
from tests.small import small_columns

INCUMBENT = "psl-cps-2024"
BENCHMARK = "ssi-no-asset-limit-2026"


class Machine:
    """Stands in for what measures: counts the runtime measurements and says what they were of."""

    def __init__(self, theirs: Path) -> None:
        self.theirs: Path | None = theirs
        self.timed: list[tuple[str, str, str]] = []
        self.error: Exception | None = None
        self.fingerprint = ""

    def runtime(self, ours: Path, theirs: Path, *, incumbent_id: str, progress: Any) -> Any:
        self.timed.append((ours.name, theirs.name, incumbent_id))
        if self.error is not None:
            raise self.error
        record = runtime_of("a" * 64, "b" * 64)
        record["machine"]["fingerprint"] = self.fingerprint or record["machine"]["fingerprint"]
        return record


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return small_file(tmp_path / "run.h5"), small_file(tmp_path / "their.h5", small_columns(2))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[Path, Path]) -> Machine:
    """Give both files evidence, and nothing that starts an engine."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(XDIST_VARIABLE, raising=False)
    ours, theirs = evidence_of(files[0], error=0.05), evidence_of(files[1])
    here = Machine(files[1])
    monkeypatch.setattr(measuring, "frozen_evidence", lambda *wanted: theirs)
    monkeypatch.setattr(measuring, "_add_loss", lambda found, suite: None)
    monkeypatch.setattr(measuring, "smoke_loader", lambda path, progress: loader_of(path))
    monkeypatch.setattr(measuring, "add_cross_engine", lambda *given, **asked: None)
    monkeypatch.setattr(measuring, "measure_evidence", lambda *wanted, progress: ours)
    monkeypatch.setattr(measuring_runtime, "baseline_path", lambda baseline_id: here.theirs)
    monkeypatch.setattr(measuring_runtime, "measure_runtime", here.runtime)
    return here


def gathered(files: tuple[Path, Path], **options: Any) -> JudgeInputs:
    return gather(files[0], INCUMBENT, load_policy(), **options)


def test_both_sides_are_timed_once_after_the_evidence(
    files: tuple[Path, Path], machine: Machine
) -> None:
    found = gathered(files)
    assert machine.timed == [("run.h5", "their.h5", INCUMBENT)]
    assert list(found.records)[-1] == "runtime"
    assert "runtime" not in found.absent


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"runtime": "off"}, "leave `--no-runtime` out"),
        ({"runtime": "workers"}, "run without -n"),
        ({"mode": "never"}, "leave `--measure never` out"),
        ({"mode": "never", "runtime": "workers"}, "leave `--measure never` out"),
    ],
)
def test_what_was_not_asked_for_is_unmeasured_and_not_timed(
    files: tuple[Path, Path], machine: Machine, options: dict[str, Any], remedy: str
) -> None:
    why = gathered(files, **options).absent["runtime"]
    assert (why["status"], why["remedy"]) == ("unmeasured", remedy)
    assert machine.timed == []


def test_nothing_is_timed_inside_a_worker(
    files: tuple[Path, Path], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(XDIST_VARIABLE, "gw0")
    assert gathered(files).absent["runtime"]["remedy"] == "run without -n"
    off = gathered(files, runtime="off").absent["runtime"]
    assert off["remedy"] == "leave `--no-runtime` out"
    assert machine.timed == []


def test_a_broken_file_or_one_without_evidence_is_not_timed(
    files: tuple[Path, Path], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = small_columns()
    columns["household_weight"][0] = float("nan")
    small_file(files[0], columns)
    why = gathered(files).absent["runtime"]
    assert why["status"] == "unmeasured"
    assert "no runtime without evidence: the file breaks values.finite" in why["message"]

    def refuse(*wanted: Any, progress: Any) -> None:
        raise MeasureError("the engine broke", reason="engine.failed", remedy="look")

    small_file(files[0])
    monkeypatch.setattr(measuring, "measure_evidence", refuse)
    assert "the engine broke" in gathered(files).absent["runtime"]["message"]
    assert machine.timed == []


def test_the_contract_alone_is_not_timed(files: tuple[Path, Path], machine: Machine) -> None:
    gather_contract(files[0], INCUMBENT)
    assert machine.timed == []


def test_without_the_incumbents_file_there_is_a_command_to_get_it(
    files: tuple[Path, Path], machine: Machine
) -> None:
    machine.theirs = None
    why = gathered(files).absent["runtime"]
    assert why["status"] == "unmeasured"
    assert f"mpgate baseline fetch {INCUMBENT}" in why["remedy"]
    assert machine.timed == []


def test_the_incumbent_itself_is_timed_against_itself(
    files: tuple[Path, Path], machine: Machine
) -> None:
    gathered((files[1], files[1]))
    assert machine.timed == [("their.h5", "their.h5", INCUMBENT)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MeasureError("6 GB were not enough", reason="engine.memory", remedy="x"), "unmeasured"),
        (MeasureError("too long", reason="engine.timeout", remedy="x"), "unmeasured"),
        (MeasureError("beside workers", reason="runtime.xdist", remedy="x"), "unmeasured"),
        (MeasureError("the engine failed", reason="engine.failed", remedy="x"), "error"),
        (DatasetError("changed", reason="h5.damaged", remedy="x"), "error"),
        (BaselineError("gone", reason="baseline.unreadable", remedy="x"), "error"),
    ],
)
def test_a_failure_keeps_its_words(
    files: tuple[Path, Path], machine: Machine, error: Exception, status: str
) -> None:
    machine.error = error
    why = gathered(files).absent["runtime"]
    assert (why["status"], why["message"]) == (status, str(error.args[0]))


def test_runtimes_of_another_machine_say_nothing(
    files: tuple[Path, Path], machine: Machine
) -> None:
    machine.fingerprint = "f" * 64
    why = gathered(files).absent["runtime"]
    assert why["status"] == "unmeasured"
    assert "another machine" in why["message"]


def supplied(path: Path, **changes: Any) -> Path:
    """Write an external record that expects 20 bn dollars of SSI."""
    record = {
        "schema": "external_benchmark",
        "schema_version": 1,
        "id": "tara-watson-ssi-asset-limits",
        "source": "a published table",
        "supplied_by": "an analyst",
        "supplied_on": "2026-11-20",
        "definition": "limits removed",
        "values": [
            {
                "benchmark": BENCHMARK,
                "measure": "ssi",
                "value": 20e9,
                "unit": "usd",
                "tolerance": {"relative": 0.05, "absolute": 0.0},
            }
        ],
        **changes,
    }
    path.write_text(json.dumps(record))
    return path


def test_a_supplied_record_is_compared_with_the_candidates_effects(
    files: tuple[Path, Path], machine: Machine, tmp_path: Path
) -> None:
    found = gathered(files, external=supplied(tmp_path / "watson.json"))
    record = found.records["external"]
    validate(record, "external_comparison")
    assert record["subject"]["sha256"] == found.candidate["sha256"]
    assert [(row["measured"], row["within"]) for row in record["rows"]] == [(20e9, True)]
    assert gathered(files).absent["external"]["status"] == "unmeasured"


def test_a_wrong_record_ends_the_step_before_anything_is_measured(
    files: tuple[Path, Path], machine: Machine, tmp_path: Path
) -> None:
    wrong = supplied(tmp_path / "watson.json", id="another-record")
    with pytest.raises(RecordError):
        gathered((tmp_path / "absent.h5", files[1]), external=wrong)
    assert machine.timed == []


def test_without_evidence_nothing_is_compared(
    files: tuple[Path, Path], machine: Machine, tmp_path: Path
) -> None:
    other = small_file(tmp_path / "other.h5", small_columns(3))
    external = supplied(tmp_path / "watson.json")
    found = gathered((other, files[1]), external=external, mode="never")
    assert found.absent["external"] == found.absent["evidence"]


def test_a_record_can_be_supplied_to_an_earlier_run(
    files: tuple[Path, Path], machine: Machine, tmp_path: Path
) -> None:
    write_inputs(tmp_path / "records", gathered(files))
    first = read_inputs(tmp_path / "records")
    external = supplied(tmp_path / "watson.json")
    second = with_external(first, external, load_policy())
    assert "external" in second.records
    assert "external" not in second.absent
    write_inputs(tmp_path / "records", second)
    assert read_inputs(tmp_path / "records").hashes() == second.hashes()
    assert set(second.records) - set(first.records) == {"external"}
