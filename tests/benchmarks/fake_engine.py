"""Stand-ins for the engine: figures that depend on variable and change only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.arms import Arm
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from tests.benchmarks.scoring_fakes import FakeArrays

GROUPS = ("household", "tax_unit", "spm_unit", "family", "marital_unit")


class FakeEngine:
    """Answers any arm with figures that depend on variable and change only; counts the arms."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(
        self,
        paths: Sequence[Path],
        arms: Sequence[Sequence[Arm]],
        *,
        progress: Any = None,
        exact: bool = False,
    ) -> list[dict[str, FakeArrays]]:
        method = "exact" if exact else "incremental"
        return [
            {arm.id: self.simulate(path, arm, method) for arm in each}
            for path, each in zip(paths, arms, strict=True)
        ]

    def simulate(self, path: Path, arm: Arm, method: str = "incremental") -> FakeArrays:
        self.calls.append(arm.id)
        dataset = open_dataset(path)
        table = variable_table()
        entity = {each: table[each.partition("@")[0]].entity for each in arm.outputs}
        sizes = {each: dataset.size_of(each) for each in ("person", *GROUPS)}
        changed = not arm.is_baseline
        arrays = {each: self._values(each, sizes[entity[each]], changed) for each in arm.outputs}
        meta = {"wall_s": 1.0, "method": method}
        return FakeArrays(arrays, entity, _person_to(dataset), sizes, meta)

    def _values(self, request: str, size: int, changed: bool) -> np.ndarray:
        kind = variable_table()[request.partition("@")[0]]
        if kind.enum is not None:
            return np.array([kind.enum[i % len(kind.enum)] for i in range(size)])
        rng = np.random.default_rng(sum(map(ord, request)))
        values = rng.uniform(0, 1_000, size)
        return values * (1.1 if changed else 1.0)


def _person_to(dataset: Any) -> dict[str, np.ndarray]:
    found = {}
    for group in GROUPS:
        ids = dataset.read(f"{group}_id").tolist()
        rows = {each: row for row, each in enumerate(ids)}
        found[group] = np.array(
            [rows[each] for each in dataset.read(f"person_{group}_id").tolist()]
        )
    return found


class FakeSession(FakeEngine):
    """The same figures, asked for as the engine session's `simulate` is."""

    def __call__(  # type: ignore[override]
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> FakeArrays:
        return self.simulate(path, Arm("simulation", 2024, tuple(outputs), reform))
