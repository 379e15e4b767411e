"""Bring an index up to date with the run folders below its roots."""

from __future__ import annotations

import gc
import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from dashboard import store
from dashboard.discovery import CANDIDATE, JUDGED, MEASURED_AT, RECORDS, RESULTS, Place, find_runs
from dashboard.errors import DashboardError
from dashboard.pointers import pointer_rows
from dashboard.rows import tables_of
from dashboard.run_reader import BUILT, MANIFEST, Reading, read_folder
from schemas.bundle import BUNDLE, SUMS, VERDICTS

Progress = Callable[[int, int], None]
_BATCH = 8
_WORKERS = min(os.cpu_count() or 1, 8)
_POOL_FROM = 64  # starting workers takes about two seconds, the time of some 40 runs
_FILES = (BUNDLE, SUMS, CANDIDATE, MANIFEST, RESULTS, JUDGED, *BUILT.values())
_FOLDERS = (RECORDS, MEASURED_AT, VERDICTS)


@dataclass(frozen=True)
class IndexReport:
    """What an update did, in numbers of runs, and how long it took.

    `added` and `changed` were read, `kept` were not, `removed` are gone; `broken` of all `runs` in
    the index cannot be shown.
    """

    db: Path
    runs: int
    added: int
    changed: int
    kept: int
    removed: int
    broken: int
    seconds: float


@dataclass(frozen=True)
class _Work:
    """One run folder to read, with the fingerprint that it had before."""

    place: Place
    fingerprint: str


def update_index(
    roots: Sequence[Path], db: Path, *, rebuild: bool = False, progress: Progress | None = None
) -> IndexReport:
    """Index every run below `roots` and return what changed; the index then holds no other run.

    A run is read again if a file of it has another size or time of change; `rebuild` reads all. A
    damaged index, or one of another version, is made anew. `progress` is told how many of the runs
    to be read were read. Raises DashboardError for a root that is no folder (`index.no_root`), an
    index that is being updated (`index.locked`) or cannot be written (`index.unwritable`).
    """
    started = time.monotonic()
    resolved = _resolved(roots)
    _require_index_name(db)
    try:
        with store.locked(db):
            work = [_Work(place, _fingerprint(place)) for place in _places(resolved)]
            held = None if rebuild else store.read_held(db)
            try:
                counts = _update(resolved, db, work, held, progress)
            except duckdb.Error:
                if held is None:
                    raise
                counts = _update(resolved, db, work, None, progress)  # damage met while copying
    except BrokenProcessPool as error:
        raise DashboardError(
            "a process that read runs was ended from outside",
            reason="index.worker",
            remedy="make memory free and run `mpgate index` again",
        ) from error
    except (OSError, duckdb.Error) as error:
        raise DashboardError(
            f"{db.name} can't be written: {error}",
            reason="index.unwritable",
            remedy="make room and leave to write there, or name another file with --db",
        ) from error
    return IndexReport(db, len(work), *counts, time.monotonic() - started)


def _resolved(roots: Sequence[Path]) -> list[Path]:
    for root in roots:
        if not root.is_dir():
            raise DashboardError(
                f"there is no folder {root}",
                reason="index.no_root",
                remedy="name the folder of the runs with --root; `make national` makes one in runs",
            )
    return sorted({root.resolve() for root in roots})


def _require_index_name(db: Path) -> None:
    """An index may be overwritten at any time; nothing else may."""
    if db.suffix != store.SUFFIX:
        raise DashboardError(
            f"{db.name} is no name of an index",
            reason="index.name",
            remedy=f"name a file that ends in {store.SUFFIX}",
        )


def _places(roots: Sequence[Path]) -> list[Place]:
    return [place for root in roots for place in find_runs(root)]


