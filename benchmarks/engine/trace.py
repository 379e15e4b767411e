"""Counts formula runs in an engine process and, when asked, records who called whom.

policyengine-core runs a formula each time `Simulation._run_formula` is entered; a value that is
already cached never gets there. Simulation branches (a state credit computed as if the federal
law were the old one) start from what their parent has cached, so everything the parent has not
computed yet is computed again inside the branch. That is why evaluation order matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from schemas.dataset import WEIGHT

DEFAULT_BRANCH = "default"
Pair = tuple[str, str]


class RunCounter:
    """Formula runs per (variable, period), branches taken together."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.runs: Counter[Pair] = Counter()
        self.weights_read = False
        self._attaching_weights = 0

    def install(self, simulation_class: Any) -> None:
        """Count every formula run of `simulation_class` from now on."""
        original = simulation_class._run_formula

        def counted(simulation: Any, variable: Any, population: Any, period: Any) -> Any:
            self.enter((variable.name, str(period)), simulation.branch_name)
            try:
                return original(simulation, variable, population, period)
            finally:
                self.leave()

        simulation_class._run_formula = counted
        simulation_class.calculate = self._watching_weights(simulation_class.calculate)

    def _watching_weights(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Note a formula that asks for the weights: its result may depend on them (ranks do)."""

        def watched(simulation: Any, name: str, *args: Any, **kw: Any) -> Any:
            self.weights_read |= name == WEIGHT and not self._attaching_weights
            return original(simulation, name, *args, **kw)

        return watched

    def ignore_attached_weights(self, microsimulation_class: Any) -> None:
        """Leave out the weights that core attaches to every series and formulas don't look at."""
        original = microsimulation_class.get_weights

        def attaching(*args: Any, **kw: Any) -> Any:
            self._attaching_weights += 1
            try:
                return original(*args, **kw)
            finally:
                self._attaching_weights -= 1

        microsimulation_class.get_weights = attaching

    def enter(self, pair: Pair, branch: str) -> None:
        """Count one run; `branch` matters to a subclass only."""
        del branch
        self.runs[pair] += 1

    def leave(self) -> None:
        """Nothing to undo when only counting."""

    @property
    def total(self) -> int:
        """Return the number of formula runs."""
        return sum(self.runs.values())


class CallTrace(RunCounter):
    """Also records calls inside the main simulation and what each branching formula runs."""

    def __init__(self) -> None:
        """Start with an empty graph."""
        super().__init__()
        self.calls: dict[Pair, set[Pair]] = {}
        self.finished: dict[Pair, int] = {}
        self.branched: dict[Pair, set[Pair]] = {}
        self._stack: list[tuple[Pair, str]] = []

    def install(self, simulation_class: Any) -> None:
        """Hook formula runs and calls (a call may be served from the cache)."""
        super().install(simulation_class)
        simulation_class.calculate = self._noting_calls(simulation_class.calculate)

    def _noting_calls(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(simulation: Any, name: str, period: Any = None, *args: Any, **kw: Any) -> Any:
            self._note((name, str(period)), simulation.branch_name)
            return original(simulation, name, period, *args, **kw)

        return noted

    def enter(self, pair: Pair, branch: str) -> None:
        """Count the run and put it on the stack of running formulas."""
        super().enter(pair, branch)
        self._note(pair, branch)
        if branch != DEFAULT_BRANCH:
            origin = next(p for p, b in reversed(self._stack) if b == DEFAULT_BRANCH)
            self.branched.setdefault(origin, set()).add(pair)
        self._stack.append((pair, branch))

    def leave(self) -> None:
        """Take the finished run off the stack; the order of finishing is a topological order."""
        pair, branch = self._stack.pop()
        if branch == DEFAULT_BRANCH:
            self.finished.setdefault(pair, len(self.finished))

    def _note(self, pair: Pair, branch: str) -> None:
        if self._stack and branch == DEFAULT_BRANCH == self._stack[-1][1]:
            self.calls.setdefault(self._stack[-1][0], set()).add(pair)
