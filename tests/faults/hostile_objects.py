"""Hostile objects: arrays, fields and attributes that hold more than numbers and text.

Beside them the one pickle that this project reads itself: the column names of a pandas block.
"""

# ruff: noqa: E501  (one line of the catalogue per file)
from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import tables

from tests.faults.hostile import (
    OBJECTS,
    PICKLE,
    Hostile,
    Layout,
    Runs,
    Spoil,
    Write,
    anew,
    fixed,
    inside,
)
from tests.faults.hostile_pickles import Opens, call
from tests.faults.model import frames_of, sound


def object_array(place: str) -> Write:
    """Append a PyTables object array: every row of it is a pickle."""

    def write(path: Path, marker: Path) -> None:
        with tables.open_file(path, "r+") as h5:
            rows = h5.create_vlarray(place, "rows", tables.ObjectAtom())
            rows.append(Opens(marker))

    return write


def fixed_frame(path: Path, marker: Path) -> None:
    """Write pandas' fixed format, which pickles a column of objects as a whole."""
    frame = pd.DataFrame({"age": [1.0, 2.0], "note": [Opens(marker), Opens(marker)]})
    with pd.HDFStore(path, mode="w") as store:
        store.put("person", frame, format="fixed", track_times=False)


def object_index(path: Path, marker: Path) -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0]}, index=pd.Index([Opens(marker), 2], dtype=object))
    with pd.HDFStore(path, mode="w") as store:
        store.put("person", frame, format="fixed", track_times=False)


def variable_bytes(h5: h5py.File, marker: Path) -> None:
    rows = h5["age"].create_dataset("rows", (1,), h5py.vlen_dtype(np.uint8))
    rows[0] = np.frombuffer(call(marker), dtype="u1")


def named_as_pytables_does(h5: h5py.File, marker: Path) -> None:
    variable_bytes(h5, marker)
    marks = {"CLASS": "VLARRAY", "PSEUDOATOM": "object", "VERSION": "1.4", "FLAVOR": "numpy"}
    for name, value in marks.items():
        h5["age/rows"].attrs[name] = np.bytes_(value)


def named_by_a_pickle(h5: h5py.File, marker: Path) -> None:
    """Spell `object` as a literal pickle, which PyTables unpickles before it compares."""
    named_as_pytables_does(h5, marker)
    h5["age/rows"].attrs["PSEUDOATOM"] = np.bytes_(pickle.dumps("object", protocol=0))


def variable_numbers(h5: h5py.File, marker: Path) -> None:
    h5["age"].create_dataset("rows", (3,), h5py.vlen_dtype(np.float64))


def numbers_called_objects(h5: h5py.File, marker: Path) -> None:
    rows = h5["age"].create_dataset("rows", data=np.frombuffer(call(marker), dtype="u1"))
    rows.attrs["PSEUDOATOM"] = np.bytes_("object")


def references(h5: h5py.File, marker: Path) -> None:
    h5["age"].create_dataset("rows", data=[h5["age"].ref], dtype=h5py.ref_dtype)


def regions(h5: h5py.File, marker: Path) -> None:
    h5["age"].create_dataset(
        "rows", data=[h5["age/2024"].regionref[:2]], dtype=h5py.regionref_dtype
    )


def field(kind: np.dtype) -> Spoil:
    """Store a table with one honest field and one of another kind."""

    def spoil(h5: h5py.File, marker: Path) -> None:
        h5["age"].create_dataset("rows", (2,), np.dtype([("index", "i8"), ("age", kind)]))

    return spoil


def nested_field(h5: h5py.File, marker: Path) -> None:
    inner = np.dtype([("deep", h5py.vlen_dtype(np.uint8))])
    h5["age"].create_dataset("rows", (2,), np.dtype([("index", "i8"), ("age", inner)]))


def repeated_field(h5: h5py.File, marker: Path) -> None:
    kind = np.dtype([("index", "i8"), ("age", h5py.ref_dtype, (2,))])
    h5["age"].create_dataset("rows", (2,), kind)


def bytes_attribute(h5: h5py.File, marker: Path) -> None:
    space = h5py.h5s.create_simple((1,))
    h5py.h5a.create(h5["age"].id, b"rows", h5py.h5t.py_create(BYTES, logical=True), space)


