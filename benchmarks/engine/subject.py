"""A file to simulate: its identity, and its arrays in its own row order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.engine.arms import Arm
from benchmarks.engine.cache import Entry, entry_key
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.plan import plan_sha256
from schemas.canonical import sha256_file
from schemas.dataset import (
    ENTITIES,
    GROUP_ENTITIES,
    REQUIRED_IDS,
    Dataset,
    id_name,
    membership_name,
)
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError
from schemas.logical import dataset_hashes


@dataclass(frozen=True)
class SimulationArrays:
    """Outputs of one simulation; rows are in the order of the file's own rows per entity.

    `arrays` and `entity` are keyed by output request; `person_to` gives, per group entity, the
    person-length row index into that group; `sizes` counts records. Weights are not in it.
    """

    arrays: dict[str, np.ndarray]
    entity: dict[str, str]
    person_to: dict[str, np.ndarray]
    sizes: dict[str, int]
    meta: dict[str, Any]


class Subject:
    """A file to simulate: what identifies it, and how its arrays come back in its own row order."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the file's hashes; raises MeasureError for a file without ids."""
        _require_ids(dataset)
        self.dataset = dataset
        self.hashes = dataset_hashes(dataset)
        self.spm = spm_settings(dataset)

    def key(self, arm: Arm, *, planned: bool) -> str:
        """Return the name of the arm's cache entry."""
        return entry_key(
            self.dataset,
            self.hashes.inputs_sha256,
            arm.outputs,
            arm.reform,
            spm=self.spm,
            planned=planned,
            **arm.settings(self.dataset.period),
        )

    def job(self, memory_gb: float) -> dict[str, Any]:
        """Return what a worker is told of the file."""
        return {
            # Not resolved: the engine reads the year and the format off the name that was judged.
            "path": str(self.dataset.path.absolute()),
            "layout": self.dataset.layout,
            "spm": self.spm,
            "sizes": {entity: self.dataset.size_of(entity) for entity in ENTITIES},
            "memory_gb": memory_gb,
            "trace": False,
        }

    def context(self) -> dict[str, Any]:
        """Return what the meta of each of its entries says of file and engine."""
        return {
            "logical_sha256": self.hashes.logical_sha256,
            "file_sha256": self.hashes.file_sha256,
            "spm": self.spm,
            "engine": installed_versions(),
            "plan_sha256": plan_sha256(),
        }

    def require_unchanged(self) -> None:
        """Raise MeasureError if the file is no longer the one whose hashes were read."""
        if sha256_file(self.dataset.path) != self.hashes.file_sha256:
            raise MeasureError(
                f"{self.dataset.path.name} changed while it was measured",
                reason="engine.file_changed",
                remedy="keep the file as it is during a measurement, and measure again",
            )

    def result(self, entry: Entry, requests: Sequence[str], cached: bool) -> SimulationArrays:
        """Return an entry as arrays of this file; raises MeasureError where lengths don't fit."""
        return _result(self.dataset, entry, requests, cached)


def spm_settings(dataset: Dataset) -> dict[str, str] | None:
    """Return the national SPM geography for a file without counties, else the engine's default."""
    return None if dataset.has("county_fips") else {"geography_kind": "national"}


def _require_ids(dataset: Dataset) -> None:
    missing = [name for name in REQUIRED_IDS if not dataset.has(name)]
    if missing:
        raise MeasureError(
            f"{dataset.path.name} lacks {', '.join(missing)} for {dataset.period}",
            reason="engine.no_ids",
            remedy="store every id and membership array for the file's own year",
        )


def _result(
    dataset: Dataset, entry: Entry, requests: Sequence[str], cached: bool
) -> SimulationArrays:
    table = variable_table()
    entities = {request: table[request.partition("@")[0]].entity for request in requests}
    sizes = {entity: dataset.size_of(entity) for entity in ENTITIES}
    for request, values in entry.arrays.items():
        if len(values) != sizes[entities[request]]:
            raise MeasureError(
                f"{request} came back with {len(values)} rows for {sizes[entities[request]]} "
                f"{entities[request]} records",
                reason="engine.wrong_length",
                remedy="report it with the file and the engine version",
            )
    return SimulationArrays(
        arrays=entry.arrays,
        entity=entities,
        person_to={group: _rows_of_persons(dataset, group) for group in GROUP_ENTITIES},
        sizes=sizes,
        meta=entry.meta | {"cached": cached},
    )


def _rows_of_persons(dataset: Dataset, group: str) -> np.ndarray:
    """Return, per person, the file row of the group it belongs to."""
    ids, member = dataset.read(id_name(group)), dataset.read(membership_name(group))
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids[order], member), len(ids) - 1)
    rows: np.ndarray = order[place]
    if not np.array_equal(ids[rows], member):
        raise MeasureError(
            f"a person of {dataset.path.name} points at a {group} that does not exist",
            reason="engine.broken_membership",
            remedy=f"mend {membership_name(group)}",
        )
    return rows
