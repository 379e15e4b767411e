"""The pointer record: which run is the current candidate of a product, and which were before it.

It lies in `<root>/current/<product>.json` and is written by `mpgate release point`. Every entry
names the sha256 of the one before it, and the record its own digest, so that an edit shows. As
with the seals of a run folder, this shows changes; it does not prove who made the record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.bundle import digest_of, is_plain_file
from schemas.canonical import canonical_bytes, sha256_json
from schemas.errors import MpgateError, RecordError
from schemas.records import load_schema, validate, write_record

POINTERS = "current"
SCHEMA = "current_candidate"
EDITED = "pointer.edited"


class PointerError(MpgateError):
    """A pointer record that cannot be believed, or a run that it must not name."""


def products() -> tuple[str, ...]:
    """Return the products that can have a current candidate."""
    return tuple(load_schema("common")["$defs"]["product"]["enum"])


def pointer_path(root: Path, product: str) -> Path:
    """Return where the pointer of a product lies below a root; raises PointerError if unknown."""
    if product not in products():
        raise PointerError(
            f"no product is called {product!r}",
            reason="pointer.product",
            remedy=f"use one of: {', '.join(products())}",
        )
    return root / POINTERS / f"{product}.json"


def read_pointer(root: Path, product: str) -> dict[str, Any] | None:
    """Return the pointer record of a product; None where nothing was pointed at yet.

    Raises PointerError if it cannot be read, is no plain file, invalid, of another product, or was
    edited.
    """
    path = pointer_path(root, product)
    if not _lies(path):
        return None
    if (root / POINTERS).is_symlink() or not is_plain_file(path):
        raise _edited(path, "it is no plain file")
    written, record = _parsed(path)
    if record["product"] != product:
        raise _edited(path, f"it is the record of {record['product']}")
    if written != canonical_bytes(record) or record["digest"] != digest_of(record):
        raise _edited(path, "its digest is not that of its content")
    if broken := _broken(record["entries"]):
        raise _edited(path, f"its entry {broken} does not follow the one before it")
    return record


def next_pointer(
    record: Mapping[str, Any] | None, product: str, entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record with one more entry, which gets its `number` and `previous` here.

    `record` is None where there is none yet. Nothing is written.
    """
    entries = list(record["entries"]) if record else []
    chained = {
        **entry,
        "number": len(entries) + 1,
        "previous": sha256_json(entries[-1]) if entries else None,
    }
    content = {
        "schema": SCHEMA,
        "schema_version": 1,
        "product": product,
        "entries": [*entries, chained],
    }
    return {**content, "digest": digest_of(content)}


def write_pointer(root: Path, record: Mapping[str, Any]) -> Path:
    """Write a pointer record where it belongs, whole or not at all; raises RecordError."""
    path = pointer_path(root, record["product"])
    write_record(path, record, SCHEMA)
    return path


def _lies(path: Path) -> bool:
    """Decide whether anything lies at a path; raises PointerError where that cannot be known."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _edited(path, error.strerror or str(error)) from error
    return True


def _parsed(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return a record with its bytes, read once: a writer may replace the file at any time."""
    try:
        written = path.read_bytes()
        record = json.loads(written.decode())
        if not isinstance(record, dict):
            raise _edited(path, "it is no JSON object")
        validate(record, SCHEMA)
        canonical_bytes(record)
    except (RecordError, OSError, RecursionError, ValueError) as error:
        raise _edited(path, getattr(error, "message", str(error))) from error
    return written, record


def _broken(entries: list[Mapping[str, Any]]) -> int | None:
    """Return the place, from 1, of the first entry that is not tied to the one before it."""
    before: Mapping[str, Any] | None = None
    for place, entry in enumerate(entries, start=1):
        previous = None if before is None else sha256_json(before)
        if (entry["number"], entry["previous"]) != (place, previous):
            return place
        before = entry
    return None


def _edited(path: Path, why: str) -> PointerError:
    return PointerError(
        f"the pointer record {path.name} is not as it was written: {why}",
        reason=EDITED,
        remedy=f"restore {POINTERS}/{path.name} from a copy, or move it away and point at the "
        "current run again with `mpgate release point`",
    )