def _update(
    roots: Sequence[Path],
    db: Path,
    work: Sequence[_Work],
    held: store.Held | None,
    progress: Progress | None,
) -> tuple[int, int, int, int, int]:
    """Return how many runs were added, changed, kept and removed, and how many are broken."""
    known = dict(held.fingerprints) if held else {}
    fresh = [each for each in work if known.get(each.place.key) != each.fingerprint]
    again = {each.place.key for each in fresh} & set(known)
    gone = set(known) - {each.place.key for each in work}
    pointers = pointer_rows(roots)
    named = tuple(str(root) for root in roots)
    if held is None or fresh or gone or (held.pointers, held.roots) != (pointers, named):
        with store.rewritten(db, keep=held is not None) as connection:
            store.remove(connection, again | gone)
            for done, tables in _read(fresh):
                store.insert(connection, tables)
                if progress is not None:
                    progress(done, len(fresh))
            store.describe(connection, named, pointers)
    kept = len(work) - len(fresh)
    return len(fresh) - len(again), len(again), kept, len(gone), store.count_broken(db)


def _read(work: Sequence[_Work]) -> Iterator[tuple[int, dict[str, pa.Table]]]:
    """Yield rows by table as they are read, with the number of runs read so far."""
    batches = [work[at : at + _BATCH] for at in range(0, len(work), _BATCH)]
    done = 0
    alone = len(work) < _POOL_FROM or _WORKERS == 1
    found = map(_read_batch, batches) if alone else _read_by_workers(batches)
    for batch, tables in zip(batches, found, strict=True):
        done += len(batch)
        yield done, {name: pa.ipc.open_stream(held).read_all() for name, held in tables.items()}


def _read_by_workers(batches: Sequence[Sequence[_Work]]) -> Iterator[dict[str, bytes]]:
    """Yield what workers read, in order; started anew, not forked, as DuckDB has threads."""
    context = get_context("spawn")
    with ProcessPoolExecutor(_WORKERS, mp_context=context, initializer=gc.disable) as pool:
        waiting = iter(batches)
        ahead: deque[Future[dict[str, bytes]]] = deque(
            pool.submit(_read_batch, batch) for batch in islice(waiting, 3 * _WORKERS)
        )
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(_read_batch, batch) for batch in islice(waiting, 1))


def _read_batch(batch: Sequence[_Work]) -> dict[str, bytes]:
    """Return the rows of some runs by table, as Arrow streams, which pass between processes."""
    by_table: dict[str, list[pa.Table]] = {}
    for each in batch:
        for name, rows in _rows(each).items():
            by_table.setdefault(name, []).append(rows)
    return {name: _stream(pa.concat_tables(rows)) for name, rows in by_table.items()}


def _rows(work: _Work) -> dict[str, pa.Table]:
    reading = read_folder(work.place)
    try:
        return tables_of(reading, work.fingerprint)
    except Exception as error:  # whatever one run holds, it must not hide the others
        why = f"its values don't fit the index: {type(error).__name__}: {error}"
        broken = Reading(
            work.place, "broken", reading.run_id, why.encode(errors="replace").decode()
        )
        return tables_of(broken, work.fingerprint)


def _stream(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _fingerprint(place: Place) -> str:
    """Return a sha256 over path, kind, size and times of all that a run is read from.

    Of the two times, that of the last change of status can't be set: a file put in the place of
    another with its size and time of writing is noticed.
    """
    found = [_status(place.path, name) for name in _FILES]
    for folder in (*_FOLDERS, *(f"{VERDICTS}/{name}" for name in _names(place.path / VERDICTS))):
        names = _names(place.path / folder)
        found += [
            _status(place.path, folder),
            *(_status(place.path, f"{folder}/{n}") for n in names),
        ]
    return hashlib.sha256(os.fsencode("\n".join(found))).hexdigest()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in os.scandir(folder))
    except OSError:
        return []


def _status(run: Path, path: str) -> str:
    try:
        status = (run / path).lstat()
    except OSError as error:
        return f"{path}\0{error.errno}"
    if stat.S_ISDIR(status.st_mode):
        return f"{path}\0folder"
    times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
    return f"{path}\0{stat.S_IFMT(status.st_mode)}\0{status.st_size}\0{times}"
