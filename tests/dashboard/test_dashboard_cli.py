"""`mpgate dashboard`: what it needs and starts, and what it says where that is lacking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard import cli
from dashboard.console import EXIT_ERROR

ROOT = Path(cli.__file__).parents[1]


def test_there_is_no_way_to_serve_elsewhere() -> None:
    for option in ("--address", "--host", "--server.address"):
        result = CliRunner().invoke(cli.app, [option, "0.0.0.0"])
        assert result.exit_code == 2
        assert "No such option" in result.output
    assert "0.0.0.0" not in CliRunner().invoke(cli.app, ["--help"]).output


def test_the_command_is_light_to_load() -> None:
    said = "import sys, dashboard.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"altair", "duckdb", "pandas", "pyarrow", "streamlit"} & set(done.stdout.split())


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "duckdb" else name)
    for arguments in (["--root", str(tmp_path)], ["export", str(tmp_path / "site")]):
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == EXIT_ERROR
        assert "the dashboard needs duckdb" in result.stderr
        assert "microdata-release-gate[dashboard]" in result.stderr


def test_a_folder_of_runs_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["--root", str(tmp_path / "none")])
    assert result.exit_code == EXIT_ERROR
    assert "there is no folder" in result.stderr


def test_without_any_runs_the_command_says_what_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, ["--db", str(tmp_path / "index.duckdb")])
    assert result.exit_code == EXIT_ERROR
    assert "mpgate build national" in result.stderr
    assert "--root" in result.stderr


def test_export_hands_its_arguments_on(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["export", str(tmp_path), "--stage", "gamma"])
    assert result.exit_code == EXIT_ERROR
    assert "there is no stage 'gamma'" in result.stderr
    assert "--product" in CliRunner().invoke(cli.app, ["export", "--help"]).output


def test_the_command_indexes_then_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Path, int]] = []

    def pretend(index: Path, port: int, ready: Callable[[str], None]) -> int:
        served.append((index, port))
        ready(f"http://127.0.0.1:{port}/")
        return 0

    monkeypatch.setattr(cli, "serve", pretend)
    (tmp_path / "runs").mkdir()
    db = tmp_path / "index.duckdb"
    given = ["--root", str(tmp_path / "runs"), "--db", str(db), "--port", "8600"]
    result = CliRunner().invoke(cli.app, given)
    assert result.exit_code == 0
    assert served == [(db, 8600)]
    assert db.is_file()
    assert "0 runs" in result.output
    assert "http://127.0.0.1:8600/" in result.output
    db.unlink()
    CliRunner().invoke(cli.app, [*given, "--no-index"])
    assert not db.exists()
