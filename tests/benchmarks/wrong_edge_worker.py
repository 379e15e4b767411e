"""The fast worker with one dependency edge lost, for the test that must notice it."""

import os
import sys

from benchmarks.engine import fast_worker
from benchmarks.engine.graph import DependencyGraph, Pair

LOST = ("household_net_income", "household_benefits")
_note_value = DependencyGraph.note_value


def _forgetful(self: DependencyGraph, reader: Pair, read: Pair) -> None:
    if (reader[0], read[0]) != LOST:
        _note_value(self, reader, read)


if __name__ == "__main__":
    DependencyGraph.note_value = _forgetful  # type: ignore[method-assign]
    fast_worker.main(sys.argv[1])
    os._exit(0)
