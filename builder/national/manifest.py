"""The candidate manifest of a national build: what it is made of, and what it was fitted to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from baselines.targets import target_db_identity
from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import Suite
from benchmarks.weights import record_counts
from builder.calibration.files import calibration_block
from builder.national.config import NationalConfig
from schemas.dataset import open_dataset
from schemas.manifests import h5_entry

PACKAGE = "microdata-release-gate"


def candidate_manifest(
    file: Path,
    config: NationalConfig,
    suite: Suite,
    *,
    source_report: Mapping[str, Any],
    calibration: Mapping[str, Any],
    applied: Mapping[str, str],
    donor_groups: Sequence[str],
    extensions: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the `candidate_manifest` record of a written H5.

    `applied` names every donor with what became of it, `donor_groups` the target groups that donors
    were fitted to; absent sources stand among the sources with their reason. `calibration` is the
    calibration report.
    """
    dataset = open_dataset(file)
    present = [row for row in source_report["sources"] if row["status"] == "present"]
    return {
        "schema": "candidate_manifest",
        "schema_version": 1,
        "product": config.record["product"],
        "label": config.record["label"],
        "h5": h5_entry(dataset),
        "builder": {
            "version": version(PACKAGE),
            "commit": _commit(),
            "config_sha256": config.sha256,
        },
        "sources": [each for row in source_report["sources"] for each in _sources(row)],
        "source_semantics": [row["id"] for row in present],
        "donor_specs": sorted(name for name, how in applied.items() if "absent" not in how),
        "target_db": target_db_identity(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_groups": {
            "calibrated": _fitted_groups(calibration, suite, donor_groups),
            "held_out": sorted(suite.groups_of(HELD_OUT)),
        },
        "record_counts": record_counts(dataset),
        "relational_extensions": list(extensions),
        "calibration": calibration_block(calibration),
    }


def _sources(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one entry per file of a present source, one entry for an absent one."""
    if row["status"] != "present":
        reason = f"{row['status']}: {row['message']}"
        return [{"id": row["id"], "sha256": None, "size_bytes": None, "absent_reason": reason}]
    return [
        {
            "id": f"{row['id']}.{file['name']}".lower(),
            "sha256": file["sha256"],
            "size_bytes": file["size_bytes"],
        }
        for file in row["files"]
    ]


def _fitted_groups(
    calibration: Mapping[str, Any], suite: Suite, donor_groups: Sequence[str]
) -> list[str]:
    """Return every group of the suite that weights or donors were fitted to, or stopped by."""
    known = {target.holdout_group for target in suite.targets}
    groups = {e["group"] for e in calibration["groups"] if e["role"] != HELD_OUT}
    return sorted((groups | set(donor_groups)) & known)


def _commit() -> str | None:
    """Return the commit of the source tree, or None outside a git checkout."""
    git = shutil.which("git")
    root = Path(__file__).parents[2]
    if git is None or not (root / ".git").exists():
        return None
    command = [git, "-C", str(root), "rev-parse", "--verify", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
