"""Looks after a store of checkpoints: what there is, what a killed build left, what is too old."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from builder.stages.checkpoint import PART, SCRATCH, discard, read_entry, remove
from builder.stages.disk import folder_bytes
from builder.stages.locks import KeyLock
from schemas.errors import UsageError

_KEY_LENGTH = 64
_OURS = re.compile(rf"[0-9a-f]{{{_KEY_LENGTH}}}({re.escape(PART)}\d+(-old)?|{re.escape(SCRATCH)})?")
FINISHED, DAMAGED, UNFINISHED, SCRATCHED = "finished", "damaged", "unfinished", "scratch"


@dataclass(frozen=True)
class StoredStage:
    """A folder of the store: a finished checkpoint, a damaged one, or what a killed stage left.

    `state` is "finished", "damaged" (no valid record), "unfinished" (work of a build that runs or
    was killed) or "scratch" (what a stage that has not ended can go on from). Files are not hashed.
    """

    folder: Path
    id: str
    key: str
    state: str
    finished_at: str | None
    wall_s: float | None
    size_bytes: int
    in_use: bool

    @property
    def checkpoint(self) -> Path:
        """Return the checkpoint folder that this one is or belongs to."""
        return self.folder.with_name(self.key)


def list_stages(store: Path) -> list[StoredStage]:
    """Return what a store holds, by stage, newest finished checkpoint first, leftovers last."""
    rows = [row for row in map(_stored, _folders(store)) if row is not None]
    rows.sort(key=lambda row: (row.finished_at or "", row.folder.name), reverse=True)
    return sorted(rows, key=lambda row: row.id)


def _folders(store: Path) -> list[Path]:
    """Return the folders that builds made; anything else that lies there is left alone."""
    found = sorted(store.glob("*/*"))
    return [folder for folder in found if _OURS.fullmatch(folder.name) and folder.is_dir()]


def _stored(folder: Path) -> StoredStage | None:
    """Return the row of a folder; None where it went away while we looked."""
    key = _key(folder)
    finished_at = wall_s = None
    if folder.name == key:
        record, damage = read_entry(folder)
        if record is None and damage is None:
            return None
        state = DAMAGED if record is None else FINISHED
        if record is not None:
            finished_at, wall_s = record.finished_at, record.wall_s
    else:
        state = SCRATCHED if folder.name.endswith(SCRATCH) else UNFINISHED
    in_use = KeyLock(folder.with_name(key)).in_use()
    size = folder_bytes(folder)
    return StoredStage(folder, folder.parent.name, key, state, finished_at, wall_s, size, in_use)


def _key(folder: Path) -> str:
    return folder.name[:_KEY_LENGTH]


def prune(store: Path, keep: int) -> list[StoredStage]:
    """Remove all but the newest `keep` finished checkpoints of each stage; return what went.

    Damaged and unfinished folders go too, and scratch beyond the newest `keep` of each stage; what
    a build is using never does. Raises UsageError for `keep` below 1.
    """
    if keep < 1:
        raise UsageError(
            f"{keep} checkpoints of each stage cannot be kept",
            reason="stages.keep",
            remedy="keep 1 or more; remove the folder itself to keep none",
        )
    rows = list_stages(store)
    spared = {row.folder for row in _newest(rows, keep)}
    return [row for row in rows if row.folder not in spared and _removed(row)]


def _newest(rows: list[StoredStage], keep: int) -> list[StoredStage]:
    """Return the newest `keep` finished checkpoints, and scratch folders, of each stage."""
    spared: list[StoredStage] = []
    for stage_id in {row.id for row in rows}:
        own = [row for row in rows if row.id == stage_id]
        spared += [row for row in own if row.state == FINISHED][:keep]
        scratch = [row for row in own if row.state == SCRATCHED]
        scratch.sort(key=lambda row: _changed(row.folder), reverse=True)
        spared += scratch[:keep]
    return spared


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # its stage ended meanwhile


def _removed(row: StoredStage) -> bool:
    """Remove a folder unless a build is using it; return whether it went."""
    with KeyLock(row.checkpoint) as lock:
        if not lock.own_now():
            return False
        if row.folder == row.checkpoint:
            discard(row.folder)
        else:
            remove(row.folder)
        if not any(row.folder.parent.glob(f"{row.key}*")):
            lock.forget()
    return True


def sweep(store: Path) -> None:
    """Remove the work folders of killed builds, and scratch whose stage has ended since.

    A folder whose key is locked is being worked on and stays.
    """
    for folder in _folders(store):
        checkpoint = folder.with_name(_key(folder))
        ended = folder.name.endswith(SCRATCH) and checkpoint.is_dir()
        if PART not in folder.name and not ended:
            continue
        with KeyLock(checkpoint) as lock:
            if lock.own_now():
                remove(folder)
