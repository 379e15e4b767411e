"""What fixed records leave of the targets: the rest of the file is calibrated to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.scoring.kernel import estimates
from schemas.errors import BuildError
from schemas.records import write_record

SCHEMA = "residual_report"
ADDITIVE = ("sum", "count")
_SAME_TARGETS = "pass values, ids and aggregations of the matrix's targets, in its order"
_SAME_FILE = "pass weights and a boolean mask of the households that the matrix was made from"


@dataclass(frozen=True)
class Clamped:
    """A target that the fixed records alone exceed; `negative` is full less fixed."""

    target_id: str
    full: float
    fixed: float
    negative: float


@dataclass(frozen=True)
class Residual:
    """Targets for the records that are not fixed (`rest`, household length, bool).

    `values`, `full` and `fixed` are target-length, in the target's unit: what the rest is to meet,
    the target itself, and the fixed records' weighted figure. A relative error of the whole file
    divides by `full`; `values` may be 0.
    """

    values: np.ndarray
    full: np.ndarray
    fixed: np.ndarray
    rest: np.ndarray
    clamped: tuple[Clamped, ...]


def residual(
    matrix: csr_matrix,
    values: np.ndarray,
    weights: np.ndarray,
    fixed_mask: np.ndarray,
    target_ids: Sequence[str],
    aggregations: Sequence[str],
) -> Residual:
    """Return targets less the fixed records' weighted contribution, clamped at 0.

    `matrix` is households x targets. A loss (a negative target) is clamped on its own side: the
    residual never has another sign than the target. What is clamped is recorded. Raises BuildError
    for lengths that don't fit, figures that aren't finite, and targets that aren't additive (a
    mean has no residual).
    """
    _check(matrix, values, weights, fixed_mask, target_ids, aggregations)
    full = np.asarray(values, dtype=np.float64)
    fixed = estimates(csr_matrix(matrix[fixed_mask]), weights[fixed_mask])
    left = full - fixed
    if not np.isfinite(left).all():
        raise _unfit("targets or contributions are not finite", "mend the targets or the matrix")
    kept = np.where(full < 0, np.minimum(left, 0.0), np.maximum(left, 0.0))
    clamped = tuple(
        Clamped(target_ids[i], float(full[i]), float(fixed[i]), float(left[i]))
        for i in np.flatnonzero(kept != left).tolist()
    )
    return Residual(kept, full, fixed, ~fixed_mask, clamped)


def join_weights(weights: np.ndarray, found: Residual, reweighted: np.ndarray) -> np.ndarray:
    """Return all household weights: `reweighted` (one per record of the rest), the fixed ones held.

    Raises BuildError for another number of weights than the rest has records.
    """
    if len(reweighted) != found.rest.sum() or len(weights) != len(found.rest):
        raise _unfit(
            f"{len(reweighted)} weights for {int(found.rest.sum())} records that are not fixed",
            "calibrate the records of Residual.rest, in their order",
        )
    joined = np.array(weights, dtype=np.float64)
    joined[found.rest] = reweighted
    return joined


def write_residual_report(path: Path, found: Residual) -> dict[str, Any]:
    """Write what the fixed records took of the targets and return the record."""
    record = {
        "schema": SCHEMA,
        "schema_version": 1,
        "fixed_records": int((~found.rest).sum()),
        "targets": len(found.values),
        "clamped": [vars(each) for each in found.clamped],
    }
    write_record(path, record, SCHEMA)
    return record


def _check(
    matrix: csr_matrix,
    values: np.ndarray,
    weights: np.ndarray,
    fixed_mask: np.ndarray,
    target_ids: Sequence[str],
    aggregations: Sequence[str],
) -> None:
    households, targets = matrix.shape
    if {len(values), len(target_ids), len(aggregations)} != {targets}:
        raise _unfit(f"the matrix has {targets} targets, other lists differ", _SAME_TARGETS)
    if {len(weights), len(fixed_mask)} != {households} or fixed_mask.dtype != bool:
        raise _unfit(f"weights and mask don't fit {households} households", _SAME_FILE)
    for name, how in zip(target_ids, aggregations, strict=True):
        if how not in ADDITIVE:
            raise BuildError(
                f"target {name} is a {how}: fixed records can't be taken out of it",
                reason="fixed_spine.not_additive",
                remedy="calibrate to sums and counts, or leave the target to the score",
            )


def _unfit(what: str, remedy: str) -> BuildError:
    return BuildError(f"no residual targets: {what}", reason="fixed_spine.residual", remedy=remedy)
