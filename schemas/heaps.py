"""Damaged heaps of variable-length text, on which the HDF5 library itself would run for ever.

A global heap collection is a chain of objects. The library (tried with HDF5 2.0.0) follows it
without checking that a step leads forward: an object of size 0 hangs the process, and one that is
too long reaches beyond the buffer. So the chains are walked here, before the library does.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import DatasetError

COLLECTION = b"GCOL\x01"
HEADER = 16  # bytes of a collection's header, and of an object's
LEAST_SIZE = 4096  # the library refuses smaller collections itself
MAX_STEPS = 5_000_000  # one per text; 150,000 persons with ten columns of text have 1,500,000


def longest_text(file: Path) -> int:
    """Return the bytes of the largest object in any heap of a file whose lengths have 8 bytes.

    Raises DatasetError for a collection that may not be followed.
    """
    longest = steps = 0
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(COLLECTION)
        while place >= 0:
            end = place + _number(data, place + 8)
            if place + LEAST_SIZE <= end <= len(data):
                for step in _chain(data, place + HEADER, end):
                    longest, steps = max(longest, step), steps + 1
                    if not step or steps > MAX_STEPS:
                        raise DatasetError(
                            f"{file.name} has a damaged heap of text at byte {place:,}",
                            reason="h5.damaged_heap",
                            remedy="do not open this file; build it again",
                        )
            place = data.find(COLLECTION, place + 1)
    return longest


def _chain(data: mmap.mmap, place: int, end: int) -> Iterator[int]:
    """Yield the length of each object of a chain, and 0 for one that does not lead on."""
    while place + HEADER <= end:
        size = _number(data, place + 8)
        # Object 0 is the free space, and its size counts its own header.
        step = HEADER + (size + 7 & ~7) if any(data[place : place + 2]) else size
        if not HEADER <= step <= end - place:
            yield 0
            return
        yield step
        place += step


def _number(data: mmap.mmap, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")
