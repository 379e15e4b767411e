"""The data set between stages: engine input columns, ids, and where each household came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from schemas.dataset import GROUP_ENTITIES, id_name, membership_name
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError

Columns = dict[str, np.ndarray]
_FILE = "frame.npz"
_OWN = ("origin", "source_key", "period")


@dataclass(frozen=True)
class Frame:
    """Engine inputs of one period: `columns` hold one array per variable, as long as its entity.

    Ids and memberships are columns too; `household_weight` is household-length. `origin` names the
    source of each household, `source_key` its key there (both household-length): provenance that
    stays outside the H5.
    """

    columns: Mapping[str, np.ndarray]
    period: int
    origin: np.ndarray
    source_key: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Return the household weights (household length)."""
        return np.asarray(self.columns["household_weight"], dtype=np.float64)

    def size(self, entity: str) -> int:
        """Return the number of records of an entity."""
        return len(self.columns[id_name(entity)])

    def row_of(self, entity: str) -> np.ndarray:
        """Return each person's row in a group entity's columns (person length)."""
        ids = self.columns[id_name(entity)]
        order = np.argsort(ids, kind="stable")
        place = np.searchsorted(ids, self.columns[membership_name(entity)], sorter=order)
        return np.asarray(order[place])

    def sum_to(self, entity: str, values: np.ndarray) -> np.ndarray:
        """Return person values added up per record of a group entity."""
        return np.bincount(self.row_of(entity), weights=values, minlength=self.size(entity))

    def with_columns(self, changed: Mapping[str, np.ndarray]) -> Frame:
        """Return a frame with columns replaced or added; raises BuildError on a wrong length."""
        table = variable_table()
        for name, values in changed.items():
            if len(values) != self.size(table[name].entity):
                raise BuildError(
                    f"{name} has {len(values)} values for {self.size(table[name].entity)} records",
                    reason="builder.column_length",
                    remedy="make the column for the same records as the frame",
                )
        return replace(self, columns={**self.columns, **changed})

    def save(self, folder: Path) -> None:
        """Write the frame below a folder, without pickles."""
        own = dict(zip(_OWN, (self.origin, self.source_key, np.array(self.period)), strict=True))
        prefixed = {f"column.{name}": values for name, values in self.columns.items()}
        np.savez(folder / _FILE, allow_pickle=False, **own, **prefixed)


def load_frame(folder: Path) -> Frame:
    """Return the frame that `Frame.save` wrote below a folder."""
    with np.load(folder / _FILE, allow_pickle=False) as file:
        columns = {
            name.removeprefix("column."): file[name] for name in file.files if name not in _OWN
        }
        return Frame(columns, int(file["period"]), file["origin"], file["source_key"])


def entity_ids() -> tuple[str, ...]:
    """Return the names of the id and membership columns that every frame has."""
    groups = [name for each in GROUP_ENTITIES for name in (id_name(each), membership_name(each))]
    return ("person_id", *groups)
