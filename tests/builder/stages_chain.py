"""A small chain of stages for the tests, and a driver that kills a build at every step it takes.

sources -> fit -> export, and export reads sources too. `fit` goes on from its scratch folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.stages.run import run_stages
from builder.stages.stage import Stage, StageContext, StageRecord
from builder.stages.upkeep import list_stages

if TYPE_CHECKING:
    from _typeshed import HasFileno

VERSIONS = {"policyengine-us": "2.68.0"}
FIT_STEPS = 3
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")


def build(store: Path, stages: Sequence[Stage], **options: Any) -> list[StageRecord]:
    """Run stages with the settings all tests share."""
    given: dict[str, Any] = {"versions": VERSIONS, "disk_margin_bytes": 0} | options
    return run_stages(stages, store, **given)


def stage(stage_id: str, run: Callable[[StageContext], Mapping[str, Any]], *needs: str) -> Stage:
    """Return a stage with nothing declared but its needs."""
    return Stage(stage_id, needs, {}, (), {}, run, 0)


def logged(log: list[str], stage_id: str, *needs: str) -> Stage:
    """Return a stage that leaves nothing and logs its id when it runs."""

    def run(context: StageContext) -> Mapping[str, Any]:
        log.append(stage_id)
        return {}

    return stage(stage_id, run, *needs)


def chain(log: list[str]) -> list[Stage]:
    """Return the chain; `log` gets the id of each stage that runs and each step that fit takes."""

    def sources(context: StageContext) -> Mapping[str, Any]:
        log.append("sources")
        with (context.folder / "people.csv").open("w") as stream:
            stream.write("id,age\n")
            stream.flush()
            step()
            stream.write("1,40\n")
        (context.folder / "facts").mkdir()
        (context.folder / "facts/ages.json").write_text("[40]")
        return {"people": 1}

    def fit(context: StageContext) -> Mapping[str, Any]:
        log.append("fit")
        saved = context.scratch / "steps"
        done = len(saved.read_text()) if saved.exists() else 0
        for number in range(done, FIT_STEPS):
            log.append(f"step {number}")
            fresh = context.scratch / "steps.new"
            fresh.write_text("x" * (number + 1))
            fresh.replace(saved)
            context.progress("fitting", number + 1, FIT_STEPS)
        people = context.facts["sources"]["people"]
        (context.folder / "weights.txt").write_text(f"{people} weighs 2.5")
        return {"weight": 2.5}

    def export(context: StageContext) -> Mapping[str, Any]:
        log.append("export")
        parts = (context.inputs["sources"] / "people.csv", context.inputs["fit"] / "weights.txt")
        (context.folder / "candidate.txt").write_text("".join(p.read_text() for p in parts))
        return {}

    return [
        stage("sources", sources),
        stage("fit", fit, "sources"),
        stage("export", export, "sources", "fit"),
    ]


def with_(stages: Sequence[Stage], stage_id: str, **changes: Any) -> list[Stage]:
    """Return the stages with one of them changed."""
    return [replace(each, **changes) if each.id == stage_id else each for each in stages]


def result(records: Sequence[StageRecord]) -> dict[str, Any]:
    """Return what a build came to: keys, facts and the bytes on disk of every stage."""
    return {
        record.id: {
            "key": record.key,
            "facts": dict(record.facts),
            "files": {file.path: (record.folder / file.path).read_text() for file in record.files},
        }
        for record in records
    }


def step() -> None:
    """Mark a moment at which the driver may kill; tests and plain builds pass over it."""


def main(folder: Path) -> None:
    """Print what came of a build that was killed before its 1st, 2nd, … step and resumed each time.

    Once from nothing, once where the checkpoint of fit is damaged, and last one build that is
    killed again and again. A kill loses nothing the system has taken, so nothing is flushed here.
    """
    os.fsync = lambda fd: None
    whole = build(folder / "whole", chain([]))
    print(json.dumps({"whole": result(whole)}))
    _kill_everywhere("fresh", folder, lambda store: None)

    def damage(store: Path) -> None:
        shutil.copytree(folder / "whole", store)
        (store / "fit" / whole[1].key / "weights.txt").write_text("1 weighs 9.9")

    _kill_everywhere("damaged", folder, damage)
    rounds = 1
    while _killed(folder / "again", 10 * rounds):
        rounds += 1
    print(json.dumps({"from": "again", "rounds": rounds} | _resumed(folder / "again")))


def _kill_everywhere(name: str, folder: Path, prepare: Callable[[Path], None]) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        store = folder / f"{name}{number}"
        prepare(store)
        killed = _killed(store, number)
        print(json.dumps({"from": name, "killed": killed} | _resumed(store)))


def _killed(store: Path, at: int) -> bool:
    """Build in a child that kills itself before its step number `at`; return whether it came to it.

    A step is any change to the file system, a flush to disk, or a moment marked by `step`.
    """
    child = os.fork()
    if child == 0:
        _kill_before(at)
        build(store, chain([]))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the build itself failed"
    return os.WIFSIGNALED(status)


def _kill_before(at: int) -> None:
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and args[2] & _WRITES):
            count()

    flush = os.fsync

    def fsync(fd: int | HasFileno) -> None:
        count()
        flush(fd)

    os.fsync = fsync
    globals()["step"] = count
    sys.addaudithook(hook)


def _resumed(store: Path) -> dict[str, Any]:
    """Return what was there after the kill, what a resumed build ran, and what it came to."""
    before = list_stages(store)
    steps = [row.folder / "steps" for row in before if row.state == "scratch"]
    saved = sum(len(path.read_text()) for path in steps if path.exists())
    log: list[str] = []
    records = build(store, chain(log))
    return {
        "finished": [row.id for row in before if row.state == "finished"],
        "saved_steps": saved,
        "ran": log,
        "reused": [record.id for record in records if record.reused],
        "refused": [record.id for record in records if record.corruption],
        "states": [row.state for row in list_stages(store)],
        "result": result(records),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