def reference_attribute(h5: h5py.File, marker: Path) -> None:
    h5["age"].attrs["rows"] = h5["age"].ref


def scale(h5: h5py.File, marker: Path) -> None:
    """Attach a dimension scale: h5py keeps it as variable-length references."""
    h5["is_blind/2024"].make_scale("blind")
    h5["age/2024"].dims[0].attach_scale(h5["is_blind/2024"])


def block_names(value: Callable[[bytes], np.ndarray]) -> Write:
    """Write tables of blocks whose column names, which this project unpickles, are a call."""

    def write(path: Path, marker: Path) -> None:
        with pd.HDFStore(path, mode="w") as store:
            for key, frame in frames_of(sound()).items():
                store.put(key, frame, format="table", index=False, track_times=False)
        with h5py.File(path, "r+") as h5:
            attributes = h5["person/table"].attrs
            del attributes["values_block_0_kind"]
            attributes.create("values_block_0_kind", value(call(marker)))

    return anew(write)


def _blocks() -> tuple[Hostile, ...]:
    kinds: dict[str, tuple[Callable[[bytes], np.ndarray], Runs, str]] = {
        "text": (fixed, "read", "as PyTables would unpickle them"),
        "tail": (lambda code: fixed(code + b"x"), "never", "with something behind the full stop"),
        "uint8": (lambda code: np.frombuffer(code, dtype="u1"), "never", "as numbers"),
        "pieces": (_pieces, "never", "in pieces"),
    }
    return tuple(
        Hostile(
            f"pickle.block.{name}",
            PICKLE,
            f"column names of a block {what}",
            block_names(value),
            "entity_tables",
            runs,
        )
        for name, (value, runs, what) in kinds.items()
    )


def _pieces(code: bytes) -> np.ndarray:
    padded = code + b"x" * (-len(code) % 4)
    return np.frombuffer(padded, dtype="S4")


BYTES = h5py.vlen_dtype(np.uint8)
ARRAYS: Layout = "period_arrays"
TABLES: Layout = "entity_tables"
TABLE: tuple[tuple[str, str, Write, Layout, Runs], ...] = (
    ("root_array", "an object array at the root", object_array("/"), ARRAYS, "read"),
    ("variable_array", "an object array in a variable", object_array("/age"), ARRAYS, "read"),
    ("table_array", "an object array beside a table", object_array("/person"), TABLES, "read"),
    ("fixed_frame", "a fixed frame of objects", anew(fixed_frame), TABLES, "read"),
    ("fixed_index", "a fixed frame with an index of objects", anew(object_index), TABLES, "read"),
    ("pytables_rows", "variable bytes that PyTables unpickles", inside(named_as_pytables_does), ARRAYS, "read"),
    ("pickled_name", "the same, named by a pickle", inside(named_by_a_pickle), ARRAYS, "read"),
    ("bytes", "variable bytes", inside(variable_bytes), ARRAYS, "never"),
    ("numbers", "variable numbers", inside(variable_numbers), ARRAYS, "never"),
    ("uint8", "numbers that call themselves objects", inside(numbers_called_objects), ARRAYS, "never"),
    ("references", "references to objects", inside(references), ARRAYS, "never"),
    ("regions", "references to regions", inside(regions), ARRAYS, "never"),
    ("field.bytes", "a table field of variable bytes", inside(field(BYTES)), ARRAYS, "untried"),
    ("field.text", "a table field of variable text", inside(field(h5py.string_dtype())), ARRAYS, "untried"),
    ("field.reference", "a table field of references", inside(field(h5py.ref_dtype)), ARRAYS, "never"),
    ("field.nested", "variable bytes in a field of a field", inside(nested_field), ARRAYS, "untried"),
    ("field.repeated", "an array of references in a field", inside(repeated_field), ARRAYS, "never"),
    ("attribute.bytes", "an attribute of variable bytes", inside(bytes_attribute), ARRAYS, "never"),
    ("attribute.reference", "an attribute that is a reference", inside(reference_attribute), ARRAYS, "never"),
    ("attribute.scale", "a dimension scale", inside(scale), ARRAYS, "never"),
)  # fmt: skip
ENTRIES = _blocks() + tuple(
    Hostile(f"object.{name}", OBJECTS, what, write, layout, runs)
    for name, what, write, layout, runs in TABLE
)
