"""What an open index answers, and that nothing a record holds can make it answer otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from index_places import edit, placed, reseal
from sample_runs import HOSTILE_LABEL, SCRIPT_TARGET, write_pointer

from dashboard.errors import DashboardError
from dashboard.index import CACHE_VARIABLE, Index, default_db
from dashboard.indexing import update_index
from dashboard.rows import RUN_COLUMNS
from schemas.canonical import canonical_bytes
from schemas.records import load_schema

NATIONAL = "mp-national"
HOSTILE = "Robert'); DROP TABLE runs;-- \"<script>alert(1)</script>\u202e"


def opened(*roots: Path) -> Index:
    db = roots[0].parent / "index.duckdb"
    update_index(roots, db)
    return Index.open(db)


def key_of(index: Index, folder: str) -> str:
    runs = index.runs()
    return str(runs.loc[runs["folder"] == folder, "key"].iloc[0])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Index]:
    """Two sealed runs, the other one judged a day later."""
    root = tmp_path_factory.mktemp("both") / "runs"
    placed(root, "first")
    placed(root, "second", "other")
    return root, opened(root)


def test_a_row_holds_what_the_records_hold(both: tuple[Path, Index]) -> None:
    root, index = both
    runs = index.runs()
    assert tuple(runs.columns) == RUN_COLUMNS
    assert list(runs["folder"]) == ["second", "first"]
    row = runs.set_index("folder").loc["first"]
    loss = json.loads((root / "first/records/loss.json").read_text())
    evidence = json.loads((root / "first/records/evidence.json").read_text())
    results = json.loads((root / "first/verdict/1/gate_results.json").read_text())
    broad = loss["losses"]["broad_relative_v1"]
    assert row["broad_candidate"] == broad["candidate"]
    assert row["held_out_incumbent"] == broad["held_out"]["incumbent"]
    assert (row["wins"], row["losses"], row["ties"]) == (loss["wins"], loss["losses_count"], 0)
    assert row["kish_ess"] == evidence["weights"]["kish_ess"]
    assert row["h5_bytes"] == results["candidate"]["size_bytes"]
    assert row["verdict_default"] == results["verdicts"]["default"]["verdict"]
    assert row["demonstration"] is results["demonstration"]
    assert row["judged_at"] == results["run"]["judged_at"]
    assert row["signed_off_by"] is None
    held = [gate["status"] for gate in results["gates"]]
    for status in load_schema("common")["$defs"]["status"]["enum"]:
        assert row[f"gates_{status}"] == held.count(status), status


def test_gates_come_by_run_by_gate_and_all_together(both: tuple[Path, Index]) -> None:
    root, index = both
    key = key_of(index, "first")
    ours = index.gates(run=key)
    results = json.loads((root / "first/verdict/1/gate_results.json").read_text())
    assert list(ours["gate"]) == [gate["id"] for gate in results["gates"]]
    size = next(gate for gate in results["gates"] if gate["id"] == "size.h5")
    row = ours.set_index("gate").loc["size.h5"]
    for stage in ("beta", "default"):
        assert row[f"status_{stage}"] == size["stages"][stage]["status"]
        assert row[f"blocking_{stage}"] is size["stages"][stage]["blocking"]
        assert row[f"limit_{stage}"] == size["stages"][stage]["limit"]
        assert row[f"margin_{stage}"] == size["stages"][stage]["margin"]
    assert (row["value"], row["unit"], row["title"]) == (size["value"], size["unit"], size["title"])
    assert list(index.gates(gate="size.h5")["run_id"]) == ["other", "sealed"]
    assert len(index.gates()) == 2 * len(ours)


def test_targets_are_those_of_the_loss_record(both: tuple[Path, Index]) -> None:
    root, index = both
    loss = json.loads((root / "first/records/loss.json").read_text())
    found = index.targets(key_of(index, "first"))
    wanted = load_schema("loss_record")["$defs"]["target"]["properties"]
    assert set(found.columns) == set(wanted)
    assert found.to_dict("records") == loss["targets"]


def test_benchmarks_pair_candidate_and_incumbent(both: tuple[Path, Index]) -> None:
    root, index = both
    deltas = {}
    for name in ("evidence", "incumbent_evidence"):
        record = json.loads((root / f"first/records/{name}.json").read_text())
        deltas[name] = {each["id"]: each["delta"] for each in record["benchmarks"]}
    found = index.benchmarks(key_of(index, "first"))
    assert len(found) == sum(map(len, deltas["evidence"].values())) > 0
    for row in found.to_dict("records"):
        assert row["candidate"] == deltas["evidence"][row["benchmark"]][row["measure"]]
        assert row["incumbent"] == deltas["incumbent_evidence"][row["benchmark"]][row["measure"]]
    assert len(index.benchmarks()) == 2 * len(found)


def test_a_run_is_loaded_with_its_row(both: tuple[Path, Index]) -> None:
    _, index = both
    run = index.load(key_of(index, "first"))
    assert tuple(run.row) == RUN_COLUMNS
    assert (run.row["run_id"], run.key) == ("sealed", run.row["key"])
    with pytest.raises(DashboardError) as caught:
        index.load("../../etc")
    assert caught.value.reason == "run.unknown"


@pytest.mark.parametrize("text", ["x' OR '1'='1", "%", 'a"; DROP TABLE runs; --', "", "\0"])
def test_a_question_is_never_a_query(both: tuple[Path, Index], text: str) -> None:
    _, index = both
    assert len(index.gates(run=text)) == len(index.gates(gate=text)) == 0
    assert len(index.targets(text)) == len(index.benchmarks(text)) == 0
    assert len(index.runs()) == 2


def test_hostile_text_goes_in_and_comes_out_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    run = placed(root, "hostile '; DROP TABLE runs;--", "hostile")
    edit(run / "records/loss.json", lambda loss: loss["targets"][-1].update(target_id=HOSTILE))
    reseal(run)
    index = opened(root)
    row = index.runs().iloc[0]
    assert (row["folder"], row["candidate_label"]) == (run.name, HOSTILE_LABEL)
    ids = set(index.targets(row["key"])["target_id"])
    assert HOSTILE in ids
    assert SCRIPT_TARGET in ids


def test_a_folder_changed_since_is_not_shown_as_what_was_indexed(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    run = placed(root, "run")
    index = opened(root)
    key = key_of(index, "run")
    edit(run / "records/loss.json", lambda loss: loss.update(wins=loss["wins"] + 1))
    reseal(run)
    with pytest.raises(DashboardError) as caught:
        index.load(key)
    assert caught.value.reason == "run.changed"
    (run / "bundle.json").unlink()
    with pytest.raises(DashboardError) as caught:
        index.load(key)
    assert caught.value.reason == "run.changed"


def test_broken_and_unjudged_runs_say_so_when_loaded(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    placed(root, "waiting", "unjudged")
    (placed(root, "torn") / "sha256sums.txt").unlink()
    index = opened(root)
    for folder, reason in (("waiting", "run.unjudged"), ("torn", "run.broken")):
        with pytest.raises(DashboardError) as caught:
            index.load(key_of(index, folder))
        assert caught.value.reason == reason


def test_one_name_under_two_roots_is_two_runs(tmp_path: Path) -> None:
    placed(tmp_path / "a", "run")
    placed(tmp_path / "b", "run", "other")
    index = opened(tmp_path / "a", tmp_path / "b")
    runs = index.runs()
    assert list(runs["folder"]) == ["run", "run"]
    assert runs["key"].nunique() == 2
    assert {index.load(key).run_id for key in runs["key"]} == {"sealed", "other"}


def test_without_an_index_the_error_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DashboardError) as caught:
        Index.open(tmp_path / "index.duckdb")
    assert caught.value.reason == "index.absent"
    assert "mpgate index" in caught.value.remedy


def test_the_index_lies_in_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert default_db() == tmp_path / "index.duckdb"
    monkeypatch.delenv(CACHE_VARIABLE)
    assert default_db().parts[-2:] == (".mpgate", "index.duckdb")


def pointed(tmp_path: Path) -> tuple[Path, Path, Path]:
    root = tmp_path / "runs"
    first, second = placed(root, "first"), placed(root, "second", "other")
    write_pointer(root, first, second)
    return root, first, second


def test_the_pointer_names_the_current_run_and_the_one_before(tmp_path: Path) -> None:
    root, _, _ = pointed(tmp_path)
    index = opened(root)
    assert index.current(NATIONAL) == key_of(index, "second")
    assert index.previous(NATIONAL) == key_of(index, "first")
    assert index.pointer(NATIONAL) == json.loads((root / f"current/{NATIONAL}.json").read_text())
    assert index.pointer_problems() == {}
    assert (index.current("mp-local-rich"), index.pointer("mp-local-rich")) == (None, None)


def _changed(run: Path) -> None:
    edit(run / "records/loss.json", lambda loss: loss.update(wins=loss["wins"] + 1))
    reseal(run)


def _broken(run: Path) -> None:
    (run / "sha256sums.txt").unlink()


def _moved(run: Path) -> None:
    run.rename(run.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_changed, "changed since it was published"),
        (_broken, "the run is broken"),
        (_moved, "no run of that name"),
    ],
)
def test_a_run_that_is_not_what_was_published_is_not_current(
    tmp_path: Path, damage: Any, words: str
) -> None:
    root, _, second = pointed(tmp_path)
    damage(second)
    index = opened(root)
    assert index.current(NATIONAL) is None
    assert index.previous(NATIONAL) == key_of(index, "first")
    assert words in index.pointer_problems()[NATIONAL]


@pytest.mark.parametrize(
    "data", [b"{", b"\xff", b"[" * 100_000, b'{"schema": "current_candidate"}']
)
def test_a_bad_pointer_is_a_problem_and_no_crash(tmp_path: Path, data: bytes) -> None:
    root, _, _ = pointed(tmp_path)
    (root / f"current/{NATIONAL}.json").write_bytes(data)
    index = opened(root)
    assert (index.current(NATIONAL), index.previous(NATIONAL)) == (None, None)
    assert index.pointer(NATIONAL) is None
    assert NATIONAL in index.pointer_problems()
    assert len(index.runs()) == 2


def test_an_edited_pointer_is_a_problem(tmp_path: Path) -> None:
    root, _, _ = pointed(tmp_path)
    file = root / f"current/{NATIONAL}.json"
    record = json.loads(file.read_text())
    record["entries"][-1]["run"] = "first"
    file.write_bytes(canonical_bytes(record))
    index = opened(root)
    assert index.current(NATIONAL) is None
    assert "not as it was written" in index.pointer_problems()[NATIONAL]


def test_of_two_pointers_the_newest_counts_and_that_is_said(tmp_path: Path) -> None:
    root, _, _ = pointed(tmp_path)
    other = tmp_path / "others"
    write_pointer(other, placed(other, "run", "hostile"))
    index = opened(root, other)
    assert index.current(NATIONAL) == key_of(index, "second")
    assert "2 roots" in index.pointer_problems()[NATIONAL]
