"""Acquire every source of a catalog, and report which are present, absent or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from builder.sources import acs_pums, cps_asec, irs_puf, scf, sipp, ssa_ssi
from builder.sources.cache import acquire_files
from builder.sources.catalog import Entry, UserSources, check_known
from builder.sources.embedded_cps import EmbeddedCps
from builder.sources.protocol import (
    Absent,
    Acquired,
    Progress,
    Provider,
    SourceData,
    SourceFile,
    silent,
)
from builder.sources.raw import RawSource
from builder.sources.wealth_list import WealthListSource
from schemas.errors import BuildError
from schemas.records import validate

Reader = Callable[[RawSource], dict[str, pd.DataFrame]]
READERS: Mapping[str, Reader] = {
    "acs_pums": acs_pums.read,
    "cps_asec": cps_asec.read,
    "irs_puf": irs_puf.read,
    "scf": scf.read,
    "sipp": sipp.read,
    "ssa_ssi": ssa_ssi.read,
}
OWN_PROVIDERS: Mapping[str, Callable[[Entry], Provider]] = {
    "embedded_cps": EmbeddedCps,
    "wealth_list": WealthListSource,
}
_PRESENT, _ABSENT, _REFUSED = "present", "absent", "refused"


@dataclass(frozen=True)
class FileProvider:
    """A source of files, downloaded or given by path, that one reader understands."""

    entry: Entry
    user: UserSources
    reader: Reader

    @property
    def id(self) -> str:
        """Return the id of the source."""
        return self.entry.id

    def acquire(self, cache: Path, *, offline: bool, progress: Progress) -> Acquired | Absent:
        """Return the verified files, or why there are none (see `cache.acquire_files`)."""
        return acquire_files(self.entry, self.user, cache, offline=offline, progress=progress)

    def read(self, acquired: Acquired) -> SourceData:
        """Return the source's tables; BuildError names the file and column that is not as
        published."""
        semantics = self.entry.load_semantics()
        tables = self.reader(RawSource(self.entry, acquired, semantics))
        weight = semantics["weight"]
        column = f"{weight['entity']}_weight" if weight else None
        return SourceData(tables, column, semantics)


@dataclass(frozen=True)
class SourceSet:
    """What `acquire_all` found: its report (record `source_report`), and what can be read."""

    report: dict[str, Any]
    providers: Mapping[str, Provider]
    acquired: Mapping[str, Acquired]

    def has(self, source_id: str) -> bool:
        """Decide whether a source is present."""
        return source_id in self.acquired

    def read(self, source_id: str) -> SourceData:
        """Return a present source's data; BuildError says why another one is not there."""
        if source_id in self.acquired:
            return self.providers[source_id].read(self.acquired[source_id])
        for each in self.report["sources"]:
            if each["id"] == source_id:
                raise BuildError(
                    f"{source_id} is {each['status']}: {each['message']}",
                    reason=each["reason"],
                    remedy=each["remedy"],
                )
        raise BuildError(
            f"no source is called {source_id!r}",
            reason="source.unknown",
            remedy=f"use one of: {', '.join(each['id'] for each in self.report['sources'])}",
        )

    def require_none_refused(self) -> None:
        """Raise BuildError naming every source whose bytes were refused: a build stops there."""
        refused = [each for each in self.report["sources"] if each["status"] == _REFUSED]
        if refused:
            raise BuildError(
                "; ".join(f"{each['id']}: {each['message']}" for each in refused),
                reason=refused[0]["reason"],
                remedy=refused[0]["remedy"],
            )


def provider_of(entry: Entry, user: UserSources) -> Provider:
    """Return the provider of a catalog entry; BuildError for a reader nobody has written."""
    if entry.reader in OWN_PROVIDERS:
        return OWN_PROVIDERS[entry.reader](entry)
    if entry.reader not in READERS:
        raise BuildError(
            f"{entry.id}: no reader is called {entry.reader!r}",
            reason="source.unknown_reader",
            remedy=f"use one of: {', '.join(sorted([*READERS, *OWN_PROVIDERS]))}",
        )
    return FileProvider(entry, user, READERS[entry.reader])


def acquire_all(
    catalog: tuple[Entry, ...],
    cache: Path,
    *,
    offline: bool,
    user: UserSources | None = None,
    progress: Progress = silent,
) -> SourceSet:
    """Acquire every source of a catalog and say of each whether it is present, absent or refused.

    `cache` keeps downloads by source and file name. A source whose bytes cannot be trusted is
    `refused` and leaves the others alone. Raises BuildError for a user's path or pin of a source
    that the catalog does not have.
    """
    user = user or UserSources()
    check_known(catalog, user)
    providers = {each.id: provider_of(each, user) for each in catalog}
    acquired: dict[str, Acquired] = {}
    rows = []
    for entry in catalog:
        try:
            found = providers[entry.id].acquire(cache, offline=offline, progress=progress)
        except BuildError as error:
            rows.append(_row(entry, _REFUSED, error))
            continue
        if isinstance(found, Acquired):
            acquired[entry.id] = found
        rows.append(_row(entry, _ABSENT if isinstance(found, Absent) else _PRESENT, found))
    report = {
        "schema": "source_report",
        "schema_version": 1,
        "offline": offline,
        "sources": rows,
    }
    validate(report, "source_report")
    return SourceSet(report, providers, acquired)


def _row(entry: Entry, status: str, found: Acquired | Absent | BuildError) -> dict[str, Any]:
    """Return a source's row of the report: files by name and content, never by place."""
    said = found if not isinstance(found, Acquired) else None
    files = () if isinstance(found, BuildError) else found.files
    return {
        "id": entry.id,
        "title": entry.title,
        "status": status,
        "licence": entry.licence,
        "reason": said.reason if said else None,
        "message": said.message if said else None,
        "remedy": said.remedy if said else None,
        "files": [_file(each) for each in files],
    }


def _file(file: SourceFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "url": file.url,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
    }
