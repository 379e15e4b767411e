"""The disk guardrail: no stage starts that cannot fit, and a full disk is named as such."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from schemas.errors import BuildError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BLOCK_BYTES = 4096
# HDF5, SQLite and torch carry the system's refusal in their text only.
_FULL_TEXTS = ("no space left on device", "disk is full", "disk quota exceeded")


def check_room(store: Path, stage_id: str, predicted: int, margin: int) -> None:
    """Refuse a stage unless the store's file system has more free than `predicted` + `margin`.

    All in bytes. Raises BuildError "stages.disk" with the figures.
    """
    free = free_bytes(store)
    if free > predicted + margin:
        return
    raise BuildError(
        f"stage {stage_id} is not started: it needs {size_text(predicted)} of disk and a margin "
        f"of {size_text(margin)}, and {size_text(free)} are free",
        reason="stages.disk",
        remedy=f"free {size_text(predicted + margin - free + 1)} more where {store} lies, remove "
        "old checkpoints, or keep the stages on another disk",
    )


def is_disk_full(error: BaseException, free: int) -> bool:
    """Decide whether an exception, or one that it was raised from, is of a full disk.

    `free` is what the disk had left (bytes): at less than a block, any failure counts as one,
    because PyTables does not say why it could not write. An interrupt never does.
    """
    if not isinstance(error, Exception):
        return False
    if free < _BLOCK_BYTES:
        return True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        if any(text in str(cause).lower() for text in _FULL_TEXTS):
            return True
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return False


def free_bytes(store: Path) -> int:
    """Return what the file system of `store` has free for this user."""
    return shutil.disk_usage(store).free


def disk_full(stage_id: str, predicted: int, written: int, free: int) -> BuildError:
    """Return the error of a stage that filled the disk after `written` bytes, `free` being left."""
    return BuildError(
        f"the disk filled up in stage {stage_id}: it had written {size_text(written)} of "
        f"{size_text(predicted)} predicted, with {size_text(free)} left",
        reason="stages.disk_full",
        remedy="make room or remove old checkpoints and build again: it goes on after the last "
        "finished stage",
    )


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder that others may be changing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except FileNotFoundError:
            continue  # removed while we looked
    return total


def size_text(count: int) -> str:
    """Return bytes as GB or, below one, as MB (powers of 1000)."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.2f} MB"
