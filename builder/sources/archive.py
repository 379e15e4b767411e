"""Read one member of an untrusted zip as a stream: nothing is unpacked, sizes are bounded."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from builder.sources.errors import format_error

_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@contextmanager
def open_member(path: Path, member: str, largest_bytes: int) -> Iterator[IO[bytes]]:
    """Give the content of the member called exactly `member`.

    Raises BuildError for a file that is no zip, a member that is missing, twice there, encrypted
    or larger than `largest_bytes`, and for content that is damaged, wherever reading meets it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = _only(archive, path.name, member)
            if info.file_size > largest_bytes:  # zipfile reads no further than this size
                raise format_error(
                    f"{member} in {path.name} has {info.file_size:,} bytes, and its catalog entry "
                    f"allows {largest_bytes:,}",
                    "too_large",
                )
            with archive.open(info) as stream:
                yield stream
    except _BROKEN as error:
        raise format_error(f"{path.name} is a damaged zip: {error}", "bad_archive") from error


def _only(archive: zipfile.ZipFile, name: str, member: str) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if info.filename == member]
    if len(found) != 1:
        inside = ", ".join(sorted(archive.namelist())[:8]) or "nothing"
        raise format_error(
            f"{name} holds {len(found)} members called {member}, not one; it holds {inside}",
            "missing_member",
        )
    if found[0].flag_bits & _ENCRYPTED:
        raise format_error(f"{member} in {name} is encrypted", "bad_archive")
    return found[0]
