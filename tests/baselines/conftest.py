"""A baselines room in a temporary folder and a small H5."""

import json
from pathlib import Path

import pytest

from baselines import registry
from schemas.records import write_record
from tests.baselines.samples import make_h5


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the room's manifests, pins of files and frozen evidence emptied."""
    folder = tmp_path / "room"
    for path in (registry.ROOT / "manifests").glob("*.json"):
        manifest = json.loads(path.read_text())
        for name in ("h5_sha256", "h5_size_bytes", "h5_logical_sha256"):
            manifest["pins"][name] = None
            manifest["unknown"][name] = "emptied by the test"
        manifest["frozen_evidence"] = []
        write_record(folder / "manifests" / path.name, manifest, "baseline_manifest")
    monkeypatch.setattr(registry, "ROOT", folder)
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    """Return the path of a small valid H5."""
    return make_h5(tmp_path / "incumbent.h5")
