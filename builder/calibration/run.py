"""A whole calibration: search by validation, refit, checkpoints and the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scoring.kernel import estimates
from benchmarks.scoring.scheme import TRAIN
from builder.calibration.checkpoint import Track, damaged, load_checkpoint, save_checkpoint
from builder.calibration.descent import Descent, one_thread
from builder.calibration.figures import Reach, checkpoint_figures, errors, reach_of, role_losses
from builder.calibration.groups import VALIDATION
from builder.calibration.problem import Problem
from builder.calibration.settings import CalibrationSettings
from schemas.canonical import sha256_json
from schemas.errors import BuildError

Progress = Callable[[str, int, int], None]
SEARCH, FIXED, REFIT = "search", "fixed", "refit"
_BEST = "best_weights"


@dataclass(frozen=True)
class CalibrationResult:
    """Calibrated `weights` (household length; 0 where L0 dropped one) and how they came about.

    Losses are by role: importance-weighted means of r^2 / (1 + r^2), r the error over its scale;
    None for a role without targets. Estimates are target-length. `curves` has one entry per check.
    `stop_reason` is patience, epochs (validation ended by the maximum) or fixed_epochs (no
    validation groups). `best_epoch` is the epoch of the weights in the first phase, `refit_epochs`
    the length of the refit, None without one.
    """

    weights: np.ndarray
    initial_losses: dict[str, float | None]
    final_losses: dict[str, float | None]
    initial_estimates: np.ndarray
    final_estimates: np.ndarray
    reach: Reach
    curves: list[dict[str, Any]]
    stop_reason: str
    best_epoch: int
    epochs_run: int
    refit_epochs: int | None
    notes: tuple[str, ...]


def calibrate(
    problem: Problem,
    settings: CalibrationSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> CalibrationResult:
    """Return weights that lower the bounded error of the problem's train targets.

    Adam moves log weights inside the ratio bounds, from the initial weights. With validation
    targets the weights of the check with the lowest criterion (validation loss) are kept, or a
    refit of that many epochs; without, those of the last epoch. The held-out loss is written to
    the curves and decides nothing. Equal inputs give equal bits, interrupted and resumed or not.

    Every `check_every` epochs the state is written to `checkpoint`, and a calibration of the same
    problem and settings goes on from it; one of another is left unread, with a note.

    Raises BuildError where all targets are out of reach, where L0 drops every household, for a
    damaged checkpoint and, naming epoch and checkpoint, where a number is not finite.
    """
    reach = reach_of(problem, settings)
    with one_thread():
        run = _Run(problem, settings, checkpoint, progress)
        weights = run.finish()
    track = run.track
    return CalibrationResult(
        weights=weights,
        initial_losses=role_losses(problem, errors(problem, problem.initial_weights)),
        final_losses=role_losses(problem, errors(problem, weights)),
        initial_estimates=estimates(problem.matrix, problem.initial_weights),
        final_estimates=estimates(problem.matrix, weights),
        reach=reach,
        curves=track.curves,
        stop_reason=track.reason,
        best_epoch=track.best_epoch,
        epochs_run=track.epochs_run,
        refit_epochs=track.best_epoch if track.phase == REFIT else None,
        notes=tuple(run.notes),
    )


class _Run:
    """Phases and checks; `track` and the fit's state together are a checkpoint."""

    def __init__(
        self,
        problem: Problem,
        settings: CalibrationSettings,
        path: Path | None,
        progress: Progress | None,
    ) -> None:
        self.problem, self.settings, self.path = problem, settings, path
        self.notes: list[str] = []
        self._progress = progress
        self._identity = sha256_json([problem.sha256, settings.record()])
        self._best_weights = problem.initial_weights
        self.track = Track(SEARCH)

    def finish(self) -> np.ndarray:
        """Return the weights after whatever is still to be done."""
        try:
            if not self._resume():
                self._begin(SEARCH if self.problem.rows(VALIDATION).any() else FIXED)
            self._go_on()
            if self.track.phase == SEARCH and self.settings.stopping.refit:
                self._begin(REFIT)
                self._go_on()
        except FloatingPointError as error:
            raise self._not_finite(str(error)) from error
        return self._best_weights if self.track.phase == SEARCH else self.descent.weights()

    def _begin(self, phase: str) -> None:
        track = self.track
        track.phase, track.epoch, track.done = phase, 0, False
        self.descent = self._descent()
        self._check()

    def _descent(self) -> Descent:
        roles = (TRAIN, VALIDATION) if self.track.phase == REFIT else (TRAIN,)
        return Descent(self.problem, self.settings, roles)

    @property
    def _last(self) -> int:
        return self.track.best_epoch if self.track.phase == REFIT else self.settings.epochs

    def _go_on(self) -> None:
        track = self.track
        while not track.done:
            self.descent.step()
            track.epoch += 1
            if track.epoch % self.settings.stopping.check_every == 0 or track.epoch == self._last:
                self._check()

    def _check(self) -> None:
        """Write a point of the curves, decide whether the phase is over, and save."""
        track = self.track
        weights = self.descent.weights()
        found = checkpoint_figures(self.problem, weights, self.settings)
        track.curves.append({"phase": track.phase, "epoch": track.epoch, **found})
        track.done = track.epoch == self._last
        if track.phase == SEARCH:
            self._judge(found["criterion"], weights)
        elif track.phase == FIXED:
            track.reason, track.best_epoch = "fixed_epochs", track.epoch
        if track.phase != REFIT:
            track.epochs_run = track.epoch
        if self._progress is not None:
            stage = f"calibrating ({track.phase}), train loss {found['train_loss']:.4f}"
            self._progress(stage, track.epoch, self._last)
        self._save()

    def _judge(self, criterion: float, weights: np.ndarray) -> None:
        track, stopping = self.track, self.settings.stopping
        if track.best is None or criterion < track.best:
            track.best, track.best_epoch, self._best_weights = criterion, track.epoch, weights
        gain = stopping.minimum_improvement
        if track.reference is None or criterion < track.reference - gain:
            track.reference, track.waited = criterion, 0
        else:
            track.waited += 1
        patient = track.waited < stopping.patience
        track.reason = "epochs" if patient else "patience"
        track.done = track.done or not patient

    def _save(self) -> None:
        if self.path is not None:
            arrays = {**self.descent.state(), _BEST: self._best_weights}
            save_checkpoint(self.path, self._identity, self.track, arrays)

    def _resume(self) -> bool:
        """Take up the checkpoint, if there is one of this calibration."""
        if self.path is None or not self.path.exists():
            return False
        found = load_checkpoint(self.path, self._identity)
        if found is None:
            self.notes.append(
                f"{self.path.name} is a checkpoint of another problem or of other settings: "
                "calibrated from the start"
            )
            return False
        self.track, arrays = found
        try:
            self._best_weights = arrays[_BEST]
            self.descent = self._descent()
            self.descent.restore(arrays)
        except (KeyError, RuntimeError, TypeError) as error:
            raise damaged(self.path, error) from error
        return True

    def _not_finite(self, what: str) -> BuildError:
        track = self.track
        saved = "there is no checkpoint"
        if self.path is not None and track.curves:
            good = track.curves[-1]
            saved = f"the last good state, {good['phase']} epoch {good['epoch']}, is {self.path}"
        return BuildError(
            f"{what} of epoch {track.epoch} ({track.phase}) is not finite; {saved}",
            reason="calibration.not_finite",
            remedy="lower the learning rate or the upper ratio bound",
        )
