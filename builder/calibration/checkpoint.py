"""Checkpoints of a calibration: one npz, whole or not at all, bound to problem and settings."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from schemas.canonical import atomic_write
from schemas.errors import BuildError

_FORMAT = 1
_META = "meta"


@dataclass
class Track:
    """Where a calibration stands, parameters aside.

    `phase` is search, fixed or refit and `epoch` the steps taken in it. `best` is the lowest
    criterion, found at `best_epoch`; `reference` the last one that counted as an improvement, and
    `waited` the checks since. `reason` says why the first phase ended.
    """

    phase: str
    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    reference: float | None = None
    waited: int = 0
    done: bool = False
    reason: str = ""
    epochs_run: int = 0
    curves: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    path: Path, identity: str, track: Track, arrays: Mapping[str, np.ndarray]
) -> None:
    """Write a checkpoint; raises RecordError where the place cannot be written."""
    meta = {"format": _FORMAT, "identity": identity, "track": asdict(track)}
    text = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **{_META: text, **arrays})
    atomic_write(path, stream.getvalue())


def load_checkpoint(path: Path, identity: str) -> tuple[Track, dict[str, np.ndarray]] | None:
    """Return what was saved for this identity, or None where it is another calibration's.

    Raises BuildError for a file that is no whole checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(arrays.pop(_META).tobytes())
        if (meta["format"], meta["identity"]) != (_FORMAT, identity):
            return None
        return Track(**meta["track"]), arrays
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> BuildError:
    """Return the error for a checkpoint that cannot be used."""
    return BuildError(
        f"the checkpoint {path.name} is damaged ({type(error).__name__})",
        reason="calibration.checkpoint_damaged",
        remedy="delete it, and calibrate from the start",
    )
