"""`mpgate bundle` as a user types it, and the other commands beside a bundle, without an engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gates.cli import app
from gates.inputs import JudgeInputs
from gates.measuring import gather
from gates.policy import load_policy
from gates.release import run as running
from gates.results import EXIT_CODES
from schemas.bundle import read_bundle
from schemas.records import validate
from tests.gates.bundles import INCUMBENT, MadeRun, copied
from tests.gates.fakes import small_file

runner = CliRunner()
MEASURED_WITHOUT_ENGINE = ("baseline", "candidate_manifest", "contract", "storage", "suite")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the evidence cache inside the test."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def bundle(*args: Any) -> tuple[int, str]:
    done = runner.invoke(app, ["bundle", *map(str, args)])
    return done.exit_code, done.output


def record_in(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said[said.index("{") :])
    return found


def test_a_run_from_measuring_to_a_signed_verdict(
    unsealed: MadeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unsealed.copy(tmp_path)
    asked: dict[str, Any] = {}

    def measured(path: Path, incumbent: str, *args: Any, **options: Any) -> JudgeInputs:
        asked.update(options, path=path, incumbent=incumbent)
        kept = {name: unsealed.inputs.records[name] for name in MEASURED_WITHOUT_ENGINE}
        return replace(unsealed.inputs, records=kept)

    monkeypatch.setattr(running, "gather_with_progress", measured)
    code, said = bundle("judge", run, "--incumbent", INCUMBENT, "--json")
    results = record_in(said)
    validate(results, "gate_results")
    assert code == EXIT_CODES[results["verdicts"]["default"]["verdict"]] == EXIT_CODES["blocked"]
    assert asked == {
        "path": run / "candidate.h5",
        "incumbent": INCUMBENT,
        "runtime": "measure",
        "external": None,
        "quiet": True,
    }
    gates = {gate["id"]: gate for gate in results["gates"]}
    assert gates["artifacts.bundle"]["status"] == "fail"
    details = "; ".join(gates["artifacts.bundle"]["details"])
    for name in ("evidence", "incumbent-evidence", "loss", "runtime", "target-deltas"):
        assert f"missing {name}: " in details
    monkeypatch.setattr(running, "gather_with_progress", None)  # nothing is measured again
    code, said = bundle("judge", run, "--incumbent", INCUMBENT, "--stage", "beta")
    assert (code, "VERDICT" in said) == (EXIT_CODES["blocked"], True)
    code, said = bundle("sign-off", run, "--by", "Jane Doe")
    assert (code, "verdict 2 (blocked): signed off by Jane Doe" in said) == (0, True)
    code, said = bundle("show", run)
    assert code == 0
    assert "layer 1  intact, incomplete" in said
    assert "verdict/1 blocked, not signed off" in said
    assert "verdict/2 blocked, signed off by Jane Doe" in said
    assert read_bundle(run)["digest"] in said


def test_a_complete_judged_run_is_verified(judged: Path) -> None:
    code, said = bundle("verify", judged)
    assert (code, "intact and complete" in said) == (0, True)


def test_sealing_an_incomplete_run_is_refused_by_name_unless_asked_for(
    unsealed: MadeRun, tmp_path: Path
) -> None:
    run = unsealed.copy(tmp_path)
    (run / "config.json").unlink()
    code, said = bundle("seal", run)
    assert code == 1
    assert "missing config: config.json (plan: " in said
    assert not (run / "bundle.json").exists()
    code, said = bundle("seal", run, "--incomplete", "--json")
    assert (code, record_in(said)["schema"]) == (0, "bundle")
    code, said = bundle("verify", run)
    assert code == 1
    assert "missing: config.json (config: plan: " in said


def test_a_complete_run_is_sealed_and_sealing_it_again_says_the_same(
    unsealed: MadeRun, tmp_path: Path
) -> None:
    run = unsealed.copy(tmp_path)
    code, said = bundle("seal", run)
    assert (code, read_bundle(run)["digest"] in said) == (0, True)
    assert bundle("seal", run) == (code, said)
    (run / "config.json").chmod(0o644)
    (run / "config.json").write_text("{ }")
    code, said = bundle("seal", run)
    assert (code, "changed: config.json" in said) == (1, True)


def test_verify_names_every_change_and_exits_1(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    (run / "config.json").unlink()
    (run / "more.txt").write_text("")
    for name in ("stages.json", "verdict/1/summary.md"):
        (run / name).chmod(0o644)
        (run / name).write_text("x")
    code, said = bundle("verify", run)
    assert code == 1
    for line in (
        "missing: config.json",
        "changed: stages.json",
        "added: more.txt",
        "invalid: stages.json",
        "verdict/1: changed: summary.md",
    ):
        assert line in said, said
    assert said.count("config.json") == 1
    code, said = bundle("verify", run, "--json")
    found = record_in(said)
    assert (code, len(found["problems"])) == (1, 5)
    assert (found["layer_one"]["intact"], found["layer_one"]["complete"]) == (False, False)


def test_a_seal_that_is_edited_exits_1_and_one_that_is_not_there_3(
    sealed: Path, tmp_path: Path
) -> None:
    run = copied(sealed, tmp_path)
    (run / "bundle.json").chmod(0o644)
    (run / "bundle.json").write_text("{}")
    code, said = bundle("verify", run)
    assert (code, "bundle.json is not as it was sealed" in said) == (1, True)
    (run / "bundle.json").unlink()
    code, said = bundle("verify", run)
    assert (code, "half sealed" in said) == (3, True)
    (run / "sha256sums.txt").unlink()
    code, said = bundle("verify", run)
    assert (code, "nothing was sealed" in said) == (3, True)
    code, said = bundle("verify", tmp_path / "none", "--json")
    assert (code, record_in(said)["reason"]) == (3, "bundle.absent")


@pytest.mark.parametrize("command", ["seal", "judge", "sign-off", "verify", "show"])
def test_every_command_shows_an_example(command: str) -> None:
    done = runner.invoke(app, ["bundle", command, "--help"])
    assert "Example: mpgate bundle" in " ".join(done.output.split())


def test_an_unknown_stage_is_refused(sealed: Path) -> None:
    code, said = bundle("judge", sealed, "--stage", "gamma")
    assert (code, "--stage gamma is unknown" in said) == (3, True)


def test_the_records_of_a_bundle_are_judged_with_their_seal_and_stay_as_they_are(
    sealed: Path, tmp_path: Path
) -> None:
    run = copied(sealed, tmp_path)
    done = runner.invoke(app, ["judge", str(run / "records"), "--json"])
    gates = {gate["id"]: gate["status"] for gate in record_in(done.output)["gates"]}
    assert (gates["artifacts.bundle"], gates["exceptions.valid"]) == ("pass", "pass")
    assert (run / "results" / "gate_results.json").is_file()
    assert bundle("verify", run)[0] == 0


def test_a_candidate_in_a_bundle_is_gathered_with_its_check_and_one_without_is_unmeasured(
    sealed: Path, tmp_path: Path
) -> None:
    policy, candidate = load_policy(), copied(sealed, tmp_path) / "candidate.h5"
    found = gather(candidate, "psl-cps-2024", policy, mode="never").records["bundle"]
    assert (found["intact"], found["complete"], found["candidate_matches"]) == (True, True, True)
    alone = gather(small_file(tmp_path / "a.h5"), "psl-cps-2024", policy, mode="never")
    assert alone.absent["bundle"]["status"] == "unmeasured"
    assert "mpgate bundle seal" in alone.absent["bundle"]["remedy"]
