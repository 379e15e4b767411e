"""Updating an index: what is read again, what is kept, and what an update never disturbs."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from index_places import edit, placed
from sample_runs import write_pointer

from dashboard import indexing, run_reader, store
from dashboard.errors import DashboardError
from dashboard.index import Index
from dashboard.indexing import IndexReport, update_index
from dashboard.rows import TABLES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a sealed run, an unsealed one and a broken one."""
    root = tmp_path / "runs"
    placed(root, "good")
    placed(root / "deeper", "demo", "unsealed")
    (placed(root, "torn", "other") / "records/loss.json").write_text("{")
    return root


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.duckdb"


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return (report.added, report.changed, report.kept, report.removed, report.broken)


def content(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in an order that does not depend on when they were added."""
    connection = store.attached(db)
    names = (*TABLES, "pointers", "meta")
    found = {
        n: connection.execute(f"SELECT * FROM held.{n} ORDER BY ALL").fetchall() for n in names
    }
    connection.close()
    return found


def states(db: Path) -> dict[str, str]:
    index = Index.open(db)
    runs = index.runs()
    index.close()
    return dict(zip(runs["folder"], runs["state"], strict=True))


def test_broken_runs_are_listed_beside_sound_ones(root: Path, db: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = update_index([root], db, progress=lambda done, total: seen.append((done, total)))
    assert counts(report) == (3, 0, 0, 0, 1)
    assert (report.runs, report.db, seen) == (3, db, [(3, 3)])
    assert states(db) == {"good": "sealed", "deeper/demo": "unsealed", "torn": "broken"}
    index = Index.open(db)
    torn = index.runs().set_index("folder").loc["torn"]
    assert "loss.json was changed" in torn["reason"]
    assert (torn["run_id"], torn["product"]) == ("other", "mp-national")
    assert torn["verdict_default"] is None
    assert pd.isna(torn["wins"])


def test_an_unchanged_run_is_not_read_again(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index([root], db)
    before = db.stat()

    def refused(*_: Any) -> Any:
        raise AssertionError("an unchanged run was read")

    monkeypatch.setattr(indexing, "read_folder", refused)
    assert counts(update_index([root], db)) == (0, 0, 3, 0, 1)
    assert (db.stat().st_ino, db.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    monkeypatch.undo()
    assert counts(update_index([root], db, rebuild=True)) == (3, 0, 0, 0, 1)


def test_added_changed_and_vanished_runs_give_what_a_rebuild_gives(root: Path, db: Path) -> None:
    update_index([root], db)
    placed(root, "added", "twice")
    edit(root / "good/records/loss.json", lambda loss: loss.update(wins=loss["wins"] + 1))
    shutil.rmtree(root / "deeper/demo")
    assert counts(update_index([root], db)) == (1, 1, 1, 1, 2)
    assert states(db) == {"added": "sealed", "good": "broken", "torn": "broken"}
    changed = content(db)
    update_index([root], db, rebuild=True)
    assert content(db) == changed
    assert {run for run, *_ in changed["targets"]} == {run for run, *_ in changed["gates"]}
    assert len(changed["gates"]) == 99


@pytest.mark.parametrize(
    "file",
    [
        "records/loss.json",
        "verdict/1/gate_results.json",
        "bundle.json",
        "calibration/report.json",
        "candidate.h5",
    ],
)
def test_a_touched_file_is_read_again(root: Path, db: Path, file: str) -> None:
    update_index([root], db)
    os.utime(root / "good" / file, ns=(1, 1))
    assert counts(update_index([root], db)) == (0, 1, 2, 0, 1)


def test_a_file_put_in_the_place_of_another_of_its_size_and_time_is_noticed(
    root: Path, db: Path
) -> None:
    update_index([root], db)
    loss = root / "good" / "records" / "loss.json"
    status = loss.stat()
    other = loss.with_name("other.json")
    other.write_bytes(loss.read_bytes().replace(b"1", b"2", 1))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(loss)
    assert (loss.stat().st_size, loss.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert counts(update_index([root], db)) == (0, 1, 2, 0, 2)


def test_a_run_that_is_mended_is_no_longer_broken(root: Path, db: Path) -> None:
    update_index([root], db)
    shutil.rmtree(root / "torn")
    placed(root, "torn", "other")
    assert counts(update_index([root], db)) == (0, 1, 2, 0, 0)
    assert states(db)["torn"] == "sealed"


def test_a_run_under_another_root_only_is_forgotten(root: Path, db: Path, tmp_path: Path) -> None:
    update_index([root], db)
    placed(tmp_path / "else", "run")
    assert counts(update_index([tmp_path / "else"], db)) == (1, 0, 0, 3, 0)


def test_workers_read_what_one_process_reads(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index([root], db)
    alone = content(db)
    monkeypatch.setattr(indexing, "_POOL_FROM", 1)
    monkeypatch.setattr(indexing, "_BATCH", 2)
    update_index([root], db, rebuild=True)
    assert content(db) == alone


def test_values_that_no_column_holds_break_one_run_only(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_reader, "_has_content", lambda record, sha256: True)
    loss = root / "deeper/demo/results/records/loss.json"
    edit(loss, lambda record: record.update(wins=10**30))
    update_index([root], db)
    assert states(db) == {"good": "sealed", "deeper/demo": "broken", "torn": "broken"}


@pytest.mark.parametrize("damage", [b"", b"no database", b"x" * 20_000])
def test_a_damaged_index_is_made_anew_and_never_opened(root: Path, db: Path, damage: bytes) -> None:
    update_index([root], db)
    db.write_bytes(damage)
    with pytest.raises(DashboardError) as caught:
        Index.open(db)
    assert caught.value.reason == "index.unreadable"
    assert "mpgate index" in caught.value.remedy
    assert counts(update_index([root], db)) == (3, 0, 0, 0, 1)
    assert len(states(db)) == 3


def test_damage_met_while_copying_is_mended_by_reading_all(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index([root], db)
    placed(root, "added")
    removed, failures = store.remove, [duckdb.IOException("damaged block")]

    def damaged(*given: Any) -> None:
        if failures:
            raise failures.pop()
        removed(*given)

    monkeypatch.setattr(store, "remove", damaged)
    assert counts(update_index([root], db)) == (4, 0, 0, 0, 1)
    assert len(states(db)) == 4


def test_damage_met_by_a_question_says_to_rebuild(root: Path, db: Path) -> None:
    update_index([root], db)
    index = Index.open(db)
    index.close()
    with pytest.raises(DashboardError, match="--rebuild"):
        index.gates()


def test_an_index_of_another_version_is_made_anew(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index([root], db)
    monkeypatch.setattr(store, "VERSION", store.VERSION + 1)
    with pytest.raises(DashboardError, match="another version"):
        Index.open(db)
    assert update_index([root], db).added == 3
    assert len(states(db)) == 3


def test_an_open_index_stays_as_it_was_and_the_next_one_is_new(root: Path, db: Path) -> None:
    update_index([root], db)
    early = Index.open(db)
    placed(root, "added")
    update_index([root], db)
    late = Index.open(db)
    assert (len(early.runs()), len(late.runs())) == (3, 4)
    assert (len(early.gates()), len(late.gates())) == (2 * 99, 3 * 99)


def test_a_second_update_is_refused_and_a_dead_one_leaves_no_lock(root: Path, db: Path) -> None:
    with store.locked(db):
        with pytest.raises(DashboardError) as caught:
            update_index([root], db)
        assert caught.value.reason == "index.locked"
    with db.with_name(f".{db.name}.lock").open() as lock:  # the file stays, the lock does not
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert update_index([root], db).added == 3


def test_a_file_system_without_locks_is_not_taken_for_another_update(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(DashboardError, match="No locks available") as caught:
        update_index([root], db)
    assert caught.value.reason == "index.unwritable"


def test_what_another_program_logged_for_the_old_file_is_not_for_the_new_one(
    root: Path, db: Path
) -> None:
    update_index([root], db)
    (log := db.with_name(f"{db.name}.wal")).write_bytes(b"torn")
    update_index([root], db, rebuild=True)
    assert len(states(db)) == 3
    assert not log.exists()


def test_a_failed_update_leaves_the_old_index(
    root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index([root], db)
    before = content(db)
    placed(root, "added")

    def full(*_: Any) -> None:
        raise duckdb.IOException("disk full")

    monkeypatch.setattr(store, "insert", full)
    with pytest.raises(DashboardError, match="disk full") as caught:
        update_index([root], db)
    assert caught.value.reason == "index.unwritable"
    assert content(db) == before
    assert {path.name for path in db.parent.iterdir()} == {db.name, f".{db.name}.lock"}


def test_only_an_index_is_ever_overwritten(root: Path) -> None:
    candidate = root / "good" / "candidate.h5"
    before = candidate.read_bytes()
    with pytest.raises(DashboardError) as caught:
        update_index([root], candidate)
    assert caught.value.reason == "index.name"
    assert candidate.read_bytes() == before


def test_a_root_that_is_no_folder_is_an_error(tmp_path: Path, db: Path) -> None:
    with pytest.raises(DashboardError) as caught:
        update_index([tmp_path / "none"], db)
    assert caught.value.reason == "index.no_root"


def test_a_pointer_is_seen_though_no_run_changed(root: Path, db: Path) -> None:
    update_index([root], db)
    write_pointer(root, root / "good")
    assert counts(update_index([root], db)) == (0, 0, 3, 0, 1)
    index = Index.open(db)
    assert index.load(index.current("mp-national") or "").run_id == "sealed"
    assert json.dumps(index.pointer_problems()) == "{}"
