"""Hostile structure: links, foreign storage, plugins, bombs, absurd counts, and what is no HDF5."""

# ruff: noqa: E501  (one line of the catalogue per file)
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from schemas.preflight import (
    MAX_ATTRIBUTE_BYTES,
    MAX_ATTRIBUTES,
    MAX_ATTRIBUTES_IN_ALL,
    MAX_CHUNKS,
    MAX_DEPTH,
    MAX_LOGICAL_BYTES,
    MAX_OBJECTS,
    MAX_RANK,
)
from tests.faults.hostile import Hostile, Layout, Write, anew, inside
from tests.faults.model import frames_of, sound

MEGABYTE = 1024**2


def link(target: h5py.SoftLink | h5py.ExternalLink, name: str = "age2") -> Write:
    def spoil(h5: h5py.File, marker: Path) -> None:
        h5[name] = target

    return inside(spoil)


def link_to_a_file(path: Path, marker: Path) -> None:
    """Point at another file that is there, and sound."""
    (path.parent / "other.h5").write_bytes(path.read_bytes())
    link(h5py.ExternalLink("other.h5", "/is_blind"))(path, marker)


def soft_loop(h5: h5py.File, marker: Path) -> None:
    h5["age/there"] = h5py.SoftLink("/age/back")
    h5["age/back"] = h5py.SoftLink("/age/there")


def hard_loop(h5: h5py.File, marker: Path) -> None:
    h5["age/self"] = h5["age"]


def second_name(h5: h5py.File, marker: Path) -> None:
    h5["age2"] = h5["age"]


def second_array(h5: h5py.File, marker: Path) -> None:
    h5["age/2025"] = h5["age/2024"]


def virtual(source: str, place: str) -> Write:
    def spoil(h5: h5py.File, marker: Path) -> None:
        layout = h5py.VirtualLayout(shape=(204,), dtype="f4")
        layout[:] = h5py.VirtualSource(source, place, shape=(204,))
        del h5["age/2024"]
        h5.create_virtual_dataset("age/2024", layout)

    return inside(spoil)


def stored_outside(name: str) -> Write:
    def spoil(h5: h5py.File, marker: Path) -> None:
        raw = (str(marker.parent / name), 0, 8)
        h5["age"].create_dataset("raw", (2,), "f4", external=[raw])

    return inside(spoil)


def compressed(library: str) -> Write:
    """Write honest tables with a filter that PyTables brings."""

    def write(path: Path, marker: Path) -> None:
        with pd.HDFStore(path, mode="w", complevel=4, complib=library) as store:
            for key, frame in frames_of(sound()).items():
                store.put(
                    key, frame, format="table", data_columns=True, index=False, track_times=False
                )

    return anew(write)


