"""One fit: Adam steps on the weight model for the targets of given roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags

from builder.calibration.model import WeightModel, bounded
from builder.calibration.problem import Problem
from builder.calibration.settings import CalibrationSettings
from builder.extras import library

_ADAM = ("step", "exp_avg", "exp_avg_sq")


class Descent:
    """A fit that can be stepped, read, saved and restored; equal inputs give equal bits.

    The matrix product is scipy's: it goes through a row in order, whatever the number of
    threads, and of the sparse and dense products tried it is the fastest in double precision.
    """

    def __init__(
        self, problem: Problem, settings: CalibrationSettings, roles: tuple[str, ...]
    ) -> None:
        """Start from the initial weights, with a random state of its own for the gates."""
        torch = self._torch = library("torch")
        rows = problem.rows(*roles)
        scales = problem.scales[rows]
        self._settings = settings
        self._down = csr_matrix(problem.matrix[:, rows] @ diags(1 / scales))
        self._across = csr_matrix(self._down.T)
        self._wanted = torch.from_numpy(problem.values[rows] / scales)
        share = problem.importance[rows] / problem.importance[rows].sum()
        self._importance = torch.from_numpy(share)
        self._initial = torch.from_numpy(problem.initial_weights)
        self.model = WeightModel(len(self._initial), settings)
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.learning_rate)
        self._random = torch.Generator().manual_seed(settings.seed).get_state()

    def step(self) -> None:
        """Take one step; raises FloatingPointError, and moves nothing, where a number overflows."""
        torch = self._torch
        self._optimizer.zero_grad()
        with self._own_random():
            moved = self._initial * self.model.ratio(sampled=True)
        figures = torch.from_numpy(self._across @ moved.detach().numpy()).requires_grad_()
        error = (self._importance * bounded(figures - self._wanted)).sum()
        penalty = self._penalty(moved)
        if not np.isfinite(float((error + penalty).detach())):
            raise FloatingPointError("the loss")
        error.backward()
        # The product's own chain rule: the gradient of the figures goes back through the matrix.
        back = torch.from_numpy(self._down @ figures.grad.numpy())
        torch.autograd.backward([moved, penalty], [back, None])
        if not all(bool(torch.isfinite(each.grad).all()) for each in self.model.parameters()):
            raise FloatingPointError("the gradient")
        self._optimizer.step()
        self.model.hold_bounds()

    def weights(self) -> np.ndarray:
        """Return the weights as they stand (household length), gates without chance."""
        with self._torch.no_grad():
            return np.asarray((self._initial * self.model.ratio(sampled=False)).numpy())

    def state(self) -> dict[str, np.ndarray]:
        """Return parameters, Adam's moments and the random state as arrays."""
        found = {"random": self._random.numpy()}
        for i, each in enumerate(self.model.parameters()):
            found[f"parameter{i}"] = each.detach().numpy().copy()
            for name, value in self._optimizer.state[each].items():
                found[f"{name}{i}"] = value.numpy().copy()
        return found

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a `state`; raises KeyError or RuntimeError for arrays of another fit."""
        torch = self._torch
        self._random = torch.from_numpy(arrays["random"].copy())
        for i, each in enumerate(self.model.parameters()):
            with torch.no_grad():
                each.copy_(torch.from_numpy(arrays[f"parameter{i}"]))
            if f"step{i}" in arrays:
                self._optimizer.state[each] = {
                    name: torch.from_numpy(arrays[f"{name}{i}"].copy()) for name in _ADAM
                }

    def _penalty(self, moved: Any) -> Any:
        settings = self._settings
        total = self._initial.sum()
        drift = (moved.sum() / total - 1) ** 2
        spread = (self._initial / total * self.model.log_ratio**2).sum()
        kept = self.model.kept_share()
        return (
            settings.household_total_penalty * drift
            + settings.spread_penalty * spread
            + settings.l0_lambda * kept
        )

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Let the gates, which draw from torch's one generator, draw from this fit's state."""
        if self.model.gates is None:
            yield
            return
        random = self._torch.random
        with random.fork_rng(devices=[]):
            random.set_rng_state(self._random)
            yield
            self._random = random.get_rng_state()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: the order of its sums then depends on no machine."""
    torch = library("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
