"""Tax-Calculator in a process of its own: `python -m benchmarks.cross_engine.worker job.json`.

Its formulas are compiled by numba on first use, 20 s that few records don't repay: it is told so
before it is imported. Reads the input columns of several runs, writes the wanted variables of each
run as `run:variable`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.engine.messages import claim_stdout

COMPILED_FROM = 20_000  # records; below, six interpreted runs take less than compiling does


def main(job_file: str) -> None:
    """Run the job in `job_file`; write arrays to its `arrays_out` and meta to its `meta_out`.

    The reforms of the runs cumulate: each holds from its run on.
    """
    emit = claim_stdout()
    job: dict[str, Any] = json.loads(Path(job_file).read_text())
    with np.load(job["inputs"]) as stored:
        columns = {name: stored[name] for name in stored.files}
    if len(columns["MARS"]) < COMPILED_FROM:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
    import taxcalc

    policy = taxcalc.Policy()
    found: dict[str, np.ndarray] = {}
    for number, run in enumerate(job["runs"]):
        emit("tax-calculator", number, len(job["runs"]))
        if run["reform"]:
            policy.implement_reform(
                {name: {job["period"]: value} for name, value in run["reform"].items()}
            )
        inputs = {name: columns[key] for name, key in run["inputs"].items()}
        calculated = calculate(inputs, policy, job["period"])
        found |= {f"{number}:{name}": np.asarray(calculated(name)) for name in job["outputs"]}
    np.savez(job["arrays_out"], allow_pickle=False, **found)
    Path(job["meta_out"]).write_text(json.dumps({"taxcalc": version("taxcalc")}))


def calculate(
    inputs: Mapping[str, np.ndarray], policy: Any, period: int
) -> Callable[[str], np.ndarray]:
    """Return what gives any variable of one run, one value per record.

    Formulas are exact (as on the forms), not smoothed; records are of `period` and not uprated.
    """
    import taxcalc

    data = pd.DataFrame(dict(inputs))
    data["RECID"] = np.arange(1, len(data) + 1)
    records = taxcalc.Records(
        data=data, start_year=period, gfactors=None, weights=None, exact_calculations=True
    )
    calculator = taxcalc.Calculator(policy=policy, records=records, verbose=False)
    calculator.advance_to_year(period)
    calculator.calc_all()
    array: Callable[[str], np.ndarray] = calculator.array
    return array


if __name__ == "__main__":
    main(sys.argv[1])
