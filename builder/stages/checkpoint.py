"""Checkpoints on disk: <store>/<stage>/<key>/ with the stage's files and, written last, stage.json.

A stage works in <key>.part-<process> beside it, which is renamed when it is complete and on disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from builder.stages.identity import outputs_sha256
from builder.stages.stage import RECORD, StageFile, StageRecord, stages_record
from schemas.canonical import sha256_file, sha256_json
from schemas.errors import BuildError, RecordError
from schemas.records import read_record, write_record

RECORD_FILE = "stage.json"
PART, SCRATCH = ".part-", ".scratch"


def part_path(folder: Path) -> Path:
    """Return where this process works on the checkpoint `folder`."""
    return folder.with_name(f"{folder.name}{PART}{os.getpid()}")


def scratch_path(folder: Path) -> Path:
    """Return the scratch folder of the stage whose checkpoint is `folder`."""
    return folder.with_name(f"{folder.name}{SCRATCH}")


def read_checkpoint(folder: Path) -> tuple[StageRecord | None, str | None]:
    """Return the finished stage in `folder`, or None and what is wrong with it.

    None and None where there is no such folder. Every byte is read: a checkpoint counts only if it
    holds the recorded files, all of them and no other, and facts that fit the recorded hash.
    """
    record, damage = read_entry(folder)
    if record is None:
        return None, damage
    damage = _damage(record)
    return (None, damage) if damage else (record, None)


def read_entry(folder: Path) -> tuple[StageRecord | None, str | None]:
    """Return the stage that stage.json describes, its files not looked at; else what is wrong."""
    if not folder.is_dir():
        return None, None
    try:
        entries = read_record(folder / RECORD_FILE, RECORD)["stages"]
    except RecordError as error:
        return None, error.message
    if len(entries) != 1:
        return None, f"{RECORD_FILE} describes {len(entries)} stages"
    record = StageRecord.from_json(entries[0], folder)
    named = (folder.parent.name, folder.name)
    if (record.id, record.key) != named or sha256_json(record.made_from) != record.key:
        return None, f"{RECORD_FILE} is of another stage or key"
    return record, None


def _damage(record: StageRecord) -> str | None:
    """Return the first way in which a folder differs from its record; None where it does not."""
    expected = {file.path: file for file in record.files}
    try:
        found = {file.path: file for file in stage_files(record.folder, record.id)}
    except (BuildError, OSError) as error:
        return str(error)
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            return f"{path} is missing"
        if path not in expected:
            return f"{path} is not in its record"
        if found[path] != expected[path]:
            return f"{path} has other bytes than recorded"
    if outputs_sha256(record.files, record.facts) != record.outputs_sha256:
        return "the facts are not those recorded"
    return None


def stage_files(folder: Path, stage_id: str) -> list[StageFile]:
    """Return the files a stage left, with their hashes, in the order of their paths.

    Raises BuildError for links and anything else that is not a plain file or folder: its bytes
    would not be in the checkpoint.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BuildError(
                f"stage {stage_id} left {name}, which is not a plain file",
                reason="stages.not_plain",
                remedy="copy the bytes into the stage's folder",
            )
        if path.is_file() and name != RECORD_FILE:
            files.append(StageFile(name, sha256_file(path), path.stat().st_size))
    return files


def commit(record: StageRecord, part: Path) -> None:
    """Make the finished work in `part` the checkpoint of `record`: whole on disk, or not there."""
    write_record(part / RECORD_FILE, stages_record([record]), RECORD)
    for path in (*part.rglob("*"), part):
        _to_disk(path)
    part.rename(record.folder)
    _to_disk(record.folder.parent)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Remove a checkpoint that does not count and what killed builds left of the same key."""
    discard(folder)
    for left in folder.parent.glob(f"{folder.name}{PART}*"):
        remove(left)


def discard(folder: Path) -> None:
    """Remove a checkpoint; out of its name first, so that a kill leaves no half of it there."""
    if folder.exists():
        aside = folder.with_name(f"{part_path(folder).name}-old")
        folder.rename(aside)
        remove(aside)


def remove(folder: Path) -> None:
    """Remove a folder as far as it can be; what stays is cleaned up by the next build."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with contextlib.suppress(OSError):
        folder.rmdir()
