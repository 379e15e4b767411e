"""Damaged checkpoints, and builds at the same time on one store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from builder.stages.checkpoint import commit
from builder.stages.locks import KeyLock
from builder.stages.stage import StageContext, StageRecord
from builder.stages.upkeep import list_stages
from schemas.errors import BuildError
from tests.builder.stages_chain import build, chain, result, stage, with_

ROOT = Path(__file__).parents[2]


def _flip(folder: Path) -> None:
    path = folder / "people.csv"
    path.write_bytes(path.read_bytes().replace(b"4", b"5"))


def _rewrite(name: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / "stage.json").read_text())
        record["stages"][0][name] = value
        (folder / "stage.json").write_text(json.dumps(record))

    return change


def _two(folder: Path) -> None:
    record = json.loads((folder / "stage.json").read_text())
    (folder / "stage.json").write_text(json.dumps(record | {"stages": record["stages"] * 2}))


def _other_history(folder: Path) -> None:
    text = (folder / "stage.json").read_text()
    (folder / "stage.json").write_text(text.replace("2.68.0", "2.68.1"))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "other bytes": (_flip, "people.csv has other bytes"),
    "cut": (lambda folder: (folder / "people.csv").write_text(""), "people.csv has other bytes"),
    "missing": (lambda folder: (folder / "facts/ages.json").unlink(), "ages.json is missing"),
    "extra": (lambda folder: (folder / "facts/new").write_text(""), "facts/new is not in its rec"),
    "link": (lambda folder: (folder / "link").symlink_to("people.csv"), "link, which is not a pla"),
    "no record": (lambda folder: (folder / "stage.json").unlink(), "stage.json is not a readable"),
    "half": (lambda folder: (folder / "stage.json").write_text('{"sch'), "stage.json is not a rea"),
    "facts": (_rewrite("facts", {"people": 2}), "facts are not those recorded"),
    "key": (_rewrite("key", "0" * 64), "of another stage or key"),
    "stage": (_rewrite("id", "fit"), "of another stage or key"),
    "history": (_other_history, "of another stage or key"),
    "schema": (_rewrite("wall_s", -1), "wall_s"),
    "two": (_two, "describes 2 stages"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_redone_and_said(tmp_path: Path, kind: str) -> None:
    damage, words = DAMAGE[kind]
    first = build(tmp_path, chain([]))
    damage(first[0].folder)
    told: list[str] = []
    log: list[str] = []
    second = build(tmp_path, chain(log), progress=lambda text, done, total: told.append(text))
    assert log == ["sources"]
    assert result(second) == result(first)
    assert words in (second[0].corruption or "")
    assert [text for text in told if "corrupted" in text and words in text] != []
    assert [record.corruption for record in second[1:]] == [None, None]
    assert [record.reused for record in build(tmp_path, chain([]))] == [True] * 3


def test_a_checkpoint_moved_to_another_name_is_not_used(tmp_path: Path) -> None:
    first = build(tmp_path, chain([]), only_until="sources")
    changed = with_(chain([]), "sources", settings={"seed": 2})
    second = build(tmp_path, changed, only_until="sources")
    (second[0].folder / "stage.json").write_bytes((first[0].folder / "stage.json").read_bytes())
    third = build(tmp_path, changed, only_until="sources")
    assert third[0].corruption == "stage.json is of another stage or key"


def test_a_disk_that_does_not_read_back_is_an_error_not_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(record: StageRecord, part: Path) -> None:
        commit(record, part)
        _flip(record.folder)

    monkeypatch.setattr("builder.stages.run.commit", spoilt)
    with pytest.raises(BuildError, match=r"does not read back.*people\.csv"):
        build(tmp_path, chain([]))


def test_a_damaged_checkpoint_that_cannot_be_removed_is_out_of_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(tmp_path, chain([]))
    _flip(first[0].folder)
    with monkeypatch.context() as patch:
        patch.setattr("builder.stages.checkpoint.remove", lambda folder: None)
        second = build(tmp_path, chain([]))
    assert result(second) == result(first)
    assert "unfinished" in {row.state for row in list_stages(tmp_path)}
    build(tmp_path, chain([]))
    assert {row.state for row in list_stages(tmp_path)} == {"finished"}


class _Held:
    """A first stage that says when it runs and goes on when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.running, self.go_on = threading.Event(), threading.Event()

    def __call__(self, context: StageContext) -> Mapping[str, Any]:
        self.runs += 1
        self.running.set()
        assert self.go_on.wait(10)
        (context.folder / "a.txt").write_text("a")
        return {}


