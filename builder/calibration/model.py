"""The model of a calibration: log weight ratios, hard-concrete gates where L0 is on, one loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.calibration.settings import CalibrationSettings
from builder.extras import library

# Every household starts as kept: its deterministic gate is exactly 1 from about 0.77 upwards.
GATE_START = 0.9


class WeightModel:
    """What is fitted: the log of each weight over its initial one, held inside the ratio bounds.

    With l0_lambda 0 that is all: no gate exists. Above 0 each household has a hard-concrete gate
    of `l0-python` (Louizos, Welling and Kingma 2018): its weight is initial x ratio x gate. A gate
    of 0 drops the household; for the others ratio x gate stays inside the bounds, too, the lower
    one by force.
    """

    def __init__(self, households: int, settings: CalibrationSettings) -> None:
        """Start at the initial weights."""
        self._torch = library("torch")
        self._bounds = float(np.log(settings.ratio_lower)), float(np.log(settings.ratio_upper))
        self._lower = settings.ratio_lower
        self.log_ratio = self._torch.zeros(
            households, dtype=self._torch.float64, requires_grad=True
        )
        self.gates = _gates(households) if settings.l0_lambda > 0 else None

    def parameters(self) -> list[Any]:
        """Return the tensors an optimiser moves: log ratios, then gate logits where there are."""
        return [self.log_ratio, *(self.gates.parameters() if self.gates is not None else ())]

    def ratio(self, *, sampled: bool) -> Any:
        """Return weight over initial weight (tensor, household length).

        `sampled` draws the gates, as a step does; otherwise they are without chance, and exactly
        0 or 1 for most households.
        """
        ratio = self._torch.exp(self.log_ratio)
        if self.gates is None:
            return ratio
        gate = self.gates.train(sampled)()
        held = (ratio * gate).clamp(min=self._lower)
        return self._torch.where(gate > 0, held, self._torch.zeros_like(held))

    def kept_share(self) -> Any:
        """Return the expected share of households kept (scalar tensor); 1 without gates."""
        if self.gates is None:
            return self._torch.ones((), dtype=self._torch.float64)
        return self.gates.get_penalty() / len(self.log_ratio)

    def hold_bounds(self) -> None:
        """Bring the log ratios back inside the bounds."""
        with self._torch.no_grad():
            self.log_ratio.clamp_(*self._bounds)


def _gates(households: int) -> Any:
    gates = library("l0.distributions").HardConcrete(households, init_mean=GATE_START)
    return gates.double()


def bounded(error: Any) -> Any:
    """Return r^2 / (1 + r^2) of errors over their scale (array or tensor), 0 to below 1.

    Why not the gating loss's own min(r^2, 1): that has no gradient beyond an error of 100 %, so a
    cell far from its target would never be pulled in. Why not r^2: a handful of cells that a
    sample cannot meet would decide every weight. This one agrees with r^2 near the target, stays
    below the cap far from it, and pulls from everywhere.
    """
    squared = error**2
    return squared / (1 + squared)
