"""Verifying a run folder: both layers, and every difference by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gates.release.check import bundle_check
from gates.release.verdict_check import check_verdicts
from schemas.bundle import read_bundle


def verify(run: Path) -> dict[str, Any]:
    """Return what became of a sealed run folder: `layer_one` (a bundle_check), files, verdicts.

    Each verdict has its name, its seal (null where unreadable) and its problems in words. Raises
    BundleError where nothing is sealed, or where the seal of layer one cannot be believed.
    """
    bundle = read_bundle(run)
    return {
        "layer_one": bundle_check(run, bundle["candidate"]["sha256"]),
        "files": bundle["files"],
        "verdicts": [
            {
                "name": each.name,
                "seal": None if each.seal is None else dict(each.seal),
                "problems": list(each.problems),
            }
            for each in check_verdicts(run, bundle)
        ],
    }


def problems(found: Mapping[str, Any]) -> list[str]:
    """Return everything that `verify` found to be wrong, one line each."""
    layer = found["layer_one"]
    return [
        *(f"missing: {gap['what']} ({gap['role']}: {gap['why']})" for gap in layer["missing"]),
        *(f"changed: {path}" for path in layer["changed"]),
        *(f"added: {path}" for path in layer["unexpected"]),
        *(f"invalid: {each['path']}: {each['reason']}" for each in layer["invalid"]),
        *(f"{each['name']}: {why}" for each in found["verdicts"] for why in each["problems"]),
    ]
