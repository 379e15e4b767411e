"""All arms of a suite on one file (or two stacked ones) in one process family.

The engine is imported once; the baselines are calculated once, recording what every value was
made from; each reform is a forked child that changes values and recalculates what they reach.
A reform that needs formulas of its own is a full run in a child of its own. Messages and exit
codes are those of the worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.arms import BASELINE, FULL, INCREMENTAL
from benchmarks.engine.forks import Forks
from benchmarks.engine.incremental import apply_reform, forget, why_full
from benchmarks.engine.memory import MemoryWatch, keep_all_objects, peak_rss_gb
from benchmarks.engine.messages import ARM_DONE, Emit, claim_stdout, refuse, refuse_memory
from benchmarks.engine.recording import Recorder
from benchmarks.engine.reforms import unknown_parameters
from benchmarks.engine.trace import RunCounter
from benchmarks.engine.worker import counting, evaluate, load, set_inputs

# Formulas call each other deeply, and each level passes through what watches them.
RECURSION_LIMIT = 20_000
ArmJob = dict[str, Any]


def main(job_file: str) -> None:
    """Run every arm of the job in `job_file`; each arm's arrays and meta are written as it ends."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    emit = claim_stdout()
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    memory = MemoryWatch(
        float(job["memory_gb"]), lambda gb: refuse_memory(emit, gb, job["memory_gb"])
    )
    started = time.perf_counter()
    emit("import")
    from policyengine_us import Microsimulation
    from policyengine_us.system import system

    keep_all_objects()
    imported_s = time.perf_counter() - started
    changes = {path for arm in job["arms"] for path in arm["reform"] or {}}
    if unknown := unknown_parameters(system.parameters, {path: {} for path in changes}):
        refuse(emit, "engine.unknown_parameter", parameters=unknown)
    run = _Run(job, emit, Microsimulation, {"import_s": round(imported_s, 3)})
    run.all_arms(system)
    meta = {"peak_rss_gb": round(memory.peak_gb, 3), "wall_s": _since(started)}
    Path(job["meta_out"]).write_text(json.dumps(meta))


class _Run:
    """One job: its simulation, what was recorded of it, and its children."""

    def __init__(
        self, job: dict[str, Any], emit: Emit, microsimulation: Any, timing: Mapping[str, float]
    ) -> None:
        self._job, self._emit, self._microsimulation = job, emit, microsimulation
        self._timing = dict(timing)
        self._forks = Forks()

    def all_arms(self, system: Any) -> None:
        """Full runs beside the baselines where two fit into memory, else before; then the rest."""
        arms, at_once = self._job["arms"], int(self._job["at_once"])
        reasons = {arm["id"]: why_full(system, arm["reform"] or {}) for arm in arms}
        full = [arm for arm in arms if reasons[arm["id"]]]
        lane = [partial(self._full, arm, reasons[arm["id"]]) for arm in full]
        if lane:
            # One child after the other, each with a simulation of its own.
            self._forks.run(lane, 1) if at_once == 1 else self._forks.start(
                partial(_one_by_one, lane)
            )
        changed = [arm for arm in arms if not arm["baseline"] and arm not in full]
        simulation, recorder = self._baselines([arm for arm in arms if arm["baseline"]])
        unsafe = recorder.graph.unsafe
        if recorder.weights_read:
            # Such formulas also look at whether the simulation has a baseline of its own.
            unsafe = "a formula read the weights"
        works: list[Callable[[], None]] = [
            partial(self._full, arm, unsafe)
            if unsafe
            else partial(self._incremental, arm, simulation, recorder)
            for arm in changed
        ]
        self._forks.run(works, at_once)

    def _baselines(self, arms: list[ArmJob]) -> tuple[Any, Recorder]:
        recorder = counting(Recorder(), self._microsimulation)
        started = time.perf_counter()
        simulation = load(self._job, None, self._microsimulation, self._emit)
        self._timing["load_s"] = _since(started)
        for arm in arms:
            self._calculate(arm, simulation, recorder, BASELINE)
        return simulation, recorder

    def _incremental(self, arm: ArmJob, simulation: Any, recorder: Recorder) -> None:
        started = time.perf_counter()
        recorder.stop_recording()
        reform, year = arm["reform"] or {}, str(arm["period"])
        names = _input_names(arm)
        affected = recorder.graph.affected(reform, [(name, year) for name in names])
        forgotten = recorder.graph.recomputed(affected)
        apply_reform(simulation, reform)
        forget(simulation, forgotten)
        set_inputs(simulation, arm)
        prepare_s = _since(started)
        extra = {"affected_pairs": len(affected), "prepare_s": prepare_s}
        self._calculate(arm, simulation, recorder, INCREMENTAL, **extra)

    def _full(self, arm: ArmJob, why: str) -> None:
        counter = counting(RunCounter(), self._microsimulation)
        started = time.perf_counter()
        simulation = load(self._job, arm["reform"], self._microsimulation, self._emit)
        set_inputs(simulation, arm)
        construct_s = _since(started)
        self._calculate(arm, simulation, counter, FULL, why_full=why, construct_s=construct_s)

    def _calculate(
        self, arm: ArmJob, simulation: Any, counter: RunCounter, method: str, **extra: Any
    ) -> None:
        """Evaluate the arm, write its arrays, and tell the parent that it is done."""
        started, before = time.perf_counter(), counter.total
        arrays = evaluate(simulation, arm, self._emit)
        if counter.weights_read and self._job["stacked"]:
            # Before it is told as done: ranks over the rows of both files belong to neither.
            refuse(self._emit, "engine.weights_read")
        np.savez(arm["arrays_out"], allow_pickle=False, **arrays)
        meta = {
            "method": method,
            "formula_runs": counter.total - before,
            "unique_pairs": len(counter.runs),
            "weights_read": counter.weights_read,
            "wall_s": _since(started),
            "peak_rss_gb": round(peak_rss_gb(), 3),
            **extra,
        }
        if method == BASELINE:
            meta |= self._timing
        self._emit(ARM_DONE, id=arm["id"], meta=meta)


def _one_by_one(works: Sequence[Callable[[], None]]) -> None:
    Forks().run(works, 1)


def _input_names(arm: ArmJob) -> list[str]:
    if arm["inputs"] is None:
        return []
    with np.load(arm["inputs"], allow_pickle=False) as stored:
        return list(stored.files)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # the memory watch may hold the interpreter at its end
