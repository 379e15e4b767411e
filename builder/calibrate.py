"""Calibration by gradient descent: household weights that move estimates towards targets."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from schemas.errors import BuildError

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
_REPORT_EVERY = 25


@dataclass(frozen=True)
class CalibrationConfig:
    """Adam steps and rate, and the bounds of each weight over its initial weight."""

    epochs: int
    learning_rate: float
    ratio_lower: float
    ratio_upper: float


@dataclass(frozen=True)
class CalibrationResult:
    """Calibrated weights (household length), losses, and estimates before and after (targets).

    A loss is the mean over targets of the squared relative error. `reachable` says which targets
    some household contributes to: no weight can move the others.
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
    values: np.ndarray,
    initial_weights: np.ndarray,
    *,
    config: CalibrationConfig,
    progress: Progress | None = None,
) -> CalibrationResult:
    """Return weights that lower the relative error of `matrix.T @ weights` against `values`.

    `matrix` is households x targets, per unit of weight; `values` are published, none zero;
    `initial_weights` positive. Adam moves log weights inside the ratio bounds, from the initial
    weights, and the best step is kept, so the final loss is never above the initial one. Nothing
    random is drawn: equal inputs give equal weights. Raises BuildError on shapes that disagree and
    on anything not finite.
    """
    _check(matrix, values, initial_weights, config)
    reachable = np.asarray(abs(matrix).sum(axis=0)).ravel() > 0
    torch = _torch()
    design = torch.from_numpy((matrix.toarray() / values)[:, reachable].T.copy())
    start = torch.from_numpy(initial_weights.astype(np.float64))
    fixed = int((~reachable).sum())  # each such target has a relative error of -1
    log_ratio = torch.zeros(len(start), dtype=torch.float64, requires_grad=True)
    ratio = _descend(design, start, log_ratio, fixed, config, progress)
    weights = initial_weights * ratio
    first, last = matrix.T @ initial_weights, matrix.T @ weights
    return CalibrationResult(
        weights=weights,
        initial_loss=_loss(first, values),
        final_loss=_loss(last, values),
        initial_estimates=first,
        final_estimates=last,
        reachable=reachable,
        epochs=config.epochs,
    )


def _descend(
    design: torch.Tensor,
    start: torch.Tensor,
    log_ratio: torch.Tensor,
    fixed: int,
    config: CalibrationConfig,
    progress: Progress | None,
) -> np.ndarray:
    """Return the weight ratios of the best step (household length)."""
    torch = _torch()
    optimizer = torch.optim.Adam([log_ratio], lr=config.learning_rate)
    best, best_loss = np.ones(len(start)), float("inf")
    bounds = float(np.log(config.ratio_lower)), float(np.log(config.ratio_upper))
    for epoch in range(config.epochs + 1):
        errors = design @ (start * torch.exp(log_ratio)) - 1
        loss = ((errors**2).sum() + fixed) / (len(errors) + fixed)
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


def _loss(estimates: np.ndarray, values: np.ndarray) -> float:
    return float(np.mean((estimates / values - 1) ** 2))


def _check(
    matrix: csr_matrix, values: np.ndarray, weights: np.ndarray, config: CalibrationConfig
) -> None:
    if matrix.shape != (len(weights), len(values)) or not len(values) or not len(weights):
        raise BuildError(
            f"a {matrix.shape} matrix for {len(weights)} weights and {len(values)} targets",
            reason="calibration.shape",
            remedy="use the weights, targets and simulation of one and the same file",
        )
    if not 0 < config.ratio_lower <= 1 <= config.ratio_upper:
        raise BuildError(
            f"weight ratio bounds {config.ratio_lower} to {config.ratio_upper} leave out 1",
            reason="calibration.bounds",
            remedy="use a positive lower bound up to 1 and an upper bound from 1",
        )
    for name, part in (("matrix", matrix.data), ("targets", values), ("weights", weights)):
        if not np.isfinite(part).all():
            raise _not_finite(f"a number of the {name}", "mend the data set or the facts")
    if (values == 0).any() or (weights <= 0).any():
        raise BuildError(
            "a target is zero or an initial weight is not positive",
            reason="calibration.domain",
            remedy="leave out targets of zero and households without weight",
        )


def _not_finite(what: str, remedy: str) -> BuildError:
    return BuildError(f"{what} is not finite", reason="calibration.not_finite", remedy=remedy)
