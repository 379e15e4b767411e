"""A run folder is shown as its seals and schemas vouch for, or not at all, with the reason."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from index_places import edit, placed, reseal, reseal_verdict
from sample_runs import DAMAGES, break_run

from dashboard import run_files
from dashboard.discovery import Place
from dashboard.errors import DashboardError
from dashboard.run_data import RECORDS
from dashboard.run_reader import LAYER_ONE, Reading, read_folder, read_run
from gates.release.contents import CONTENTS

Damage = Callable[[Path], Any]
OTHER = "f" * 64


def reading(run: Path) -> Reading:
    return read_folder(Place(run.parent.resolve(), run.name))


def test_the_paths_are_those_of_the_list_of_contents() -> None:
    for product, contents in json.loads(CONTENTS.read_text())["products"].items():
        listed = {each["path"]: each["schema"] for each in contents["files"]}
        ours = {path: RECORDS[name] for name, path in LAYER_ONE.items()}
        assert ours.items() <= listed.items(), product
        assert {path for path in listed if path.startswith("records/")} <= set(ours), product


def test_a_sealed_run_has_the_records_that_lie_there(tmp_path: Path) -> None:
    run = placed(tmp_path, "run")
    data = read_run(tmp_path, "run")
    assert (data.state, data.run_id, data.product) == ("sealed", "sealed", "mp-national")
    for name in ("loss", "evidence", "calibration", "judge_inputs"):
        assert data.records[name] == json.loads((run / LAYER_ONE[name]).read_text())
    results = json.loads((run / "verdict/1/gate_results.json").read_text())
    assert data.records["gate_results"] == results
    assert data.records["seal"]["number"] == 1
    why = json.loads((run / "records/judge_inputs.json").read_text())["absent"]
    assert set(data.records) | set(data.absent) >= set(why)
    for name, each in why.items():
        assert data.why_absent(name).startswith(each["message"])


def test_the_highest_verdict_is_the_one_that_counts(tmp_path: Path) -> None:
    placed(tmp_path, "run", "twice")
    assert read_run(tmp_path, "run").records["seal"]["number"] == 2


def test_an_unsealed_run_has_exactly_what_was_judged(tmp_path: Path) -> None:
    run = placed(tmp_path, "run", "unsealed")
    data = read_run(tmp_path, "run")
    judged = json.loads((run / "results/gate_results.json").read_text())["inputs"]
    expected = {name for name, sha256 in judged.items() if sha256} & set(RECORDS)
    assert data.state == "unsealed"
    assert set(data.records) - {"gate_results", "judge_inputs"} == expected
    (run / "results").rename(run.parent / "results")
    assert reading(run.parent / "results").state == "unsealed"


@pytest.mark.parametrize("kind", ["unjudged", "unsealed"])
def test_a_run_without_a_verdict_says_what_to_run(tmp_path: Path, kind: str) -> None:
    run = placed(tmp_path, "run", kind)
    (run / "results/gate_results.json").unlink(missing_ok=True)
    found = reading(run)
    assert found.state == "unjudged"
    assert "mpgate bundle judge" in found.reason
    with pytest.raises(DashboardError) as caught:
        read_run(tmp_path, "run")
    assert caught.value.reason == "run.unjudged"


def test_a_bare_candidate_is_unjudged(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "candidate.h5").write_bytes(b"0")
    assert reading(tmp_path / "run").state == "unjudged"


def _other_loss(run: Path) -> None:
    edit(run / "records/loss.json", lambda loss: loss["candidate"].update(sha256=OTHER))
    reseal(run)


def _other_results(run: Path) -> None:
    results = run / "verdict/1/gate_results.json"
    edit(results, lambda record: record["candidate"].update(sha256=OTHER))
    reseal_verdict(run / "verdict/1")


def _other_product(run: Path) -> None:
    edit(run / "verdict/1/gate_results.json", lambda record: record.update(product="mp-local-rich"))
    reseal_verdict(run / "verdict/1")


def _manifest_of_another_product(run: Path) -> None:
    manifest = run / "records/candidate_manifest.json"
    edit(manifest, lambda record: record.update(product="mp-local-fast"))
    reseal(run)


def _linked_folder(run: Path) -> None:
    (run / "records").rename(run.parent / "away")
    (run / "records").symlink_to(run.parent / "away", target_is_directory=True)


def _pipe(run: Path) -> None:
    (run / "sources.json").unlink()
    os.mkfifo(run / "sources.json")


def _unknown_product(run: Path) -> None:
    edit(run / "bundle.json", lambda bundle: bundle.update(product="mp-other"))


SEALED_DAMAGES: dict[str, tuple[Damage, str]] = {
    "loss of another candidate": (_other_loss, "loss record is about another file"),
    "results of another candidate": (_other_results, "another candidate was judged"),
    "results of another product": (_other_product, "another product"),
    "manifest of another product": (_manifest_of_another_product, "mp-local-fast"),
    "unknown product": (_unknown_product, "product"),
    "a link as folder": (_linked_folder, "records/.*link"),
    "a pipe": (_pipe, "sources.json is no plain file"),
    "no text": (lambda run: (run / "bundle.json").write_bytes(b"\xff\xfe\x00"), "bundle.json"),
    "an empty seal": (lambda run: (run / "bundle.json").write_bytes(b""), "bundle.json"),
    "no checksums": (lambda run: (run / "sha256sums.txt").unlink(), "sha256sums.txt"),
    "other checksums": (lambda run: (run / "sha256sums.txt").write_text("x"), "sha256sums.txt"),
    "another H5": (lambda run: (run / "candidate.h5").write_bytes(b"0"), "candidate.h5"),
    "an added record": (
        lambda run: shutil.copy(run / "sources.json", run / "records/cross_engine.json"),
        "cross_engine.json was added",
    ),
    "a seal gone": (lambda run: (run / "verdict/1/seal.json").unlink(), "seal.json can't be read"),
    "a verdict file gone": (lambda run: (run / "verdict/1/summary.md").unlink(), "summary.md"),
    "a verdict file added": (
        lambda run: (run / "verdict/1/more.json").write_text("{}"),
        "more.json",
    ),
    "a seal of another bundle": (
        lambda run: reseal_verdict(run / "verdict/1", bundle={"digest": OTHER, "sha256": OTHER}),
        "another bundle",
    ),
    "a seal with another verdict": (
        lambda run: reseal_verdict(run / "verdict/1", verdict="ready"),
        "another verdict than its results",
    ),
    "a verdict renamed": (lambda run: (run / "verdict/1").rename(run / "verdict/2"), "missing"),
}


@pytest.mark.parametrize("damage", sorted(SEALED_DAMAGES))
def test_a_sealed_run_that_is_not_as_it_was_is_broken(tmp_path: Path, damage: str) -> None:
    run = placed(tmp_path, "run")
    change, reason = SEALED_DAMAGES[damage]
    change(run)
    found = reading(run)
    assert found.state == "broken"
    assert found.data is None
    with pytest.raises(DashboardError, match=reason):
        read_run(tmp_path, "run")


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_of_the_sample_runs_is_noticed(tmp_path: Path, damage: str) -> None:
    run = placed(tmp_path, "run")
    assert reading(run).state == "sealed"
    break_run(run, damage)
    found = reading(run)
    assert found.state == "broken"
    assert len(found.reason) > 20


def test_an_earlier_verdict_never_stands_in_for_a_damaged_one(tmp_path: Path) -> None:
    run = placed(tmp_path, "run", "twice")
    (run / "verdict/2/seal.json").write_text("{")
    assert reading(run).state == "broken"


def test_a_verdict_that_follows_another_one_is_broken(tmp_path: Path) -> None:
    run = placed(tmp_path, "run", "twice")
    reseal_verdict(run / "verdict/2", previous=OTHER)
    assert "does not follow" in reading(run).reason


def test_a_verdict_that_is_being_written_is_no_verdict_yet(tmp_path: Path) -> None:
    run = placed(tmp_path, "run")
    (run / "verdict/unfinished").mkdir()
    assert reading(run).state == "sealed"


def test_what_runs_share_is_parsed_once_and_still_held_against_each_seal(tmp_path: Path) -> None:
    first, second = placed(tmp_path, "first"), placed(tmp_path, "second", "other")
    ours, theirs = (read_run(tmp_path, each.name).records for each in (first, second))
    assert ours["incumbent_evidence"] is theirs["incumbent_evidence"]
    assert ours["evidence"] is not theirs["evidence"]
    edit(second / "records/incumbent_evidence.json", lambda record: record.update(run={}))
    assert "was changed after it was sealed" in reading(second).reason
    reseal(second)
    assert read_run(tmp_path, "second").records["incumbent_evidence"]["run"] == {}


def test_a_run_among_the_pointers_is_broken_and_one_deeper_is_not(tmp_path: Path) -> None:
    for folder in ("current", "current/run", "deep/current"):
        placed(tmp_path / Path(folder).parent, Path(folder).name)
        found = read_folder(Place(tmp_path.resolve(), folder))
        assert (found.state == "broken") == folder.startswith("current"), folder
        assert ("for pointer records" in found.reason) == folder.startswith("current"), folder


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    run = placed(tmp_path, "run")
    Path(os.fsdecode(os.fsencode(run / "verdict" / "1") + b"/\xff.json")).write_text("{}")
    assert r"does not name: \udcff.json" in reading(run).reason


def test_a_record_without_end_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = placed(tmp_path, "run")
    monkeypatch.setattr(run_files, "MAX_BYTES", 2000)
    assert "larger than" in reading(run).reason


UNSEALED_DAMAGES: dict[str, tuple[Damage, str]] = {
    "a record changed": (
        lambda run: edit(run / "results/records/loss.json", lambda loss: loss.update(wins=0)),
        "not the record that was judged",
    ),
    "a record gone": (lambda run: (run / "results/records/loss.json").unlink(), "loss.json"),
    "half-written results": (
        lambda run: (run / "results/gate_results.json").write_text('{"schema": "gate_'),
        "gate_results.json",
    ),
    "another candidate": (
        lambda run: edit(
            run / "results/gate_results.json",
            lambda record: record["candidate"].update(sha256=OTHER),
        ),
        "another file than the candidate",
    ),
    "deep": (
        lambda run: (run / "results/gate_results.json").write_text("[" * 100_000),
        "gate_results.json",
    ),
}


@pytest.mark.parametrize("damage", sorted(UNSEALED_DAMAGES))
def test_an_unsealed_run_that_contradicts_itself_is_broken(tmp_path: Path, damage: str) -> None:
    run = placed(tmp_path, "run", "unsealed")
    change, reason = UNSEALED_DAMAGES[damage]
    change(run)
    found = reading(run)
    assert found.state == "broken"
    assert reason in found.reason


def test_a_candidate_built_again_after_judging_is_broken(tmp_path: Path) -> None:
    run = placed(tmp_path, "run", "unsealed")
    manifest = run / "candidate.manifest.json"
    shutil.copy(run / "results/records/candidate_manifest.json", manifest)
    assert reading(run).state == "unsealed"
    edit(manifest, lambda record: record["h5"].update(sha256=OTHER))
    assert "built again" in reading(run).reason


@pytest.mark.parametrize("folder", ["../away/run", "/etc", "a//b", "", "x\ny"])
def test_no_folder_leads_out_of_the_root(tmp_path: Path, folder: str) -> None:
    placed(tmp_path / "away", "run")
    (tmp_path / "root").mkdir()
    assert read_folder(Place(tmp_path / "root", folder)).state == "broken"


def test_content_changes_with_any_record(tmp_path: Path) -> None:
    run = placed(tmp_path, "run")
    before = reading(run).content
    edit(run / "records/loss.json", lambda loss: loss.update(wins=loss["wins"] + 1))
    reseal(run)
    after = reading(run)
    assert after.state == "sealed"
    assert after.content != before
