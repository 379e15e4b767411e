"""Content-addressed store of simulation arrays: what decides them is the name of the entry.

The key holds what decides the arrays: the inputs hash (weights left out: they enter no formula
except ranked ones), the row order of the ids, outputs, reform, engine versions and the code here.
An entry whose run read a weight is bound to the full logical hash as well.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.store import cache_dir
from benchmarks.engine.metadata import installed_versions
from schemas.canonical import sha256_bytes, sha256_file, sha256_json
from schemas.dataset import ENTITIES, GROUP_ENTITIES, Dataset, id_name, membership_name

ARRAYS = "arrays.npz"
META = "meta.json"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Entry:
    """Arrays and meta of one finished simulation."""

    arrays: Arrays
    meta: dict[str, Any]


def entry_key(
    dataset: Dataset, inputs_sha256: str, outputs: Sequence[str], reform: Any, **settings: Any
) -> str:
    """Return the sha256 of everything that decides the arrays of a simulation."""
    return sha256_json(
        {
            "inputs_sha256": inputs_sha256,
            "row_order": row_order_sha256(dataset),
            "period": dataset.period,
            "layout": dataset.layout,
            "outputs": sorted(outputs),
            "reform": reform,
            "engine": installed_versions(),
            "code": code_sha256(),
            "settings": settings,
        }
    )


def row_order_sha256(dataset: Dataset) -> str:
    """Return the hash of the ids in file order: the inputs hash doesn't see the order of rows."""
    digest = hashlib.sha256()
    for name in [*map(id_name, ENTITIES), *map(membership_name, GROUP_ENTITIES)]:
        digest.update(np.ascontiguousarray(dataset.read(name)).astype("<i8").tobytes())
    return digest.hexdigest()


@cache
def code_sha256() -> str:
    """Return the identity of the engine package: its code and its frozen plans."""
    folder = Path(__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.glob("plans/*.json")])
    return sha256_json({str(file.relative_to(folder)): sha256_file(file) for file in files})


def read_entry(key: str, logical_sha256: str) -> Entry | None:
    """Return a stored entry; None where there is none, it is damaged, or other weights made it."""
    folder = _folder(key)
    try:
        meta: dict[str, Any] = json.loads((folder / META).read_text())
        intact = sha256_file(folder / ARRAYS) == meta["arrays_sha256"]
        if not intact or _meta_sha256(meta) != meta["meta_sha256"]:
            return None
        if meta["weights_read"] and meta["logical_sha256"] != logical_sha256:
            return None
        return Entry(load_arrays(folder / ARRAYS), meta)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: the caller measures again


def write_entry(key: str, arrays_file: Path, meta: dict[str, Any]) -> Entry:
    """Store an entry whole or not at all, replacing a damaged one; return what was stored."""
    folder = _folder(key)
    folder.parent.mkdir(parents=True, exist_ok=True)
    meta = meta | {"arrays_sha256": sha256_file(arrays_file)}
    meta["meta_sha256"] = _meta_sha256(meta)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".staging-"))
    try:
        shutil.copyfile(arrays_file, staging / ARRAYS)
        (staging / META).write_text(json.dumps(meta, sort_keys=True))
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Entry(load_arrays(folder / ARRAYS), meta)


def load_arrays(file: Path) -> Arrays:
    """Return the arrays of an .npz file; pickled content is refused by numpy (ValueError)."""
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _meta_sha256(meta: dict[str, Any]) -> str:
    return sha256_bytes(
        json.dumps({k: v for k, v in meta.items() if k != "meta_sha256"}, sort_keys=True).encode()
    )


def _folder(key: str) -> Path:
    return cache_dir() / "arrays" / key
