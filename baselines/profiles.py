"""Which inputs an incumbent stores and populates: what a successor may not leave empty.

A profile makes input parity checkable without the incumbent's file: shares of records that are
not zero, unweighted, for every stored input that the engine knows (ids and weights left out).
"""

from pathlib import Path
from typing import Any

from baselines import registry
from baselines.registry import load_baseline
from schemas.dataset import REQUIRED_IDS, WEIGHT, Dataset
from schemas.engine_metadata import variable_table
from schemas.errors import BaselineError
from schemas.records import read_record

FOLDER = "profiles"
_DECIMALS = 6


def profile_path(baseline_id: str) -> Path:
    """Return where the profile of an incumbent lies, whether or not it is there."""
    return registry.ROOT / FOLDER / f"{baseline_id}.json"


def load_profile(baseline_id: str) -> dict[str, Any] | None:
    """Return the frozen input profile of an incumbent, or None where none was frozen.

    Raises BaselineError for a profile that was taken from another file than the pinned one.
    """
    path = profile_path(baseline_id)
    if not path.is_file():
        return None
    record = read_record(path, "input_profile")
    pinned = load_baseline(baseline_id)["pins"]["h5_sha256"]
    if record["subject_sha256"] != pinned:
        raise BaselineError(
            f"the input profile of {baseline_id} was taken from another file than the pinned one",
            reason="baseline.stale_profile",
            remedy=f"run `mpgate baseline freeze {baseline_id}` with the pinned file",
        )
    return record


def profile_of(dataset: Dataset, baseline_id: str, sha256: str) -> dict[str, Any]:
    """Return the input profile of an open file (shares of records, 0 to 1)."""
    table = variable_table()
    stored = [name for name in dataset.variables if name in table and dataset.has(name)]
    names = [name for name in stored if name not in REQUIRED_IDS and name != WEIGHT]
    return {
        "schema": "input_profile",
        "schema_version": 1,
        "id": baseline_id,
        "subject_sha256": sha256,
        "inputs": [
            {
                "name": name,
                "entity": table[name].entity,
                "nonzero_share": round(dataset.nonzero_share(name), _DECIMALS),
            }
            for name in names
        ],
        "sources": [f"computed from the pinned file by `mpgate baseline freeze {baseline_id}`"],
    }
