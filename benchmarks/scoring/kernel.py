"""The scoring kernel: one sparse household x target matrix from one simulation.

Rules: the reading rules of the target facts (baselines/targets, "Reading a row"). With household
weights w, `matrix.T @ w` is the estimate of every target. The only room code that multiplies by
weights; everything else uses MicroSeries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack

from baselines.targets import Constraint, Target
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import EntityMap
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError

_COMPARE: dict[str, Callable[..., Any]] = {
    "==": np.equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


def required_outputs(targets: Sequence[Target]) -> list[str]:
    """Return the sorted output requests ("snap", "ssi@2024-12") that the targets need.

    Raises MeasureError for a variable that the engine does not have.
    """
    requests: set[str] = set()
    for target in targets:
        if target.aggregation == "sum":
            requests.add(_known(target.variable, target))
        for month in _months(target):
            requests.update(_request(each, target, month) for each in target.constraints)
    return sorted(requests)


def contribution_matrix(simulated: SimulatedArrays, targets: Sequence[Target]) -> csr_matrix:
    """Return what each household adds per unit of weight: (households, targets), sparse.

    Columns follow `targets`; units are the target's (dollars or a count). Raises MeasureError
    where an output is missing, not finite, or cannot be moved between entities.
    """
    columns = _Columns(simulated)
    households = columns.entities.size("household")
    if not targets:
        return csr_matrix((households, 0))
    rows = [csr_matrix(columns.column(target)) for target in targets]
    return csr_matrix(vstack(rows).T)


def estimates(matrix: csr_matrix, weights: np.ndarray) -> np.ndarray:
    """Return the weighted figure of every target (target length) for household weights."""
    if len(weights) != matrix.shape[0]:
        raise MeasureError(
            f"{len(weights)} household weights for {matrix.shape[0]} households",
            reason="scoring.length",
            remedy="use the weights and the simulation of one and the same file",
        )
    return np.asarray(matrix.T @ weights.astype(np.float64))


def replicate_estimates(
    matrix: csr_matrix, weights: np.ndarray, multiplicities: np.ndarray
) -> np.ndarray:
    """Return the figures (replicates x columns) of resampled households.

    `multiplicities` (replicates x households) says how often each household was drawn. Each
    replicate is scaled to the file's own household total: that total is a published figure the
    file was made to carry, not something that sampling left open.
    """
    drawn = multiplicities * weights.astype(np.float64)
    drawn *= (weights.sum() / drawn.sum(axis=1))[:, None]
    return np.asarray((matrix.T @ drawn.T).T)


class _Columns:
    """Builds columns; constraint masks are kept, because many targets share their bands."""

    def __init__(self, simulated: SimulatedArrays) -> None:
        self.entities = EntityMap(simulated)
        self._simulated = simulated
        self._moved: dict[tuple[str, str], np.ndarray] = {}
        self._masks: dict[tuple[str, str, Constraint], np.ndarray] = {}

    def column(self, target: Target) -> np.ndarray:
        months = _months(target)
        share = np.zeros(self.entities.size(target.entity))
        for month in months:
            share += self._meets(target, month)
        share /= len(months)
        if target.aggregation == "sum":
            share = share * self._at(target.variable, target.entity)
        return self.entities.to_household(share, target.entity)

    def _meets(self, target: Target, month: str | None) -> np.ndarray:
        mask = np.ones(self.entities.size(target.entity), dtype=bool)
        for constraint in target.constraints:
            request = _request(constraint, target, month)
            key = (request, target.entity, constraint)
            if key not in self._masks:
                values = self._at(request, target.entity)
                self._masks[key] = _holds(values, constraint)
            mask = mask & self._masks[key]
        return mask

    def _at(self, request: str, entity: str) -> np.ndarray:
        key = (request, entity)
        if key not in self._moved:
            values, source = self._read(request)
            self._moved[key] = self.entities.move(values, source, entity)
        return self._moved[key]

    def _read(self, request: str) -> tuple[np.ndarray, str]:
        values = self._simulated.arrays.get(request)
        if values is None:
            raise MeasureError(
                f"the simulation holds no {request}",
                reason="scoring.missing_output",
                remedy="simulate with required_outputs(targets) among the outputs",
            )
        if values.dtype.kind == "f":
            values = values.astype(np.float64)
            if not np.isfinite(values).all():
                raise MeasureError(
                    f"{request} is not finite for {int((~np.isfinite(values)).sum())} record(s)",
                    reason="scoring.not_finite",
                    remedy="mend the inputs of this variable in the measured file",
                )
        return values, self._simulated.entity[request]


def _months(target: Target) -> tuple[str | None, ...]:
    """Return the months a count is evaluated in; (None,) where a calendar year is.

    Counts on monthly variables: December where the fact is a December count (SSI), else the mean
    of twelve months (SNAP, WIC). Sums use the calendar year.
    """
    table = variable_table()
    monthly = any(table[_known(c.variable, target)].period == "month" for c in target.constraints)
    if target.aggregation == "sum" or not monthly:
        return (None,)
    first = 12 if target.period_type == "december" else 1
    return tuple(f"{target.target_period}-{month:02d}" for month in range(first, 13))


def _request(constraint: Constraint, target: Target, month: str | None) -> str:
    name = _known(constraint.variable, target)
    monthly = variable_table()[name].period == "month"
    return f"{name}@{month}" if month is not None and monthly else name


def _known(name: str, target: Target) -> str:
    if name not in variable_table():
        raise MeasureError(
            f"target {target.target_id} needs {name}, which the engine does not have",
            reason="scoring.unknown_variable",
            remedy="correct the target fact or leave it out of the suite with a reason",
        )
    return name


def _holds(values: np.ndarray, constraint: Constraint) -> np.ndarray:
    """Return where the constraint holds; text compares with text, numbers with numbers."""
    wanted = constraint.value if isinstance(constraint.value, tuple) else (constraint.value,)
    text = values.dtype.kind not in "biuf"
    if any(isinstance(each, str) != text for each in wanted):
        raise MeasureError(
            f"{constraint.variable} {constraint.operator} {constraint.value!r} mixes text, numbers",
            reason="scoring.kinds",
            remedy="correct the constraint of the target fact",
        )
    if constraint.operator == "in":
        return np.isin(values.astype(str) if text else values, np.array(wanted))
    return np.asarray(
        _COMPARE[constraint.operator](values.astype(str) if text else values, wanted[0])
    )
