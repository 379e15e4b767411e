"""Which folders below a root are runs. Links are never followed, and hidden names left out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.bundle import BUNDLE, SUMS

CANDIDATE = "candidate.h5"
RESULTS = "results/gate_results.json"
JUDGED = "gate_results.json"
RECORDS = "records"
MEASURED_AT = f"results/{RECORDS}"
DEPTH = 4
_MARKERS = (BUNDLE, SUMS, CANDIDATE, RESULTS, MEASURED_AT)


@dataclass(frozen=True)
class Place:
    """Where a run lies: its resolved root, and the folder below it (`.` is the root itself)."""

    root: Path
    folder: str

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.root / self.folder

    @property
    def name(self) -> str:
        """What the folder is called."""
        return self.path.name

    @property
    def key(self) -> str:
        """The run's key: 12 hex digits that are the same as long as the folder stays there."""
        return hashlib.sha256(os.fsencode(f"{self.root}\0{self.folder}")).hexdigest()[:12]


def find_runs(root: Path) -> Iterator[Place]:
    """Yield every run at most `DEPTH` folders below a resolved root, in order of their paths.

    A run is a folder with a bundle, a checksums file, a candidate, gate results or what they are
    judged on, complete or not; nothing inside it is a run. A folder that cannot be looked into is
    yielded too: what it holds is unknown, and must not be passed over in silence.
    """
    yield from _below(root, ".", 0)


def _below(root: Path, folder: str, depth: int) -> Iterator[Place]:
    place = Place(root, folder)
    try:
        if is_run(place.path):
            yield place
            return
        names = sorted(_folders(place.path)) if depth < DEPTH else []
    except OSError:
        yield place
        return
    for name in names:
        yield from _below(root, name if folder == "." else f"{folder}/{name}", depth + 1)


def is_run(path: Path) -> bool:
    """Decide by names alone: a marker that is a link makes a run, and reading it says so.

    Raises OSError where the folder, or one that a marker lies in, cannot be looked into.
    """
    if any(_lies(path / marker) for marker in _MARKERS):
        return True
    return _lies(path / JUDGED) and (path / RECORDS).is_dir()


def _lies(path: Path) -> bool:
    """Decide whether anything lies at a path; `os.path.lexists` says no where it may not look."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _folders(path: Path) -> Iterator[str]:
    with os.scandir(path) as found:
        for each in found:
            if not each.name.startswith(".") and each.is_dir(follow_symlinks=False):
                yield each.name
