"""The comparison's plain side: one simulation as a PolicyEngine user writes it, in one process.

`python -m benchmarks.plain_script job.json` builds `Microsimulation(dataset, reform)` and calls
`calculate` on the outputs in the order given. It uses no plan, cache or other shortcut of ours.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.memory import peak_rss_gb


def main(job_file: str) -> None:
    """Run the job; print seconds per step and the peak memory (GB, 10^9) as one line of JSON."""
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    started = time.perf_counter()
    from policyengine_core.reforms import Reform
    from policyengine_us import Microsimulation

    imported = time.perf_counter()
    reform = Reform.from_dict(job["reform"], country_id="us") if job["reform"] else None
    simulation = Microsimulation(
        dataset=job["dataset"],
        reform=reform,
        spm=job["spm"],
        dataset_end_year=job["dataset_end_year"],
    )
    for name, values in _stored(job["inputs"]).items():
        simulation.set_input(name, job["period"], values)
    constructed = time.perf_counter()
    arrays = {}
    for output in job["outputs"]:
        name, _, period = output.partition("@")
        arrays[output] = np.asarray(simulation.calculate(name, period or job["period"]))
    calculated = time.perf_counter()
    figures = {
        "import_s": imported - started,
        "construct_s": constructed - imported,
        "calculate_s": calculated - constructed,
        "total_s": calculated - started,
        "peak_rss_gb": peak_rss_gb(),
    }
    if job["save"]:
        np.savez(job["save"], allow_pickle=False, **{k: _plain(v) for k, v in arrays.items()})
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def _stored(file: str | None) -> dict[str, np.ndarray]:
    if file is None:
        return {}
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _plain(array: np.ndarray) -> np.ndarray:
    """Return text as a unicode array, anything else as it is: saved without pickle."""
    return array.astype(str) if array.dtype.kind in "OSM" else array


if __name__ == "__main__":
    main(sys.argv[1])
