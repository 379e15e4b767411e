"""One view over both H5 layouts; headers are read on open, arrays only when asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError
from schemas.layouts import ENTITIES, Column, FileLayout, LayoutName, read_layout
from schemas.preflight import preflight

__all__ = [
    "ENTITIES",
    "GROUP_ENTITIES",
    "REQUIRED_IDS",
    "WEIGHT",
    "Column",
    "Dataset",
    "id_name",
    "membership_name",
    "open_dataset",
]

GROUP_ENTITIES = ENTITIES[1:]
WEIGHT = "household_weight"
_CHUNK_BYTES = 16 * 1024**2


def id_name(entity: str) -> str:
    """Return the id variable of an entity: `person_id`, `household_id`, ..."""
    return f"{entity}_id"


def membership_name(entity: str) -> str:
    """Return the person-length variable that says which `entity` a person belongs to."""
    return f"person_{entity}_id"


REQUIRED_IDS = tuple(id_name(entity) for entity in ENTITIES) + tuple(
    membership_name(entity) for entity in GROUP_ENTITIES
)


class Dataset:
    """A microdata file that passed the preflight; `read` returns 1-D arrays in file row order.

    `period` is 0 for a file that declares no year. `irregular` and `misplaced` name what has no
    place in the file's layout. Arrays are kept once read, and are read-only.
    """

    def __init__(self, path: Path, layout: FileLayout) -> None:
        """Hold headers only."""
        self.path = path
        self.layout: LayoutName = layout.name
        self.period = layout.period
        self.irregular = layout.irregular
        self.misplaced = layout.misplaced
        self.variables = tuple(sorted(layout.columns))
        self._columns = layout.columns
        self._tables = layout.tables
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    def periods_of(self, name: str) -> tuple[str, ...]:
        """Return the period keys stored for a variable; empty for an empty group."""
        return tuple(sorted(self._columns[name]))

    def header(self, name: str, period: str | None = None) -> Column:
        """Return length and dtype without reading data; raises DatasetError if absent."""
        key = str(self.period) if period is None else period
        column = self._columns.get(name, {}).get(key)
        if column is None:
            raise DatasetError(
                f"{self.path.name} holds no {name} for {key}",
                reason="dataset.no_such_column",
                remedy=f"build the file with {name}/{key}",
            )
        return column

    def has(self, name: str) -> bool:
        """Decide whether a variable is stored for the file's own period."""
        return str(self.period) in self._columns.get(name, {})

    def read(self, name: str, period: str | None = None) -> np.ndarray:
        """Return one array (entity length, file row order, read-only); text as numpy str.

        Raises DatasetError for an absent column and for data that cannot be unpacked.
        """
        column = self.header(name, period)
        key = (name, str(self.period) if period is None else period)
        if key not in self._kept:
            try:
                if column.field is None:
                    self._keep(key, self._read_array(column))
                else:
                    self._read_table(self._tables[name])
            except (OSError, RuntimeError, ValueError, TypeError) as error:
                raise _damaged(self.path, error) from error
        return self._kept[key]

    def _keep(self, key: tuple[str, str], values: np.ndarray) -> None:
        text = _as_text(values)
        text.flags.writeable = False
        self._kept[key] = text

    def _read_array(self, column: Column) -> np.ndarray:
        with h5py.File(self.path, "r") as h5:
            return np.asarray(h5[column.path][()])

    def _read_table(self, entity: str) -> None:
        """Read all columns of one table in one pass: a pass unpacks the whole table anyway."""
        key = str(self.period)
        names = [name for name, table in self._tables.items() if table == entity]
        columns = {name: self._columns[name][key] for name in names}
        with h5py.File(self.path, "r") as h5:
            node = h5[f"/{entity}/table"]
            arrays = {name: np.empty(len(node), col.dtype) for name, col in columns.items()}
            step = max(1, _CHUNK_BYTES // node.dtype.itemsize)
            for start in range(0, len(node), step):
                rows = node[start : start + step]
                for name, column in columns.items():
                    values = rows[column.field]
                    part = values if column.index is None else values[:, column.index]
                    arrays[name][start : start + step] = part
        for name, values in arrays.items():
            self._keep((name, key), values)

    def nonzero_share(self, name: str) -> float:
        """Return the share of records (unweighted) that hold anything: not 0, false or empty.

        Every member of an enum is something, be it stored by name or as the index 0.
        """
        values = self.read(name)
        info = variable_table().get(name)
        if info is not None and info.enum and values.dtype.kind in "iu":
            return float(len(values) > 0)
        held = np.count_nonzero(values != "" if values.dtype.kind == "U" else values)
        return float(held) / max(len(values), 1)

    def entity_of(self, name: str) -> str | None:
        """Return the entity of a variable: by table, engine or unique length."""
        if name in self._tables:
            return self._tables[name]
        info = variable_table().get(name)
        if info is not None:
            return info.entity
        lengths = {column.length for column in self._columns[name].values()}
        matches = [e for e in ENTITIES if {self._sizes.get(e)} == lengths]
        return matches[0] if len(matches) == 1 else None

    def size_of(self, entity: str) -> int:
        """Return the number of records of an entity; raises DatasetError without its ids."""
        size = self._sizes.get(entity)
        if size is None:
            raise DatasetError(
                f"{self.path.name} has no {id_name(entity)}",
                reason="dataset.no_ids",
                remedy=f"store {id_name(entity)} for {self.period}",
            )
        return size

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {e: self.header(id_name(e)).length for e in ENTITIES if self.has(id_name(e))}


def _as_text(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":
        return np.array(
            [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values],
            dtype=str,
        )
    return values


def open_dataset(path: Path | str) -> Dataset:
    """Return the view of a file after the preflight; raises DatasetError with a reason id."""
    file = Path(path)
    preflight(file)
    try:
        with h5py.File(file, "r") as h5:
            return Dataset(file, read_layout(file, h5))
    except DatasetError:
        raise
    except Exception as error:  # whatever a damaged header makes h5py raise
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DatasetError:
    words = " ".join(str(error).split())[:160] or type(error).__name__
    return DatasetError(
        f"{file.name} cannot be read ({words})",
        reason="h5.damaged",
        remedy="copy or build the file again and compare its sha256",
    )
