"""What the measuring step has found so far, and what it can tell from the candidate alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baselines.profiles import load_profile
from baselines.registry import load_baseline, require_comparable
from gates.release.check import bundle_check
from schemas.bundle import ABSENT, HALF_SEALED
from schemas.errors import MpgateError
from schemas.logical import DatasetHashes
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record
from schemas.storage import storage_record

BEFORE_ENGINE = frozenset(
    {
        "layout.root",
        "layout.tables",
        "periods.declared",
        "lengths",
        "ids.present",
        "ids.integer",
        "ids.unique",
        "joins.resolve",
        "joins.empty",
        "weights.present",
        "weights.nonnegative",
        "values.finite",
        "values.dtypes",
    }
)


_NO_BUNDLE = frozenset({ABSENT, HALF_SEALED})


@dataclass
class Gathering:
    """Records found so far, and the reason for each one that could not be had."""

    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def miss(self, name: str, status: str, message: str, remedy: str) -> None:
        """Note why a record is absent; the gates that need it take over this status."""
        self.absent[name] = {"status": status, "message": message, "remedy": remedy}

    def fail(self, name: str, error: MpgateError, limits: frozenset[str] = frozenset()) -> None:
        """Note a record that an error prevented; `unmeasured` where its reason is in `limits`."""
        status = "unmeasured" if error.reason in limits else "error"
        self.miss(name, status, error.message, error.remedy)

    def broken(self) -> list[str]:
        """Return the breaches that make the engine's answer meaningless or its start pointless."""
        return [
            check["id"]
            for check in self.records["contract"]["checks"]
            if check["id"] in BEFORE_ENGINE and (check["count"] or "error" in check)
        ]


def require_known(incumbent_id: str) -> dict[str, Any]:
    """Return an incumbent's manifest; raises BaselineError if unknown or not comparable."""
    manifest = dict(load_baseline(incumbent_id))
    require_comparable(manifest)
    return manifest


def profile_of(incumbent_id: str) -> Mapping[str, Any] | str:
    """Return the incumbent's input profile, or the reason why it has none."""
    profile = load_profile(incumbent_id)
    if profile is not None:
        return profile
    return f"no input profile of {incumbent_id} is frozen: `mpgate baseline freeze` makes one"


def add_manifest(found: Gathering, candidate: Path) -> None:
    """Add the manifest beside the candidate; a manifest that cannot be read is an error."""
    path = candidate_manifest_path(candidate)
    if not path.exists():
        found.miss(
            "candidate_manifest",
            "unmeasured",
            f"no {path.name} lies beside the file: nobody knows what it was calibrated on",
            "put the manifest that was written with the file beside it",
        )
        return
    try:
        found.records["candidate_manifest"] = read_record(path, "candidate_manifest")
    except MpgateError as error:
        found.fail("candidate_manifest", error)


def add_bundle(found: Gathering, run: Path, candidate_sha256: str) -> None:
    """Add the check of the bundle that lies in a folder; a seal nobody can believe is an error."""
    try:
        found.records["bundle"] = bundle_check(run, candidate_sha256)
    except MpgateError as error:
        found.fail("bundle", error, _NO_BUNDLE)


def add_storage(found: Gathering, candidate: Path, hashes: DatasetHashes) -> None:
    """Add how much room file and extensions take; an unreadable manifest may hide extensions."""
    why = found.absent.get("candidate_manifest")
    if why is not None and why["status"] == "error":
        found.absent["storage"] = why
        return
    manifest = found.records.get("candidate_manifest", {})
    extensions = manifest.get("relational_extensions", ())
    found.records["storage"] = storage_record(candidate, hashes, extensions)
