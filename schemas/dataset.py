"""One view over both H5 layouts; headers are read on open, arrays only when asked for.

Layouts (shared by every eCPS and by the current policyengine-us default respectively):
`period_arrays` is `<variable>/<period>`; `entity_tables` is one pandas table per entity.
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError
from schemas.preflight import preflight

Layout = Literal["period_arrays", "entity_tables"]
ENTITIES = ("person", "household", "tax_unit", "spm_unit", "family", "marital_unit")
GROUP_ENTITIES = ENTITIES[1:]
WEIGHT = "household_weight"
_PERIOD_TABLE = "_time_period"


def id_name(entity: str) -> str:
    """Return the id variable of an entity: `person_id`, `household_id`, ..."""
    return f"{entity}_id"


def membership_name(entity: str) -> str:
    """Return the person-length variable that says which `entity` a person belongs to."""
    return f"person_{entity}_id"


REQUIRED_IDS = tuple(id_name(entity) for entity in ENTITIES) + tuple(
    membership_name(entity) for entity in GROUP_ENTITIES
)


@dataclass(frozen=True)
class Column:
    """Where one array of a variable lies: HDF5 path, field of a table, and its header."""

    path: str
    field: str | None
    index: int | None
    length: int
    dtype: np.dtype


class Dataset:
    """A microdata file that passed the preflight; `read` returns 1-D arrays in file row order."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        period: int,
        columns: dict[str, dict[str, Column]],
        tables: dict[str, str],
    ) -> None:
        """Hold headers only: `columns` is variable -> period -> Column, `tables` name -> entity."""
        self.path = path
        self.layout: Layout = layout
        self.period = period
        self.variables = tuple(sorted(columns))
        self._columns = columns
        self._tables = tables

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
        """Return one array (entity length, file row order); text as numpy str."""
        column = self.header(name, period)
        with h5py.File(self.path, "r") as h5:
            node = h5[column.path]
            values = node[()] if column.field is None else node.fields(column.field)[()]
        if column.index is not None:
            values = values[:, column.index]
        return _as_text(np.asarray(values))

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
            [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
        )
    return values


def open_dataset(path: Path | str) -> Dataset:
    """Return the view of a file after the preflight; raises DatasetError with a reason id."""
    file = Path(path)
    preflight(file)
    try:
        with h5py.File(file, "r") as h5:
            keys = set(h5)
            if keys & set(ENTITIES):
                return _open_tables(file, h5)
            return _open_arrays(file, h5)
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"{file.name} cannot be read ({str(error).splitlines()[0][:160]})",
            reason="h5.damaged",
            remedy="copy or build the file again and compare its sha256",
        ) from error


def _open_arrays(file: Path, h5: h5py.File) -> Dataset:
    bare = sorted(key for key in h5 if isinstance(h5[key], h5py.Dataset))
    if bare or not len(h5):
        raise DatasetError(
            f"{file.name} has {'bare root arrays such as ' + bare[0] if bare else 'no variables'}",
            reason="dataset.layout",
            remedy="store each variable as <variable>/<period>, or one table per entity",
        )
    columns = {
        name: {
            key: Column(f"/{name}/{key}", None, None, len(node), node.dtype)
            for key, node in h5[name].items()
            if isinstance(node, h5py.Dataset) and node.ndim == 1
        }
        for name in h5
    }
    counts = Counter(key for periods in columns.values() for key in periods)
    years = [key for key, _ in counts.most_common() if key.isdigit() and len(key) == 4]
    if not years:
        raise DatasetError(
            f"{file.name} has no yearly period key",
            reason="dataset.period",
            remedy="store each variable as <variable>/<year>",
        )
    return Dataset(file, "period_arrays", int(years[0]), columns, {})


def _open_tables(file: Path, h5: h5py.File) -> Dataset:
    period = _table_period(file, h5)
    columns: dict[str, dict[str, Column]] = {}
    tables: dict[str, str] = {}
    for entity in ENTITIES:
        if entity not in h5:
            continue
        for name, column in _table_columns(file, h5, entity).items():
            columns.setdefault(name, {})[str(period)] = column
            tables[name] = entity
    return Dataset(file, "entity_tables", period, columns, tables)


def _table_period(file: Path, h5: h5py.File) -> int:
    node = h5.get(f"{_PERIOD_TABLE}/table")
    if not isinstance(node, h5py.Dataset) or not len(node):
        raise DatasetError(
            f"{file.name} has entity tables but no {_PERIOD_TABLE}",
            reason="dataset.period",
            remedy=f"store the year in {_PERIOD_TABLE}",
        )
    fields = [name for name in node.dtype.names if name != "index"]
    return int(np.ravel(node.fields(fields[0])[()])[0])


def _table_columns(file: Path, h5: h5py.File, entity: str) -> dict[str, Column]:
    node = h5.get(f"{entity}/table")
    if not isinstance(node, h5py.Dataset) or node.dtype.names is None:
        raise DatasetError(
            f"the {entity} table of {file.name} is not in pandas table format",
            reason="dataset.layout",
            remedy='write it with format="table"',
        )
    found: dict[str, Column] = {}
    for field in node.dtype.names:
        if field == "index":
            continue
        dtype, length, path = node.dtype[field], len(node), f"/{entity}/table"
        if field.startswith("values_block_"):
            for i, name in enumerate(_block_names(node, field)):
                found[name] = Column(path, field, i, length, dtype.base)
        else:
            found[field] = Column(path, field, None, length, dtype)
    return found


def _block_names(node: h5py.Dataset, field: str) -> list[str]:
    """Return the column names of a pandas block; the pickle is a literal list (preflight)."""
    names = pickle.loads(bytes(node.attrs[f"{field}_kind"]))
    return [str(name) for name in names]
