"""Hostile pickles: every way to say it, in every place and kind of text that is unpickled."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from tests.faults.hostile import PICKLE, Hostile, Runs, Write, fixed, inside
from tests.faults.model import Layout

Payload = Callable[[Path], bytes]
Store = Callable[[h5py.AttributeManager, str, bytes], None]


class Opens:
    """Pickles to a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return (open, (str(self.path), "w"))


def dumped(protocol: int) -> Payload:
    return lambda marker: pickle.dumps(Opens(marker), protocol=protocol)


def call(marker: Path, before: bytes = b"", after: bytes = b".") -> bytes:
    """Return GLOBAL open, its arguments, REDUCE."""
    return before + b"cbuiltins\nopen\n(V" + str(marker).encode() + b"\nVw\ntR" + after


def behind(before: bytes, after: bytes = b".") -> Payload:
    return lambda marker: call(marker, before, after)


def literally(text: bytes) -> Payload:
    return lambda marker: text


def system(marker: Path) -> bytes:
    return b"cos\nsystem\n(Vtouch '" + str(marker).encode() + b"'\ntR."


def executed(marker: Path) -> bytes:
    return b"cbuiltins\nexec\n(Vopen('" + str(marker).encode() + b"', 'w')\ntR."


def inst(marker: Path) -> bytes:
    return b"(V" + str(marker).encode() + b"\nVw\nibuiltins\nopen\n."


def obj(marker: Path) -> bytes:
    return b"(cbuiltins\nopen\nV" + str(marker).encode() + b"\nVw\no."


def stack_global(marker: Path) -> bytes:
    names = b"\x8c\x08builtins\x8c\x04open\x93"
    return b"\x80\x04" + names + b"(V" + str(marker).encode() + b"\nVw\ntR."


def built(marker: Path) -> bytes:
    """Make an object whose `__setstate__` is os.mkdir: neither REDUCE nor INST is needed."""
    state = b"}V__setstate__\ncos\nmkdir\ns"
    return (
        b"\x80\x02ctypes\nSimpleNamespace\n)\x81" + state + b"bV" + str(marker).encode() + b"\nb."
    )


def nested(marker: Path) -> bytes:
    """Hide the call deep in an honest list of column names."""
    return b"(lVage\na(lVis_blind\na" + call(marker, after=b"") + b"aa."


def shifted(marker: Path) -> bytes:
    """Return a literal that PyTables rewrites before it unpickles: the string's tail gets out."""
    code = call(marker)
    tail = b"0U" + bytes([2])
    text = b"(itables.Leaf\n" + tail
    literal = b"T" + struct.pack("<i", len(text)) + text
    return literal + b"U" + bytes([len(code)]) + code + b"."


