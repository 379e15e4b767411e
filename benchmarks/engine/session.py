"""Engine simulations: one fresh child process each, cached by content, in file row order.

The parent never imports policyengine-us, so a cached simulation is read in well under a second.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.arms import EXACT, FULL, Arm
from benchmarks.engine.cache import read_entry, write_entry
from benchmarks.engine.child import Progress, run_child
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.plan import planned_steps
from benchmarks.engine.reforms import checked_reform
from benchmarks.engine.subject import SimulationArrays, Subject
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError

__all__ = ["SimulationArrays", "simulate"]

# Enough for one simulation of 4,000 households; more where the machine has more.
LEAST_MEMORY_GB = 6.0
MEMORY_VARIABLE = "MPGATE_MEMORY_GB"
TIMEOUT_S = 1800.0


def simulate(
    path: Path | str,
    outputs: Sequence[str],
    reform: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
    planned: bool = True,
    memory_gb: float | None = None,
    timeout_s: float = TIMEOUT_S,
) -> SimulationArrays:
    """Return `outputs` ("variable" for the file's year, "variable@2024-12" for a month).

    Reads the cache when it holds these inputs, outputs, reform, engine and code; otherwise runs the
    engine in a child process under `memory_gb` (GB resident; None: `memory_ceiling_gb`) and
    `timeout_s` (seconds).
    `progress(stage, done, total)` is called as the child reports. Raises DatasetError for an
    unusable file and MeasureError for everything else that keeps the figures from being made.
    """
    dataset = open_dataset(path)
    arm = Arm("simulation", dataset.period, tuple(outputs), reform)
    return simulate_arm(
        Subject(dataset),
        arm,
        progress=progress,
        planned=planned,
        memory_gb=memory_gb,
        timeout_s=timeout_s,
    )


def simulate_arm(
    subject: Subject,
    arm: Arm,
    *,
    progress: Progress | None = None,
    planned: bool = True,
    memory_gb: float | None = None,
    timeout_s: float = TIMEOUT_S,
) -> SimulationArrays:
    """Return the outputs of one arm on one file, in a process of its own; otherwise as `simulate`.

    Without `planned` nothing is evaluated before the outputs, which are in order of name.
    """
    arm = checked_arm(arm)
    key = subject.key(arm, planned=planned)
    entry = read_entry(key, subject.hashes.logical_sha256)
    cached = entry is not None
    if entry is None:
        ceiling = memory_ceiling_gb() if memory_gb is None else memory_gb
        with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as folder:
            job = subject.job(ceiling) | arm_job(arm, Path(folder), planned=planned)
            meta = run_child(job, Path(folder), progress, timeout_s)
            subject.require_unchanged()
            meta |= subject.context() | {"planned_steps": len(job["steps"])}
            meta |= {"method": FULL if planned else EXACT}
            entry = write_entry(key, Path(job["arrays_out"]), meta)
    return subject.result(entry, arm.outputs, cached)


def memory_ceiling_gb() -> float:
    """Return the ceiling of an engine process and its children in GB (10^9 bytes).

    $MPGATE_MEMORY_GB, or half the memory of the machine, at least 6. Raises MeasureError for a
    value that is no positive number.
    """
    default = max(LEAST_MEMORY_GB, _machine_gb() / 2)
    named = os.environ.get(MEMORY_VARIABLE, str(default))
    try:
        ceiling = float(named)
    except ValueError:
        ceiling = math.nan
    if ceiling > 0 and math.isfinite(ceiling):
        return ceiling
    raise MeasureError(
        f"{MEMORY_VARIABLE} is {named!r}, not a positive number of GB",
        reason="engine.memory_setting",
        remedy=f"set it to a number such as 12, or unset it ({default:.3g} GB)",
    )


def _machine_gb() -> float:
    """Return the memory of the machine in GB, 0 where the system doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        return 0.0


def run_traced(path: Path, outputs: Sequence[str], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the evaluation plan that one traced, unplanned, uncached run of `outputs` gives."""
    subject = Subject(open_dataset(path))
    arm = checked_arm(Arm("trace", subject.dataset.period, tuple(outputs)))
    with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as folder:
        job = subject.job(memory_ceiling_gb()) | arm_job(arm, Path(folder), planned=False)
        meta = run_child(job | {"trace": True}, Path(folder), None, timeout_s)
    return {"engine": installed_versions(), **meta["plan"]}


def checked_arm(arm: Arm) -> Arm:
    """Return the arm with its outputs sorted and without repeats; raises MeasureError early."""
    return replace(
        arm, outputs=tuple(_checked_outputs(arm.outputs)), reform=checked_reform(arm.reform)
    )


def arm_job(arm: Arm, folder: Path, *, planned: bool) -> dict[str, Any]:
    """Return what a worker is told of an arm; arrays that replace inputs are written to a file."""
    inputs = None
    if arm.inputs:
        inputs = str(folder / f"{arm.id}.inputs.npz")
        np.savez(inputs, allow_pickle=False, **arm.inputs)
    return {
        "id": arm.id,
        "period": arm.period,
        "outputs": list(arm.outputs),
        "steps": planned_steps(arm.outputs, arm.period) if planned else [],
        "reform": arm.reform,
        "inputs": inputs,
        "last_year": arm.period,
    }


def _checked_outputs(outputs: Sequence[str]) -> list[str]:
    """Return the requests without repeats; raises MeasureError before any process starts."""
    table = variable_table()
    for request in outputs:
        name, _, period = request.partition("@")
        if name not in table:
            raise MeasureError(
                f"the engine knows no variable {name!r}",
                reason="engine.unknown_output",
                remedy="ask for a variable of policyengine-us, as in `ssi` or `ssi@2024-12`",
            )
        if len(period) == 7 and table[name].period != "month":
            raise MeasureError(
                f"{name} is defined by {table[name].period}, so {period} would be an invented part",
                reason="engine.not_monthly",
                remedy=f"ask for {name} without a month",
            )
    if not outputs:
        raise MeasureError(
            "no output was asked for", reason="engine.no_outputs", remedy="name at least one"
        )
    return sorted(set(outputs))
