"""A hostile file: a sound file made dangerous in one place, and the reason it must be refused for.

The catalogue is data. `runs` says how far PyTables has to go before the file's own code runs:
already in `HDFStore(path).keys()`, when an attribute or array is read, or never; `untried` is what
corrupts or exhausts the memory of PyTables. A file that never runs code in PyTables must be refused
all the same: another reader, or this project, would run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import h5py
import numpy as np

from tests.faults.model import Fault, Layout, build

Runs = Literal["keys", "read", "never", "untried"]
Write = Callable[[Path, Path], None]
Spoil = Callable[[h5py.File, Path], None]
PICKLE = "h5.hostile_pickle"
OBJECTS = "h5.object_data"
SOUND = Fault("sound", "", "the sound file itself")

# With one reason switched off: a file that gets further, and what becomes of it then.
WITHOUT = {
    "file.missing": ("file.absent", "file.unreadable"),
    "file.directory": ("file.folder", "file.unreadable"),
    "file.empty": ("bytes.empty", "h5.signature"),
    "h5.signature": ("bytes.text", "h5.damaged"),
    "h5.user_block": ("bytes.user_block", "h5.signature"),
    "h5.external_link": ("link.external.present", "h5.soft_link"),
    "h5.soft_link": ("link.soft.inside", "h5.repeated_link"),
    "h5.repeated_link": ("link.hard.group", "opened"),
    "h5.virtual": ("virtual.other", "opened"),
    "h5.external_storage": ("external.system", "opened"),
    "h5.unknown_filter": ("filter.blosc", "opened"),
    "h5.expansion": ("size.bomb", "opened"),
    "h5.too_many_objects": ("count.groups", "opened"),
    "h5.too_deep": ("count.depth", "opened"),
    "h5.too_many_attributes": ("count.attributes.one", "opened"),
    "h5.named_type": ("type.named", "h5.damaged"),
    "h5.widths": ("bytes.widths", "opened"),
    "h5.object_data": ("object.pytables_rows", "opened"),
    "h5.hostile_pickle": ("pickle.spelling.protocol_0", "opened"),
}
# A pipe would hang and a damaged file cannot be read; the heap walk is switched off in LIMITS.
NOT_SWITCHED = {"file.unreadable", "h5.damaged", "h5.damaged_heap"}

# Rules that share a reason: the limit, a value that switches it off, and a file only it refuses.
LIMITS: dict[str, tuple[Any, str]] = {
    "MAX_LOGICAL_BYTES": (1 << 62, "size.ceiling"),
    "MAX_EXPANSION": (1 << 40, "size.many"),
    "MAX_OBJECTS": (1 << 40, "count.groups"),
    "MAX_DEPTH": (100, "count.depth.variable"),
    "MAX_ATTRIBUTES": (1 << 40, "count.attributes.one"),
    "MAX_ATTRIBUTES_IN_ALL": (1 << 40, "count.attributes.all"),
    "MAX_ATTRIBUTE_BYTES": (1 << 40, "count.attributes.long"),
    "MAX_RANK": (32, "size.rank"),
    "MAX_CHUNKS": (1 << 40, "size.chunks"),
    "KNOWN_FILTERS": (range(1 << 16), "filter.plugin"),
    "longest_text": (lambda file: 0, "bytes.heap"),
    "USER_BLOCKS": ((), "bytes.user_block"),
}
AFTER_LIMIT = {"USER_BLOCKS": "h5.signature"}


@dataclass(frozen=True)
class Hostile:
    """One hostile file: `write(path, marker)` spoils the sound file that lies at `path`."""

    id: str
    reason: str
    what: str
    write: Write
    layout: Layout = "period_arrays"
    runs: Runs = "never"

    @property
    def dangerous(self) -> bool:
        """Decide whether PyTables runs the file's code at all."""
        return self.runs in ("keys", "read")


@cache
def sound_bytes(layout: Layout) -> bytes:
    """Return the bytes of the sound file in one layout."""
    with TemporaryDirectory() as folder:
        return build(SOUND, layout, Path(folder)).read_bytes()


def lay_out(entry: Hostile, folder: Path) -> tuple[Path, Path]:
    """Write one hostile file into its own folder; return its path and that of its marker."""
    home = folder / entry.id.replace("/", "_")
    home.mkdir(parents=True)
    path, marker = home / "hostile.h5", home / "marker"
    path.write_bytes(sound_bytes(entry.layout))
    entry.write(path, marker)
    return path, marker


def inside(spoil: Spoil) -> Write:
    """Spoil the open file with h5py."""

    def write(path: Path, marker: Path) -> None:
        with h5py.File(path, "r+") as h5:
            spoil(h5, marker)

    return write


def anew(make: Write) -> Write:
    """Remove the sound file and make another thing in its place."""

    def write(path: Path, marker: Path) -> None:
        path.unlink()
        make(path, marker)

    return write


def fixed(text: bytes) -> np.ndarray:
    """Return a fixed-length text that keeps NULs inside."""
    return np.array(text, dtype=f"S{len(text)}")


def catalogue() -> tuple[Hostile, ...]:
    """Return every hostile file, sorted by id."""
    from tests.faults import hostile_objects, hostile_pickles, hostile_structure

    found: list[Hostile] = []
    parts: Iterable[tuple[Hostile, ...]] = (
        hostile_pickles.ENTRIES,
        hostile_objects.ENTRIES,
        hostile_structure.ENTRIES,
    )
    for entries in parts:
        found += entries
    return tuple(sorted(found, key=lambda entry: entry.id))
