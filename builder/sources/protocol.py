"""What every source of a build is: something that can be acquired, and then read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

Progress = Callable[[str, int, int | None], None]
"""Told of a transfer: file name, bytes so far, bytes in all if the server says so."""


def silent(name: str, done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source by content: where it lies here is no part of its identity."""

    name: str
    url: str | None
    sha256: str | None
    size_bytes: int | None
    path: Path | None = None


@dataclass(frozen=True)
class Acquired:
    """A source whose every file is on this machine and is the declared one."""

    id: str
    files: tuple[SourceFile, ...]

    def path(self, name: str) -> Path:
        """Return where a file of the source lies."""
        return next(each.path for each in self.files if each.name == name and each.path)


@dataclass(frozen=True)
class Absent:
    """A source that this build does not have, and why; nothing stands in for it."""

    id: str
    reason: str
    message: str
    remedy: str
    files: tuple[SourceFile, ...] = ()


@dataclass(frozen=True)
class SourceData:
    """One table per entity, in canonical names, with keys, weights and declared meaning.

    `weight_column` is in the table of the entity that the semantics' weight names, in units of
    the population; published tables have none.
    """

    tables: Mapping[str, pd.DataFrame]
    weight_column: str | None
    semantics: Mapping[str, Any]


class Provider(Protocol):
    """One source: `acquire` verifies its bytes, `read` understands them.

    `acquire` returns Absent where the source is not to be had, and raises BuildError where what
    is there cannot be trusted (wrong hash, cut off, too large). `read` raises BuildError naming
    the file and the column for anything that is not the published format.
    """

    @property
    def id(self) -> str:
        """Return the id of the source."""

    def acquire(self, cache: Path, *, offline: bool, progress: Progress) -> Acquired | Absent:
        """Return the verified files, downloading what the cache lacks, or why there are none."""

    def read(self, acquired: Acquired) -> SourceData:
        """Return the source's tables in canonical names."""
