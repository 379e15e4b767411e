"""`pytest gates/ --candidate run.h5` as a user types it, without an engine process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence_store import evidence_path
from schemas.canonical import canonical_bytes
from tests.gates.fakes import evidence_of, keep, small_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An evidence cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MPGATE_CACHE", str(folder))
    return folder


def run(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *args, "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=cwd, env=os.environ, text=True, capture_output=True)


def judge(candidate: Path | str, results: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run(
        "gates/",
        "--candidate",
        str(candidate),
        "--results",
        str(results),
        "--measure",
        "never",
        *more,
    )


def results_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "gate_results.json").read_text())
    return record


def outside_run(record: dict[str, Any]) -> bytes:
    return canonical_bytes({key: value for key, value in record.items() if key != "run"})


def statuses(record: dict[str, Any]) -> dict[str, str]:
    return {gate["id"]: gate["status"] for gate in record["gates"]}


def test_without_a_candidate_the_usage_error_names_two_ways() -> None:
    done = run("gates/")
    assert done.returncode == 4
    assert "--candidate run.h5" in done.stdout + done.stderr
    assert "make gates" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_same_evidence_gives_the_same_bytes_with_and_without_workers(
    tmp_path: Path, cache: Path
) -> None:
    candidate = small_file(tmp_path / "run.h5")
    keep(candidate, error=0.02)
    plain = judge(candidate, tmp_path / "a")
    spread = judge(candidate, tmp_path / "b", "-n", "2")
    assert (plain.returncode, spread.returncode) == (1, 1), plain.stdout + spread.stdout
    first, second = results_of(tmp_path / "a"), results_of(tmp_path / "b")
    assert outside_run(first) == outside_run(second)
    assert statuses(first)["contract.joins.nested"] == "pass"
    assert first["verdicts"]["default"]["verdict"] != "ready"
    assert first["demonstration"] is True
    assert "demonstration" in plain.stdout
    for name in ("summary.md", "junit.xml"):
        assert (tmp_path / "a" / name).is_file()


def test_exception_records_come_from_the_folder_named(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.json").write_text("{")
    file = small_file(tmp_path / "run.h5")
    chosen = ("--exceptions", str(tmp_path / "mine"), "-k", "exceptions.valid")
    done = judge(file, tmp_path / "r", *chosen)
    assert done.returncode == 1
    assert "a.json is not a readable JSON record" in done.stdout
    assert statuses(results_of(tmp_path / "r")) == {"exceptions.valid": "error"}
    assert judge(file, tmp_path / "r", "--exceptions", str(tmp_path / "none")).returncode == 4


def test_relative_paths_and_options_first(tmp_path: Path, cache: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    relative = os.path.relpath(candidate, ROOT)
    options = ("--measure", "never", "--no-runtime", "--results", str(tmp_path))
    done = run("--candidate", relative, *options, "gates/")
    assert done.returncode == 1
    assert statuses(results_of(tmp_path))["contract.ids.present"] == "pass"


def test_a_selection_is_partial_or_blocked_never_ready(tmp_path: Path, cache: Path) -> None:
    done = judge(small_file(tmp_path / "run.h5"), tmp_path / "r", "-k", "contract.joins.nested")
    record = results_of(tmp_path / "r")
    assert done.returncode == 0, done.stdout
    assert list(statuses(record)) == ["contract.joins.nested"]
    assert record["verdicts"]["default"]["verdict"] == "partial"
    assert len(record["deselected"]) > 40


def test_the_contract_group_gives_the_verdicts_of_the_command(tmp_path: Path, cache: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    done = judge(candidate, tmp_path / "r", "-m", "contract")
    assert done.returncode == 1
    command = ["contract", str(candidate), "--incumbent", "psl-cps-2024"]
    said = subprocess.run(
        [sys.executable, "-m", "gates.cli", *command, "--measure", "never", "--json"],
        cwd=ROOT,
        env=os.environ,
        text=True,
        capture_output=True,
    )
    assert said.returncode == 1, said.stderr
    assert outside_run(json.loads(said.stdout)) == outside_run(results_of(tmp_path / "r"))


def test_evidence_of_another_file_in_the_cache_is_an_error(tmp_path: Path, cache: Path) -> None:
    candidate = small_file(tmp_path / "run.h5")
    other = evidence_of(small_file(tmp_path / "other.h5", None))
    other["subject"]["sha256"] = "f" * 64
    mine = evidence_of(candidate)
    place = evidence_path(mine["subject"]["sha256"], mine["suite"]["sha256"])
    place.parent.mkdir(parents=True)
    place.write_bytes(canonical_bytes(other))
    judge(candidate, tmp_path / "r")
    assert statuses(results_of(tmp_path / "r"))["loss.broad"] == "error"
    assert statuses(results_of(tmp_path / "r"))["baseline.evidence"] == "error"


def spoiled(tmp_path: Path) -> dict[str, Path]:
    good = small_file(tmp_path / "good.h5").read_bytes()
    (tmp_path / "text.h5").write_text("a,b\n")
    (tmp_path / "empty.h5").touch()
    (tmp_path / "cut.h5").write_bytes(good[:3000])
    (tmp_path / "folder.h5").mkdir()
    names: Sequence[str] = ("text", "empty", "cut", "folder", "absent")
    return {name: tmp_path / f"{name}.h5" for name in names}


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "folder", "absent"])
def test_what_is_no_h5_gives_one_line_and_an_error_record(tmp_path: Path, kind: str) -> None:
    done = judge(spoiled(tmp_path)[kind], tmp_path / "r")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
    assert done.returncode != 0
    assert len(said) == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    record = results_of(tmp_path / "r")
    assert record["status"] == "error"
    assert set(statuses(record).values()) == {"error"}


def test_an_unknown_incumbent_is_one_clear_line(tmp_path: Path) -> None:
    done = judge(small_file(tmp_path / "run.h5"), tmp_path / "r", "--incumbent", "latest-ecps")
    assert done.returncode == 4
    assert "psl-cps-2024" in done.stdout + done.stderr
