"""Loader smoke run: the real engine loads one file and computes every program family and poverty.

Source of the rule: the loader accepts defects in silence that only a calculation shows, and an SPM
unit without adults stops it only when poverty is computed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.store import cache_dir, empty_cache
from benchmarks.engine.child import Progress
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.session import memory_ceiling_gb, simulate
from benchmarks.measure import Simulator
from benchmarks.scoring.arrays import SimulatedArrays
from schemas.canonical import sha256_file, sha256_json
from schemas.dataset import WEIGHT, Dataset, open_dataset
from schemas.errors import MeasureError
from schemas.logical import dataset_hashes, subject
from schemas.records import read_record, validate, write_record

_ROOM = Path(__file__).parent
LIST = _ROOM / "loader_smoke.json"
POVERTY = "poverty"
# Inputs that are asked back from the engine: what it holds must be what this file stores.
WITNESSES = (WEIGHT, "age", "employment_income_before_lsr")
# Reasons that lie in the machine, not in the file: nothing can be said of the file then.
MACHINE_LIMITS = frozenset(
    {"engine.killed", "engine.memory", "engine.memory_setting", "engine.timeout"}
)
SMOKE_CODE = ("engine/session.py", "engine/worker.py", "loader_smoke.json", "loader_smoke.py")
_FOLDERS = re.compile(r'"/[^"]*/')  # of source files in a traceback: a record names no machine
Families = Mapping[str, Sequence[str]]


def smoke_loader(
    path: Path | str, *, progress: Progress | None = None, simulator: Simulator = simulate
) -> dict[str, Any]:
    """Return the `loader_smoke` record of a file, from the cache where this file was loaded before.

    A failure of the engine on the file is a record with its `error`, which is not kept. Raises
    DatasetError for a file that may not be opened, MeasureError where the machine was too small.
    """
    dataset = open_dataset(path)
    before = dataset_hashes(dataset)
    found = cached_smoke(before.file_sha256)
    if found is not None:
        return found
    record = _smoke(dataset, subject(dataset, before), progress, simulator)
    validate(record, "loader_smoke")
    if record["error"] is None:
        write_record(smoke_path(before.file_sha256), record, "loader_smoke")
    return record


def cached_smoke(file_sha256: str) -> dict[str, Any] | None:
    """Return the kept record of a file for this engine and code, or None."""
    path = smoke_path(file_sha256)
    if not path.is_file():
        return None
    record = read_record(path, "loader_smoke")
    wanted = (file_sha256, installed_versions(), code_sha256())
    if (record["subject"]["sha256"], record["engine"], record["code_sha256"]) != wanted:
        raise MeasureError(
            f"loader smoke record {path.name} belongs to another file, engine or code",
            reason="loader.foreign",
            remedy=f"delete {path.name} from the loader cache and load the file again",
        )
    return record


def smoke_path(file_sha256: str) -> Path:
    """Return where the record of one file is kept, for this engine and code."""
    rest = sha256_json([installed_versions(), code_sha256()])
    return cache_dir() / "loader" / f"{file_sha256[:16]}-{rest[:16]}.json"


@cache
def code_sha256() -> str:
    """Return the sha256 over the files that determine the record."""
    return sha256_json({name: sha256_file(_ROOM / name) for name in SMOKE_CODE})


def program_families() -> Families:
    """Return the variables to compute per program family."""
    families: Families = read_record(LIST, "loader_smoke_list")["families"]
    return families


def _smoke(
    dataset: Dataset, identity: dict[str, Any], progress: Progress | None, simulator: Simulator
) -> dict[str, Any]:
    families, started = program_families(), time.time()
    simulated, error = _load(dataset, families, progress, simulator)
    meta: Mapping[str, Any] = {} if simulated is None else simulated.meta
    same = simulated is not None and _holds(simulated, dataset)
    keys = ("wall_s", "peak_rss_gb", "formula_runs", "unique_pairs")
    figures = {family: _figures(simulated, names) for family, names in families.items()}
    return {
        "schema": "loader_smoke",
        "schema_version": 1,
        "subject": identity,
        "sha256_before": identity["sha256"],
        "loaded_sha256": meta["file_sha256"] if same else None,
        "sha256_after": sha256_file(dataset.path),
        "engine": installed_versions(),
        "code_sha256": code_sha256(),
        "geography": _geography(dataset),
        "families": figures,
        "poverty": all(each is not None for each in figures[POVERTY].values()),
        "error": error,
        "run": {
            "measured_at": round(started),
            "total_s": round(time.time() - started, 1),
            "memory_ceiling_gb": memory_ceiling_gb(),
            **{key: meta[key] for key in keys if key in meta},
        },
    }


def _load(
    dataset: Dataset, families: Families, progress: Progress | None, simulator: Simulator
) -> tuple[SimulatedArrays | None, dict[str, str] | None]:
    """Run the engine on this very file; return its arrays, or why there are none."""
    asked = {name for names in families.values() for name in names}
    wanted = sorted(asked | {name for name in WITNESSES if dataset.has(name)})
    try:
        # Kept arrays of equal inputs would hide this file's bytes.
        with empty_cache():
            return simulator(dataset.path, wanted, progress=progress), None
    except MeasureError as error:
        if error.reason in MACHINE_LIMITS:
            raise
        told = _FOLDERS.sub('"', error.message)
        return None, {"reason": error.reason, "message": told, "remedy": error.remedy}


def _holds(simulated: SimulatedArrays, dataset: Dataset) -> bool:
    """Decide whether the engine holds this file's own values (incident 27: another was loaded)."""
    stored = [name for name in WITNESSES if dataset.has(name)]
    return bool(stored) and all(
        np.array_equal(np.float32(simulated.arrays[name]), np.float32(dataset.read(name)))
        for name in stored
    )


def _figures(simulated: SimulatedArrays | None, names: Sequence[str]) -> dict[str, Any]:
    if simulated is None:
        return dict.fromkeys(names)
    return {
        name: _statistics(simulated.arrays[name], simulated.entity[name])
        if name in simulated.arrays
        else None
        for name in names
    }


def _statistics(array: np.ndarray, entity: str) -> dict[str, Any]:
    """Return unweighted figures of one output; `nonzero` counts finite values other than 0."""
    values = np.asarray(array, dtype=np.float64)
    finite = values[np.isfinite(values)]
    return {
        "entity": entity,
        "records": len(values),
        "finite": len(finite),
        "nonzero": int(np.count_nonzero(finite)),
        "min": float(finite.min()) if len(finite) else None,
        "max": float(finite.max()) if len(finite) else None,
    }


def _geography(dataset: Dataset) -> str:
    """Return the SPM geography the session gives the engine: counties, or national without them."""
    return "engine_default" if dataset.has("county_fips") else "national"
