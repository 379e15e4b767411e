"""The files of one run folder, read without leaving it: no link is followed, none is too large."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.discovery import Place
from dashboard.errors import DashboardError
from schemas.canonical import sha256_bytes

MAX_BYTES = 64 << 20
MAX_NAMES = 1000
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def broken(message: str, remedy: str = "") -> DashboardError:
    """Return the error of a run that cannot be believed."""
    remedy = remedy or "restore the run folder from a copy, or build and judge it again"
    return DashboardError(message, reason="run.broken", remedy=remedy)


class RunFiles:
    """Reads plain files below a run folder and keeps the sha256 of each that was read.

    `run_id` and `product` are what is known so far, for a run that turns out to be broken.
    """

    def __init__(self, place: Place) -> None:
        """Nothing is opened yet."""
        self.place = place
        self.hashes: dict[str, str] = {}
        self.run_id = place.name.encode(errors="backslashreplace").decode()
        self.product: str | None = None

    def has(self, path: str) -> bool:
        """Decide whether anything, a link included, lies at a path."""
        return os.path.lexists(self.place.path / path)

    def read(self, path: str, sha256: str | None = None) -> bytes:
        """Return the bytes of a plain file.

        Raises DashboardError for a link anywhere on the way, for anything but a file, for more than
        `MAX_BYTES`, and where the bytes do not have the `sha256` that a seal names.
        """
        *folders, name = path.split("/")
        try:
            with self._folder(folders) as folder:
                data = _bytes(name, folder, path)
        except OSError as error:
            raise broken(f"{path} can't be read: {_why(error)}") from error
        found = self.hashes[path] = sha256_bytes(data)
        if sha256 is not None and found != sha256:
            raise broken(f"{path} was changed after it was sealed: its sha256 is {found[:12]}")
        return data

    def names(self, path: str) -> list[str]:
        """Return what lies in a folder, in order; nothing where there is no such folder."""
        if not self.has(path):
            return []
        try:
            with self._folder(path.split("/")) as folder, os.scandir(folder) as found:
                names = sorted(each.name for each in found)
        except OSError as error:
            raise broken(f"{path} can't be listed: {_why(error)}") from error
        if len(names) > MAX_NAMES:
            raise broken(f"{path} holds {len(names)} files, more than {MAX_NAMES}")
        return names

    @contextmanager
    def _folder(self, parts: list[str]) -> Iterator[int]:
        """Open a folder below the root part by part, so that none of them can be a link."""
        below = [] if self.place.folder == "." else self.place.folder.split("/")
        opened = os.open(self.place.root, _FLAGS | os.O_DIRECTORY)
        try:
            for part in (*below, *parts):
                inner = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=opened)
                os.close(opened)
                opened = inner
            yield opened
        finally:
            os.close(opened)


def _bytes(name: str, folder: int, path: str) -> bytes:
    file = os.open(name, _FLAGS, dir_fd=folder)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise broken(f"{path} is no plain file")
        if status.st_size > MAX_BYTES:
            raise broken(f"{path} is larger than {MAX_BYTES >> 20} MiB, which no record is")
        return stream.read(status.st_size + 1)


def _why(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "it is a link, or lies behind one"
    return error.strerror or str(error)
