"""The files of a static site: names that are safe anywhere, and a folder replaced whole."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dashboard.errors import DashboardError
from schemas.bundle import BUNDLE
from schemas.canonical import canonical_bytes, sha256_bytes

MARKER = "export.json"
MADE_BY = "mpgate dashboard export"
# lower case only: some file systems take `A` and `a` for one name
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?")
_HASHED = re.compile(r"-[0-9a-f]{16}$")  # as this module ends the names that it makes
_ODD = re.compile(r"[^a-z0-9._-]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_KEPT_LENGTH = 40


def safe_name(text: str) -> str:
    """Return a file name for an id: the id itself where it is plain, else a hash of it and a hint.

    Two ids never have one name; it names no device, no hidden file and no other folder.
    """
    if _PLAIN.fullmatch(text) and not (_DEVICES.fullmatch(text) or _HASHED.search(text)):
        return text
    hint = _ODD.sub("-", text.lower())[:_KEPT_LENGTH].strip("-._")
    digest = sha256_bytes(text.encode("utf-8", "surrogatepass"))[:16]
    return f"{hint}-{digest}" if hint else f"x-{digest}"


def replace_folder(out: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Put files into a folder that is absent, empty, or an earlier export, whole or not at all.

    The marker lists them with their hashes. Raises DashboardError where the folder holds anything
    else, or can't be written; what was there stays as it was.
    """
    refuse_foreign(out)
    listed = {name: sha256_bytes(data) for name, data in files.items()}
    marker = canonical_bytes({"made_by": MADE_BY, **about, "files": listed})
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as beside:
            _write(Path(beside) / "new", {**files, MARKER: marker})
            _swap(out, Path(beside))
    except OSError as error:
        raise DashboardError(
            f"{out} can't be written: {error.strerror or error}",
            reason="export.unwritable",
            remedy="name another folder, or make room and leave to write there",
        ) from error


def refuse_foreign(out: Path) -> None:
    """Refuse a place that holds anything but an earlier export, since it would be lost.

    So is one in a sealed run, which may not change, and one that somebody works in, which can't be
    replaced. Raises DashboardError.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise _occupied(out, "is a link or a file")
    if any((folder / BUNDLE).is_file() for folder in out.resolve().parents):
        raise _occupied(out, "lies in a sealed run")
    if Path.cwd().is_relative_to(out.resolve()):
        raise _occupied(out, "is the folder that this runs in")
    if not out.is_dir():
        return
    inside = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    found = {path.relative_to(out).as_posix() for path in inside}
    if not found:
        return
    if MARKER not in found:
        raise _occupied(out, "holds files that no export has written")
    if foreign := sorted(found - _exported(out) - {MARKER}):
        raise _occupied(out, f"holds {foreign[0]!r}, which no export has written")


def _exported(out: Path) -> set[str]:
    """Return the files that an earlier export lists; raises DashboardError where it lists none."""
    try:
        marker = json.loads((out / MARKER).read_text(encoding="utf-8"))
        if marker["made_by"] == MADE_BY:
            return set(marker["files"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise _occupied(out, f"holds a {MARKER} that no export has written")


def _occupied(out: Path, what: str) -> DashboardError:
    return DashboardError(
        f"{out} {what}",
        reason="export.occupied",
        remedy="name another folder: one that is absent, empty, or an earlier export",
    )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        at = folder / PurePosixPath(name)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)


def _swap(out: Path, beside: Path) -> None:
    """Move the new folder to its place; where that fails, the old one is moved back."""
    old = beside / "old"
    try:
        if out.exists():
            out.rename(old)
        (beside / "new").rename(out)
    except BaseException:  # Ctrl-C too: `beside` is about to be removed
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