def test_a_second_build_waits_for_the_stage_and_uses_it(tmp_path: Path) -> None:
    held = _Held()
    done: list[StageRecord] = []
    first = threading.Thread(target=lambda: done.extend(build(tmp_path, [stage("a", held)])))
    first.start()
    assert held.running.wait(10)
    told: list[str] = []

    def tell(text: str, number: int, total: int) -> None:
        told.append(text)
        held.go_on.set()

    (second,) = build(tmp_path, [stage("a", held)], progress=tell)
    first.join(10)
    waiting = f"a: waiting, another build has this stage locked (last: process {os.getpid()})"
    assert told == [waiting, "a: reused"]
    assert held.runs == 1
    assert (second.reused, second.key) == (True, done[0].key)


def test_a_stage_finished_between_the_look_and_the_lock_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    own = KeyLock.own

    def late(lock: KeyLock, waiting: Callable[[str], None]) -> None:
        lock.free()
        monkeypatch.undo()
        build(tmp_path, chain(log))
        own(lock, waiting)

    monkeypatch.setattr(KeyLock, "own", late)
    records = build(tmp_path, chain(log))
    assert [record.reused for record in records] == [True] * 3
    assert log.count("sources") == 1


def test_if_the_first_build_fails_the_waiting_one_makes_the_stage(tmp_path: Path) -> None:
    entered, fail = threading.Event(), threading.Event()

    def fails(context: StageContext) -> Mapping[str, Any]:
        entered.set()
        assert fail.wait(10)
        raise ValueError("once")

    def first() -> None:
        with pytest.raises(ValueError, match="once"):
            build(tmp_path, [stage("a", fails)])

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    (second,) = build(
        tmp_path, [stage("a", lambda context: {"n": 1})], progress=lambda *each: fail.set()
    )
    thread.join(10)
    assert (second.reused, second.facts) == (False, {"n": 1})


_BUILDER = """
import os, sys, time
from dataclasses import replace
from pathlib import Path
from tests.builder.stages_chain import build, chain, result
log, store, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def slowly(stage):
    def run(context):
        with log.open("a") as stream: stream.write(stage.id + "\\n")
        time.sleep(0.15)
        return stage.run(context)
    settings = {"seed": seed} if stage.id == "fit" else {}
    return replace(stage, run=run, settings=settings)
records = build(store, [slowly(stage) for stage in chain([])])
print(sorted(result(records)))
"""


def test_builds_at_the_same_time_share_what_they_can(tmp_path: Path) -> None:
    """Three processes, two of them alike, on one store: no stage is made twice or spoilt."""
    log, store = tmp_path / "log", tmp_path / "store"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _BUILDER, str(log), str(store), seed],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "1", "2")
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert said == ["['export', 'fit', 'sources']"] * 3
    assert sorted(log.read_text().split()) == ["export"] * 2 + ["fit"] * 2 + ["sources"]
    assert {row.state for row in list_stages(store)} == {"finished"}


def test_a_lock_file_that_was_removed_locks_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / ("1" * 64)
    first, second, third = KeyLock(folder), KeyLock(folder), KeyLock(folder)
    assert first.own_now()
    assert not second.own_now()
    first.forget()
    first.free()
    assert second.own_now()  # holds the removed file open, and must not stop at it
    assert not third.own_now()
    assert third.in_use()


def test_a_lock_is_freed_for_forked_children_too(tmp_path: Path) -> None:
    folder = tmp_path / "a" / ("1" * 64)
    sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
    lock = KeyLock(folder)
    assert lock.own_now()
    assert lock._handle is not None
    with subprocess.Popen(sleeps, pass_fds=(lock._handle,)) as child:
        assert KeyLock(folder).in_use()
        lock.free()
        assert not KeyLock(folder).in_use()
        assert child.poll() is None
        child.kill()