def plugin(code: int) -> Write:
    """Ask for a filter by number: HDF5 would look for a plugin to load."""

    def spoil(h5: h5py.File, marker: Path) -> None:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((2,))
        settings.set_filter(code, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(h5["age"].id, b"x", h5py.h5t.NATIVE_FLOAT, space, dcpl=settings)

    return inside(spoil)


def scale_offset(h5: h5py.File, marker: Path) -> None:
    h5["age"].create_dataset("x", data=np.arange(4), chunks=(4,), scaleoffset=0)


def array(shape: tuple[int, ...], chunks: tuple[int, ...] | None = None) -> Write:
    """Declare an array without writing a value of it."""

    def spoil(h5: h5py.File, marker: Path) -> None:
        h5["age"].create_dataset("x", shape, "u1", chunks=chunks, compression=chunks and "gzip")

    return inside(spoil)


def many_small_bombs(h5: h5py.File, marker: Path) -> None:
    for i in range(50):
        h5.create_dataset(f"b{i}/2024", (2 * MEGABYTE,), "u1", chunks=(MEGABYTE,), compression=9)


def over_the_ceiling(h5: h5py.File, marker: Path) -> None:
    """Pad the file (with a hole) until its size alone would allow what it unpacks to."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((64 * MEGABYTE,))
    h5py.h5d.create(h5["age"].id, b"pad", h5py.h5t.NATIVE_UINT8, space, dcpl=settings)
    h5["age"].create_dataset("x", (MAX_LOGICAL_BYTES,), "u1", chunks=(64 * MEGABYTE,))


def groups(h5: h5py.File, marker: Path) -> None:
    for i in range(MAX_OBJECTS):
        h5py.h5g.create(h5.id, b"g%d" % i)


def deep(h5: h5py.File, marker: Path) -> None:
    h5.create_group("/".join("d" * (MAX_DEPTH + 1)))


def deep_in_a_variable(h5: h5py.File, marker: Path) -> None:
    h5["age"].create_group("/".join("d" * MAX_DEPTH))


def _add(node: h5py.Group, count: int) -> None:
    space = h5py.h5s.create(h5py.h5s.NULL)
    for i in range(count):
        h5py.h5a.create(node.id, b"a%d" % i, h5py.h5t.NATIVE_INT8, space)


def attributes_of_one(h5: h5py.File, marker: Path) -> None:
    _add(h5["age"], MAX_ATTRIBUTES + 1)


def attributes_in_all(h5: h5py.File, marker: Path) -> None:
    for i in range(MAX_ATTRIBUTES_IN_ALL // MAX_ATTRIBUTES + 1):
        _add(h5.create_group(f"g{i}"), MAX_ATTRIBUTES)


def long_attribute(path: Path, marker: Path) -> None:
    with h5py.File(path, "w", libver="latest") as h5:
        h5.create_group("age").attrs["note"] = np.zeros(MAX_ATTRIBUTE_BYTES + 1, dtype="u1")


def named_type(h5: h5py.File, marker: Path) -> None:
    h5["kind"] = np.dtype("f4")


def user_block(size: int, text: bytes) -> Write:
    def write(path: Path, marker: Path) -> None:
        with h5py.File(path, "w", userblock_size=size) as h5:
            h5["age/2024"] = np.ones(2)
        with path.open("r+b") as stream:
            stream.write(text)

    return anew(write)


def endless_heap(path: Path, marker: Path) -> None:
    """Store variable text, then make the first step of its heap one of no length."""
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("note/2024", data=["a", "b"], dtype=h5py.string_dtype())
    raw = bytearray(path.read_bytes())
    first = raw.index(b"GCOL\x01") + 16
    raw[first : first + 16] = bytes(16)
    path.write_bytes(raw)


def shared_text(path: Path, marker: Path) -> None:
    """Store one long text, and let 20,000 rows point at it."""
    rows = 20_000
    with h5py.File(path, "r+") as h5:
        note = h5.create_dataset("note/2024", (rows,), h5py.string_dtype())
        note[:] = ""
        note[0] = "x" * 60_000
        place = note.id.get_offset()
    with path.open("r+b") as stream:
        stream.seek(place)
        first = stream.read(16)
        stream.seek(place)
        stream.write(first * rows)


def narrow(path: Path, marker: Path) -> None:
    """Make a file whose addresses and lengths have 4 bytes."""
    settings = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    settings.set_sizes(4, 4)
    with h5py.File(h5py.h5f.create(bytes(path), fcpl=settings)) as h5:
        h5["age/2024"] = np.ones(2)


def data(text: bytes) -> Write:
    return anew(lambda path, marker: path.write_bytes(text) and None)


def part(keep: Callable[[bytes], bytes]) -> Write:
    """Keep only a part of the sound file, or damage it."""
    return lambda path, marker: path.write_bytes(keep(path.read_bytes())) and None


def scrambled(raw: bytes) -> bytes:
    """Keep the signature and nothing else."""
    return raw[:8] + b"\xa5" * (len(raw) - 8)


def fifo(path: Path, marker: Path) -> None:
    os.mkfifo(path)


T: Layout = "entity_tables"
A: Layout = "period_arrays"
TABLE: tuple[tuple[str, str, str, Write, Layout], ...] = (
    ("link.external.absent", "h5.external_link", "another file that is not there", link(h5py.ExternalLink("no.h5", "/x")), A),
    ("link.external.present", "h5.external_link", "another file that is there", link_to_a_file, A),
    ("link.external.system", "h5.external_link", "a file of the machine", link(h5py.ExternalLink("/etc/passwd", "/")), A),
    ("link.external.table", "h5.external_link", "a table in another file", link(h5py.ExternalLink("no.h5", "/x"), "person/more"), T),
    ("link.soft.inside", "h5.soft_link", "a soft link to a variable", link(h5py.SoftLink("/age")), A),
    ("link.soft.dangling", "h5.soft_link", "a soft link to nothing", link(h5py.SoftLink("/nowhere")), A),
    ("link.soft.loop", "h5.soft_link", "soft links that loop", inside(soft_loop), A),
    ("link.soft.leaving", "h5.soft_link", "a soft link upwards", link(h5py.SoftLink("/../age")), A),
    ("link.soft.table", "h5.soft_link", "an entity table by soft link", link(h5py.SoftLink("/person"), "people"), T),
    ("link.hard.loop", "h5.repeated_link", "a group that holds itself", inside(hard_loop), A),
    ("link.hard.group", "h5.repeated_link", "a group with two names", inside(second_name), A),
    ("link.hard.array", "h5.repeated_link", "an array with two names", inside(second_array), A),
    ("virtual.other", "h5.virtual", "an array read from another file", virtual("other.h5", "x"), A),
    ("virtual.self", "h5.virtual", "an array read from the file itself", virtual(".", "is_blind/2024"), A),
    ("external.absent", "h5.external_storage", "data in a file that is not there", stored_outside("raw"), A),
    ("external.system", "h5.external_storage", "data in a file of the machine", stored_outside("/etc/passwd"), A),
    *((f"filter.{name}", "h5.unknown_filter", f"tables packed with {name}", compressed(name), T) for name in ("blosc", "blosc2", "bzip2")),
    ("filter.plugin", "h5.unknown_filter", "a filter from a plugin", plugin(32_015), A),
    ("filter.lzo", "h5.unknown_filter", "a filter of PyTables by number", plugin(305), A),
    ("filter.scale_offset", "h5.unknown_filter", "a filter that drops bits", inside(scale_offset), A),
    ("size.bomb", "h5.expansion", "64 GB of nothing", array((1 << 36,), (1 << 20,)), A),
    ("size.late_bomb", "h5.expansion", "a terabyte that was never stored", array((1 << 40,), (1 << 26,)), A),
    ("size.contiguous", "h5.expansion", "a gigabyte without chunks", array((1 << 30,)), A),
    ("size.many", "h5.expansion", "many small bombs", inside(many_small_bombs), A),
    ("size.ceiling", "h5.expansion", "more than a national file ever needs", inside(over_the_ceiling), A),
    ("size.shared_text", "h5.expansion", "a text that many rows share", shared_text, A),
    ("size.rank", "h5.expansion", "too many dimensions", array((1,) * (MAX_RANK + 1)), A),
    ("size.chunks", "h5.expansion", "a chunk for every value", array((2 * MAX_CHUNKS,), (1,)), A),
    ("count.groups", "h5.too_many_objects", "20,000 empty groups", inside(groups), A),
    ("count.depth", "h5.too_deep", "groups in groups", inside(deep), A),
    ("count.depth.variable", "h5.too_deep", "groups in a variable", inside(deep_in_a_variable), A),
    ("count.attributes.one", "h5.too_many_attributes", "an object full of attributes", inside(attributes_of_one), A),
    ("count.attributes.all", "h5.too_many_attributes", "100,000 attributes", inside(attributes_in_all), A),
    ("count.attributes.long", "h5.too_many_attributes", "an attribute of a megabyte", anew(long_attribute), A),
    ("type.named", "h5.named_type", "a named type", inside(named_type), A),
    ("bytes.user_block", "h5.user_block", "a script before the data", user_block(512, b"#!/bin/sh\ntouch marker\n"), A),
    ("bytes.user_block.large", "h5.user_block", "an archive before the data", user_block(1 << 20, b"PK\x03\x04"), A),
    ("bytes.empty", "file.empty", "no bytes at all", data(b""), A),
    ("bytes.text", "h5.signature", "a text file", data(b"age,income\n1,2\n"), A),
    ("bytes.one", "h5.signature", "one byte", data(b"\x89"), A),
    ("bytes.pickle", "h5.signature", "a pickle", data(b"cos\nsystem\n(Vtrue\ntR."), A),
    ("bytes.archive", "h5.signature", "an archive", data(b"PK\x03\x04" + b"\0" * 600), A),
    ("bytes.zeros", "h5.signature", "zeros", data(b"\0" * 4096), A),
    ("bytes.pointer", "h5.signature", "a pointer to a file that was not fetched", data(b"version https://git-lfs.github.com/spec/v1\n"), A),
    *((f"bytes.cut.{name}", "h5.damaged", f"the first {name} of a file", part(lambda raw, share=share: raw[: int(len(raw) * share)]), layout)
      for name, share, layout in (("half", 0.5, A), ("ninety", 0.9, T), ("hundredth", 0.01, A))),
    ("bytes.signature", "h5.damaged", "a signature and nothing", part(lambda raw: raw[:8]), A),
    ("bytes.scrambled", "h5.damaged", "a signature and noise", part(scrambled), A),
    ("bytes.heap", "h5.damaged_heap", "a heap of text without an end", endless_heap, A),
    ("bytes.widths", "h5.widths", "addresses of 4 bytes", anew(narrow), A),
    ("file.absent", "file.missing", "no file", anew(lambda path, marker: None), A),
    ("file.folder", "file.directory", "a folder", anew(lambda path, marker: path.mkdir()), A),
    ("file.pipe", "file.unreadable", "a pipe, which would wait for ever", anew(fifo), A),
)  # fmt: skip
ENTRIES = tuple(
    Hostile(name, reason, what, write, layout) for name, reason, what, write, layout in TABLE
)
