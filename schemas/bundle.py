"""The sealed layer of a run folder: read it, and hold it against the files that lie there.

`bundle.json` lists every file with its sha256; `sha256sums.txt` lists the same files and
`bundle.json` itself, for `sha256sum -c`. The digest is the sha256 of the canonical record without
its digest, so paths, roles, sizes, candidate and incumbent are bound as well as the contents: a
fingerprint of the sorted file hashes alone (the practice of TRACE, which can be had from `files`)
would not notice two files that changed places. It can be recomputed without this package:
`jq -jcS 'del(.digest)' bundle.json | sha256sum`. Seals show changes; they are not signatures.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.canonical import canonical_bytes, sha256_bytes, sha256_file, sha256_json
from schemas.errors import MpgateError, RecordError
from schemas.records import read_record

BUNDLE = "bundle.json"
SUMS = "sha256sums.txt"
VERDICTS = "verdict"
ABSENT = "bundle.absent"
EDITED = "bundle.edited"
HALF_SEALED = "bundle.half_sealed"
_PART = r"[A-Za-z0-9_+=@,-][A-Za-z0-9._+=@, -]*"
_PATH = re.compile(rf"{_PART}(/{_PART})*")

_KNOWN: dict[tuple[str, str], Mapping[str, Any]] = {}
_KNOWN_LIMIT = 64


class BundleError(MpgateError):
    """A run folder that cannot be sealed, or is not as it was sealed."""


@dataclass(frozen=True)
class Differences:
    """How a folder differs from its seal, as paths below it."""

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.missing or self.changed or self.unexpected)

    def __str__(self) -> str:
        """Name every difference."""
        parts = (("missing", self.missing), ("changed", self.changed), ("added", self.unexpected))
        return "; ".join(f"{word}: {', '.join(paths)}" for word, paths in parts if paths)


def digest_of(record: Mapping[str, Any]) -> str:
    """Return the digest of a sealing record: over everything in it but the digest."""
    return sha256_json({key: value for key, value in record.items() if key != "digest"})


def sums_of(bundle: Mapping[str, Any]) -> bytes:
    """Return the checksums file of a bundle: its files in order, then `bundle.json`."""
    lines = [f"{each['sha256']}  {each['path']}\n" for each in bundle["files"]]
    own = f"{sha256_bytes(canonical_bytes(bundle))}  {BUNDLE}\n"
    return "".join([*lines, own]).encode()


def is_safe_path(path: str) -> bool:
    """Decide whether a path may lie in a bundle: plain names below the folder, none hidden."""
    return _PATH.fullmatch(path) is not None


def is_sealed(run: Path) -> bool:
    """Decide whether a run folder has a seal; raises BundleError for none and a half-sealed one."""
    if not run.is_dir():
        raise BundleError(
            f"{run} is no run folder", reason=ABSENT, remedy="name the folder of candidate.h5"
        )
    if os.path.lexists(run / BUNDLE):
        return True
    if os.path.lexists(run / SUMS):
        raise BundleError(
            f"{run.name} is half sealed: {SUMS} lies there without {BUNDLE}",
            reason=HALF_SEALED,
            remedy="seal it again if sealing was interrupted; otherwise restore it from a copy",
        )
    return False


def read_bundle(run: Path) -> dict[str, Any]:
    """Return the bundle record of a run folder.

    Raises BundleError if there is none, and if it is not as it was sealed, byte by byte.
    """
    if not is_sealed(run):
        raise BundleError(
            f"{run.name} has no {BUNDLE}: nothing was sealed",
            reason=ABSENT,
            remedy="seal it with `mpgate bundle seal`",
        )
    bundle = read_sealed(run / BUNDLE, "bundle")
    paths = [each["path"] for each in bundle["files"]]
    if paths != sorted(set(paths)) or not all(map(is_safe_path, paths)):
        raise _edited(run / BUNDLE, "its paths are not in order, or not below the folder")
    return bundle


def read_sealed(path: Path, name: str) -> dict[str, Any]:
    """Return a sealing record; raises BundleError if a link, invalid, or not as it was written."""
    try:
        if not is_plain_file(path):
            raise _edited(path, "it is no plain file")
        record = read_record(path, name)
    except RecordError as error:
        raise _edited(path, error.message) from error
    if path.read_bytes() != canonical_bytes(record) or record["digest"] != digest_of(record):
        raise _edited(path, "its digest is not that of its content")
    return record


def _edited(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path.name} is not as it was sealed: {why}",
        reason=EDITED,
        remedy="restore the run folder from a copy, or build again",
    )


def read_known(path: Path, name: str) -> Mapping[str, Any]:
    """Return a validated record as `read_record` does; the same bytes are validated only once.

    A run's records are read several times while it is sealed and judged, and validating takes
    seconds. The record is shared: it must not be changed.
    """
    try:
        key = (sha256_file(path), name)
    except OSError:
        return read_record(path, name)  # which says what is wrong
    if key not in _KNOWN:
        if len(_KNOWN) >= _KNOWN_LIMIT:
            _KNOWN.clear()
        _KNOWN[key] = read_record(path, name)
    return _KNOWN[key]


def is_plain_file(path: Path) -> bool:
    """Decide whether a path is a file itself: no link, folder, pipe or device."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def entries(folder: Path, outside: Collection[str] = ()) -> Iterator[tuple[str, Path]]:
    """Yield everything below a folder that is no folder, links included, in no order.

    Links are never followed. Left out are the folders at the top that are named in `outside`.
    """
    for at, folders, files in os.walk(folder):
        here = Path(at)
        links = [name for name in folders if (here / name).is_symlink()]
        if here == folder:
            folders[:] = [name for name in folders if name in links or name not in outside]
        for name in (*links, *files):
            yield (here / name).relative_to(folder).as_posix(), here / name


def differences(run: Path, bundle: Mapping[str, Any]) -> Differences:
    """Return how a run folder differs from its bundle record, the checksums file included."""
    sealed = {each["path"]: each["sha256"] for each in bundle["files"]}
    wanted = {**sealed, SUMS: sha256_bytes(sums_of(bundle))}
    found = dict(entries(run, {*bundle["outside"], VERDICTS}))
    found.pop(BUNDLE, None)
    return compared(found, wanted)


def compared(found: Mapping[str, Path], wanted: Mapping[str, str]) -> Differences:
    """Return how files differ from the sha256 they must have; both are by path."""
    there = sorted(set(found) & set(wanted))
    return Differences(
        missing=tuple(sorted(set(wanted) - set(found))),
        changed=tuple(
            path
            for path in there
            if not is_plain_file(found[path]) or sha256_file(found[path]) != wanted[path]
        ),
        unexpected=tuple(sorted(set(found) - set(wanted))),
    )
