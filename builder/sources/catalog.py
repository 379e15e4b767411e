"""The sources on record, and what a user adds to them: paths of own copies, and pins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import BuildError
from schemas.records import read_record

ROOT = Path(__file__).parent
CATALOG_FILE = ROOT / "catalog.json"


@dataclass(frozen=True)
class DeclaredFile:
    """One file as the catalog declares it; no sha256 means that nobody has pinned it."""

    name: str
    url: str | None
    sha256: str | None
    size_bytes: int | None
    largest_bytes: int
    pin_basis: str
    largest_member_bytes: int = 0


@dataclass(frozen=True)
class DeclaredTable:
    """Where the rows of one entity lie: members of an archive, or the file itself."""

    entity: str
    file: str
    members: tuple[str, ...]
    separator: str


@dataclass(frozen=True)
class Entry:
    """One source of the catalog."""

    id: str
    title: str
    reader: str
    semantics: str
    access: str
    licence: str
    files: tuple[DeclaredFile, ...]
    tables: tuple[DeclaredTable, ...]
    settings: Mapping[str, int]

    def table(self, name: str) -> DeclaredTable:
        """Return where an entity's rows lie."""
        return next(each for each in self.tables if each.entity == name)

    def file(self, name: str) -> DeclaredFile:
        """Return what a file is declared to be."""
        return next(each for each in self.files if each.name == name)

    def load_semantics(self) -> dict[str, Any]:
        """Return the source's declared meaning (record `source_semantics`)."""
        return read_record(ROOT.parent / self.semantics, "source_semantics")


@dataclass(frozen=True)
class UserSources:
    """What the user of a build adds: own copies by source and file name, and pins likewise."""

    paths: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    pins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def load_catalog(path: Path = CATALOG_FILE) -> tuple[Entry, ...]:
    """Return the sources on record in catalog order; raises RecordError for a bad catalog."""
    record = read_record(path, "source_catalog")
    return tuple(_entry(each) for each in record["entries"])


def _entry(record: Mapping[str, Any]) -> Entry:
    files = tuple(DeclaredFile(**each) for each in record["files"])
    tables = tuple(
        DeclaredTable(each["name"], each["file"], tuple(each["members"]), each["separator"])
        for each in record["tables"]
    )
    return Entry(**{**record, "files": files, "tables": tables})


def with_user(entry: Entry, user: UserSources) -> Entry:
    """Return the entry with the user's pins where the catalog has none.

    Raises BuildError for a path or pin of a file that the source does not have, and for a pin
    that contradicts the catalog's.
    """
    paths, pins = user.paths.get(entry.id, {}), user.pins.get(entry.id, {})
    unknown = sorted((set(paths) | set(pins)) - {each.name for each in entry.files})
    if unknown:
        raise BuildError(
            f"{entry.id} has no file {', '.join(unknown)}",
            reason="source.unknown_file",
            remedy=f"its files: {', '.join(each.name for each in entry.files)}",
        )
    files = tuple(_pinned(entry.id, each, pins.get(each.name)) for each in entry.files)
    return dataclasses.replace(entry, files=files)


def _pinned(source: str, declared: DeclaredFile, pin: str | None) -> DeclaredFile:
    if pin is None or pin == declared.sha256:
        return declared
    if declared.sha256 is not None:
        raise BuildError(
            f"{source}: {declared.name} is pinned to {declared.sha256}, and you pin {pin}",
            reason="source.pin_conflict",
            remedy="drop your pin, or change the catalog openly",
        )
    basis = "pinned by the user of the build"
    return dataclasses.replace(declared, sha256=pin, pin_basis=basis)


def check_known(catalog: tuple[Entry, ...], user: UserSources) -> None:
    """Refuse paths and pins of sources that the catalog does not have."""
    known = {each.id for each in catalog}
    unknown = sorted((set(user.paths) | set(user.pins)) - known)
    if unknown:
        raise BuildError(
            f"no source is called {', '.join(unknown)}",
            reason="source.unknown",
            remedy=f"use one of: {', '.join(sorted(known))}",
        )
