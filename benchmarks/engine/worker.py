"""One engine simulation in one fresh process: `python -m benchmarks.engine.worker job.json`.

Reads the job, writes arrays (.npz, no pickle) and meta (.json), tells its progress as JSON lines
on stdout. Anything the engine prints goes to stderr. Exit codes: 0 done, 3 refused (an `error` line
says why), other: the engine failed and stderr holds the traceback.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.engine.memory import MemoryWatch, keep_all_objects, peak_rss_gb
from benchmarks.engine.messages import Emit, claim_stdout, refuse, refuse_memory
from benchmarks.engine.plan import derive_plan
from benchmarks.engine.reforms import unknown_parameters
from benchmarks.engine.trace import CallTrace, RunCounter

PLAN_ROUNDS = 4
Counter = TypeVar("Counter", bound=RunCounter)


def main(job_file: str) -> None:
    """Run the job in `job_file`."""
    emit = claim_stdout()
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    MemoryWatch(float(job["memory_gb"]), lambda gb: refuse_memory(emit, gb, job["memory_gb"]))
    started = time.perf_counter()
    emit("import")
    from policyengine_us import Microsimulation
    from policyengine_us.system import system

    keep_all_objects()
    unknown = unknown_parameters(system.parameters, job["reform"] or {})
    if unknown:
        refuse(emit, "engine.unknown_parameter", parameters=unknown)
    if job["trace"]:
        Path(job["meta_out"]).write_text(json.dumps(_find_plan(job, Microsimulation, emit)))
        return
    counter = counting(RunCounter(), Microsimulation)
    simulation = load(job, job["reform"], Microsimulation, emit)
    set_inputs(simulation, job)
    arrays = evaluate(simulation, job, emit)
    np.savez(job["arrays_out"], allow_pickle=False, **arrays)
    meta: dict[str, Any] = {
        "formula_runs": counter.total,
        "unique_pairs": len(counter.runs),
        "weights_read": counter.weights_read,
        "wall_s": round(time.perf_counter() - started, 3),
        "peak_rss_gb": round(peak_rss_gb(), 3),
    }
    Path(job["meta_out"]).write_text(json.dumps(meta))


def counting(counter: Counter, microsimulation: Any) -> Counter:
    from policyengine_core.simulations import Simulation

    counter.install(Simulation)
    counter.ignore_attached_weights(microsimulation)
    return counter


def _find_plan(job: dict[str, Any], microsimulation: Any, emit: Emit) -> dict[str, Any]:
    """Trace, derive, trace again under the derived order; return the order with the fewest runs.

    Under a new order branches run other things, so the traces are put together.
    """
    trace = counting(CallTrace(), microsimulation)
    steps: list[str] = []
    tried: list[tuple[int, list[str]]] = []
    for _ in range(PLAN_ROUNDS):
        before = trace.total
        dated = [step.format(year=job["year"]) for step in steps]
        simulation = load(job, None, microsimulation, emit)
        evaluate(simulation, job | {"steps": dated}, emit)
        tried.append((trace.total - before, steps))
        found = derive_plan(trace, job["outputs"], job["year"])
        if found["steps"] in [order for _, order in tried]:
            break
        steps = found["steps"]
    return {"plan": found | {"steps": min(tried, key=lambda entry: entry[0])[1]}}


def load(job: dict[str, Any], reform: Any, microsimulation: Any, emit: Emit) -> Any:
    """Build the simulation over the job's own file and check that it is the one loaded."""
    from policyengine_core.reforms import Reform

    keywords: dict[str, Any] = {"dataset": job["path"], "spm": job["spm"]}
    if job["layout"] == "entity_tables":
        keywords["dataset_end_year"] = job["last_year"]
    if reform:
        emit("system")
        keywords["reform"] = Reform.from_dict(reform, country_id="us")
    emit("load")
    simulation = microsimulation(**keywords)
    loaded = {name: int(simulation.populations[name].count) for name in job["sizes"]}
    if loaded != job["sizes"]:
        refuse(emit, "engine.other_file", loaded=loaded, file=job["sizes"])
    return simulation


def set_inputs(simulation: Any, job: dict[str, Any]) -> None:
    """Replace the inputs of the job's period by the arrays of its file of inputs, if it has one."""
    if job["inputs"] is not None:
        with np.load(job["inputs"], allow_pickle=False) as stored:
            for name in stored.files:
                simulation.set_input(name, str(job["period"]), stored[name])


def evaluate(simulation: Any, job: dict[str, Any], emit: Emit) -> dict[str, np.ndarray]:
    """Run the planned steps, then the outputs; return plain arrays in population order."""
    from policyengine_core.simulations import Simulation

    arrays: dict[str, np.ndarray] = {}
    requests = [*job["steps"], *job["outputs"]]
    for done, request in enumerate(requests):
        emit("output", done, len(requests), name=request, arm=job["id"])
        name, _, period = request.partition("@")
        # The core method: Microsimulation.calculate would attach weights.
        values = Simulation.calculate(simulation, name, period or str(job["period"]))
        if request in job["outputs"]:
            arrays[request] = _plain(values)
    emit("output", len(requests), len(requests), arm=job["id"])
    return arrays


def _plain(values: Any) -> np.ndarray:
    """Return numbers as they are, enums and text as unicode arrays."""
    if hasattr(values, "decode_to_str"):
        values = values.decode_to_str()
    array = np.asarray(values)
    return array.astype(str) if array.dtype.kind in "OSM" else array


if __name__ == "__main__":
    main(sys.argv[1])
