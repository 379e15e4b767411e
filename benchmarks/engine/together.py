"""All arms of a suite on one or two files: what is cached is read, the rest is run together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.arms import BASELINE, INCREMENTAL, Arm
from benchmarks.engine.cache import Entry, load_arrays, read_entry, write_entry
from benchmarks.engine.child import Progress, run_child
from benchmarks.engine.messages import ARM_DONE
from benchmarks.engine.session import (
    TIMEOUT_S,
    arm_job,
    checked_arm,
    memory_ceiling_gb,
    simulate_arm,
)
from benchmarks.engine.stacking import (
    predicted_gb,
    split,
    stacked_sizes,
    why_apart,
    write_stacked,
)
from benchmarks.engine.subject import SimulationArrays, Subject
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError

WORKER = "benchmarks.engine.fast_worker"
AT_ONCE_VARIABLE = "MPGATE_ENGINE_PROCESSES"
# Seconds of an arm relative to a baseline, for the progress shown.
_SHARE = {BASELINE: 1.0, INCREMENTAL: 0.25}


def simulate_arms(
    paths: Sequence[Path],
    arms: Sequence[Sequence[Arm]],
    *,
    progress: Progress | None = None,
    exact: bool = False,
    memory_gb: float | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[dict[str, SimulationArrays]]:
    """Return, per file, the arrays of each of its arms by arm id.

    Each arm is stored as it is finished, so a run that was stopped goes on where it was. With
    `exact` every arm is a process of its own, in which the engine does all the work in the order
    of the outputs: the plain counterpart of everything here. `memory_gb` bounds the processes of
    a run together. Raises DatasetError and MeasureError as `simulate` does.
    """
    ceiling = memory_ceiling_gb() if memory_gb is None else memory_gb
    jobs = [
        _Wanted(Subject(open_dataset(path)), [checked_arm(arm) for arm in each])
        for path, each in zip(paths, arms, strict=True)
    ]
    for each in jobs:
        each.read(planned=not exact)
    if exact:
        for each in jobs:
            each.run_exactly(progress, ceiling, timeout_s)
    else:
        for group in _groups([each for each in jobs if each.missing], ceiling):
            group.run(progress, timeout_s)
    return [each.results() for each in jobs]


class _Wanted:
    """One file and its arms: what is there and what has to be run."""

    def __init__(self, subject: Subject, arms: Sequence[Arm]) -> None:
        self.subject, self.arms = subject, list(arms)
        self._entries: dict[str, Entry] = {}
        self._cached: set[str] = set()
        self._planned = True

    def read(self, *, planned: bool) -> None:
        self._planned = planned
        for arm in self.arms:
            key = self.subject.key(arm, planned=planned)
            entry = read_entry(key, self.subject.hashes.logical_sha256)
            if entry is not None:
                self._entries[arm.id] = entry
                self._cached.add(arm.id)

    @property
    def missing(self) -> list[Arm]:
        return [arm for arm in self.arms if arm.id not in self._entries]

    @property
    def to_run(self) -> list[Arm]:
        """Missing arms, and the baselines that an incremental arm starts from."""
        missing = self.missing
        needed = {arm.period for arm in missing if not arm.is_baseline}
        return [
            arm for arm in self.arms if arm in missing or (arm.is_baseline and arm.period in needed)
        ]

    def store(self, arm: Arm, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        key = self.subject.key(arm, planned=True)
        with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as folder:
            file = Path(folder) / "arrays.npz"
            np.savez(file, allow_pickle=False, **dict(arrays))
            self._entries[arm.id] = write_entry(key, file, dict(meta) | self.subject.context())

    def run_exactly(self, progress: Progress | None, ceiling: float, timeout_s: float) -> None:
        for arm in self.missing:
            found = simulate_arm(
                self.subject,
                arm,
                progress=progress,
                planned=False,
                memory_gb=ceiling,
                timeout_s=timeout_s,
            )
            self._entries[arm.id] = Entry(found.arrays, found.meta)

    def results(self) -> dict[str, SimulationArrays]:
        return {
            arm.id: self.subject.result(
                self._entries[arm.id], arm.outputs, cached=arm.id in self._cached
            )
            for arm in self.arms
        }


def _groups(jobs: Sequence[_Wanted], ceiling: float) -> list[_Group]:
    """Return files that share a simulation: those that may, where memory allows it."""
    if len(jobs) > 1 and not (why := _why_not_together(jobs, ceiling)):
        return [_Group(jobs, ceiling)]
    apart = why if len(jobs) > 1 else ""
    return [_Group([each], ceiling, apart) for each in jobs]


def _why_not_together(jobs: Sequence[_Wanted], ceiling: float) -> str:
    first, *others = ([_alike(arm) for arm in each.to_run] for each in jobs)
    if any(other != first for other in others):
        return "other simulations are missing for each file"
    if why := why_apart([each.subject for each in jobs]):
        return why
    if (needed := _needed_gb(jobs, at_once=1)) > ceiling:
        return f"together they would need {needed:.1f} GB, the ceiling is {ceiling:g} GB"
    return ""


def _needed_gb(jobs: Sequence[_Wanted], at_once: int) -> float:
    """Return the memory expected of a run of files together, with `at_once` children.

    A further year adds three fifths of the first. Where children may run beside the baselines, a
    full run of a structural reform does.
    """
    households = stacked_sizes([each.subject for each in jobs])["household"]
    years = len({arm.period for arm in jobs[0].to_run})
    beside = predicted_gb(households, at_once=0) if at_once > 1 else 0.0
    return predicted_gb(round(households * (1 + 0.6 * (years - 1))), at_once) + beside


def _alike(arm: Arm) -> tuple[Arm, list[str]]:
    """Return the arm without the arrays that are each file's own, and their names."""
    return replace(arm, inputs=None), sorted(arm.inputs or ())


