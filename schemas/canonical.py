"""Canonical JSON and hashes: one byte form per content, so that equal means identical."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import RecordError

VOLATILE = "run"
_CHUNK = 1 << 20


def to_plain(obj: Any, path: str = "$") -> Any:
    """Return `obj` as plain JSON values; raises RecordError on NaN, infinity or foreign types."""
    if isinstance(obj, np.generic):
        obj = obj.item()
    if obj is None or isinstance(obj, bool | int | str):
        return obj
    if isinstance(obj, float):
        return _finite(obj, path)
    if isinstance(obj, Mapping):
        return {_key(key, path): to_plain(value, f"{path}.{key}") for key, value in obj.items()}
    if isinstance(obj, list | tuple | np.ndarray):
        return [to_plain(value, f"{path}[{i}]") for i, value in enumerate(obj)]
    raise RecordError(
        f"{path} holds a {type(obj).__name__}, which JSON cannot carry",
        reason="record.type",
        remedy="convert it to numbers, text, lists or objects before writing the record",
    )


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return key
    raise RecordError(
        f"{path} has the key {key!r}, which is not text",
        reason="record.key",
        remedy="use text keys",
    )


def _finite(value: float, path: str) -> float:
    if math.isfinite(value):
        return value + 0.0  # -0.0 and 0.0 are one content
    raise RecordError(
        f"{path} is {value}, and records carry finite numbers only",
        reason="record.not_finite",
        remedy="record null with a reason, or mend the measurement",
    )


def canonical_bytes(obj: Any) -> bytes:
    """Return the on-disk form: sorted keys, one-space indent, finite numbers, final newline."""
    text = json.dumps(to_plain(obj), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def sha256_bytes(data: bytes) -> str:
    """Return the hex sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_json(obj: Any) -> str:
    """Return the sha256 of the compact canonical form of `obj`."""
    text = json.dumps(
        to_plain(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return sha256_bytes(text.encode())


def content_sha256(record: Mapping[str, Any]) -> str:
    """Return the sha256 of a record without its volatile `run` block."""
    return sha256_json({key: value for key, value in record.items() if key != VOLATILE})


def sha256_file(path: Path | str) -> str:
    """Return the hex sha256 of the bytes of a file, read in chunks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def atomic_write(path: Path | str, data: bytes) -> None:
    """Write `data` to `path` through a temporary file and a rename: whole or not at all.

    Raises RecordError where the place cannot be written: a full disk, a folder in the way.
    """
    try:
        _write_and_rename(Path(path), data)
    except OSError as error:
        raise RecordError(
            f"{Path(path).name} can't be written: {error.strerror or error}",
            reason="record.unwritable",
            remedy="name another place, or make room and leave to write there",
        ) from error


def _write_and_rename(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
