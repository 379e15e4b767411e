"""Engine simulations: one fresh child process each, cached by content, in file row order.

The parent never imports policyengine-us, so a cached simulation is read in well under a second.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.cache import Entry, entry_key, read_entry, write_entry
from benchmarks.engine.child import Progress, run_child
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.plan import plan_sha256, planned_steps
from benchmarks.engine.reforms import checked_reform
from schemas.canonical import sha256_file
from schemas.dataset import (
    ENTITIES,
    GROUP_ENTITIES,
    REQUIRED_IDS,
    Dataset,
    id_name,
    membership_name,
    open_dataset,
)
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError
from schemas.logical import dataset_hashes

MEMORY_GB = 6.0
MEMORY_VARIABLE = "MPGATE_MEMORY_GB"
TIMEOUT_S = 1800.0
RunChild = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class SimulationArrays:
    """Outputs of one simulation; rows are in the order of the file's own rows per entity.

    `arrays` and `entity` are keyed by output request; `person_to` gives, per group entity, the
    person-length row index into that group; `sizes` counts records. Weights are not in it.
    """

    arrays: dict[str, np.ndarray]
    entity: dict[str, str]
    person_to: dict[str, np.ndarray]
    sizes: dict[str, int]
    meta: dict[str, Any]


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
    engine in a child process under `memory_gb` (GB resident; None: $MPGATE_MEMORY_GB or 6) and
    `timeout_s` (seconds).
    `progress(stage, done, total)` is called as the child reports. Raises DatasetError for an
    unusable file and MeasureError for everything else that keeps the figures from being made.
    """
    requests = _checked_outputs(outputs)
    changes = checked_reform(reform)
    dataset = open_dataset(path)
    _require_ids(dataset)
    hashes = dataset_hashes(dataset)
    spm = _spm_settings(dataset)
    key = entry_key(dataset, hashes.inputs_sha256, requests, changes, spm=spm, planned=planned)
    entry = read_entry(key, hashes.logical_sha256)
    cached = entry is not None
    if entry is None:
        steps = planned_steps(requests, dataset.period) if planned else []
        ceiling = memory_ceiling_gb() if memory_gb is None else memory_gb
        job = _job(dataset, requests, changes, steps, ceiling)
        context = {"logical_sha256": hashes.logical_sha256, "spm": spm}
        entry = _measure(job, hashes.file_sha256, key, context, progress, timeout_s)
    return _result(dataset, entry, requests, cached)


def memory_ceiling_gb() -> float:
    """Return the ceiling of one engine process in GB: $MPGATE_MEMORY_GB, or 6.

    Raises MeasureError for a value that is no positive number. Measured: 6.5 GB at
    20,000 households (DESIGN section 6).
    """
    named = os.environ.get(MEMORY_VARIABLE, str(MEMORY_GB))
    try:
        ceiling = float(named)
    except ValueError:
        ceiling = math.nan
    if ceiling > 0 and math.isfinite(ceiling):
        return ceiling
    raise MeasureError(
        f"{MEMORY_VARIABLE} is {named!r}, not a positive number of GB",
        reason="engine.memory_setting",
        remedy=f"set it to a number such as 12, or unset it ({MEMORY_GB:g} GB)",
    )


def run_traced(path: Path, outputs: Sequence[str], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the evaluation plan that one traced, unplanned and uncached run of `outputs` gives."""
    dataset = open_dataset(path)
    _require_ids(dataset)
    job = _job(dataset, _checked_outputs(outputs), None, [], MEMORY_GB) | {"trace": True}
    with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as folder:
        meta = run_child(job, Path(folder), None, timeout_s)
    return {"engine": installed_versions(), **meta["plan"]}


def _measure(
    job: dict[str, Any],
    file_sha256: str,
    key: str,
    context: dict[str, Any],
    progress: Progress | None,
    timeout_s: float,
) -> Entry:
    """Run the job, check that the file stayed the same, and store the entry."""
    with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as folder:
        meta = run_child(job, Path(folder), progress, timeout_s)
        if sha256_file(job["path"]) != file_sha256:
            raise MeasureError(
                f"{Path(job['path']).name} changed while it was measured",
                reason="engine.file_changed",
                remedy="keep the file as it is during a measurement, and measure again",
            )
        meta |= context
        meta |= {"engine": installed_versions(), "plan_sha256": plan_sha256()}
        meta |= {"planned_steps": len(job["steps"]), "file_sha256": file_sha256}
        return write_entry(key, Path(job["arrays_out"]), meta)


def _job(
    dataset: Dataset,
    outputs: Sequence[str],
    reform: dict[str, Any] | None,
    steps: Sequence[str],
    memory_gb: float,
) -> dict[str, Any]:
    return {
        # Not resolved: the engine reads the year and the format off the name that was judged.
        "path": str(dataset.path.absolute()),
        "layout": dataset.layout,
        "year": dataset.period,
        "outputs": list(outputs),
        "steps": list(steps),
        "reform": reform,
        "spm": _spm_settings(dataset),
        "sizes": {entity: dataset.size_of(entity) for entity in ENTITIES},
        "memory_gb": memory_gb,
        "trace": False,
    }


def _spm_settings(dataset: Dataset) -> dict[str, str] | None:
    """Return the national SPM geography for a file without counties, else the engine's default."""
    return None if dataset.has("county_fips") else {"geography_kind": "national"}


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


def _require_ids(dataset: Dataset) -> None:
    missing = [name for name in REQUIRED_IDS if not dataset.has(name)]
    if missing:
        raise MeasureError(
            f"{dataset.path.name} lacks {', '.join(missing)} for {dataset.period}",
            reason="engine.no_ids",
            remedy="store every id and membership array for the file's own year",
        )


def _result(
    dataset: Dataset, entry: Entry, requests: Sequence[str], cached: bool
) -> SimulationArrays:
    table = variable_table()
    entities = {request: table[request.partition("@")[0]].entity for request in requests}
    sizes = {entity: dataset.size_of(entity) for entity in ENTITIES}
    for request, values in entry.arrays.items():
        if len(values) != sizes[entities[request]]:
            raise MeasureError(
                f"{request} came back with {len(values)} rows for {sizes[entities[request]]} "
                f"{entities[request]} records",
                reason="engine.wrong_length",
                remedy="report it with the file and the engine version",
            )
    return SimulationArrays(
        arrays=entry.arrays,
        entity=entities,
        person_to={group: _rows_of_persons(dataset, group) for group in GROUP_ENTITIES},
        sizes=sizes,
        meta=entry.meta | {"cached": cached},
    )


def _rows_of_persons(dataset: Dataset, group: str) -> np.ndarray:
    """Return, per person, the file row of the group it belongs to."""
    ids, member = dataset.read(id_name(group)), dataset.read(membership_name(group))
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids[order], member), len(ids) - 1)
    rows: np.ndarray = order[place]
    if not np.array_equal(ids[rows], member):
        raise MeasureError(
            f"a person of {dataset.path.name} points at a {group} that does not exist",
            reason="engine.broken_membership",
            remedy=f"mend {membership_name(group)}",
        )
    return rows
