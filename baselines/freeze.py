"""Freeze an incumbent: the pins of its file, and the evidence measured on it."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from baselines import registry
from baselines.diff import Difference, describe, diff_records
from baselines.profiles import profile_of, profile_path
from baselines.registry import Manifest, load_baseline, manifest_path, require_comparable
from baselines.verify import MISMATCH
from schemas.canonical import atomic_write, sha256_file
from schemas.dataset import open_dataset
from schemas.errors import BaselineError
from schemas.logical import dataset_hashes
from schemas.records import read_record, validate, write_record


def freeze_file(baseline_id: str, path: Path | str, *, replace: bool = False) -> Manifest:
    """Pin size, sha256 and logical sha256 of an H5 in a manifest, and return the manifest.

    Its input profile is frozen beside it.
    Raises BaselineError listing the differing fields when other content is pinned already, and
    leaves the manifest alone, unless `replace`: frozen evidence of the old content is then removed.
    Raises DatasetError when the file isn't a dataset.
    """
    manifest = load_baseline(baseline_id)
    dataset = open_dataset(path)
    hashes = dataset_hashes(dataset)
    found = {
        "h5_size_bytes": hashes.size_bytes,
        "h5_sha256": hashes.file_sha256,
        "h5_logical_sha256": hashes.logical_sha256,
    }
    clash = [
        Difference(f"pins.{name}", manifest["pins"][name], value)
        for name, value in found.items()
        if manifest["pins"][name] not in (None, value)
    ]
    if clash and not replace:
        raise _frozen_already(baseline_id, clash)
    updated = deepcopy(manifest)
    updated["pins"].update(found)
    updated["unknown"] = {k: v for k, v in manifest["unknown"].items() if k not in found}
    if clash:
        updated["frozen_evidence"] = []
    write_record(manifest_path(baseline_id), updated, "baseline_manifest")
    profile = profile_of(dataset, baseline_id, hashes.file_sha256)
    write_record(profile_path(baseline_id), profile, "input_profile")
    for entry in manifest["frozen_evidence"] if clash else ():
        _evidence_path(entry).unlink(missing_ok=True)
        _evidence_path(entry).with_suffix(".npz").unlink(missing_ok=True)
    return updated


def freeze_evidence(
    baseline_id: str,
    evidence: Mapping[str, Any],
    *,
    contributions: Path | None = None,
    replace: bool = False,
) -> Path:
    """Write evidence of the pinned file to baselines/evidence/ and return where it lies.

    Its sha256 goes into the manifest's `frozen_evidence`. Raises RecordError for an invalid record
    and BaselineError for evidence of another file, or listing the differing fields when other
    evidence is frozen for the same suite id and engine, unless `replace`. The `run` block may
    differ: the file is left as it is then. `contributions` (an .npz beside the evidence) is kept
    with it: without it, comparisons have no standard error.
    """
    validate(evidence, "evidence")
    manifest = load_baseline(baseline_id)
    require_comparable(manifest)
    _require_own(manifest, evidence)
    name = f"evidence/{baseline_id}/{evidence_name(evidence)}"
    path = registry.ROOT / name
    present = next((each for each in manifest["frozen_evidence"] if each["file"] == name), None)
    if present is not None and not replace:
        differences = diff_records(_read_entry(manifest, present), evidence)
        if differences:
            raise _frozen_already(f"{baseline_id}: {path.name}", differences)
        return path
    write_record(path, evidence, "evidence")
    if contributions is not None:
        atomic_write(frozen_contributions_path(baseline_id, evidence), contributions.read_bytes())
    entry = {
        "engine": engine_key(evidence["engine"]),
        "suite_sha256": evidence["suite"]["sha256"],
        "evidence_sha256": sha256_file(path),
        "file": name,
    }
    others = [each for each in manifest["frozen_evidence"] if each["file"] != name]
    manifest["frozen_evidence"] = sorted([*others, entry], key=lambda each: str(each["file"]))
    write_record(manifest_path(baseline_id), manifest, "baseline_manifest")
    return path


def frozen_evidence(
    baseline_id: str, engine: Mapping[str, str], suite_sha256: str
) -> dict[str, Any] | None:
    """Return the incumbent's frozen evidence for (engine, suite), or None when none is frozen.

    `engine` holds both versions, as in an evidence record. Raises BaselineError when the file
    isn't the one the manifest recorded, or was measured on another file than the pinned one.
    """
    manifest = load_baseline(baseline_id)
    wanted = (engine_key(engine), suite_sha256)
    for entry in manifest["frozen_evidence"]:
        if (entry["engine"], entry["suite_sha256"]) == wanted:
            return _read_entry(manifest, entry)
    return None


def frozen_contributions_path(baseline_id: str, evidence: Mapping[str, Any]) -> Path:
    """Return where the household contributions of frozen evidence lie: beside it, as .npz."""
    path = registry.ROOT / f"evidence/{baseline_id}/{evidence_name(evidence)}"
    return path.with_suffix(".npz")


def engine_key(engine: Mapping[str, str]) -> str:
    """Return the name of an engine: both versions decide what a simulation returns."""
    return f"us-{engine['policyengine_us']}-core-{engine['policyengine_core']}"


def evidence_name(evidence: Mapping[str, Any]) -> str:
    """Return the file name of frozen evidence: `<suite id>-<engine>.json`."""
    return f"{evidence['suite']['id']}-{engine_key(evidence['engine'])}.json"


def _read_entry(manifest: Manifest, entry: Mapping[str, str]) -> dict[str, Any]:
    path = _evidence_path(entry)
    found = sha256_file(path) if path.is_file() else "no file"
    if found != entry["evidence_sha256"]:
        raise BaselineError(
            f"frozen evidence {entry['file']} was changed: the manifest of {manifest['id']} "
            f"recorded sha256 {entry['evidence_sha256']}, found {found}",
            reason="baseline.evidence_changed",
            remedy="restore it from version control, or measure again and freeze with --replace",
        )
    evidence = read_record(path, "evidence")
    _require_own(manifest, evidence)
    return evidence


def _evidence_path(entry: Mapping[str, str]) -> Path:
    return registry.ROOT / entry["file"]


def _require_own(manifest: Manifest, evidence: Mapping[str, Any]) -> None:
    """Refuse evidence measured on a file that isn't the pinned one."""
    found, pinned = evidence["subject"]["sha256"], manifest["pins"]["h5_sha256"]
    if found != pinned:
        raise BaselineError(
            f"the evidence was measured on {found}, {manifest['id']} is pinned at {pinned}",
            reason="baseline.evidence_of_other_file",
            remedy=f"measure the pinned file of {manifest['id']}, then freeze that evidence",
        )


def _frozen_already(what: str, differences: list[Difference]) -> BaselineError:
    return BaselineError(
        f"{what} is frozen with other content (frozen -> new): {describe(differences)}",
        reason=MISMATCH,
        remedy="give the new content a new incumbent id, or replace it on purpose with --replace",
    )
