"""What one measured file contributes to every target: kept beside its evidence, for the bootstrap.

Canonical arrays have one sha256 whatever container holds them, and evidence names it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from schemas.canonical import atomic_write
from schemas.errors import MeasureError

MEASURE_PREFIX = "measure:"
# What numpy and zipfile raise on damaged archives.
_UNREADABLE = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
# The dtype each array is kept in: single precision is what the engine computes in.
_DTYPES = {"data": "<f4", "indices": "<i4", "indptr": "<i4", "weights": "<f8"}


@dataclass(frozen=True)
class Contributions:
    """Per unit of weight, what each household adds to each column, and the shipped weights.

    `matrix` is households x columns in the unit of each column (dollars or a count); `columns` are
    target ids, then "measure:NAME" for the baseline measures; `weights` is household-length.
    """

    matrix: csr_matrix
    columns: tuple[str, ...]
    weights: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the canonical arrays: sorted indices, no stored zeros, fixed dtypes."""
        matrix = csr_matrix(self.matrix, dtype=np.float32)
        matrix.eliminate_zeros()
        matrix.sort_indices()
        parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr")}
        parts["weights"] = self.weights
        return {name: np.asarray(parts[name]).astype(kind) for name, kind in _DTYPES.items()}

    def sha256(self) -> str:
        """Return the identity of the content."""
        digest = hashlib.sha256("\n".join(self.columns).encode())
        for name, values in sorted(self.arrays().items()):
            digest.update(f"\n{name} {len(values)}\n".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return what an evidence record says of it."""
        return {
            "sha256": self.sha256(),
            "households": self.matrix.shape[0],
            "columns": self.matrix.shape[1],
            "nonzero": len(self.arrays()["data"]),
        }


def save_contributions(path: Path | str, contributions: Contributions) -> None:
    """Write an .npz without pickles, whole or not at all."""
    buffer = io.BytesIO()
    arrays = contributions.arrays() | {"columns": np.array(contributions.columns, dtype=np.str_)}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    atomic_write(path, buffer.getvalue())


def load_contributions(path: Path | str) -> Contributions:
    """Return stored contributions; raises MeasureError for a file that is damaged or foreign."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            parts = {name: stored[name] for name in (*_DTYPES, "columns")}
        shape = (len(parts["weights"]), len(parts["columns"]))
        matrix = csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    except _UNREADABLE as error:
        raise MeasureError(
            f"{Path(path).name} holds no readable contributions: {error}",
            reason="contributions.unreadable",
            remedy="delete it and measure the file again",
        ) from error
    return Contributions(matrix, tuple(map(str, parts["columns"])), parts["weights"])
