"""What is read off weights during and after a fit: losses, spread, and targets out of reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from microdf import MicroSeries

from benchmarks.scoring.kernel import estimates
from benchmarks.scoring.scheme import TRAIN
from builder.calibration.groups import VALIDATION
from builder.calibration.model import bounded
from builder.calibration.problem import ROLES, Problem
from builder.calibration.settings import CalibrationSettings
from schemas.errors import BuildError

_AT_BOUND = 1e-9  # relative: a clamped log ratio gives the bound to the last bits
_SLACK = 1e-9  # relative to the scale, for a target exactly at the end of its range


@dataclass(frozen=True)
class Reach:
    """Which fitted targets (booleans, target length) no weights inside the bounds can meet.

    `empty`: no household contributes; `beyond`: more or less than the bounds allow. `lowest` and
    `highest` are the ends of what the bounds allow, in the target's unit.
    """

    empty: np.ndarray
    beyond: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    @property
    def out(self) -> np.ndarray:
        """Return either kind."""
        return np.asarray(self.empty | self.beyond)


def reach_of(problem: Problem, settings: CalibrationSettings) -> Reach:
    """Return the reach of the train and validation targets.

    With gates a household may also be dropped, so that the lower bound of its ratio is 0. Raises
    BuildError where all train targets are out of reach.
    """
    lower = 0.0 if settings.l0_lambda > 0 else settings.ratio_lower
    start = problem.initial_weights
    gains = estimates(problem.matrix.maximum(0), start)
    losses = estimates(problem.matrix.minimum(0), start)
    with np.errstate(over="ignore"):
        lowest = lower * gains + settings.ratio_upper * losses
        highest = settings.ratio_upper * gains + lower * losses
    fitted = problem.rows(TRAIN, VALIDATION)
    empty = fitted & (np.diff(problem.matrix.tocsc().indptr) == 0)
    slack = _SLACK * problem.scales
    outside = (problem.values < lowest - slack) | (problem.values > highest + slack)
    reach = Reach(empty, fitted & outside & ~empty, lowest, highest)
    _refuse_hopeless(problem, reach)
    return reach


def _refuse_hopeless(problem: Problem, reach: Reach) -> None:
    train = problem.rows(TRAIN)
    if reach.out[train].all():
        empty, beyond = int(reach.empty[train].sum()), int(reach.beyond[train].sum())
        raise BuildError(
            f"all {empty + beyond} targets are out of reach: no household contributes to {empty}, "
            f"the weight bounds leave out {beyond}",
            reason="calibration.out_of_reach",
            remedy="check that the file's variables, weights and period are those of the targets, "
            "or widen the ratio bounds",
        )


def errors(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """Return each target's error over its scale (target length)."""
    figures = estimates(problem.matrix, weights)
    return np.asarray((figures - problem.values) / problem.scales)


def role_losses(problem: Problem, found: np.ndarray) -> dict[str, float | None]:
    """Return the loss of `errors` per role: the importance-weighted mean; None without targets."""
    return {role: _mean_loss(problem, found, problem.rows(role)) for role in ROLES}


def _mean_loss(problem: Problem, found: np.ndarray, rows: np.ndarray) -> float | None:
    if not rows.any():
        return None
    terms = MicroSeries(bounded(found[rows]), weights=problem.importance[rows])
    return float(terms.mean())


def weight_figures(
    weights: np.ndarray, initial: np.ndarray, settings: CalibrationSettings
) -> dict[str, float | int]:
    """Return counts, Kish ESS, concentration and bounds; as `weight_diagnostics` does of a file.

    `ess_share` is of all households, those of weight 0 included; `share_at_bounds` of those kept.
    """
    total = float(MicroSeries(np.ones(len(weights)), weights=weights).sum())
    share = weights / total
    ess = 1 / float(MicroSeries(share, weights=share).sum())
    heaviest = np.sort(weights)[::-1][: math.ceil(len(weights) / 100)]
    ratio = (weights / initial)[weights > 0]
    lower = ratio <= settings.ratio_lower * (1 + _AT_BOUND)
    upper = ratio >= settings.ratio_upper * (1 - _AT_BOUND)
    return {
        "households": len(weights),
        "positive": int((weights > 0).sum()),
        "kish_ess": ess,
        "ess_share": ess / len(weights),
        "top_1pct_share": float(heaviest.sum()) / total,
        "max_ratio": float(ratio.max()),
        "share_at_bounds": float((lower | upper).mean()),
    }


def checkpoint_figures(
    problem: Problem, weights: np.ndarray, settings: CalibrationSettings
) -> dict[str, Any]:
    """Return one point of the curves: the losses by role, and how the weights are spread.

    `criterion` is what stopping looks at: the validation loss and, where L0 is on, l0_lambda x the
    share of households kept, without which the densest weights would always be the best. None
    without validation targets. Raises BuildError where every household was dropped, and
    FloatingPointError where a loss is not finite.
    """
    if not np.isfinite(weights).all():
        raise FloatingPointError("a weight")
    if not (weights > 0).any():
        raise BuildError(
            "every household was dropped",
            reason="calibration.all_dropped",
            remedy="lower l0_lambda",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        losses = role_losses(problem, errors(problem, weights))
    if not all(each is None or math.isfinite(each) for each in losses.values()):
        raise FloatingPointError("the loss")
    spread = weight_figures(weights, problem.initial_weights, settings)
    validation = losses[VALIDATION]
    kept = spread["positive"] / spread["households"]
    return {
        "train_loss": losses["train"],
        "validation_loss": validation,
        "held_out_loss": losses["held_out"],
        "criterion": None if validation is None else validation + settings.l0_lambda * kept,
        "ess_share": spread["ess_share"],
        "max_ratio": spread["max_ratio"],
        "share_at_bounds": spread["share_at_bounds"],
        "positive": spread["positive"],
    }
