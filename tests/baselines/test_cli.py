"""`mpgate baseline`: exit codes, JSON and one clear line per error."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from baselines.cli import app
from baselines.registry import load_baseline
from schemas.canonical import sha256_file
from schemas.records import write_record
from tests.baselines.samples import BASELINE, BUILT, LOCAL, make_evidence, make_h5


def run(*arguments: object) -> Result:
    """Run a sub-command."""
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize("command", ["list", "fetch", "verify", "freeze", "diff"])
def test_every_command_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: mpgate baseline {command}" in result.stdout


def test_list_shows_every_incumbent(room: Path) -> None:
    listed = json.loads(run("list", "--json").stdout)["baselines"]
    table = run("list").stdout
    assert len(listed) == 6
    assert all(each["id"] in table for each in listed)


def test_freeze_then_verify_then_a_mismatch(room: Path, h5: Path, tmp_path: Path) -> None:
    assert run("freeze", BUILT, h5).exit_code == 0
    assert load_baseline(BUILT)["pins"]["h5_sha256"] == sha256_file(h5)
    held = run("verify", BUILT, "--file", h5, "--json")
    assert (held.exit_code, json.loads(held.stdout)["holds"]) == (0, ["h5_logical_sha256"])
    other = make_h5(tmp_path / "other.h5", income=11.0)
    wrong = run("verify", BUILT, "--file", other)
    assert wrong.exit_code == 1
    assert wrong.stderr.count("\n") == 1
    assert json.loads(run("verify", BUILT, "--file", other, "--json").stdout)["reason"]


def test_freeze_refuses_other_content_unless_told_to_replace(room: Path, h5: Path) -> None:
    run("freeze", BUILT, h5)
    other = make_h5(h5.with_name("other.h5"), income=11.0)
    refused = run("freeze", BUILT, other)
    assert refused.exit_code == 1
    assert f"pins.h5_sha256 {sha256_file(h5)} -> {sha256_file(other)}" in refused.stderr
    assert run("freeze", BUILT, other, "--replace").exit_code == 0
    assert load_baseline(BUILT)["pins"]["h5_sha256"] == sha256_file(other)


def test_freeze_takes_evidence(room: Path, h5: Path, tmp_path: Path) -> None:
    run("freeze", BUILT, h5)
    evidence = tmp_path / "evidence.json"
    write_record(evidence, make_evidence(h5), "evidence")
    changes = json.loads(run("freeze", BUILT, evidence, "--json").stdout)["changes"]
    assert any("frozen_evidence" in each["field"] for each in changes)
    assert len(load_baseline(BUILT)["frozen_evidence"]) == 1
    write_record(evidence, make_evidence(h5, households=4), "evidence")
    refused = run("freeze", BUILT, evidence)
    assert refused.exit_code == 1
    assert "counts.household 3 -> 4" in refused.stderr
    assert run("freeze", BUILT, evidence, "--replace").exit_code == 0


def test_fetch_from_a_copy(room: Path, h5: Path) -> None:
    run("freeze", BASELINE, h5)
    result = run("fetch", BASELINE, "--from", h5, "--json")
    assert result.exit_code == 0
    assert Path(json.loads(result.stdout)["path"]).read_bytes() == h5.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fetch", BUILT), "mpgate build incumbent --out FILE"),
        (("fetch", LOCAL), "missing h5_sha256"),
        (("verify", "nobody"), "no incumbent is called 'nobody'"),
        (("freeze", BUILT, "absent.h5"), "absent.h5"),
        (("diff", BUILT, "nobody"), "no incumbent is called 'nobody'"),
    ],
)
def test_errors_are_one_line_and_exit_three(
    room: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 3
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads(run(*arguments, "--json").stdout)["remedy"]


def test_diff_of_two_incumbents_and_of_one_with_itself(room: Path) -> None:
    differ = run("diff", BASELINE, "ecps-2024-frozen-20260606", "--json")
    fields = [each["field"] for each in json.loads(differ.stdout)["changes"]]
    assert differ.exit_code == 1
    assert "pins.policyengine_us" in fields
    same = run("diff", BASELINE, BASELINE)
    assert (same.exit_code, same.stdout) == (0, "no differences\n")


def test_diff_of_an_incumbent_and_a_file(room: Path, h5: Path) -> None:
    run("freeze", BASELINE, h5)
    assert run("diff", BASELINE, h5).exit_code == 0
    other = make_h5(h5.with_name("other.h5"), income=11.0)
    assert run("diff", BASELINE, other).exit_code == 1
