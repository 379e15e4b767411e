"""Copies of sample runs for the tests of the index, and ways to change one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sample_runs import write_run

from schemas.bundle import digest_of, sums_of
from schemas.canonical import canonical_bytes, sha256_file

_KEPT = tempfile.TemporaryDirectory(prefix="mpgate-index-")
_RECIPES: dict[str, dict[str, Any]] = {
    "sealed": {"seed": 1, "failing": ("family.snap",), "absent": ("cross_engine",)},
    "other": {"seed": 2, "judged_at": "2026-11-26T12:00:00+00:00"},
    "hostile": {"seed": 3, "hostile": True},
    "unsealed": {"seed": 4, "sealed": False},
    "unjudged": {"seed": 5, "judged": False},
    "twice": {"seed": 6, "verdicts": 2},
}


@cache
def _sample(kind: str) -> Path:
    return write_run(Path(_KEPT.name), kind, targets=20, **_RECIPES[kind])


def placed(root: Path, name: str, kind: str = "sealed") -> Path:
    """Return a copy of a sample run in `root/name`; its run id is its kind."""
    run = Path(shutil.copytree(_sample(kind), root / name))
    for file in run.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    return run


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a record where it lies, in canonical form."""
    record = json.loads(path.read_text())
    change(record)
    path.write_bytes(canonical_bytes(record))


def reseal(run: Path) -> None:
    """Form every seal of a run with one verdict anew, as somebody who hides an edit would."""

    def layer_one(bundle: dict[str, Any]) -> None:
        for each in bundle["files"]:
            each["sha256"] = sha256_file(run / each["path"])
            each["size_bytes"] = (run / each["path"]).stat().st_size
        bundle["digest"] = digest_of(bundle)

    edit(run / "bundle.json", layer_one)
    bundle = json.loads((run / "bundle.json").read_text())
    (run / "sha256sums.txt").write_bytes(sums_of(bundle))
    verdict = run / "verdict" / "1"
    edit(verdict / "bundle_check.json", lambda check: check.update(digest=bundle["digest"]))
    reseal_verdict(
        verdict, bundle={"digest": bundle["digest"], "sha256": sha256_file(run / "bundle.json")}
    )


def reseal_verdict(folder: Path, /, **changes: Any) -> None:
    """Form the seal of a verdict anew, with these entries changed."""

    def renew(seal: dict[str, Any]) -> None:
        seal.update(changes)
        seal["files"] = {name: sha256_file(folder / name) for name in seal["files"]}
        seal["digest"] = digest_of(seal)

    edit(folder / "seal.json", renew)
