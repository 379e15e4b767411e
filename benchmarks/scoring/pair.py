"""Kept targets with the estimates of both files: what every figure of a loss record is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.scoring.losses import LossRow

NO_CONTRIBUTIONS = "no household contributions were given, so there is nothing to draw from"


@dataclass(frozen=True)
class Households:
    """One file to draw from: what each household adds to the kept targets, then to `measures`."""

    matrix: csr_matrix
    weights: np.ndarray


@dataclass(frozen=True)
class PairDraws:
    """Both files' households, columns in the order of the pair's rows, then of `measures`.

    `same`: both are one and the same file, so that every difference is exactly 0.
    """

    candidate: Households
    incumbent: Households
    measures: tuple[str, ...]
    same: bool


@dataclass(frozen=True)
class Pair:
    """Kept rows with both estimates (row length, in the unit of each target).

    `measures` holds candidate and incumbent figures of measures that may have no target.
    `no_draws` says why `draws` is absent.
    """

    rows: Sequence[LossRow]
    candidate: np.ndarray
    incumbent: np.ndarray
    measures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    draws: PairDraws | None = None
    no_draws: str = NO_CONTRIBUTIONS

    def index(self, wanted: Callable[[LossRow], bool]) -> np.ndarray:
        """Return the positions of the rows that `wanted` accepts."""
        return np.array([i for i, row in enumerate(self.rows) if wanted(row)], dtype=np.int64)

    def rows_at(self, index: np.ndarray) -> list[LossRow]:
        """Return the rows at `index`."""
        return [self.rows[i] for i in index]
