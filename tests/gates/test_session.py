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


def config(root: Path, results: Path) -> Any:
    options = {
        "--results": str(results),
        "--stage": "default",
        "--incumbent": "psl-cps-2024",
        "--measure": "auto",
        "--exceptions": str(EXCEPTIONS_DIR),
        "markexpr": "",
    }
    place = SimpleNamespace(dir=root)
    return SimpleNamespace(rootpath=root, invocation_params=place, getoption=options.__getitem__)


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
