"""Where the records that travel with a dataset lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.dataset import Dataset
from schemas.logical import dataset_hashes

MANIFEST_SUFFIX = ".manifest.json"


def candidate_manifest_path(h5: Path | str) -> Path:
    """Return where the manifest of a candidate H5 lies: `<stem>.manifest.json` beside it."""
    file = Path(h5)
    return file.with_name(file.stem + MANIFEST_SUFFIX)


def h5_entry(dataset: Dataset) -> dict[str, Any]:
    """Return the `h5` part of a candidate manifest: name, hashes, size, layout and period."""
    hashes = dataset_hashes(dataset)
    return {
        "file": dataset.path.name,
        "sha256": hashes.file_sha256,
        "logical_sha256": hashes.logical_sha256,
        "inputs_sha256": hashes.inputs_sha256,
        "size_bytes": hashes.size_bytes,
        "layout": dataset.layout,
        "period": dataset.period,
    }
