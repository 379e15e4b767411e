"""The files of one source in the cache: only whole ones, and only declared ones are believed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.sources.catalog import DeclaredFile, Entry, UserSources, with_user
from builder.sources.download import NotOnOfferError, download
from builder.sources.errors import transfer_error
from builder.sources.protocol import Absent, Acquired, Progress, SourceFile
from schemas.canonical import sha256_file
from schemas.errors import BuildError

_PIN = "state the sha256 you trust as a pin of the source in the build's configuration"
_INCOMING = "incoming"


def acquire_files(
    entry: Entry, user: UserSources, cache: Path, *, offline: bool, progress: Progress
) -> Acquired | Absent:
    """Return every file of a source, verified; or why the source is absent.

    A file without a pin is not used, but its sha256 is recorded: trust on first use is no
    verification. Raises BuildError, leaving the cache as it was, for content that is not the
    pinned one, a transfer that stays broken, and a path that leads nowhere.
    """
    entry = with_user(entry, user)
    paths = user.paths.get(entry.id, {})
    found: list[SourceFile] = []
    for declared in entry.files:
        try:
            found.append(
                _file(entry.id, declared, paths.get(declared.name), cache, offline, progress)
            )
        except NotOnOfferError as error:
            return _absent(entry, "not_available", str(error), found)
    unpinned = [each.name for each in entry.files if each.sha256 is None]
    if unpinned:
        seen = ", ".join(f"{each.name} with sha256 {each.sha256}" for each in found)
        message = f"no sha256 is known to trust for {', '.join(unpinned)}; here lies {seen}"
        return Absent(entry.id, "source.unpinned", message, _PIN, tuple(found))
    return Acquired(entry.id, tuple(found))


def _absent(entry: Entry, reason: str, message: str, found: list[SourceFile]) -> Absent:
    names = ", ".join(each.name for each in entry.files)
    remedy = f"give paths of own copies of {names} in the build's configuration"
    if entry.access == "download":
        remedy = f"build with a network, or {remedy}"
    return Absent(entry.id, f"source.{reason}", message, remedy, tuple(found))


def _file(
    source: str,
    declared: DeclaredFile,
    own: Path | None,
    cache: Path,
    offline: bool,
    progress: Progress,
) -> SourceFile:
    if own is not None:
        return verified_copy(declared, own)
    kept = cache / source / declared.name
    if kept.is_file():
        sha256 = sha256_file(kept)
        if declared.sha256 in (None, sha256):
            return _source_file(declared, kept, sha256)
    if declared.url is None:
        raise NotOnOfferError(
            f"{declared.name} is never downloaded: no path of an own copy is configured"
        )
    if offline:
        raise NotOnOfferError(f"{declared.name} is not in the cache, and this build is offline")
    with _incoming(cache, kept.parent) as folder:
        arrived = folder / declared.name
        download(
            declared.url,
            arrived,
            largest_bytes=declared.largest_bytes,
            progress=progress,
            size_bytes=declared.size_bytes if declared.sha256 else None,
        )
        sha256 = _verified(declared, arrived)
        arrived.replace(kept)
    return _source_file(declared, kept, sha256)


def verified_copy(declared: DeclaredFile, own: Path) -> SourceFile:
    """Return a file that is here already; BuildError if it is not, or not the declared one."""
    if not own.is_file():
        raise BuildError(
            f"the path given for {declared.name} leads to no file: {own.name}",
            reason="source.path",
            remedy="correct the path in the build's configuration, or drop it",
        )
    return _source_file(declared, own, _verified(declared, own))


def _verified(declared: DeclaredFile, path: Path) -> str:
    """Return the sha256 of a file; refuse it if it is not the declared one."""
    sha256 = sha256_file(path)
    if declared.sha256 not in (None, sha256):
        raise transfer_error(
            f"{declared.name} has sha256 {sha256}, and {declared.sha256} is declared "
            f"({declared.pin_basis})",
            "wrong_hash",
        )
    return sha256


def _source_file(declared: DeclaredFile, path: Path, sha256: str) -> SourceFile:
    return SourceFile(declared.name, declared.url, sha256, path.stat().st_size, path)


@contextmanager
def _incoming(cache: Path, place: Path) -> Iterator[Path]:
    """Give a folder on the disk of `place` that is gone afterwards: no half file stays."""
    parent = cache / _INCOMING
    try:
        for each in (parent, place):
            each.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
    except OSError as error:
        raise transfer_error(
            f"the cache can't be written: {error.strerror or error}", "unwritable"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
