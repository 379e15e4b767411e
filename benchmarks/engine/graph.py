"""What each calculated value was made from, and what a changed parameter or input reaches.

Recorded once, while the baseline is calculated; a reform then recomputes only what its changes
reach. Everything a simulation branch reads belongs to the formula of the main simulation that
opened the branch. A superfluous edge costs time, a missing one would give wrong figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Pair = tuple[str, str]
ANY_PERIOD = "*"


@dataclass
class DependencyGraph:
    """Reads of every (variable, period) of the main simulation.

    `values` holds the pairs a pair read, with period "*" where a formula asked which periods are
    known; `parameters` the full names of the parameters, scales and nodes it read.
    """

    values: dict[Pair, set[Pair]] = field(default_factory=dict)
    parameters: dict[Pair, set[str]] = field(default_factory=dict)
    overrides: dict[Pair, set[Pair]] = field(default_factory=dict)
    unsafe: str = ""

    def note_value(self, reader: Pair, read: Pair) -> None:
        """Record that `reader` was made from `read`."""
        if reader != read:
            self.values.setdefault(reader, set()).add(read)

    def note_parameter(self, reader: Pair, name: str) -> None:
        """Record that `reader` was made from the parameter, scale or whole node `name`."""
        self.parameters.setdefault(reader, set()).add(name)

    def affected(self, parameters: Iterable[str], inputs: Iterable[Pair] = ()) -> set[Pair]:
        """Return every pair that the changed parameters (full paths) or inputs reach.

        The changed inputs themselves are not among them: they are set, not calculated.
        """
        changed, names = set(inputs), _and_above(parameters)
        readers = {pair for pair, read in self.parameters.items() if not names.isdisjoint(read)}
        return self._reached(readers | changed) - changed

    def recomputed(self, affected: set[Pair]) -> set[Pair]:
        """Return `affected` and what is better forgotten with it: values its branches override.

        A branch that overrides a value which the main simulation already holds starts from the
        inputs alone; where the value is not known yet, as in the baseline run, it inherits.
        """
        found = set(affected)
        while True:
            overridden = {
                pair for opener in found for pair in self.overrides.get(opener, ())
            } - found
            if not overridden:
                return found
            found |= self._reached(overridden)

    def _reached(self, seeds: set[Pair]) -> set[Pair]:
        readers: dict[Pair, list[Pair]] = {}
        for reader, read in self.values.items():
            for pair in read:
                readers.setdefault(pair, []).append(reader)
        found, pending = set(seeds), list(seeds)
        while pending:
            name, period = pending.pop()
            for reader in (*readers.get((name, period), ()), *readers.get((name, ANY_PERIOD), ())):
                if reader not in found:
                    found.add(reader)
                    pending.append(reader)
        return found


def _and_above(parameters: Iterable[str]) -> set[str]:
    """Return the paths and all that contains them: `a.b[0].c` is read by reading `a.b` or `a`.

    A formula that reads a scale or indexes a node by an array reads all that is below it.
    """
    found: set[str] = set()
    for path in parameters:
        found.add(path)
        for place, letter in enumerate(path):
            if letter in ".[":
                found.add(path[:place])
    return found
