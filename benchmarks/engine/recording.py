"""Records the dependency graph of an engine process by watching core's own entry points.

Reads of parameters are seen where they happen, on the classes of the parameter tree, so tax
scales, nodes indexed by arrays, systems that a formula pins to an older law, and parameters read
past the argument of the formula are all seen. (core's tracing nodes leave scales out and turn the
fast path of `calculate` off.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from benchmarks.engine.graph import ANY_PERIOD, DependencyGraph, Pair
from benchmarks.engine.parameter_watch import ParameterWatch
from benchmarks.engine.trace import DEFAULT_BRANCH, RunCounter

_ETERNITY = "eternity"
_ABSENT = object()


class _Frame:
    """A calculation that runs: who it is, and which main pair answers for what it reads."""

    __slots__ = ("main", "owner", "pair")

    def __init__(self, pair: Pair, owner: Pair, main: bool) -> None:
        self.pair, self.owner, self.main = pair, owner, main


class Recorder(RunCounter):
    """Counts formula runs and records what every value of the main simulation was made from."""

    def __init__(self) -> None:
        """Start with an empty graph."""
        super().__init__()
        self.graph = DependencyGraph()
        self._stack: list[_Frame] = []
        # Per branch, the values that it ran a formula for, and the main pairs that asked for it.
        self._in_branch: WeakKeyDictionary[Any, dict[Pair, set[Pair]]] = WeakKeyDictionary()
        self._replaced: list[tuple[Any, str, Any]] = []

    def install(self, simulation_class: Any) -> None:
        """Watch calculations, formula runs, stored values and parameters from now on."""
        super().install(simulation_class)
        self._replace(simulation_class, "calculate", self._watching_calls)
        self._replace(simulation_class, "_calculate", self._watching_frames)
        self._replace(simulation_class, "_run_formula", self._watching_runs)
        self._replace(simulation_class, "set_input", self._watching_overrides)
        self._replace(simulation_class, "invalidate_spiral_variables", self._watching_spirals)
        self._watch_stores()
        self._parameters = ParameterWatch(self._note_parameter)
        self._parameters.start()

    def stop_recording(self) -> None:
        """Take the watching off again, but for the count of formula runs."""
        for owner, name, original in reversed(self._replaced):
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._replaced.clear()
        self._parameters.stop()

    def _replace(
        self, owner: Any, name: str, watching: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self._replaced.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, watching(getattr(owner, name)))

    # calculations -----------------------------------------------------------------------------

    def _watching_calls(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Note each request for a value: in a branch, only of values the branch inherited."""

        def noted(simulation: Any, name: str, period: Any = None, *args: Any, **kw: Any) -> Any:
            if not self._stack:
                return original(simulation, name, period, *args, **kw)
            if period is None:
                period = simulation.default_calculation_period
            frame, pair = self._stack[-1], (name, str(period))
            if simulation.branch_name == DEFAULT_BRANCH:
                self.graph.note_value(frame.owner, pair)
                return original(simulation, name, period, *args, **kw)
            result = original(simulation, name, period, *args, **kw)
            # Made there for another owner: a branch that one formula opened and another reads.
            for source in self._makers(simulation, pair) or {pair}:
                self.graph.note_value(frame.owner, source)
            return result

        return noted

    def _makers(self, simulation: Any, pair: Pair) -> set[Pair]:
        """Return for whom a branch, or one it was opened from, ran the formula of `pair`."""
        while simulation is not None and simulation.branch_name != DEFAULT_BRANCH:
            if makers := self._in_branch.get(simulation, {}).get(pair):
                return makers
            simulation = simulation.parent_branch
        return set()

    def _watching_frames(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Keep the stack of running calculations, masks (`defined_for`) included."""

        def framed(simulation: Any, name: str, period: Any = None) -> Any:
            pair = (name, str(period))
            main = simulation.branch_name == DEFAULT_BRANCH
            owner = pair if main or not self._stack else self._stack[-1].owner
            variable = simulation.tax_benefit_system.variables.get(name)
            if getattr(variable, "definition_period", None) == _ETERNITY:
                # Stored once for all periods: made for the one that was asked for first.
                self.graph.note_value(pair, (name, ANY_PERIOD))
            if main and self._stack and self._stack[-1].owner != pair:
                self.graph.note_value(self._stack[-1].owner, pair)
            self._stack.append(_Frame(pair, owner, main))
            try:
                return original(simulation, name, period)
            finally:
                self._stack.pop()

        return framed

    def _watching_overrides(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(simulation: Any, name: str, period: Any, value: Any) -> Any:
            if self._stack and simulation.branch_name != DEFAULT_BRANCH:
                owner = self._stack[-1].owner
                self.graph.overrides.setdefault(owner, set()).add((name, str(period)))
            return original(simulation, name, period, value)

        return noted

    def _watching_runs(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def ran(simulation: Any, variable: Any, population: Any, period: Any) -> Any:
            if simulation.branch_name != DEFAULT_BRANCH and self._stack:
                made = self._in_branch.setdefault(simulation, {})
                made.setdefault((variable.name, str(period)), set()).add(self._stack[-1].owner)
            return original(simulation, variable, population, period)

        return ran

    def _watching_spirals(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A value cut out of a spiral depends on where the spiral was entered: not on reads."""

        def noted(simulation: Any, variable: str) -> Any:
            self.graph.unsafe = f"{variable} depends on itself"
            return original(simulation, variable)

        return noted

    # stored values ----------------------------------------------------------------------------

    def _watch_stores(self) -> None:
        """Note formulas that look at what another variable's holder stores."""
        from policyengine_core.holders import Holder

        def arrays(original: Callable[..., Any]) -> Callable[..., Any]:
            def noted(holder: Any, period: Any, *args: Any, **kw: Any) -> Any:
                self._note_store(holder.variable.name, str(period))
                return original(holder, period, *args, **kw)

            return noted

        def periods(original: Callable[..., Any]) -> Callable[..., Any]:
            def noted(holder: Any) -> Any:
                self._note_store(holder.variable.name, ANY_PERIOD)
                return original(holder)

            return noted

        self._replace(Holder, "get_array", arrays)
        self._replace(Holder, "get_known_periods", periods)

    def _note_store(self, name: str, period: str) -> None:
        """Note a look at a store; of its own, a value may see other periods (and is uprated)."""
        if self._stack and self._stack[-1].pair != (name, period):
            self.graph.note_value(self._stack[-1].owner, (name, period))

    def _note_parameter(self, name: str) -> None:
        if self._stack:
            self.graph.note_parameter(self._stack[-1].owner, name)