@dataclass
class _Group:
    """One or more files whose arms run in one process family."""

    jobs: Sequence[_Wanted]
    ceiling: float
    apart: str = ""

    def run(self, progress: Progress | None, timeout_s: float) -> None:
        """Run and store every missing arm; a stacked run in which weights matter is run apart."""
        try:
            self._run(progress, timeout_s)
        except MeasureError as error:
            if error.reason != "engine.weights_read" or len(self.jobs) == 1:
                raise
            for each in self.jobs:
                _Group([each], self.ceiling, "a formula read the weights").run(progress, timeout_s)

    def _run(self, progress: Progress | None, timeout_s: float) -> None:
        subjects = [each.subject for each in self.jobs]
        with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as name:
            folder = Path(name)
            arms = self._arm_jobs(folder)
            job = subjects[0].job(self.ceiling) | {
                "sizes": stacked_sizes(subjects),
                "stacked": len(subjects) > 1,
                "last_year": max(arm["period"] for arm in arms),
                "at_once": self._at_once(),
                "arms": arms,
            }
            if len(subjects) > 1:
                job["path"] = str(folder / "stacked.h5")
                write_stacked(Path(job["path"]), subjects)
            follow = _Following(arms, progress)

            def listen(message: dict[str, Any]) -> None:
                follow.note(message)
                if message["stage"] == ARM_DONE:
                    self._store(message, arms)

            run_child(job, folder, None, timeout_s, worker=WORKER, listener=listen)

    def _arm_jobs(self, folder: Path) -> list[dict[str, Any]]:
        """Return what the worker is told of each arm; inputs of stacked files are put together."""
        found = []
        for arm, *same in zip(*(each.to_run for each in self.jobs), strict=True):
            together = {
                name: np.concatenate([values, *((other.inputs or {})[name] for other in same)])
                for name, values in (arm.inputs or {}).items()
            }
            job = arm_job(replace(arm, inputs=together or None), folder, planned=True)
            job |= {"baseline": arm.is_baseline, "arrays_out": str(folder / f"{arm.id}.npz")}
            found.append(job)
        return found

    def _at_once(self) -> int:
        """Return how many simulations may go on at once: as many as processors and memory allow."""
        wanted = int(os.environ.get(AT_ONCE_VARIABLE, os.cpu_count() or 1))
        fitting = [
            count for count in range(1, wanted + 1) if _needed_gb(self.jobs, count) <= self.ceiling
        ]
        return max(fitting, default=1)

    def _store(self, message: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> None:
        """Put a finished arm into the cache, each file's rows under its own name."""
        place = next(i for i, arm in enumerate(arms) if arm["id"] == message["id"])
        table = variable_table()
        arrays = load_arrays(Path(arms[place]["arrays_out"]))
        entity = {request: table[request.partition("@")[0]].entity for request in arrays}
        parts = split(arrays, entity, [each.subject for each in self.jobs])
        meta = message["meta"] | {"stacked": len(self.jobs) > 1, "apart": self.apart}
        meta["planned_steps"] = len(arms[place]["steps"])
        for each, own in zip(self.jobs, parts, strict=True):
            each.subject.require_unchanged()
            each.store(next(arm for arm in each.arms if arm.id == message["id"]), own, meta)


class _Following:
    """Turns what each process reports into one figure: finished shares of all arms."""

    def __init__(self, arms: Sequence[Mapping[str, Any]], progress: Progress | None) -> None:
        self._shares = {
            arm["id"]: _SHARE[BASELINE if arm["baseline"] else INCREMENTAL] for arm in arms
        }
        self._done = dict.fromkeys(self._shares, 0.0)
        self._progress = progress

    def note(self, message: Mapping[str, Any]) -> None:
        """Pass on the share done of the whole, in thousandths."""
        if self._progress is None:
            return
        arm = str(message.get("arm", ""))
        if arm in self._done:
            self._done[arm] = message["done"] / max(message["total"], 1)
        made = sum(self._shares[name] * part for name, part in self._done.items())
        told = arm or str(message["stage"])
        self._progress(told, round(1000 * made / sum(self._shares.values())), 1000)
