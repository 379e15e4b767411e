"""The logical content hash: what a file says, whatever its bytes.

HDF5 bytes depend on compression, chunking, key order and library version. The logical hash reads
columns in canonical id order, so row order, layout, compression and number widths do not change
it; other ids, other values, another period do (DESIGN section 4).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.canonical import sha256_file
from schemas.dataset import ENTITIES, WEIGHT, Dataset, id_name


@dataclass(frozen=True)
class DatasetHashes:
    """Hashes and sizes of one file; `inputs_sha256` leaves the household weights out."""

    file_sha256: str
    logical_sha256: str
    inputs_sha256: str
    size_bytes: int
    logical_bytes: int


def dataset_hashes(dataset: Dataset) -> DatasetHashes:
    """Return all hashes of a file, reading each column once."""
    orders = _row_orders(dataset)
    inputs = hashlib.sha256()
    logical_bytes = 0
    weights: list[bytes] = []
    for name in dataset.variables:
        for period in dataset.periods_of(name):
            values = dataset.read(name, period)
            logical_bytes += values.nbytes
            digest = _column_digest(dataset, name, period, values, orders)
            if name == WEIGHT:
                weights.append(digest)
            else:
                inputs.update(digest)
    logical = hashlib.sha256(inputs.digest() + b"".join(weights))
    return DatasetHashes(
        file_sha256=sha256_file(dataset.path),
        logical_sha256=logical.hexdigest(),
        inputs_sha256=inputs.hexdigest(),
        size_bytes=dataset.path.stat().st_size,
        logical_bytes=logical_bytes,
    )


def subject(dataset: Dataset, hashes: DatasetHashes) -> dict[str, Any]:
    """Return the identity block that binds a record to one file."""
    return {
        "label": dataset.path.name,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "inputs_sha256": hashes.inputs_sha256,
        "size_bytes": hashes.size_bytes,
        "logical_bytes": hashes.logical_bytes,
        "layout": dataset.layout,
        "period": dataset.period,
    }


def _row_orders(dataset: Dataset) -> dict[str, np.ndarray]:
    """Return, per entity with ids, the row order by ascending id."""
    return {
        entity: np.argsort(dataset.read(id_name(entity)), kind="stable")
        for entity in ENTITIES
        if dataset.has(id_name(entity))
    }


def _column_digest(
    dataset: Dataset, name: str, period: str, values: np.ndarray, orders: dict[str, np.ndarray]
) -> bytes:
    """Return the digest of one column in id order; a column of another length keeps its own."""
    entity = dataset.entity_of(name) or ""
    order = orders.get(entity)
    if order is not None and len(order) == len(values):
        values = values[order]
    digest = hashlib.sha256(f"{name}\0{period}\0{entity}\0{len(values)}\0".encode())
    digest.update(_canonical_values(values))
    return digest.digest()


def _canonical_values(values: np.ndarray) -> bytes:
    """Return kind and content: integers and booleans as int64, floats as float64, text as UTF-8."""
    if values.dtype.kind in "biu":
        return b"i" + values.astype("<i8").tobytes()
    if values.dtype.kind == "f":
        return b"f" + (values.astype("<f8") + 0.0).tobytes()
    return b"s" + "\0".join(values.astype(str).tolist()).encode()
