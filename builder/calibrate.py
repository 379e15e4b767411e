"""Calibration by gradient descent: household weights that move estimates towards targets."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from scipy.sparse import csr_matrix

from schemas.errors import BuildError

Progress = Callable[[str, int, int], None]
_REPORT_EVERY = 25


@dataclass(frozen=True)
class CalibrationConfig:
    """Adam steps and rate, and the bounds of each weight over its initial weight.

    `household_total_penalty` scales the squared relative change of the household total, which the
    initial weights carry from published figures.
    """

    epochs: int
    learning_rate: float
    ratio_lower: float
    ratio_upper: float
    household_total_penalty: float = 0.0


@dataclass(frozen=True)
class Goals:
    """What calibration moves towards; all three are target-length.

    `values` are the targets, `scales` (positive) what an error is measured in, `importance`
    (summing to 1) the share of each target in the loss.
    """

    values: np.ndarray
    scales: np.ndarray
    importance: np.ndarray


@dataclass(frozen=True)
class CalibrationResult:
    """Calibrated weights (household length), losses, and estimates before and after (targets).

    A loss is the sum over targets of importance x r^2 / (1 + r^2), r the error over its scale:
    bounded, so that cells which a small sample cannot meet do not decide the weights. `reachable`
    says which targets some household contributes to: no weight can move the others.
    """

    weights: np.ndarray
    initial_loss: float
    final_loss: float
    initial_estimates: np.ndarray
    final_estimates: np.ndarray
    reachable: np.ndarray
    epochs: int


def calibrate(
    matrix: csr_matrix,
    goals: Goals,
    initial_weights: np.ndarray,
    *,
    config: CalibrationConfig,
    progress: Progress | None = None,
) -> CalibrationResult:
    """Return weights that lower the bounded error of `matrix.T @ weights` against the goals.

    `matrix` is households x targets, per unit of weight; `initial_weights` positive. Adam moves
    log weights inside the ratio bounds, from the initial weights, and the best step is kept, so
    the final loss is never above the initial one. Nothing random is drawn: equal inputs give
    equal weights. Raises BuildError on shapes that disagree and on anything not finite.
    """
    _check(matrix, goals, initial_weights, config)
    reachable = np.asarray(abs(matrix).sum(axis=0)).ravel() > 0
    weights = initial_weights * _descend(matrix, goals, initial_weights, config, progress)
    first, last = matrix.T @ initial_weights, matrix.T @ weights
    return CalibrationResult(
        weights=weights,
        initial_loss=_loss(first, goals),
        final_loss=_loss(last, goals),
        initial_estimates=first,
        final_estimates=last,
        reachable=reachable,
        epochs=config.epochs,
    )


def _descend(
    matrix: csr_matrix,
    goals: Goals,
    initial_weights: np.ndarray,
    config: CalibrationConfig,
    progress: Progress | None,
) -> np.ndarray:
    """Return the weight ratios of the best step (household length)."""
    torch = _torch()
    design = torch.from_numpy((matrix.toarray() / goals.scales).T.copy())
    wanted = torch.from_numpy(goals.values / goals.scales)
    importance = torch.from_numpy(goals.importance)
    start = torch.from_numpy(initial_weights.astype(np.float64))
    log_ratio = torch.zeros(len(start), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([log_ratio], lr=config.learning_rate)
    best, best_loss = np.ones(len(start)), float("inf")
    bounds = float(np.log(config.ratio_lower)), float(np.log(config.ratio_upper))
    for epoch in range(config.epochs + 1):
        weights = start * torch.exp(log_ratio)
        squared = (design @ weights - wanted) ** 2
        drift = (weights.sum() / start.sum() - 1) ** 2
        loss = (importance * squared / (1 + squared)).sum() + config.household_total_penalty * drift
        value = float(loss.detach())
        if not np.isfinite(value):
            raise _not_finite(f"the loss of step {epoch}", "lower the learning rate")
        if value < best_loss:
            best, best_loss = np.exp(log_ratio.detach().numpy()), value
        if progress is not None and epoch % _REPORT_EVERY == 0:
            progress(f"calibrating, loss {value:.4f}", epoch, config.epochs)
        if epoch == config.epochs:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            log_ratio.clamp_(*bounds)
    return best


def _torch() -> ModuleType:
    """Return torch, imported only to calibrate: it is an extra, and slow to import."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise BuildError(
            "calibrating needs the package torch",
            reason="calibration.no_torch",
            remedy='install the builder extra: pip install "microdata-release-gate[builder]"',
        ) from error


def _loss(estimates: np.ndarray, goals: Goals) -> float:
    squared = ((estimates - goals.values) / goals.scales) ** 2
    return float(np.sum(goals.importance * squared / (1 + squared)))


def _check(
    matrix: csr_matrix, goals: Goals, weights: np.ndarray, config: CalibrationConfig
) -> None:
    lengths = {len(goals.values), len(goals.scales), len(goals.importance)}
    if lengths != {matrix.shape[1]} or matrix.shape[0] != len(weights) or 0 in matrix.shape:
        raise BuildError(
            f"a {matrix.shape} matrix for {len(weights)} weights and {len(goals.values)} targets",
            reason="calibration.shape",
            remedy="use the weights, targets and simulation of one and the same file",
        )
    if not 0 < config.ratio_lower <= 1 <= config.ratio_upper:
        raise BuildError(
            f"weight ratio bounds {config.ratio_lower} to {config.ratio_upper} leave out 1",
            reason="calibration.bounds",
            remedy="use a positive lower bound up to 1 and an upper bound from 1",
        )
    goal_parts = (goals.values, goals.scales, goals.importance)
    for name, part in (
        ("matrix", matrix.data),
        ("weights", weights),
        *(("targets", part) for part in goal_parts),
    ):
        if not np.isfinite(part).all():
            raise _not_finite(f"a number of the {name}", "mend the data set or the facts")
    if (goals.scales <= 0).any() or (goals.importance <= 0).any() or (weights <= 0).any():
        raise BuildError(
            "a scale, an importance or an initial weight is not positive",
            reason="calibration.domain",
            remedy="leave out targets of zero and households without weight",
        )


def _not_finite(what: str, remedy: str) -> BuildError:
    return BuildError(f"{what} is not finite", reason="calibration.not_finite", remedy=remedy)
