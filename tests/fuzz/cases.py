"""Every input by (kind, seed, number): written again in any process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.faults.good import INCUMBENT
from tests.fuzz.datasets import drawn_dataset
from tests.fuzz.mutants import mutant
from tests.fuzz.writing import write

KINDS = ("bytes", "dataset")
WITH_INCUMBENT = 3  # every third input is compared with an incumbent too


@dataclass(frozen=True)
class Case:
    """One input: which one, what it is in words, and the incumbent it is compared with."""

    kind: str
    seed: int
    number: int
    words: str
    incumbent: str | None

    @property
    def again(self) -> str:
        """Return the command that writes and checks this input again."""
        return f"python -m tests.fuzz.replay {self.kind} {self.seed} {self.number}"


def write_case(kind: str, seed: int, number: int, path: Path) -> Case:
    """Write input `number` of a seed to `path`."""
    if kind == "bytes":
        words, content = mutant(seed, number)
        path.write_bytes(content)
    else:
        drawn = drawn_dataset(seed, number)
        words = repr(drawn)
        write(drawn, path)
    return Case(kind, seed, number, words, None if number % WITH_INCUMBENT else INCUMBENT)
