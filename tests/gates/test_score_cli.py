"""`mpgate score` as a user types it: the record, the gate results of a table, the errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.scoring.table import table_record
from gates import score_cli
from gates.score_cli import score
from schemas.errors import MeasureError
from schemas.records import read_record, validate

runner = CliRunner()
app = typer.Typer()
app.command("score")(score)
COLUMNS = "target_name,target,candidate,incumbent,unit,family\n"
TABLE = COLUMNS + (
    "us.ssa.ssi.federal_payments.amount.total,5e10,4.9e10,1e10,,\n"
    "nation/ssi/people,7e6,7e6,1e6,people,ssi\n"
    "nation/wages,1e13,8e12,9.9e12,dollars,wages\n"
    "state/CA/people,4e7,4e7,3.9e7,people,\n"
    "nation/zero,0,1,1,,\n"
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "published.csv"
    path.write_text(TABLE)
    return path


def said(*args: str | Path) -> tuple[int, str, str]:
    done = runner.invoke(app, [*map(str, args)], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def test_json_is_the_loss_record_and_nothing_else(published: Path) -> None:
    code, out, err = said("--from-table", published, "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    validate(record, "loss_record")
    assert record == json.loads(json.dumps(table_record(published)))
    assert (record["wins"], record["losses_count"], record["ties"]) == (3, 1, 0)
    for loss in record["losses"].values():
        assert isinstance(loss["candidate"], float)
        assert isinstance(loss["incumbent"], float)
    assert set(record["losses"]) == {
        "broad_relative_v1",
        "native_ecps_v1",
        "robust_huber_v1",
        "pe_local_relative_v1",
    }


def test_results_hold_the_record_and_the_gates_a_table_can_be_judged_by(
    published: Path, tmp_path: Path
) -> None:
    where = tmp_path / "results"
    code, out, _ = said("--from-table", published, "--json", "--results", where)
    assert code == 0
    assert read_record(where / "loss_record.json", "loss_record") == json.loads(out)
    results = read_record(where / "gate_results.json", "gate_results")
    gates = {gate["id"]: gate for gate in results["gates"]}
    assert gates["family.ssi"]["status"] == "pass"
    assert gates["family.wages"]["status"] == "fail"
    assert gates["aggregate.ssi_value"]["status"] == "pass"
    assert gates["loss.broad"]["status"] in ("pass", "fail")
    assert gates["family.snap"]["status"] == "unmeasured"
    assert gates["aggregate.household_net_income"]["status"] == "unmeasured"
    assert results["demonstration"] is True
    assert results["verdicts"]["default"]["verdict"] == "blocked"
    assert results["candidate"] == {
        "label": "published.csv",
        **dict.fromkeys(("sha256", "logical_sha256", "size_bytes")),
    }


def test_gates_that_need_a_file_are_unmeasured_and_say_why(published: Path) -> None:
    record = table_record(published)
    results = score_cli.judge_table("published.csv", record)
    needing = [
        gate
        for gate in results["gates"]
        if gate["group"] in ("contract", "benchmark", "size", "baseline")
    ]
    assert len(needing) > 40
    measured = [gate["id"] for gate in needing if gate["status"] != "unmeasured"]
    assert measured == []
    contract = [gate for gate in needing if gate["group"] == "contract"]
    assert all("table" in gate["message"] for gate in contract)
    assert not any(gate["status"] == "error" for gate in results["gates"])


def test_the_screen_shows_losses_counts_families_and_the_verdict(published: Path) -> None:
    code, out, _ = said("--from-table", published)
    assert code == 0
    for words in (
        "published.csv: candidate against published.csv: incumbent",
        "native_ecps_v1",
        "share within 10pct",
        "top wins",
        "top losses",
        "4 targets kept, 1 dropped: 3 won, 1 lost, 0 tied.",
        "No standard errors: a table carries no household records.",
        "household_net_income",
        "VERDICT  published.csv against none, stage default: blocked (demonstration",
    ):
        assert words in out
    assert "disagree" not in out


def test_a_headline_against_the_win_count_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lost = [f"state/{i},100,103,102,,\n" for i in range(5)]
    path.write_text(COLUMNS + "nation/tail,100,100,900,,\n" + "".join(lost))
    code, out, _ = said("--from-table", path)
    assert code == 0
    assert "1 won, 5 lost, 0 tied. Headline and win count disagree" in out


def test_a_refused_table_is_one_line_exit_3_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLE + "nation/wages,1,1,1,,\n")
    where = tmp_path / "results"
    code, out, err = said("--from-table", path, "--results", where)
    assert (code, out) == (3, "")
    what, remedy = "row 7: nation/wages repeats row 4", "correct the row, or leave it out"
    assert err == f"{what}. Next: {remedy}\n"
    code, out, err = said("--from-table", path, "--json")
    assert (code, err) == (3, "")
    assert json.loads(out) == {"error": what, "reason": "table.row", "remedy": remedy}
    assert not where.exists()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--candidate", "a.h5"),
        ("--incumbent", "b.h5"),
        ("--target-db", "policy_data.db"),
        ("--from-table", "t.csv", "--candidate", "a.h5", "--incumbent", "b.h5"),
        ("--from-table", "t.csv", "--target-db", "policy_data.db"),
    ],
)
def test_a_table_or_two_files_and_never_both(options: tuple[str, ...]) -> None:
    code, out, err = said(*options)
    assert (code, out) == (3, "")
    assert err.startswith("score takes either a table or two files")
    assert json.loads(said(*options, "--json")[1])["reason"] == "usage.option"


def test_two_files_are_scored_and_not_judged(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = table_record(published)
    record["source"] = {"kind": "files", "sha256": None}
    asked: list[Any] = []

    def scored(candidate: Path, incumbent: Path, **other: Any) -> dict[str, Any]:
        other["progress"]("target 1", 1, 2)
        asked.append((candidate, incumbent, other["target_db"]))
        return record

    monkeypatch.setattr(score_cli, "score_files", scored)
    where = tmp_path / "results"
    files = ("--candidate", "a.h5", "--incumbent", "b.h5", "--target-db", "p.db")
    code, out, _ = said(*files, "--json", "--results", where)
    assert code == 0
    assert asked == [(Path("a.h5"), Path("b.h5"), Path("p.db"))]
    assert json.loads(out)["source"]["kind"] == "files"
    assert [path.name for path in where.iterdir()] == ["loss_record.json"]
    code, out, _ = said(*files[:4])
    assert code == 0
    assert asked[1][2] is None
    assert "VERDICT" not in out


def test_a_file_that_cannot_be_measured_is_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*paths: Path, **other: Any) -> None:
        raise MeasureError("6 GB were not enough", reason="engine.memory", remedy="allow 12")

    monkeypatch.setattr(score_cli, "score_files", failing)
    code, _, err = said("--candidate", "a.h5", "--incumbent", "b.h5")
    assert code == 3
    assert "6 GB were not enough. Next: allow 12" in err
