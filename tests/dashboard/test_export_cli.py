"""`mpgate dashboard export`: what it prints, and that it refuses with code 3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from bare_sites import only_readiness
from sample_runs import write_pointer, write_run
from typer.testing import CliRunner

from dashboard import export_cli
from dashboard.index import CACHE_VARIABLE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("command") / "runs"
    write_pointer(root, write_run(root, "first", targets=12))
    return root


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    only_readiness(monkeypatch)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> typer.Typer:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    app = typer.Typer()
    app.command()(export_cli.export)
    return app


@pytest.mark.usefixtures("bare")
def test_the_command_prints_what_it_wrote(command: typer.Typer, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    done = CliRunner().invoke(command, [str(out), "--root", str(root)])
    assert done.exit_code == 0, done.output
    assert str(out / "index.html") in done.output.replace("\n", "")
    again = CliRunner().invoke(command, [str(out), "--root", str(root), "--json"])
    record = json.loads(again.output)
    assert (record["pages"], record["is_current"]) == ({"readiness": 1}, True)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--run", "absent"], "export.run"), (["--stage", "gamma"], "export.stage")],
)
def test_the_command_refuses_with_code_3(
    command: typer.Typer, root: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    arguments = [str(tmp_path / "site"), "--root", str(root), "--json", *options]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 3
    assert json.loads(done.output)["reason"] == reason
    assert not (tmp_path / "site").exists()
