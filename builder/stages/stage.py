"""A stage of a build: what it declares, what it is handed, and the record that is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.engine.child import Progress

RECORD = "build_stages"


@dataclass(frozen=True)
class StageContext:
    """What a running stage is handed.

    `folder` is fresh and the only place to leave files; `inputs` are the finished folders of the
    stages it needs (read only) and `facts` what those returned. `scratch` is kept while the stage
    has not ended well: after a kill, an interrupt or an error (a full disk excepted) the same stage
    finds it again under the same key, and can go on from there. `folder` and `scratch` do not exist
    yet when the context is handed to `disk_bytes`.
    """

    folder: Path
    inputs: Mapping[str, Path]
    facts: Mapping[str, Mapping[str, Any]]
    progress: Progress
    scratch: Path


@dataclass(frozen=True)
class Stage:
    """One step of a build; everything its files depend on is declared, because it makes the key.

    `settings` is the JSON part of the configuration it reads, `code` the source files and folders
    it runs, `data` the sha256 of outside inputs by name. `run` returns JSON facts; facts are part
    of the output, so they hold nothing that differs between two equal runs (no times).
    `disk_bytes` is the predicted disk need of the folder and the scratch together.
    """

    id: str
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    code: tuple[Path, ...]
    data: Mapping[str, str]
    run: Callable[[StageContext], Mapping[str, Any]]
    disk_bytes: int | Callable[[StageContext], int]


@dataclass(frozen=True)
class StageFile:
    """A file of a finished stage; `path` is relative to the stage's folder."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class StageRecord:
    """What is known of a finished stage. The figures are those of the run that made it.

    `corruption` says why an earlier checkpoint of this key was not used; null where none was
    refused. `scratch_bytes` is the scratch folder at its largest, `peak_rss_bytes` the memory of
    this process and its descendants. `folder` is the checkpoint on this machine and no part of the
    record on disk.
    """

    folder: Path
    id: str
    key: str
    reused: bool
    corruption: str | None
    finished_at: str
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    predicted_bytes: int
    written_bytes: int
    scratch_bytes: int
    files: tuple[StageFile, ...]
    facts: Mapping[str, Any]
    outputs_sha256: str
    made_from: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the entry of this stage in a `build_stages` record."""
        entry = {each.name: getattr(self, each.name) for each in fields(self)}
        del entry["folder"]
        return entry | {"files": [asdict(file) for file in self.files]}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], folder: Path) -> StageRecord:
        """Return the stage of a validated entry whose checkpoint lies in `folder`."""
        files = tuple(StageFile(**file) for file in entry["files"])
        return cls(**{**entry, "files": files, "folder": folder})


def stages_record(records: Sequence[StageRecord]) -> dict[str, Any]:
    """Return the `build_stages` record of a build: one entry per stage, in the order of the run."""
    return {
        "schema": RECORD,
        "schema_version": 1,
        "stages": [record.to_json() for record in records],
    }
