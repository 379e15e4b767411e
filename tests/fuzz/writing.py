"""Writes a drawn dataset with h5py alone: nothing refuses what it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from tests.faults.good import good_columns
from tests.fuzz.arrays import array_of, as_bytes
from tests.fuzz.datasets import Change, Drawn, Recipe
from tests.fuzz.tables import write_tables
from tests.small import PERIOD, Columns, small_columns

BASES = {"good": good_columns, "small": small_columns, "nothing": dict}


def write(drawn: Drawn, path: Path) -> None:
    """Write the file; what HDF5 itself cannot hold is left out."""
    columns: Columns = {
        name: values for name, values in BASES[drawn.base]().items() if name not in drawn.without
    }
    with h5py.File(path, "w") as h5:
        if drawn.layout in ("arrays", "mixed"):
            _write_arrays(h5, columns, drawn)
        if drawn.layout in ("tables", "mixed"):
            write_tables(h5, columns, drawn)


def _write_arrays(h5: h5py.File, columns: Columns, drawn: Drawn) -> None:
    year = str(PERIOD if drawn.period is None else drawn.period)
    changed = {change.name for change in drawn.changes}
    for name, values in columns.items():
        if name not in changed:
            h5[f"{name}/{year}"] = as_bytes(values)
    for change in drawn.changes:
        _store(h5, change, drawn.chunks)


def _store(h5: h5py.File, change: Change, chunks: bool) -> None:
    try:
        for key, recipe in change.periods:
            place = f"{change.name}/{key}"
            if change.form == "bare":
                place = change.name
            elif change.form == "nested":
                place = f"{change.name}/{key}/deeper/{key}"
            _create(h5, place, recipe, chunks)
            if change.form == "attribute":
                h5[place].attrs[change.name] = key
        if not change.periods:
            h5.create_group(change.name)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError):
        return  # a name or a place that HDF5 does not take


def _create(h5: h5py.File, place: str, recipe: Recipe, chunks: bool) -> None:
    if recipe.shape == "null":
        h5[place] = h5py.Empty("f4")
        return
    data, dtype = array_of(recipe)
    options: dict[str, Any] = {"compression": "gzip"} if chunks and data.size else {}
    h5.create_dataset(place, data=data, dtype=dtype, **options)
