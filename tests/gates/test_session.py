"""The controlling process: where results go, and that a stopped run leaves a record."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gates import session
from gates.exceptions import EXCEPTIONS_DIR
from gates.policy import load_policy
from gates.session import results_directory, start_session
from schemas.errors import MeasureError
from tests.gates.fakes import small_file


def config(root: Path, results: Path, **more: Any) -> Any:
    options = {
        "--results": str(results),
        "--stage": "default",
        "--incumbent": "psl-cps-2024",
        "--measure": "auto",
        "--exceptions": str(EXCEPTIONS_DIR),
        "--no-runtime": False,
        "--external": None,
        "markexpr": "",
        **more,
    }
    place = SimpleNamespace(dir=root)

    def getoption(name: str, *default: Any) -> Any:
        return options.get(name, default[0]) if default else options[name]

    return SimpleNamespace(rootpath=root, invocation_params=place, getoption=getoption)


@pytest.mark.parametrize(
    ("stop", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (RuntimeError("a bug"), RuntimeError),
        (MeasureError("no memory", reason="x", remedy="get more"), pytest.UsageError),
    ],
)
def test_a_run_that_stops_while_measuring_leaves_an_error_record(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
    raised: type[BaseException],
) -> None:
    def stopping(*args: Any, **options: Any) -> None:
        raise stop

    monkeypatch.setattr(session, "gather_with_progress", stopping)
    with pytest.raises(raised):
        start_session(
            config(tmp_path, tmp_path / "r"), load_policy(), small_file(tmp_path / "f.h5")
        )
    record = json.loads((tmp_path / "r" / "gate_results.json").read_text())
    assert record["status"] == "error"
    assert {gate["status"] for gate in record["gates"]} == {"error"}
    assert record["verdicts"]["default"]["verdict"] == "blocked"


@pytest.mark.parametrize(
    ("options", "runtime"),
    [
        ({}, "measure"),
        ({"numprocesses": 0}, "measure"),
        ({"--no-runtime": True}, "off"),
        ({"numprocesses": 2}, "workers"),
        ({"tx": ["popen"]}, "workers"),
        ({"--no-runtime": True, "numprocesses": 2}, "off"),
    ],
)
def test_runtime_and_external_values_are_asked_for_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], runtime: str
) -> None:
    asked: dict[str, Any] = {}

    def noting(*args: Any, **options: Any) -> None:
        asked.update(options)
        raise MeasureError("enough", reason="x", remedy="none")

    monkeypatch.setattr(session, "gather_with_progress", noting)
    given = config(tmp_path, tmp_path / "r", **options, **{"--external": "watson.json"})
    with pytest.raises(pytest.UsageError):
        start_session(given, load_policy(), small_file(tmp_path / "f.h5"))
    assert asked == {"runtime": runtime, "external": tmp_path / "watson.json"}


def test_results_lie_in_the_run_or_under_the_name_and_hash_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    inside = small_file(tmp_path / "runs" / "demo" / "candidate.h5")
    outside = small_file(tmp_path / "mine.h5")
    runs = (tmp_path / "runs").resolve()
    assert results_directory(tmp_path, inside) == runs / "demo" / "results"
    found = results_directory(tmp_path, outside)
    assert found.parent.parent == runs / "judged"
    assert found.parent.name.startswith("mine-")
    assert results_directory(tmp_path, tmp_path / "no.h5").parent.name == "no-absent"
