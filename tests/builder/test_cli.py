"""`mpgate build incumbent`: the summary it prints, and typed errors as one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from builder import cli
from builder.embedded.build import Sample
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import MpgateError
from schemas.logical import dataset_hashes
from schemas.writers import write_period_arrays
from tests.small import HOUSEHOLDS, PERIOD, PERSONS, small_columns

RUNNER = CliRunner()


def _small(out: Path) -> None:
    write_period_arrays(out, small_columns(), PERIOD)


def test_command_builds_the_incumbent_and_reports_json(tmp_path: Path, incumbent: Sample) -> None:
    out = tmp_path / "runs" / "incumbent.h5"
    result = RUNNER.invoke(cli.app, ["incumbent", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["sha256"] == sha256_file(out)
    assert summary["logical_sha256"] == dataset_hashes(open_dataset(out)).logical_sha256
    assert summary["counts"]["household"] == len(incumbent.household_keys) == 4000
    assert open_dataset(out).read("household_weight").tolist() == (
        incumbent.columns["household_weight"].tolist()
    )


def test_command_shows_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "build_incumbent", _small)
    result = RUNNER.invoke(cli.app, ["incumbent", "--out", str(tmp_path / "i.h5")])
    assert result.exit_code == 0, result.output
    assert "household records" in result.stdout
    assert sha256_file(tmp_path / "i.h5")[:16] in result.stdout


def test_the_summary_says_what_the_file_holds(tmp_path: Path) -> None:
    _small(tmp_path / "i.h5")
    summary = cli.summarise(tmp_path / "i.h5")
    assert summary["counts"]["household"] == HOUSEHOLDS
    assert summary["counts"]["person"] == PERSONS
    assert summary["variables"] == len(small_columns())
    assert summary["size_bytes"] == (tmp_path / "i.h5").stat().st_size
    total = small_columns()["household_weight"].sum(dtype="float64")
    assert summary["weights"]["household_sum"] == pytest.approx(total)


def test_command_reports_one_line_and_exits_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MpgateError("no source", reason="x", remedy="install it")

    monkeypatch.setattr(cli, "build_incumbent", refuse)
    result = RUNNER.invoke(cli.app, ["incumbent", "--out", str(tmp_path / "x.h5")])
    assert result.exit_code == 3
    assert "no source. Next: install it" in result.output
    assert "Traceback" not in result.output


def test_help_shows_an_example() -> None:
    result = RUNNER.invoke(cli.app, ["incumbent", "--help"])
    assert "mpgate build incumbent --out" in result.output
