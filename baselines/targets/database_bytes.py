"""Bytes of an SQLite file that carry no content, fixed: so that content alone decides the hash.

Source: the SQLite file format. Its library stamps its own version and a change count into the
header, and leaves old cells in the unused middle of a page; neither is ever read as content.
"""

from __future__ import annotations

import struct

PAGE_SIZE = 4096
CHANGE_COUNT = 1
WRITER_VERSION = 3_040_001
_CHANGE_AT, _VALID_FOR_AT, _VERSION_AT = 24, 92, 96
_FILE_HEADER = 100
# The first byte of a b-tree page, with the size of its header; any other page is an overflow page.
_HEADER_SIZES = {2: 12, 5: 12, 10: 8, 13: 8}


def settle(content: bytes) -> bytes:
    """Return the database of pages of PAGE_SIZE with its stamps fixed and its gaps zeroed."""
    settled = bytearray(content)
    for offset, value in (
        (_CHANGE_AT, CHANGE_COUNT),
        (_VALID_FOR_AT, CHANGE_COUNT),
        (_VERSION_AT, WRITER_VERSION),
    ):
        struct.pack_into(">I", settled, offset, value)
    for page in range(0, len(settled), PAGE_SIZE):
        _zero_gap(settled, page)
    return bytes(settled)


def _zero_gap(content: bytearray, page: int) -> None:
    """Zero what lies between the cell pointers and the first cell of a b-tree page."""
    header = page or _FILE_HEADER
    size = _HEADER_SIZES.get(content[header])
    if size is None:
        return
    cells, first_cell = struct.unpack_from(">HH", content, header + 3)
    start, end = header + size + 2 * cells, page + first_cell
    content[start:end] = bytes(end - start)
