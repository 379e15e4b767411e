"""The artifacts gate on records alone: what is missing, changed, of another file, or absent."""

from __future__ import annotations

import copy
import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gates.exceptions import ExceptionSet
from gates.gathering import Gathering, add_bundle
from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from gates.release.check import bundle_check
from gates.release.contents import matches
from gates.release.layer_one import seal_layer_one, shortcomings, without_verdict
from gates.release.run import with_bundle_check
from schemas.canonical import canonical_bytes
from schemas.records import read_record
from tests.gates.bundles import TODAY, MadeRun, copied

GATE = load_policy().gate("artifacts.bundle")


@pytest.fixture(scope="module")
def found(sealed: Path, unsealed: MadeRun) -> dict[str, Any]:
    """The check of the sealed run; tests change copies of it only."""
    return bundle_check(sealed, unsealed.inputs.candidate["sha256"])


def judged(made: MadeRun, check: dict[str, Any], **records: Any) -> dict[str, Any]:
    records = {**made.inputs.records, "bundle": check, **records}
    return judge_gate(GATE, JudgeInputs(made.inputs.candidate, records), JUDGES)


def test_a_complete_intact_bundle_passes(unsealed: MadeRun, found: dict[str, Any]) -> None:
    result = judged(unsealed, found)
    assert (result["status"], result["value"]) == ("pass", 0)
    assert found["digest"] in result["details"][-1]


@pytest.mark.parametrize("kind", ["changed", "unexpected", "missing", "invalid"])
def test_every_part_that_is_wrong_counts_and_is_named(
    unsealed: MadeRun, found: dict[str, Any], kind: str
) -> None:
    check = copy.deepcopy(found) | {"intact": False, "complete": False}
    parts: dict[str, Any] = {
        "missing": {"role": "ess", "what": "the figure", "why": "plan"},
        "invalid": {"path": "the figure", "reason": "no"},
    }
    check[kind] = [parts.get(kind, "the figure")] * 2
    result = judged(unsealed, check)
    assert (result["status"], result["value"]) == ("fail", 2)
    assert "the figure" in result["message"]
    assert all(stage["blocking"] for stage in result["stages"].values())


def test_the_bundle_of_another_candidate_is_an_error(
    unsealed: MadeRun, found: dict[str, Any]
) -> None:
    result = judged(unsealed, found | {"candidate_matches": False})
    assert result["status"] == "error"
    assert "seals another candidate" in result["message"]
    check = found | {"subject": {"sha256": "f" * 64}}
    assert judged(unsealed, check)["status"] == "error"


def test_a_candidate_that_changed_after_sealing_fails_by_name(
    unsealed: MadeRun, found: dict[str, Any]
) -> None:
    changed = {"candidate_matches": False, "changed": ["candidate.h5"], "intact": False}
    result = judged(unsealed, found | changed)
    assert result["status"] == "fail"
    assert "candidate.h5" in result["message"]


def test_judging_other_records_than_the_sealed_ones_fails(
    unsealed: MadeRun, found: dict[str, Any]
) -> None:
    evidence = copy.deepcopy(dict(unsealed.inputs.records["evidence"]))
    evidence["baseline"]["snap"] += 1
    result = judged(unsealed, found, evidence=evidence)
    assert (result["status"], result["value"]) == ("fail", 1)
    assert "the evidence record in the bundle is not the one" in result["message"]
    runtime = dict(unsealed.inputs.records["runtime"]) | {"median_ratio": 1.01}
    assert judged(unsealed, found, runtime=runtime)["status"] == "pass"


def test_no_bundle_is_unmeasured_and_says_how_to_have_one(
    unsealed: MadeRun, tmp_path: Path
) -> None:
    for name, words in (("no", "nothing was sealed"), ("half", "half sealed")):
        folder = tmp_path / name
        folder.mkdir()
        if name == "half":
            (folder / "sha256sums.txt").write_text("")
        gathering = Gathering()
        add_bundle(gathering, folder, "0" * 64)
        inputs = JudgeInputs(unsealed.inputs.candidate, {}, gathering.absent)
        result = judge_gate(GATE, inputs, JUDGES)
        assert result["status"] == "unmeasured"
        assert words in result["message"]
        assert "seal" in result["remedy"]


def test_a_seal_that_cannot_be_believed_is_an_error(sealed: Path, tmp_path: Path) -> None:
    run = copied(sealed, tmp_path)
    (run / "bundle.json").chmod(0o644)
    (run / "bundle.json").write_text((run / "bundle.json").read_text().replace("run", "ruN", 1))
    gathering = Gathering()
    add_bundle(gathering, run, "0" * 64)
    assert gathering.absent["bundle"]["status"] == "error"
    assert "bundle.json is not as it was sealed" in gathering.absent["bundle"]["message"]


