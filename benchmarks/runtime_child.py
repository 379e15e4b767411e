"""One plain user's run in one fresh process: `python -m benchmarks.runtime_child job.json`.

Imports the engine, loads the file and calculates the fixed workloads in order, with none of this
project's shortcuts. The import is timed apart: it is the same for every file, so it would only
pull the ratio of two files towards 1. Messages and exit codes are those of the engine's worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engine.memory import MemoryWatch, peak_rss_gb
from benchmarks.engine.messages import Emit, claim_stdout, refuse, refuse_memory

LOAD = "load"
# One thread each: what else the machine does would otherwise change the number of threads.
SINGLE_THREADED = dict.fromkeys(
    (
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)


class Stopwatch:
    """Wall and processor seconds per piece of work, in the order the pieces were done."""

    def __init__(self) -> None:
        """Start with nothing timed."""
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Do `work`, keep its seconds under `name` (to the millisecond), return its result."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.wall[name] = round(time.perf_counter() - wall, 3)
        self.cpu[name] = round(time.process_time() - cpu, 3)
        return result


def main(job_file: str) -> None:
    """Run the job in `job_file`; write seconds and peak memory to its `meta_out`."""
    os.environ.update(SINGLE_THREADED)  # before numpy, which reads them once
    emit = claim_stdout()
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    MemoryWatch(float(job["memory_gb"]), lambda gb: refuse_memory(emit, gb, job["memory_gb"]))
    imports, workloads = Stopwatch(), Stopwatch()
    emit("import")
    microsimulation = imports.time("import", _import_engine)
    run_workloads(job, microsimulation, workloads, emit)
    meta = {
        "import_s": imports.wall["import"],
        "workloads": workloads.wall,
        "workloads_cpu": workloads.cpu,
        "peak_rss_gb": round(peak_rss_gb(), 3),
    }
    Path(job["meta_out"]).write_text(json.dumps(meta))


def run_workloads(
    job: dict[str, Any], microsimulation: Any, stopwatch: Stopwatch, emit: Emit
) -> None:
    """Time the load and then each workload; exit if the engine loaded another file than asked."""
    keywords: dict[str, Any] = {"dataset": job["path"]}
    if job["spm"] is not None:
        keywords["spm"] = job["spm"]
    if job["layout"] == "entity_tables":  # one year like the other layout, not thirteen
        keywords["dataset_end_year"] = job["year"]
    emit(LOAD)
    simulation = stopwatch.time(LOAD, partial(microsimulation, **keywords))
    loaded = {name: int(simulation.populations[name].count) for name in job["sizes"]}
    if loaded != job["sizes"]:
        refuse(emit, "engine.other_file", loaded=loaded, file=job["sizes"])
    for done, workload in enumerate(job["workloads"]):
        emit("workload", done, len(job["workloads"]), name=workload["id"])
        stopwatch.time(workload["id"], partial(_calculate, simulation, workload, job["year"]))


def _calculate(simulation: Any, workload: dict[str, Any], year: int) -> None:
    for name in workload["variables"]:
        simulation.calculate(name, year)


def _import_engine() -> Any:
    from policyengine_us import Microsimulation

    return Microsimulation


if __name__ == "__main__":
    main(sys.argv[1])
