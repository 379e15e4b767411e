"""One lock per stage and key: shared by builds that use the checkpoint, owned by the one making it.

The system frees the locks of a killed process, so none is ever stale; where the killed stage had
forked, that is once its children have ended, so nothing of it can still be writing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from schemas.errors import BuildError

_FOLDER = ".locks"
_POLL_S = 0.1
_SIGNATURE_BYTES = 64


def unwritable(store: Path, error: OSError) -> BuildError:
    """Return the error of a store that takes no new files."""
    return BuildError(
        f"stages cannot be kept in {store}: {error.strerror}",
        reason="stages.store",
        remedy="make room and leave to write there, or name another folder",
    )


class KeyLock:
    """The lock on one checkpoint folder; a context manager that frees it at the end."""

    def __init__(self, folder: Path) -> None:
        """Name the lock of the checkpoint `folder`; nothing is locked yet."""
        self._path = folder.parent.parent / _FOLDER / f"{folder.parent.name}.{folder.name}"
        self._handle: int | None = None

    def __enter__(self) -> KeyLock:
        """Return the lock."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free the lock."""
        self.free()

    def share(self, waiting: Callable[[str], None]) -> None:
        """Wait until nobody makes the checkpoint, and keep others from changing it.

        `waiting` is called once, with the process that last owned the lock, if it has to wait.
        """
        self._wait(fcntl.LOCK_SH, waiting)

    def own(self, waiting: Callable[[str], None]) -> None:
        """Wait until nobody else uses or makes the checkpoint, and keep them out."""
        self._wait(fcntl.LOCK_EX, waiting)
        self._sign()

    def own_now(self) -> bool:
        """Own the lock if it is free; return whether it was."""
        return self._take(fcntl.LOCK_EX)

    def in_use(self) -> bool:
        """Return whether somebody has the lock; leaves no lock file where there was none."""
        if not self._path.exists():
            return False
        free = self.own_now()
        self.free()
        return not free

    def free(self) -> None:
        """Free the lock, for forked children that inherited it too."""
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
            self._close()

    def forget(self) -> None:
        """Remove the lock file of a checkpoint that is gone; to be called by the owner."""
        self._path.unlink(missing_ok=True)

    def _wait(self, kind: int, waiting: Callable[[str], None]) -> None:
        told = False
        while not self._take(kind):
            if not told:
                waiting(os.pread(self._open(), _SIGNATURE_BYTES, 0).decode())
                told = True
            time.sleep(_POLL_S)

    def _take(self, kind: int) -> bool:
        """Lock if free. A lock file that was removed meanwhile locks nothing: open it anew."""
        while True:
            handle = self._open()
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if self._is_current(handle):
                return True
            self._close()

    def _open(self) -> int:
        if self._handle is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise unwritable(self._path.parent.parent, error) from error
        return self._handle

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _sign(self) -> None:
        """Say who owns the lock; only a message depends on it, so a full disk is no matter."""
        handle = self._open()
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()}".encode(), 0)

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
