"""What a store holds: its list, old checkpoints, and what killed builds left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from builder.stages.locks import KeyLock
from builder.stages.stage import StageContext
from builder.stages.upkeep import list_stages, prune
from schemas.errors import UsageError
from tests.builder.stages_chain import build, chain, stage, with_


def _versions(store: Path, count: int) -> list[str]:
    """Build one stage under `count` settings; return the keys, oldest first."""
    keys = []
    for seed in range(count):
        stages = with_([stage("a", lambda context: {})], "a", settings={"seed": seed})
        keys.append(build(store, stages)[0].key)
    return keys


def test_prune_keeps_the_newest_of_each_stage(tmp_path: Path) -> None:
    keys = _versions(tmp_path, 4)
    chain_keys = {record.key for record in build(tmp_path, chain([]))}
    gone = prune(tmp_path, keep=2)
    assert {row.key for row in gone} == set(keys[:2])
    assert {row.key for row in list_stages(tmp_path)} == set(keys[2:]) | chain_keys
    assert len(list((tmp_path / ".locks").iterdir())) == 5
    assert prune(tmp_path, keep=2) == []
    with pytest.raises(UsageError, match="0 checkpoints"):
        prune(tmp_path, keep=0)


def test_prune_never_takes_what_a_build_is_using(tmp_path: Path) -> None:
    oldest, _, _ = _versions(tmp_path, 3)
    gone: list[str] = []

    def during(context: StageContext) -> Mapping[str, Any]:
        (context.scratch / "step").write_text("1")
        (context.folder / "half").write_text("1")
        gone.extend(row.key for row in prune(tmp_path, keep=1))
        in_use = {row.state for row in list_stages(tmp_path) if row.in_use}
        assert in_use == {"finished", "unfinished", "scratch"}
        return {}

    stages = with_([stage("a", lambda context: {})], "a", settings={"seed": 0})
    first, last = build(tmp_path, [*stages, stage("b", during, "a")])
    assert first.reused
    assert len(gone) == 1
    assert oldest not in gone
    assert (last.folder / "half").is_file()
    assert {row.in_use for row in list_stages(tmp_path)} == {False}


def test_prune_removes_what_is_damaged_or_was_left(tmp_path: Path) -> None:
    keys = _versions(tmp_path, 3)
    (tmp_path / "a" / keys[2] / "stage.json").unlink()
    (tmp_path / "a" / f"{'1' * 64}.part-1").mkdir()
    for number, name in enumerate(("2" * 64, "3" * 64)):
        scratch = tmp_path / "a" / f"{name}.scratch"
        scratch.mkdir()
        os.utime(scratch, (number, number))
    states = {row.folder.name: row.state for row in list_stages(tmp_path)}
    assert states[keys[2]] == "damaged"
    assert states["1" * 64 + ".part-1"] == "unfinished"
    assert states["2" * 64 + ".scratch"] == "scratch"
    gone = {row.folder.name for row in prune(tmp_path, keep=1)}
    assert gone == {keys[0], keys[2], "1" * 64 + ".part-1", "2" * 64 + ".scratch"}
    left = {row.folder.name for row in list_stages(tmp_path)}
    assert left == {keys[1], "3" * 64 + ".scratch"}


def test_the_list_tells_age_time_and_size(tmp_path: Path) -> None:
    keys = _versions(tmp_path, 2)
    records = build(tmp_path, chain([]))
    rows = list_stages(tmp_path)
    assert [row.id for row in rows] == ["a", "a", "export", "fit", "sources"]
    assert [row.key for row in rows[:2]] == keys[::-1]
    row = rows[-1]
    assert (row.finished_at, row.wall_s) == (records[0].finished_at, records[0].wall_s)
    stored = (path for path in records[0].folder.rglob("*") if path.is_file())
    assert row.size_bytes == sum(path.stat().st_size for path in stored)
    assert list_stages(tmp_path / "absent") == []


def test_what_builds_did_not_make_is_left_alone(tmp_path: Path) -> None:
    for name in ("a/notes", "runs/demo.part-1", f"a/{'1' * 64}.part-x"):
        (tmp_path / name).mkdir(parents=True)
    keys = _versions(tmp_path, 1)
    assert prune(tmp_path, keep=1) == []
    assert [row.key for row in list_stages(tmp_path)] == keys
    assert (tmp_path / "a/notes").is_dir()
    assert (tmp_path / "runs/demo.part-1").is_dir()


def test_a_build_cleans_up_what_a_killed_one_left_of_any_key(tmp_path: Path) -> None:
    (record,) = build(tmp_path, [stage("a", lambda context: {})])
    ended = record.folder.with_name(f"{record.key}.scratch")
    killed = record.folder.with_name(f"{'1' * 64}.part-1")
    resumable = record.folder.with_name(f"{'1' * 64}.scratch")
    for folder in (ended, killed, resumable):
        folder.mkdir()
    with KeyLock(killed.with_name("1" * 64)) as lock:
        assert lock.own_now()
        build(tmp_path, chain([]))
        assert killed.is_dir()  # somebody works there
    build(tmp_path, chain([]))
    assert [folder.is_dir() for folder in (ended, killed, resumable)] == [False, False, True]


def test_what_was_left_of_a_key_while_a_build_waited_for_it_is_cleaned_up(tmp_path: Path) -> None:
    (record,) = build(tmp_path / "other", [stage("a", lambda context: {})])
    folder = tmp_path / "a" / record.key
    left = folder.with_name(f"{record.key}.part-{os.getpid()}")
    left.mkdir(parents=True)
    (left / "half").write_text("")
    lock = KeyLock(folder)
    assert lock.own_now()
    (again,) = build(tmp_path, [stage("a", lambda context: {})], progress=lambda *each: lock.free())
    assert again.files == ()
    assert not left.exists()
