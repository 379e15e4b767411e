"""`mpgate index`: a table with every run, one line of counts, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from index_places import placed
from typer.testing import CliRunner

from dashboard.index import Index
from dashboard.index_cli import index, run_table
from dashboard.indexing import update_index

app = typer.Typer()
app.command()(index)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    placed(root, "good")
    (placed(root, "torn") / "sha256sums.txt").write_text("x")
    return root


def run(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_broken_runs_are_listed_with_the_reason_and_are_no_error(root: Path) -> None:
    code, out, _ = run("--root", root, "--db", root.parent / "index.duckdb")
    assert code == 0
    good = next(line for line in out.splitlines() if "good" in line)
    assert "sealed" in good
    assert "blocked" in good
    assert "sha256sums.txt does not say what bundle.json says" in out
    last = out.splitlines()[-1]
    assert last.startswith("2 runs in the index, 1 of them broken: 2 added, 0 changed, 0 kept")
    assert last.endswith(" s")
    code, out, _ = run("--root", root, "--db", root.parent / "index.duckdb")
    assert "0 added, 0 changed, 2 kept" in out.splitlines()[-1]
    code, out, _ = run("--root", root, "--db", root.parent / "index.duckdb", "--rebuild")
    assert "2 added, 0 changed, 0 kept" in out.splitlines()[-1]


def cells(frame: pd.DataFrame, **values: Any) -> dict[str, list[str]]:
    """Return the listed cells by heading, of runs with these values in their rows."""
    table = run_table(frame.assign(**values), dict.fromkeys(frame["key"], "/runs"))
    return {str(each.header): [str(cell) for cell in each.cells] for each in table.columns}


def test_a_demonstration_is_never_listed_as_ready(tmp_path: Path) -> None:
    placed(tmp_path / "runs", "good")
    update_index([tmp_path / "runs"], tmp_path / "index.duckdb")
    frame = Index.open(tmp_path / "index.duckdb").runs()
    ready = {"verdict_default": "ready", "verdict_beta": "blocked", "stage": "default"}
    (said,) = cells(frame, **ready, demonstration=True)["verdict"]
    assert said == "demonstration: every blocking gate passes at default"
    assert cells(frame, **ready, demonstration=False)["verdict"] == ["ready at default"]
    ready = {"verdict_default": "blocked", "verdict_beta": "ready", "stage": "beta"}
    assert cells(frame, **ready, demonstration=False)["verdict"] == ["ready at beta"]


def test_a_gate_that_erred_or_was_not_measured_is_counted(tmp_path: Path) -> None:
    placed(tmp_path / "runs", "good")
    update_index([tmp_path / "runs"], tmp_path / "index.duckdb")
    frame = Index.open(tmp_path / "index.duckdb").runs()
    held = {"gates_fail": 0, "gates_error": 2, "gates_unmeasured": 1}
    assert cells(frame, **held)["gates not passing"] == ["2 error, 1 unmeasured"]
    assert cells(frame, **dict.fromkeys(held, 0))["gates not passing"] == ["none"]


def test_runs_of_several_roots_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        placed(tmp_path / name, "run")
    roots = [word for name in ("a", "b") for word in ("--root", tmp_path / name)]
    _, out, _ = run(*roots, "--db", tmp_path / "index.duckdb", "--json")
    held = json.loads(out)["runs"]
    assert {(each["root"], each["folder"]) for each in held} == {
        (str((tmp_path / name).resolve()), "run") for name in ("a", "b")
    }
    index = Index.open(tmp_path / "index.duckdb")
    listed = list(run_table(index.runs(), index.roots()).columns[0].cells)
    assert sorted(map(str, listed)) == [f"{tmp_path.resolve() / name}/run" for name in ("a", "b")]


def test_a_root_without_runs_says_what_makes_one(tmp_path: Path) -> None:
    code, out, _ = run("--root", tmp_path, "--db", tmp_path / "index.duckdb")
    assert (code, "mpgate build" in out) == (0, True)


def test_json_holds_report_and_runs(root: Path) -> None:
    code, out, _ = run("--root", root, "--db", root.parent / "index.duckdb", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["report"]["added"], said["report"]["broken"]) == (2, 1)
    assert {each["folder"]: each["state"] for each in said["runs"]} == {
        "good": "sealed",
        "torn": "broken",
    }


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    code, out, err = run("--root", tmp_path / "none", "--db", tmp_path / "index.duckdb")
    assert (code, out) == (3, "")
    assert "there is no folder" in err
    assert "Traceback" not in err
    code, out, _ = run("--root", tmp_path / "none", "--db", tmp_path / "index.duckdb", "--json")
    assert (code, json.loads(out)["reason"]) == (3, "index.no_root")


def test_the_cache_folder_is_the_default(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(root.parent / "cache"))
    monkeypatch.chdir(root.parent)
    assert run()[0] == 0
    assert (root.parent / "cache" / "index.duckdb").is_file()


def test_no_name_steers_the_terminal(tmp_path: Path) -> None:
    placed(tmp_path / "runs", "red\x1b[31m")
    _, out, _ = run("--root", tmp_path / "runs", "--db", tmp_path / "index.duckdb")
    assert "\x1b" not in out
    assert "red?[31m" in out
