"""Move entity-length arrays between levels, the way the target facts define it."""

from __future__ import annotations

import numpy as np

from benchmarks.scoring.arrays import SimulatedArrays
from schemas.errors import MeasureError

PERSON = "person"
HOUSEHOLD = "household"


class EntityMap:
    """Moves rows between person, group entities and household of one simulation.

    A group belongs to the household of its first member in file order, the engine's own rule
    (`value_from_first_person`), so figures agree with its weighted series.
    """

    def __init__(self, simulated: SimulatedArrays) -> None:
        """Take sizes and memberships; household memberships are required."""
        self._person_to = simulated.person_to
        self._sizes = simulated.sizes
        self._rows: dict[str, np.ndarray] = {}

    def size(self, entity: str) -> int:
        """Return the number of rows of `entity`."""
        return int(self._sizes[entity])

    def household_rows(self, entity: str) -> np.ndarray:
        """Return, per row of `entity`, its household's row index."""
        if entity not in self._rows:
            self._rows[entity] = self._find_household_rows(entity)
        return self._rows[entity]

    def move(self, values: np.ndarray, source: str, target: str) -> np.ndarray:
        """Return `values` of `source` rows at `target` rows: summed upwards, copied downwards.

        Raises MeasureError for a sideways move (tax unit to SPM unit) and for a sum of text.
        """
        if source == target:
            return values
        if target == PERSON:
            return np.asarray(values[self._person_to[source]])
        if source == HOUSEHOLD:
            return np.asarray(values[self.household_rows(target)])
        if source == PERSON:
            return self._sum(values, self._person_to[target], target)
        if target == HOUSEHOLD:
            return self._sum(values, self.household_rows(source), target)
        raise MeasureError(
            f"values of a {source} have no defined value at a {target}",
            reason="scoring.sideways",
            remedy="state the target at a level that contains, or is contained in, its variables",
        )

    def to_household(self, values: np.ndarray, entity: str) -> np.ndarray:
        """Return the household-length sums of `values` given at `entity`."""
        return self.move(values.astype(np.float64), entity, HOUSEHOLD)

    def _sum(self, values: np.ndarray, rows: np.ndarray, target: str) -> np.ndarray:
        if values.dtype.kind not in "biuf":
            raise MeasureError(
                f"text cannot be summed to the {target} level",
                reason="scoring.text_sum",
                remedy="evaluate text constraints at the level of their own variable",
            )
        return np.bincount(rows, weights=values.astype(np.float64), minlength=self.size(target))

    def _find_household_rows(self, entity: str) -> np.ndarray:
        if entity == HOUSEHOLD:
            return np.arange(self.size(HOUSEHOLD))
        persons = self._person_to[HOUSEHOLD]
        if entity == PERSON:
            return persons
        rows = np.full(self.size(entity), -1, dtype=np.int64)
        rows[self._person_to[entity][::-1]] = persons[::-1]
        if (rows < 0).any():
            raise MeasureError(
                f"{int((rows < 0).sum())} {entity} record(s) have no member",
                reason="scoring.empty_group",
                remedy="drop groups without members from the file",
            )
        return rows
