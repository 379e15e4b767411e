"""The measuring step beside the engine: the candidate's manifest, and contributions for noise."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence_store import evidence_path
from gates.inputs import JudgeInputs
from gates.measuring import gather
from gates.policy import load_policy
from schemas.canonical import sha256_file
from schemas.manifests import candidate_manifest_path
from tests.gates.fakes import keep, manifest_beside, small_file
from tests.small import small_columns

INCUMBENT = "psl-cps-2024"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the evidence cache inside the test."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def gathered(file: Path, **options: Any) -> JudgeInputs:
    return gather(file, INCUMBENT, load_policy(), **({"mode": "never"} | options))


def test_the_manifest_lies_beside_the_file_under_its_stem() -> None:
    assert candidate_manifest_path("a/run.v2.h5") == Path("a/run.v2.manifest.json")


def test_the_manifest_beside_the_candidate_is_a_record(tmp_path: Path) -> None:
    file = small_file(tmp_path / "run.h5")
    written = manifest_beside(file)
    assert gathered(file).records["candidate_manifest"] == written


def test_an_absent_manifest_is_unmeasured_and_says_what_is_unknown(tmp_path: Path) -> None:
    why = gathered(small_file(tmp_path / "run.h5")).absent["candidate_manifest"]
    assert why["status"] == "unmeasured"
    assert "no run.manifest.json lies beside the file" in why["message"]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"schema": "candidate_manifest"})])
def test_an_unreadable_manifest_is_an_error(tmp_path: Path, content: str) -> None:
    file = small_file(tmp_path / "run.h5")
    candidate_manifest_path(file).write_text(content)
    assert gathered(file).absent["candidate_manifest"]["status"] == "error"


def test_a_manifest_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    file = small_file(tmp_path / "run.h5")
    candidate_manifest_path(file).mkdir()
    assert gathered(file).absent["candidate_manifest"]["status"] == "error"


def test_evidence_with_contributions_gives_standard_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gates import measuring

    file = small_file(tmp_path / "run.h5")
    ours = keep(file, error=0.05)
    theirs = keep(small_file(tmp_path / "other.h5", small_columns(2)), error=0.1)
    monkeypatch.setattr(measuring, "frozen_evidence", lambda *wanted: theirs)
    loss = gathered(file).records["loss"]
    assert loss["noise"]["method"] == "household_bootstrap"
    broad = loss["losses"]["broad_relative_v1"]
    assert broad["standard_error"] > 0
    place = evidence_path(ours["subject"]["sha256"], ours["suite"]["sha256"])
    place.with_suffix(".npz").unlink()
    assert gathered(file).records["loss"]["noise"]["method"] is None


def test_the_room_a_file_takes_is_measured_with_the_extensions_of_its_manifest(
    tmp_path: Path,
) -> None:
    file = small_file(tmp_path / "run.h5")
    alone = gathered(file).records["storage"]
    assert (alone["extensions"], alone["h5"]["stored_bytes"]) == ([], file.stat().st_size)
    lots = tmp_path / "lots.sqlite"
    with closing(sqlite3.connect(lots)) as connection:
        connection.executescript("CREATE TABLE lots(b); INSERT INTO lots VALUES (1)")
    declared = {"id": "lots", "file": lots.name, "format": "sqlite"}
    declared |= {"sha256": sha256_file(lots), "size_bytes": lots.stat().st_size}
    manifest_beside(file, relational_extensions=[declared])
    assert gathered(file).records["storage"]["extensions"][0]["separately_loadable"] is True
    candidate_manifest_path(file).write_text("{")
    assert gathered(file).absent["storage"]["status"] == "error"
