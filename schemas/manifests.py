"""Where the records that travel with a dataset lie."""

from __future__ import annotations

from pathlib import Path

MANIFEST_SUFFIX = ".manifest.json"


def candidate_manifest_path(h5: Path | str) -> Path:
    """Return where the manifest of a candidate H5 lies: `<stem>.manifest.json` beside it."""
    file = Path(h5)
    return file.with_name(file.stem + MANIFEST_SUFFIX)
