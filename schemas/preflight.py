"""The hostile-file preflight: raw HDF5 checks before PyTables or the engine see a file.

A candidate is untrusted input. PyTables unpickles attributes and object arrays on open, which can
run code, so nothing else in this project opens an H5 that has not passed here (DESIGN section 4).
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from schemas.errors import DatasetError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_LOGICAL_BYTES = 64 * 1024**3
MAX_EXPANSION = 1000
EXPANSION_FLOOR = 64 * 1024**2
MAX_OBJECTS = 50_000
MAX_DEPTH = 8
KNOWN_FILTERS = frozenset(
    {
        h5py.h5z.FILTER_DEFLATE,
        h5py.h5z.FILTER_SHUFFLE,
        h5py.h5z.FILTER_FLETCHER32,
        h5py.h5z.FILTER_LZF,
        32001,  # blosc, bundled with PyTables
    }
)
# Opcodes that import or call; literals such as lists, text and numbers need none of them.
_ACTIVE_OPCODES = frozenset(
    {
        "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX",
        "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER",
    }
)  # fmt: skip


def refuse(
    message: str, reason: str, remedy: str = "do not open this file; build it again"
) -> None:
    """Raise the DatasetError of one refused file; the reason id is stable."""
    raise DatasetError(message, reason=reason, remedy=remedy)


def preflight(path: Path | str) -> None:
    """Refuse a file that is absent, not plain HDF5, truncated or hostile; raises DatasetError."""
    file = Path(path)
    _check_bytes(file)
    try:
        with h5py.File(file, "r") as h5:
            if h5.userblock_size:
                refuse(f"{file.name} hides a user block before its HDF5 data", "h5.user_block")
            logical = _walk(h5, file.name)
    except (OSError, RuntimeError, KeyError) as error:
        raise DatasetError(
            f"{file.name} is a damaged or truncated HDF5 file ({_first_line(error)})",
            reason="h5.damaged",
            remedy="copy or build the file again and compare its sha256",
        ) from error
    _check_expansion(file, logical)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__


def _check_bytes(file: Path) -> None:
    if not file.exists():
        refuse(f"{file} does not exist", "file.missing", "check the path of the candidate")
    if file.is_dir():
        refuse(
            f"{file} is a directory, not an H5 file", "file.directory", "name the .h5 file in it"
        )
    try:
        with file.open("rb") as stream:
            head = stream.read(len(SIGNATURE))
    except OSError as error:
        raise DatasetError(
            f"{file} cannot be read ({error.strerror})",
            reason="file.unreadable",
            remedy="check its permissions",
        ) from error
    if not head:
        refuse(f"{file.name} is empty (0 bytes)", "file.empty", "build or copy the file again")
    if head != SIGNATURE:
        refuse(f"{file.name} is not an HDF5 file", "h5.signature", "name a file written as HDF5")


def _walk(h5: h5py.File, label: str) -> int:
    """Check every link, object, attribute and filter; return the logical bytes of all datasets."""
    logical = 0
    for count, (name, item) in enumerate(_objects(h5, "", 0)):
        if count > MAX_OBJECTS:
            refuse(f"{label} holds more than {MAX_OBJECTS} objects", "h5.too_many_objects")
        _check_attributes(item, name or "/")
        if isinstance(item, h5py.Dataset):
            _check_dataset(item, name)
            logical += item.size * item.dtype.itemsize
        elif not isinstance(item, h5py.Group):
            refuse(f"{name} is a named type, which no dataset needs", "h5.named_type")
    return logical


def _objects(
    group: h5py.Group, prefix: str, depth: int
) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    if depth > MAX_DEPTH:
        refuse(f"{prefix} is nested deeper than {MAX_DEPTH} groups", "h5.too_deep")
    yield prefix, group
    for key in group:
        name = f"{prefix}/{key}"
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            refuse(f"{name} is a link to another file", "h5.external_link")
        if isinstance(link, h5py.SoftLink):
            refuse(f"{name} is a soft link", "h5.soft_link")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _objects(item, name, depth + 1)
        else:
            yield name, item


def _check_dataset(item: h5py.Dataset, name: str) -> None:
    plist = item.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        refuse(f"{name} is a virtual dataset, which reads other files", "h5.virtual")
    if plist.get_external_count():
        refuse(f"{name} stores its data in another file", "h5.external_storage")
    for i in range(plist.get_nfilters()):
        code = plist.get_filter(i)[0]
        if code not in KNOWN_FILTERS:
            refuse(f"{name} needs the unknown HDF5 filter {code}", "h5.unknown_filter")
    if item.dtype.kind == "O" and h5py.check_string_dtype(item.dtype) is None:
        refuse(f"{name} holds pickled or variable-length objects", "h5.object_data")


def _check_attributes(item: h5py.Group | h5py.Dataset, name: str) -> None:
    for key in item.attrs:
        value = item.attrs.get_id(key)
        raw = _attribute_bytes(value)
        if raw is not None and _is_active_pickle(raw):
            refuse(
                f"the attribute {key} of {name} is a pickle that would run code",
                "h5.hostile_pickle",
            )


def _attribute_bytes(attribute: h5py.h5a.AttrID) -> bytes | None:
    """Return the raw bytes of a text attribute (PyTables unpickles such values), else None."""
    if attribute.dtype.kind != "S" or attribute.shape not in ((), (1,)):
        return None
    buffer = np.empty(attribute.shape, dtype=attribute.dtype)
    attribute.read(buffer)
    return buffer.tobytes().rstrip(b"\0")


def _is_active_pickle(raw: bytes) -> bool:
    """Decide whether unpickling `raw` could import or call something, before any error in it."""
    if len(raw) < 3 or not raw.endswith(b"."):
        return False
    try:
        return any(opcode.name in _ACTIVE_OPCODES for opcode, _, _ in pickletools.genops(raw))
    except ValueError:
        return False


def _check_expansion(file: Path, logical: int) -> None:
    size = file.stat().st_size
    if logical > MAX_LOGICAL_BYTES or logical > max(size * MAX_EXPANSION, EXPANSION_FLOOR):
        refuse(
            f"{file.name} has {size:,} bytes but would unpack to {logical:,}",
            "h5.expansion",
            "rewrite the file without padding, at an honest size",
        )