def edit(path: Path, change: Any) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_bytes(canonical_bytes(record))


def test_an_incomplete_run_fails_by_the_name_of_each_thing_it_lacks(
    unsealed: MadeRun, tmp_path: Path
) -> None:
    run = unsealed.copy(tmp_path)
    (run / "calibration" / "curves.csv").unlink()
    (run / "lots.sqlite").unlink()
    for name in ("runtime", "evidence", "loader", "loss", "incumbent_evidence"):
        (run / "records" / f"{name}.json").unlink()
    edit(run / "candidate.manifest.json", lambda record: record.update(sources=[]))
    seal_layer_one(run)
    check = bundle_check(run, unsealed.inputs.candidate["sha256"])
    missing = {gap["role"] for gap in check["missing"]}
    assert missing == {
        "curves",
        "relational-extension",
        "runtime",
        "evidence",
        "loader",
        "loss",
        "incumbent-evidence",
        "source-hashes",
    }
    assert [each["path"] for each in check["invalid"]] == ["records/candidate_manifest.json"]
    assert (check["intact"], check["complete"]) == (True, False)
    result = judged(unsealed, check)
    assert result["status"] == "fail"
    assert any("missing runtime: records/runtime.json" in line for line in result["details"])
    assert result["value"] == 10  # nine parts, and another manifest than the one judged


def test_what_contradicts_itself_is_invalid(unsealed: MadeRun, tmp_path: Path) -> None:
    run = unsealed.copy(tmp_path)
    (run / "target_deltas.csv").write_text("target_id\n")
    (run / "lots.sqlite").write_bytes(b"other lots")
    (run / "environment.json").write_text("{}")
    edit(run / "records" / "storage.json", lambda record: record["subject"].update(sha256="f" * 64))
    edit(run / "candidate.manifest.json", lambda record: record["h5"].update(sha256="e" * 64))
    edit(run / "records" / "loss.json", lambda r: r["candidate"].update(sha256="d" * 64))
    for name in ("evidence", "incumbent_evidence", "contract"):
        (run / "records" / f"{name}.json").unlink()
    wrong = [line for line in shortcomings(run) if line.startswith("invalid")]
    for words in (
        "target_deltas.csv: it is not what records/loss.json says",
        "lots.sqlite: it is not the extension",
        "records/loss.json: it compares another candidate",
        "environment.json: environment record",
        "records/storage.json: it is about ffffffffffff, the candidate is",
        "candidate.manifest.json: it describes another candidate",
        "records/candidate_manifest.json: the bundle holds two different records",
    ):
        assert any(words in line for line in wrong), words
    assert len(wrong) == 7


def test_environment_and_deltas_say_what_they_must(unsealed: MadeRun) -> None:
    environment = read_record(unsealed.path / "environment.json", "environment")
    assert environment["packages"]["jsonschema"]
    assert os.uname().nodename not in json.dumps(environment).split('"')
    loss = unsealed.inputs.records["loss"]
    with (unsealed.path / "target_deltas.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(loss["targets"]) > 1000
    held = {each["target_id"] for each in loss["targets"] if each["role"] == "held_out"}
    assert {row["target_id"] for row in rows if row["held_out"] == "1"} == held != set()
    first = loss["targets"][0]
    assert float(rows[0]["candidate_error"]) == first["candidate_error"]


def test_a_pattern_fits_name_by_name() -> None:
    assert matches("calibration/curves.csv", "calibration/*curves*")
    assert not matches("calibration/old/curves.csv", "calibration/*")
    assert not matches("config.json", "calibration/*")


def test_what_belongs_to_the_verdict_is_not_collected(unsealed: MadeRun) -> None:
    why = {"status": "unmeasured", "message": "none", "remedy": "seal it"}
    judged = JudgeInputs(unsealed.inputs.candidate, {"bundle": {}}, {"bundle": why}, TODAY)
    kept = without_verdict(judged)
    assert (kept.records, kept.absent, kept.exceptions) == ({}, {}, ExceptionSet())


def test_an_earlier_check_of_the_bundle_is_never_judged(sealed: Path, tmp_path: Path) -> None:
    candidate = {"sha256": "0" * 64}
    why = {"status": "unmeasured", "message": "none", "remedy": "seal it"}
    gone = with_bundle_check(JudgeInputs(candidate, {"bundle": {"intact": True}}), tmp_path)
    assert (dict(gone.records), gone.absent["bundle"]["status"]) == ({}, "unmeasured")
    found = with_bundle_check(JudgeInputs(candidate, {}, {"bundle": why}), sealed)
    assert (found.records["bundle"]["candidate_matches"], dict(found.absent)) == (False, {})