SPELLINGS: dict[str, tuple[Payload, Runs, str]] = {
    **{f"protocol_{n}": (dumped(n), "keys", f"pickle protocol {n}") for n in range(6)},
    "global_reduce": (call, "keys", "GLOBAL and REDUCE by hand"),
    "os_system": (system, "keys", "GLOBAL os.system and a shell command"),
    "exec": (executed, "keys", "GLOBAL exec and a program"),
    "inst": (inst, "keys", "INST instead of GLOBAL and REDUCE"),
    "obj": (obj, "keys", "OBJ instead of REDUCE"),
    "stack_global": (stack_global, "keys", "STACK_GLOBAL by hand"),
    "newobj_build": (built, "keys", "NEWOBJ and two BUILDs, no REDUCE"),
    "nested": (nested, "keys", "the call inside lists of names"),
    "broken_tail": (behind(b"", b"\xff."), "keys", "the pickle breaks after the call"),
    "inst_broken": (lambda marker: inst(marker)[:-1] + b"\xff.", "keys", "the same after INST"),
    "stack_broken": (lambda marker: stack_global(marker)[:-1] + b"\xff.", "keys", "the same"),
    "memory": (literally(b"Np2000000000\n."), "untried", "a literal that needs gigabytes"),
    "memory.binary": (literally(b"Nr\x00\x00\x00\x70."), "untried", "the same in binary"),
    "name_unread": (literally(b"cos\n\\x\nN."), "never", "a name that pickletools cannot read"),
    "module_unread": (literally(b"c\xe9\nx\nN."), "never", "a module that pickletools cannot read"),
    "ext1_broken": (literally(b"\x80\x02\x82\x01\xff."), "never", "EXT1 in a broken pickle"),
    "ext2_broken": (literally(b"\x80\x02\x83\x01\x00\xff."), "never", "EXT2 in a broken pickle"),
    "ext4_broken": (literally(b"\x80\x02\x84\x01\x00\x00\x00\xff."), "never", "EXT4 as well"),
    "second_pickle": (behind(b"", b"0N.."), "keys", "a literal result hides the call"),
    "hex_int": (behind(b"I0x1\n0"), "keys", "an integer that pickletools cannot read"),
    "hex_long": (behind(b"L0x1L\n0"), "keys", "a long that pickletools cannot read"),
    "nul_int": (behind(b"I1\0z\n0"), "keys", "an integer with a NUL behind it"),
    "nul_float": (behind(b"F1.5\0\n0"), "keys", "a float with a NUL behind it"),
    "latin_text": (behind(b"S'\xe9'\n0"), "keys", "Latin-1 text: PyTables tries a second time"),
    "import_only": (literally(b"cos\nsystem\n."), "never", "an import without a call"),
    "newobj": (literally(b"\x80\x02cbuiltins\nobject\n)\x81."), "never", "NEWOBJ of a type"),
    "newobj_ex": (literally(b"\x80\x04cbuiltins\nobject\n)}\x92."), "never", "NEWOBJ_EX"),
    "ext1": (literally(b"\x80\x02\x82\x01."), "never", "EXT1, resolved by a registry"),
    "ext2": (literally(b"\x80\x02\x83\x01\x00."), "never", "EXT2"),
    "ext4": (literally(b"\x80\x02\x84\x01\x00\x00\x00."), "never", "EXT4"),
    "persid": (literally(b"Pmarker\n."), "never", "PERSID, resolved by the reader"),
    "binpersid": (literally(b"NQ."), "never", "BINPERSID"),
    "next_buffer": (literally(b"\x80\x05\x97."), "never", "NEXT_BUFFER, out of band"),
    "readonly": (literally(b"\x80\x05N\x98."), "never", "READONLY_BUFFER"),
    "reduce_alone": (literally(b"N)R."), "never", "REDUCE of a literal"),
    "build_alone": (literally(b"}}b."), "never", "BUILD of a literal"),
}  # fmt: skip


def as_fixed(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, fixed(text))


def as_padded(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, np.array(text, dtype=f"S{len(text) + 7}"))


