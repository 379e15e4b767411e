"""Where the pull-request check takes its candidate from; names are checked before any use."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from schemas.bundle import entries, is_plain_file, is_safe_path
from schemas.errors import UsageError
from schemas.manifests import MANIFEST_SUFFIX

BROUGHT = "candidate/candidate.h5"
EMBEDDED = "runs/demo/candidate.h5"
H5 = ".h5"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_ARTIFACT = re.compile(rf"(?P<run>[0-9]{{1,20}})/(?P<artifact>{_NAME})")
_RELEASE = re.compile(rf"(?P<tag>{_NAME}(/{_NAME})*)/(?P<asset>{_NAME}\.h5)")


def source(
    checkout: Path, repository: str, *, artifact: str | None, release: str | None, path: str | None
) -> dict[str, str]:
    """Return where the candidate comes from: `kind`, and what is needed to get it.

    `artifact` comes with `run` and `artifact`; `release` with `tag`, `asset` and `manifest`; `path`
    and `embedded` with `candidate`. Raises UsageError if more than one is named, and for whatever
    is no plain name, so that no value can be an option, a pattern or a second line.
    """
    named = {"artifact": artifact, "release": release, "path": path}
    given = {kind: value for kind, value in named.items() if value}
    if len(given) > 1:
        raise _refused(f"{' and '.join(given)} are named", "name one candidate, or none")
    if not given:
        brought = (checkout / BROUGHT).exists() or (checkout / BROUGHT).is_symlink()
        if not brought:
            return {"kind": "embedded", "candidate": EMBEDDED}
        given = {"path": BROUGHT}
    ((kind, value),) = given.items()
    if kind == "artifact":
        return {"kind": kind, **_parts(_ARTIFACT, value, "an artifact", "RUN_ID/NAME")}
    if kind == "release":
        address = f"https://github.com/{repository}/releases/download/"
        asset = unquote(value.removeprefix(address)) if value.startswith(address) else value
        found = _parts(_RELEASE, asset, f"a release of {repository}", "TAG/FILE.h5, or its URL")
        return {"kind": kind, **found, "manifest": manifest_of(found["asset"])}
    return {"kind": kind, "candidate": _inside(checkout, value)}


def manifest_of(asset: str) -> str:
    """Return the name of the manifest that belongs to an H5."""
    return asset.removesuffix(H5) + MANIFEST_SUFFIX


def located(folder: Path) -> str:
    """Return the one H5 below a folder; raises UsageError for none, several or an unsafe name."""
    found = sorted(path for path, _ in entries(folder) if path.endswith(H5))
    if len(found) != 1:
        raise _refused(
            f"what was downloaded has {len(found)} H5 files", "put exactly one candidate there"
        )
    return f"{folder}/{_inside(folder, found[0])}"


def _parts(pattern: re.Pattern[str], value: str, what: str, form: str) -> dict[str, str]:
    found = pattern.fullmatch(value)
    if found is None or ".." in value:
        raise _refused(f"{value[:200]!r} names no {what}", f"name it as {form}, in plain letters")
    return found.groupdict()


def _inside(checkout: Path, path: str) -> str:
    """Return a path that is a plain H5 below a folder, reached through no link."""
    file = checkout / path
    if not (is_safe_path(path) and path.endswith(H5) and is_plain_file(file)):
        raise _refused(f"{path[:200]!r} is no H5 file there", "name a file, by plain letters")
    if file.resolve() != checkout.resolve() / path:
        raise _refused(f"{path!r} is reached through a link", "name the file itself")
    return path


def _refused(why: str, remedy: str) -> UsageError:
    return UsageError(why, reason="usage.candidate", remedy=remedy)
