"""Layer one held against its seal and against what it must hold: the record `bundle_check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gates.release.contents import (
    CANDIDATE,
    DELTAS,
    MANIFEST,
    RECORDS_DIR,
    Gap,
    Reading,
    extensions_of,
    gaps,
    incumbent_of,
    load_contents,
    matches,
    read_records,
)
from gates.release.deltas import target_deltas
from schemas.bundle import (
    VERDICTS,
    BundleError,
    differences,
    entries,
    is_plain_file,
    read_bundle,
)
from schemas.canonical import sha256_file
from schemas.records import validate

LOSS = f"{RECORDS_DIR}/loss.json"
_SEALED_WHY = "it was sealed and is gone"


def bundle_check(run: Path, candidate_sha256: str) -> dict[str, Any]:
    """Return what became of a sealed run folder, for the candidate with this sha256.

    Raises BundleError where nothing is sealed, or where the seal itself cannot be believed.
    """
    bundle = read_bundle(run)
    found = differences(run, bundle)
    missing, invalid, reading = look_into(run, bundle["product"])
    named = [gap.what for gap in missing]
    gone = [
        Gap("sealed", path, _SEALED_WHY)
        for path in found.missing
        if not any(matches(path, what) for what in named)
    ]
    record = {
        "schema": "bundle_check",
        "schema_version": 1,
        "subject": {"sha256": candidate_sha256},
        "run_id": bundle["run_id"],
        "product": bundle["product"],
        "digest": bundle["digest"],
        "candidate_matches": bundle["candidate"]["sha256"] == candidate_sha256,
        "intact": not found,
        "complete": not missing and not invalid,
        "missing": [vars(gap) for gap in (*gone, *missing)],
        "invalid": [{"path": path, "reason": reason} for path, reason in invalid],
        "changed": list(found.changed),
        "unexpected": list(found.unexpected),
        "records": reading.hashes,
    }
    validate(record, "bundle_check")
    return record


def require_intact(run: Path) -> dict[str, Any]:
    """Return the bundle record of a run; raises BundleError naming whatever differs from it."""
    bundle = read_bundle(run)
    if found := differences(run, bundle):
        raise BundleError(
            f"{run.name} is not as it was sealed: {found}",
            reason="bundle.changed",
            remedy="restore the run folder from a copy, or build again",
        )
    return bundle


def look_into(run: Path, product: str) -> tuple[list[Gap], list[tuple[str, str]], Reading]:
    """Return what a run folder, sealed or not, lacks of its product's bundle, and what is wrong.

    The invalid files come as path and reason.
    """
    contents = load_contents(product)
    there = entries(run, {*contents.outside, VERDICTS})
    files = {path: file for path, file in there if is_plain_file(file)}
    sha256 = sha256_file(files[CANDIDATE]) if CANDIDATE in files else None
    pinned = (incumbent_of(files) or {}).get("sha256")
    reading = read_records(contents, files, {"candidate": sha256, "incumbent": pinned})
    extensions = extensions_of(reading.records.get(MANIFEST, {"relational_extensions": []}))
    invalid = [*reading.invalid, *_contradictions(files, reading, sha256, extensions)]
    return list(gaps(contents, files, extensions)), invalid, reading


def _contradictions(
    files: Mapping[str, Path], reading: Reading, sha256: str | None, extensions: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield path and reason for each file that another file of the bundle contradicts."""
    manifest, loss = reading.records.get(MANIFEST), reading.records.get(LOSS)
    if manifest is not None and manifest["h5"]["sha256"] != sha256:
        yield MANIFEST, "it describes another candidate"
    for path, declared in extensions.items():
        if path in files and sha256_file(files[path]) != declared:
            yield path, "it is not the extension that the candidate's manifest lists"
    if loss is not None and loss["candidate"]["sha256"] != sha256:
        yield LOSS, "it compares another candidate"
    if loss is not None and DELTAS in files and files[DELTAS].read_bytes() != target_deltas(loss):
        yield DELTAS, f"it is not what {LOSS} says"
