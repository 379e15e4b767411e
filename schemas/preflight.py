"""The hostile-file preflight: raw HDF5 checks before PyTables or the engine see a file.

A candidate is untrusted input. PyTables unpickles attributes and object arrays on open, which can
run code, so nothing else in this project opens an H5 that has not passed here (DESIGN section 4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import h5py
import numpy as np

from schemas.errors import DatasetError
from schemas.heaps import longest_text
from schemas.pickles import is_hostile, would_be_unpickled

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# A user block is a power of two of at least 512 bytes; HDF5 looks for its signature there too.
USER_BLOCKS = tuple(512 * 2**power for power in range(16))
MAX_LOGICAL_BYTES = 8 * 1024**3  # 57,000 households with 170 columns need 0.2 GB
MAX_EXPANSION = 250  # a column of zeros alone reaches 1,000, a whole file of microdata about 10
EXPANSION_FLOOR = 64 * 1024**2
TEXT_SLICE = 16 * 1024**2
MAX_OBJECTS = 20_000  # every variable of the engine as group and array: 14,000
MAX_DEPTH = 8  # pandas nests its category tables and indexes to 6
MAX_ATTRIBUTES = 2_000  # of one object; a pandas table has 5 per column and 20 more
MAX_ATTRIBUTES_IN_ALL = 100_000
MAX_ATTRIBUTE_BYTES = 1024**2
MAX_RANK = 4
MAX_CHUNKS = 1_000_000
KNOWN_FILTERS = frozenset(
    {
        h5py.h5z.FILTER_DEFLATE,
        h5py.h5z.FILTER_SHUFFLE,
        h5py.h5z.FILTER_FLETCHER32,
        h5py.h5z.FILTER_LZF,
    }
)
REBUILD = "do not open this file; build it again"


def refuse(message: str, reason: str, remedy: str = REBUILD) -> NoReturn:
    """Raise the DatasetError of one refused file; the reason id is stable."""
    raise DatasetError(message, reason=reason, remedy=remedy)


def preflight(path: Path | str) -> None:
    """Refuse a file that is absent, not plain HDF5, truncated or hostile; raises DatasetError."""
    file = Path(path)
    _check_bytes(file)
    longest = longest_text(file)
    try:
        with h5py.File(file, "r") as h5:
            if h5.userblock_size:
                _refuse_user_block(file)
            if h5.id.get_create_plist().get_sizes() != (8, 8):
                refuse(f"{file.name} has addresses or lengths of unusual width", "h5.widths")
            logical = _Walk(file, longest).measure(h5)
    except DatasetError:
        raise
    except Exception as error:  # whatever a damaged header makes h5py raise
        raise DatasetError(
            f"{file.name} is a damaged or truncated HDF5 file ({_first_line(error)})",
            reason="h5.damaged",
            remedy="copy or build the file again and compare its sha256",
        ) from error
    _check_expansion(file, logical)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _check_bytes(file: Path) -> None:
    """Refuse what is no readable file, and what does not begin as HDF5."""
    if not file.exists():
        refuse(f"{file} does not exist", "file.missing", "check the path of the candidate")
    if file.is_dir():
        refuse(
            f"{file} is a directory, not an H5 file", "file.directory", "name the .h5 file in it"
        )
    if not file.is_file():
        refuse(f"{file} is no regular file", "file.unreadable", "name a file on disk")
    try:
        with file.open("rb") as stream:
            head = stream.read(len(SIGNATURE))
            behind = head != SIGNATURE and _signature_behind(stream)
    except OSError as error:
        raise DatasetError(
            f"{file} cannot be read ({error.strerror})",
            reason="file.unreadable",
            remedy="check its permissions",
        ) from error
    if not head:
        refuse(f"{file.name} is empty (0 bytes)", "file.empty", "build or copy the file again")
    if behind:
        _refuse_user_block(file)
    if head != SIGNATURE:
        refuse(f"{file.name} is not an HDF5 file", "h5.signature", "name a file written as HDF5")


def _signature_behind(stream: BinaryIO) -> bool:
    """Decide whether HDF5 data begins behind a user block."""
    for offset in USER_BLOCKS:
        stream.seek(offset)
        if stream.read(len(SIGNATURE)) == SIGNATURE:
            return True
    return False


def _refuse_user_block(file: Path) -> NoReturn:
    refuse(f"{file.name} hides a user block before its HDF5 data", "h5.user_block")


class _Walk:
    """One walk over every link, object, attribute and filter of an open file."""

    def __init__(self, file: Path, longest: int) -> None:
        self.label = file.name
        self.allowed = _allowed(file)
        self.longest = longest
        self.texts = 0
        self.logical = 0
        self.attributes = 0
        self.seen: set[tuple[int, int]] = set()

    def measure(self, h5: h5py.File) -> int:
        """Check everything and return the unpacked bytes of all datasets."""
        for name, item in self._objects(h5, "", 0):
            self._attributes(item, name or "/")
            if isinstance(item, h5py.Dataset):
                _check_dataset(item, name)
                self.logical += (item.size or 0) * item.dtype.itemsize  # None: no data at all
                self.logical += self._text_bytes(item, name) if item.dtype.hasobject else 0
            elif not isinstance(item, h5py.Group):
                refuse(f"{name} is a named type, which no dataset needs", "h5.named_type")
        return self.logical

    def _text_bytes(self, item: h5py.Dataset, name: str) -> int:
        """Return the bytes of variable-length text, counted only where they could be too many.

        Rows may share one text: 1,000,000 rows of 60,000 bytes fit into a file of 0.2 MB.
        """
        if item.dtype.names is not None or item.dtype.subdtype is not None or item.ndim > 1:
            refuse(f"{name} holds variable-length text in a table", "h5.object_data")
        self.texts += (item.size or 0) * self.longest
        if item.ndim == 0 or self.texts <= self.allowed:
            return 0
        total, step = 0, max(1, TEXT_SLICE // max(self.longest, 1))
        for start in range(0, len(item), step):
            total += sum(map(len, item[start : start + step]))
            if total > self.allowed:
                break
        return total

    def _objects(
        self, group: h5py.Group, prefix: str, depth: int
    ) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
        self._note(group, prefix or "/")
        if depth > MAX_DEPTH:
            refuse(f"{prefix} is nested deeper than {MAX_DEPTH} groups", "h5.too_deep")
        yield prefix, group
        for key in group:
            name = f"{prefix}/{key}"
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                refuse(f"{name} is a link to another file", "h5.external_link")
            if not isinstance(link, h5py.HardLink):
                refuse(f"{name} is a soft link", "h5.soft_link")
            item = group[key]
            if isinstance(item, h5py.Group):
                yield from self._objects(item, name, depth + 1)
            else:
                self._note(item, name)
                yield name, item

    def _note(self, item: h5py.Group | h5py.Dataset, name: str) -> None:
        """Count an object; one that is met twice would make the walk endless or lie about size."""
        info = h5py.h5o.get_info(item.id)
        place = (info.fileno, info.addr)
        if place in self.seen:
            refuse(f"{name} is a second link to the same object", "h5.repeated_link")
        self.seen.add(place)
        if len(self.seen) > MAX_OBJECTS:
            refuse(f"{self.label} holds more than {MAX_OBJECTS} objects", "h5.too_many_objects")

    def _attributes(self, item: h5py.Group | h5py.Dataset, name: str) -> None:
        count = h5py.h5a.get_num_attrs(item.id)
        self.attributes += count
        if count > MAX_ATTRIBUTES or self.attributes > MAX_ATTRIBUTES_IN_ALL:
            refuse(f"{name} brings too many attributes ({count:,})", "h5.too_many_attributes")
        keys: list[bytes] = []
        h5py.h5a.iterate(item.id, keys.append)  # opening by number costs a search each
        for key in keys:
            _check_attribute(h5py.h5a.open(item.id, key), name)


def _check_dataset(item: h5py.Dataset, name: str) -> None:
    plist = item.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        refuse(f"{name} is a virtual dataset, which reads other files", "h5.virtual")
    if plist.get_external_count():
        refuse(f"{name} stores its data in another file", "h5.external_storage")
    for i in range(plist.get_nfilters()):
        code = plist.get_filter(i)[0]
        if code not in KNOWN_FILTERS:
            refuse(
                f"{name} needs the HDF5 filter {code}, which is not part of plain HDF5",
                "h5.unknown_filter",
                "write the file with gzip or lzf compression",
            )
    if item.ndim > MAX_RANK or (item.chunks and item.size // math.prod(item.chunks) > MAX_CHUNKS):
        refuse(f"{name} has an absurd shape or number of chunks", "h5.expansion")
    if _holds_objects(item.dtype) or item.attrs.get("PSEUDOATOM") in (b"object", "object"):
        refuse(f"{name} holds pickled, linked or variable-length objects", "h5.object_data")


def _holds_objects(dtype: np.dtype) -> bool:
    """Decide whether a type, or a field of it, holds more than numbers and text."""
    if dtype.names is not None:
        return any(_holds_objects(dtype[field].base) for field in dtype.names)
    return dtype.kind == "O" and h5py.check_string_dtype(dtype) is None


def _check_attribute(attribute: h5py.h5a.AttrID, name: str) -> None:
    label = f"the attribute {attribute.name.decode(errors='replace')} of {name}"
    if attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return
    if math.prod(attribute.shape) * attribute.dtype.itemsize > MAX_ATTRIBUTE_BYTES:
        refuse(f"{label} is larger than {MAX_ATTRIBUTE_BYTES:,} bytes", "h5.too_many_attributes")
    if _holds_objects(attribute.dtype):
        refuse(f"{label} holds references or variable-length objects", "h5.object_data")
    # The column names of a block (`*_kind`) are unpickled by schemas/layouts.py, whatever they are.
    always = attribute.name.endswith(b"_kind")
    texts = _texts(attribute, whole=always)
    if any((always or would_be_unpickled(text)) and is_hostile(text) for text in texts):
        refuse(f"{label} is a pickle that would run code", "h5.hostile_pickle")


def _texts(attribute: h5py.h5a.AttrID, whole: bool) -> Iterator[bytes]:
    """Yield every text of an attribute with and without its padding; `whole`: all its bytes too."""
    is_text = attribute.dtype.kind in "SO"
    if not is_text and not whole:
        return
    values = np.empty(attribute.shape, dtype=attribute.dtype)
    attribute.read(values)
    if whole:
        yield values.tobytes()
    for value in values.ravel().tolist() if is_text else ():
        text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
        yield text
        yield text.rstrip(b"\0 ")


def _allowed(file: Path) -> int:
    """Return the unpacked bytes that a file of this size may have."""
    return min(MAX_LOGICAL_BYTES, max(file.stat().st_size * MAX_EXPANSION, EXPANSION_FLOOR))


def _check_expansion(file: Path, logical: int) -> None:
    size = file.stat().st_size
    if logical > _allowed(file):
        refuse(
            f"{file.name} has {size:,} bytes but would unpack to {logical:,}",
            "h5.expansion",
            "rewrite the file without padding, at an honest size",
        )
