"""What is simulated on a file: its baselines, and each reform or change of inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BASELINE = "baseline"
INCREMENTAL = "incremental"
FULL = "full"
EXACT = "exact"


@dataclass(frozen=True)
class Arm:
    """One simulation: `outputs` evaluated for the year `period`, under changes or none.

    `reform` changes parameters (path -> period -> value), `inputs` replaces what the file says of
    a variable in `period` (arrays as long as the variable's entity).
    """

    id: str
    period: int
    outputs: tuple[str, ...]
    reform: Mapping[str, Mapping[str, Any]] | None = None
    inputs: Mapping[str, np.ndarray] | None = None

    @property
    def is_baseline(self) -> bool:
        """Return whether nothing is changed."""
        return not self.reform and not self.inputs

    def settings(self, file_year: int) -> dict[str, Any]:
        """Return what decides the arrays beside file, outputs and reform (empty: the plain case).

        A baseline for the file's own year so shares its cache entry with `simulate`.
        """
        found: dict[str, Any] = {}
        if self.period != file_year:
            found["period"] = self.period
        if self.inputs:
            found["inputs"] = {name: _sha256(values) for name, values in self.inputs.items()}
        return found


def _sha256(values: np.ndarray) -> str:
    array = np.ascontiguousarray(values)
    return hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()
