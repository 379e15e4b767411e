"""What a stage is made of, its key, and the hash of what it left.

The key covers both the keys of the needed stages and the hashes of their outputs. So a changed
stage reruns everything after it even where its new output equals the old one: a checkpoint always
tells the true history of what it was made from, at the price of no early cut-off. A stage that was
redone under its own key (its checkpoint was damaged) lets later ones be reused exactly where it
came out byte for byte the same.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.stages.stage import Stage, StageFile, StageRecord
from schemas.canonical import sha256_file, sha256_json, to_plain
from schemas.errors import BuildError

_COMPILED = "__pycache__"


def made_from(
    stage: Stage, needs: Mapping[str, StageRecord], versions: Mapping[str, str]
) -> dict[str, Any]:
    """Return all that decides a stage's output, as plain JSON; its sha256 is the stage's key.

    `versions` are those of the packages that matter; Python's own is added. Raises BuildError for
    code that is not there, RecordError for settings that JSON cannot carry.
    """
    return {
        "id": stage.id,
        "settings": to_plain(stage.settings),
        "code": code_hashes(stage),
        "data": dict(stage.data),
        "needs": {
            name: {"key": record.key, "outputs_sha256": record.outputs_sha256}
            for name, record in needs.items()
        },
        "versions": {**versions, "python": platform.python_version()},
    }


def code_hashes(stage: Stage) -> list[dict[str, str]]:
    """Return name and sha256 of each source file; names do not depend on where the checkout is."""
    return [entry for path in stage.code for entry in _hashed(path, stage.id)]


def _hashed(path: Path, stage_id: str) -> list[dict[str, str]]:
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    sources = [each for each in inside if each.is_file() and _COMPILED not in each.parts]
    if not sources:
        raise BuildError(
            f"stage {stage_id} declares the code {path.name}, which is not there",
            reason="stages.code",
            remedy="name the source files or folders that the stage runs",
        )
    return [
        {"file": each.relative_to(path.parent).as_posix(), "sha256": sha256_file(each)}
        for each in sources
    ]


def outputs_sha256(files: Sequence[StageFile], facts: Mapping[str, Any]) -> str:
    """Return the hash of what a stage left for later ones: its files and its facts."""
    return sha256_json({"files": {file.path: file.sha256 for file in files}, "facts": facts})
