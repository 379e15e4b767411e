"""A candidate's own lots: the relational table its manifest names, beside the H5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.capital_gains.lots import Lots
from benchmarks.capital_gains.lots_table import read_lots_table
from schemas.canonical import sha256_file
from schemas.dataset import Dataset
from schemas.errors import DatasetError
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record

EXTENSION = "capital-gains-lots"


@dataclass(frozen=True)
class OwnLots:
    """Lots of a file and the sha256 of the table they come from."""

    lots: Lots
    sha256: str


def own_lots(dataset: Dataset, gains: np.ndarray, year: int) -> OwnLots | None:
    """Return the lots a dataset's manifest names as extension `capital-gains-lots`, None if none.

    Their result is told beside the benchmark's, which uses one generator for both datasets.
    Raises DatasetError for a table that is absent, another than the manifest says, or unsound.
    """
    manifest = candidate_manifest_path(dataset.path)
    if not manifest.is_file():
        return None
    entry = _entry(read_record(manifest, "candidate_manifest"))
    if entry is None:
        return None
    table = dataset.path.parent / entry["file"]
    if not table.is_file() or sha256_file(table) != entry["sha256"]:
        raise DatasetError(
            f"{entry['file']} is not the lots table that {manifest.name} names",
            reason="lots_table.other",
            remedy="put the table that was written with the file beside it",
        )
    persons = np.asarray(dataset.read("person_id"))
    return OwnLots(read_lots_table(Path(table), persons, gains, year), entry["sha256"])


def _entry(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for each in manifest["relational_extensions"]:
        if each["id"] == EXTENSION:
            found: Mapping[str, Any] = each
            return found
    return None
