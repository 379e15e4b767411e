"""Layer one of a run folder, what was built and measured: collect it, then seal it.

The seal is written last and files are made read-only before they are hashed, so that an
interrupted sealing leaves a folder that is told as half sealed and can be sealed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs, read_inputs, write_inputs
from gates.release.check import look_into, require_intact
from gates.release.contents import (
    CANDIDATE,
    DELTAS,
    MANIFEST,
    RECORDS_DIR,
    extensions_of,
    incumbent_of,
    load_contents,
)
from gates.release.deltas import target_deltas
from gates.release.environment import environment_record
from schemas.bundle import (
    BUNDLE,
    HALF_SEALED,
    SUMS,
    VERDICTS,
    BundleError,
    digest_of,
    entries,
    is_plain_file,
    is_safe_path,
    is_sealed,
    sums_of,
)
from schemas.canonical import atomic_write, canonical_bytes, sha256_file
from schemas.records import read_record, validate, write_record

ENVIRONMENT = "environment.json"
READ_ONLY = 0o444


def collect_layer_one(run: Path, records_dir: Path) -> JudgeInputs:
    """Copy the measured records of a gate run into `run/records`; add target deltas, environment.

    `records_dir` is what `gates.inputs.write_inputs` wrote. Exception records and the check of the
    bundle itself belong to the verdict and stay out. Returns the inputs as collected. Raises
    BundleError for a folder that is sealed, RecordError for records that cannot be read or written.
    """
    require_unsealed(run)
    return collect_inputs(run, read_inputs(records_dir))


def collect_inputs(run: Path, inputs: JudgeInputs) -> JudgeInputs:
    """Do as `collect_layer_one` does, with inputs that are at hand."""
    require_unsealed(run)
    kept = without_verdict(inputs)
    write_inputs(run / RECORDS_DIR, kept)
    (run / DELTAS).unlink(missing_ok=True)
    if "loss" in kept.records:
        atomic_write(run / DELTAS, target_deltas(kept.records["loss"]))
    write_record(run / ENVIRONMENT, environment_record(), "environment")
    return kept


def without_verdict(inputs: JudgeInputs) -> JudgeInputs:
    """Return the inputs without what is no measurement: exceptions, and the bundle's own check."""
    records = {name: each for name, each in inputs.records.items() if name != "bundle"}
    absent = {name: why for name, why in inputs.absent.items() if name != "bundle"}
    return replace(inputs, records=records, absent=absent, exceptions=ExceptionSet())


def require_unsealed(run: Path) -> None:
    """Raise BundleError for a folder that is sealed; one that is half sealed may be finished."""
    if is_wholly_sealed(run):
        raise BundleError(
            f"{run.name} is sealed: nothing can be added to it",
            reason="bundle.sealed",
            remedy="judge it with `mpgate bundle judge`, or build into another folder",
        )


def is_wholly_sealed(run: Path) -> bool:
    """Decide whether a run folder is sealed; a half-sealed one is not yet."""
    try:
        return is_sealed(run)
    except BundleError as error:
        if error.reason == HALF_SEALED:
            return False
        raise


def shortcomings(run: Path) -> list[str]:
    """Return what a run folder, sealed or not, lacks of a complete bundle, one line each."""
    missing, invalid, _ = look_into(run, _manifest(run)["product"])
    lines = [f"missing {gap.role}: {gap.what} ({gap.why})" for gap in missing]
    return lines + [f"invalid {path}: {reason}" for path, reason in invalid]


def seal_layer_one(run: Path) -> dict[str, Any]:
    """Seal a run folder and return its bundle record; a complete bundle is not required.

    Sealing again is refused unless nothing changed; then the record is returned as it is. Raises
    BundleError for links, hidden files or names that may not lie in a bundle.
    """
    if is_wholly_sealed(run):
        return require_intact(run)
    manifest = _manifest(run)
    contents = load_contents(manifest["product"])
    files = _files(run, {*contents.outside, VERDICTS})
    for file in files.values():
        file.chmod(READ_ONLY)
    extensions = frozenset(extensions_of(manifest))
    listed = [
        {
            "path": path,
            "role": contents.role_of(path, extensions),
            "sha256": sha256_file(file),
            "size_bytes": file.stat().st_size,
        }
        for path, file in sorted(files.items())
    ]
    bundle = {
        "schema": "bundle",
        "schema_version": 1,
        "run_id": run.resolve().name,
        "product": manifest["product"],
        "candidate": {"path": CANDIDATE, "sha256": sha256_file(files[CANDIDATE])},
        "incumbent": incumbent_of(files),
        "outside": list(contents.outside),
        "files": listed,
    }
    bundle["digest"] = digest_of(bundle)
    _write_seal(run, bundle)
    return bundle


def _write_seal(run: Path, bundle: Mapping[str, Any]) -> None:
    """Write the checksums, then the record: a folder with both is sealed."""
    validate(bundle, "bundle")
    for name, data in ((SUMS, sums_of(bundle)), (BUNDLE, canonical_bytes(bundle))):
        atomic_write(run / name, data)
        (run / name).chmod(READ_ONLY)


def _manifest(run: Path) -> dict[str, Any]:
    """Return the candidate's manifest; a folder without candidate or manifest is no bundle."""
    for name in (CANDIDATE, MANIFEST):
        if not is_plain_file(run / name):
            raise BundleError(
                f"{run.name} holds no {name}, which says whose bundle it is",
                reason="bundle.no_candidate",
                remedy="build the candidate first, then seal the folder that it lies in",
            )
    return read_record(run / MANIFEST, "candidate_manifest")


def _files(run: Path, outside: set[str]) -> dict[str, Path]:
    """Return the files to seal by path; refuse what may not lie in a bundle, naming all of it."""
    found = {path: at for path, at in entries(run, outside) if path not in (BUNDLE, SUMS)}
    refused = sorted(p for p, at in found.items() if not is_safe_path(p) or not is_plain_file(at))
    if refused:
        raise BundleError(
            f"links, hidden files and special names cannot be sealed: {', '.join(refused)}",
            reason="bundle.path",
            remedy="remove or rename them, then seal again",
        )
    return found
