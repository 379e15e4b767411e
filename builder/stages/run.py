"""Runs a chain of stages: reuses what is finished, makes the rest, and keeps a record of each."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engine.child import Progress
from builder.stages.chain import chosen_stages
from builder.stages.checkpoint import (
    RECORD_FILE,
    clear,
    commit,
    part_path,
    read_checkpoint,
    remove,
    remove_empty,
    scratch_path,
    stage_files,
)
from builder.stages.disk import check_room, disk_full, folder_bytes, free_bytes, is_disk_full
from builder.stages.identity import made_from, outputs_sha256
from builder.stages.locks import KeyLock, unwritable
from builder.stages.profile import Profile
from builder.stages.stage import Stage, StageContext, StageRecord
from builder.stages.upkeep import sweep
from schemas.canonical import sha256_json, to_plain
from schemas.errors import BuildError


@dataclass(frozen=True)
class _Job:
    """A stage with all that decides how it runs here; `tell` reports on this stage."""

    stage: Stage
    store: Path
    needs: Mapping[str, StageRecord]
    made_from: Mapping[str, Any]
    margin: int
    tell: Progress

    @property
    def folder(self) -> Path:
        return self.store / self.stage.id / sha256_json(self.made_from)


def run_stages(
    stages: Sequence[Stage],
    store: Path,
    *,
    versions: Mapping[str, str],
    disk_margin_bytes: int,
    progress: Progress | None = None,
    only_until: str | None = None,
) -> list[StageRecord]:
    """Return one record per stage, in order; run those that `store` has no sound checkpoint of.

    `versions` are the packages whose version is part of every key. A stage starts only if the disk
    has room for its predicted need and `disk_margin_bytes` more. Where another build is making the
    same stage, wait for it and use its checkpoint. Checkpoints in use are locked until the return.
    Raises BuildError for a chain that is not one, a disk without room ("stages.disk"), one that
    fills up ("stages.disk_full"); what a stage raises passes through with the stage in its notes.
    Whatever is raised, the finished stages stay and the unfinished one leaves only its scratch, on
    a full disk not even that.
    """
    chosen = chosen_stages(stages, only_until)
    _prepare(store)
    records: dict[str, StageRecord] = {}
    with ExitStack() as held:
        for number, stage in enumerate(chosen, 1):
            tell = _prefixed(progress, stage.id)
            needs = {name: records[name] for name in stage.needs}
            parts = made_from(stage, needs, versions)
            job = _Job(stage, store, needs, parts, disk_margin_bytes, tell)
            lock = held.enter_context(KeyLock(job.folder))
            records[stage.id] = _obtain(job, lock)
            state = "reused" if records[stage.id].reused else "finished"
            tell(state, number, len(chosen))
    return list(records.values())


def _prepare(store: Path) -> None:
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(store, error) from error
    sweep(store)


def _prefixed(progress: Progress | None, stage_id: str) -> Progress:
    def tell(text: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{stage_id}: {text}", done, total)

    return tell


def _obtain(job: _Job, lock: KeyLock) -> StageRecord:
    """Return the stage from its checkpoint, made first where there is none; `lock` stays shared.

    The change from owning to sharing the lock is not atomic, so what was made is looked at again,
    read back from disk, before it is used.
    """

    def waiting(holder: str) -> None:
        job.tell(f"waiting, another build has this stage locked (last: {holder})", 0, 0)

    made, damage = False, None
    while True:
        lock.share(waiting)
        record, found = read_checkpoint(job.folder)
        if record is not None:
            return replace(record, reused=not made, corruption=damage)
        if made and found:
            raise _unreadable(job, found)
        lock.own(waiting)
        record, found = read_checkpoint(job.folder)
        if record is None:
            damage = found
            _make(job, damage)
            made = True


def _unreadable(job: _Job, damage: str) -> BuildError:
    return BuildError(
        f"the checkpoint of stage {job.stage.id} does not read back as it was written: {damage}",
        reason="stages.read_back",
        remedy="check the disk, or keep the stages on another one",
    )


def _make(job: _Job, damage: str | None) -> None:
    """Run the stage and leave its checkpoint; the caller owns the lock."""
    if damage is not None:
        job.tell(f"redone, its checkpoint is corrupted: {damage}", 0, 0)
    clear(job.folder)
    context = _context(job)
    wanted = job.stage.disk_bytes
    predicted = int(wanted(context) if callable(wanted) else wanted)
    check_room(job.store, job.stage.id, predicted, job.margin)
    try:
        context.scratch.mkdir(parents=True, exist_ok=True)
        context.folder.mkdir()
        commit(_finished(job, context, predicted), context.folder)
    except BaseException as error:
        free = free_bytes(job.store)
        written = folder_bytes(context.folder) + folder_bytes(context.scratch)
        remove(context.folder)
        if is_disk_full(error, free):
            remove(context.scratch)  # or there would be no room to go on
            raise disk_full(job.stage.id, predicted, written, free) from error
        remove_empty(context.scratch)
        error.add_note(f"in build stage {job.stage.id}")
        raise
    remove(context.scratch)


def _context(job: _Job) -> StageContext:
    return StageContext(
        folder=part_path(job.folder),
        inputs={name: record.folder for name, record in job.needs.items()},
        facts={name: copy.deepcopy(record.facts) for name, record in job.needs.items()},
        progress=job.tell,
        scratch=scratch_path(job.folder),
    )


def _finished(job: _Job, context: StageContext, predicted: int) -> StageRecord:
    """Run the stage and return the record of what it left."""
    with Profile(context.scratch) as profile:
        facts = to_plain(job.stage.run(context))
    _check_inputs(job)
    _check_name(job, context)
    files = tuple(stage_files(context.folder, job.stage.id))
    return StageRecord(
        folder=job.folder,
        id=job.stage.id,
        key=job.folder.name,
        reused=False,
        corruption=None,
        finished_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        wall_s=profile.wall_s,
        cpu_s=profile.cpu_s,
        peak_rss_bytes=profile.peak_rss_bytes,
        predicted_bytes=predicted,
        written_bytes=sum(file.size_bytes for file in files),
        scratch_bytes=profile.scratch_bytes,
        files=files,
        facts=facts,
        outputs_sha256=outputs_sha256(files, facts),
        made_from=job.made_from,
    )


def _check_inputs(job: _Job) -> None:
    """Refuse a result whose inputs changed meanwhile: its key would not say what it is made of."""
    for name, record in job.needs.items():
        _, damage = read_checkpoint(record.folder)
        if damage is not None or not record.folder.is_dir():
            raise BuildError(
                f"the files of stage {name} changed while stage {job.stage.id} read them: "
                f"{damage or 'they are gone'}",
                reason="stages.input_changed",
                remedy=f"let nothing write there and build again: stage {name} is redone",
            )


def _check_name(job: _Job, context: StageContext) -> None:
    if (context.folder / RECORD_FILE).exists():
        raise BuildError(
            f"stage {job.stage.id} left a file {RECORD_FILE}, the name of the record itself",
            reason="stages.reserved_name",
            remedy="call the file otherwise",
        )