def as_blanks(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    """Store blanks behind the full stop: a reader that strips them would unpickle."""
    attributes.create(name, fixed(text + b"  "))


def as_spaced(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    """Store text padded with spaces, as Fortran does."""
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(len(text) + 4)
    kind.set_strpad(h5py.h5t.STR_SPACEPAD)
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    attribute = h5py.h5a.create(attributes._id, name.encode(), kind, space)
    attribute.write(np.array(text + b"    ", dtype=f"S{len(text) + 4}"), mtype=kind)


def as_variable(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, text.decode("ascii"), dtype=h5py.string_dtype("ascii"))


def as_utf8(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, text.decode("ascii"), dtype=h5py.string_dtype("utf-8"))


def as_fixed_utf8(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, text, dtype=h5py.string_dtype("utf-8", len(text)))


def as_array(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, np.array([b"age", text]))


def as_variable_array(attributes: h5py.AttributeManager, name: str, text: bytes) -> None:
    attributes.create(name, ["age", text.decode()], dtype=h5py.string_dtype("ascii"))


KINDS: dict[str, tuple[Store, Runs]] = {
    "fixed": (as_fixed, "keys"),
    "padded": (as_padded, "keys"),
    "spaced": (as_spaced, "never"),
    "blanks": (as_blanks, "never"),
    "variable": (as_variable, "keys"),
    "utf8": (as_utf8, "never"),
    "fixed_utf8": (as_fixed_utf8, "never"),
    "array": (as_array, "never"),
    "variable_array": (as_variable_array, "never"),
}

PLACES: tuple[tuple[Layout, str, str, Runs], ...] = (
    ("period_arrays", "/", "TITLE", "keys"),
    ("period_arrays", "/", "CLASS", "keys"),
    ("period_arrays", "/", "VERSION", "keys"),
    ("period_arrays", "/", "PYTABLES_FORMAT_VERSION", "never"),
    ("period_arrays", "/", "FILTERS", "keys"),
    ("period_arrays", "/", "source", "keys"),
    ("period_arrays", "age", "TITLE", "keys"),
    ("period_arrays", "age", "CLASS", "keys"),
    ("period_arrays", "age", "pandas_type", "keys"),
    ("period_arrays", "age/2024", "unit", "read"),
    ("period_arrays", "age/2024", "FLAVOR", "read"),
    ("period_arrays", "zz_last", "unit", "keys"),
    ("entity_tables", "/", "TITLE", "keys"),
    ("entity_tables", "person", "pandas_type", "keys"),
    ("entity_tables", "person", "pandas_version", "keys"),
    ("entity_tables", "person", "info", "keys"),
    ("entity_tables", "person", "non_index_axes", "keys"),
    ("entity_tables", "person", "values_cols", "keys"),
    ("entity_tables", "person", "data_columns", "keys"),
    ("entity_tables", "person", "index_cols", "keys"),
    ("entity_tables", "person", "levels", "keys"),
    ("entity_tables", "person", "encoding", "keys"),
    ("entity_tables", "person", "table_type", "keys"),
    ("entity_tables", "person/table", "TITLE", "read"),
    ("entity_tables", "person/table", "age_kind", "read"),
    ("entity_tables", "person/table", "age_meta", "read"),
    ("entity_tables", "person/table", "age_dtype", "read"),
    ("entity_tables", "person/table", "index_kind", "read"),
    ("entity_tables", "person/table", "FIELD_0_FILL", "read"),
    ("entity_tables", "person/table", "FIELD_0_NAME", "read"),
    ("entity_tables", "_time_period", "info", "keys"),
    ("entity_tables", "_time_period/table", "values_kind", "read"),
)  # fmt: skip


def attribute(place: str, name: str, payload: Payload, store: Store = as_fixed) -> Write:
    """Put a pickle into an attribute of a place, in the stead of an honest one."""

    def spoil(h5: h5py.File, marker: Path) -> None:
        attributes = (h5[place] if place in h5 else h5.create_group(place)).attrs
        if name in attributes:
            del attributes[name]
        store(attributes, name, payload(marker))

    return inside(spoil)


def old_filters(h5: h5py.File, marker: Path) -> None:
    h5.attrs.create("PYTABLES_FORMAT_VERSION", fixed(b"1.6"))
    h5.attrs.create("FILTERS", fixed(shifted(marker)))


ENTRIES: tuple[Hostile, ...] = (
    *(
        Hostile(
            f"pickle.spelling.{name}",
            PICKLE,
            what,
            attribute("age", "note", payload),
            runs=runs,
        )
        for name, (payload, runs, what) in SPELLINGS.items()
    ),
    *(
        Hostile(
            f"pickle.kind.{name}",
            PICKLE,
            f"a call in {name} text",
            attribute("age", "note", call, store),
            runs=runs,
        )
        for name, (store, runs) in KINDS.items()
    ),
    *(
        Hostile(
            f"pickle.place.{layout}.{place}.{name}",
            PICKLE,
            f"a call in {name} of {place}",
            attribute(place, name, call),
            layout,
            runs,
        )
        for layout, place, name, runs in PLACES
    ),
    Hostile(
        "pickle.old_filters",
        PICKLE,
        "FILTERS of PyTables 1, rewritten",
        inside(old_filters),
        runs="keys",
    ),
)
