"""The incumbents on record: one manifest each, the sha256 is the identity."""

from pathlib import Path
from typing import Any

from schemas.errors import BaselineError
from schemas.records import read_record

ROOT = Path(__file__).parent
BUILDER_SCHEME = "builder:"
BUILD_COMMAND = "mpgate build incumbent --out FILE"

Manifest = dict[str, Any]


def list_baselines() -> list[Manifest]:
    """Return every incumbent manifest, ordered by id."""
    return [load_baseline(each) for each in known_ids()]


def known_ids() -> list[str]:
    """Return the ids on record: the names of the manifest files."""
    return sorted(path.stem for path in (ROOT / "manifests").glob("*.json"))


def manifest_path(baseline_id: str) -> Path:
    """Return where the manifest of a known id lies; BaselineError names the known ids."""
    if baseline_id not in known_ids():
        raise BaselineError(
            f"no incumbent is called {baseline_id!r}; known: {', '.join(known_ids())}",
            reason="baseline.unknown_id",
            remedy="use one of the known ids, or add its manifest to baselines/manifests/",
        )
    return ROOT / "manifests" / f"{baseline_id}.json"


def load_baseline(baseline_id: str) -> Manifest:
    """Return a manifest; BaselineError if its id isn't its name or a null pin has no reason."""
    manifest = read_record(manifest_path(baseline_id), "baseline_manifest")
    problems = manifest_problems(manifest, baseline_id)
    if problems:
        raise BaselineError(
            f"manifest {baseline_id}: {'; '.join(problems)}",
            reason="baseline.inconsistent_manifest",
            remedy=f"mend baselines/manifests/{baseline_id}.json",
        )
    return manifest


def manifest_problems(manifest: Manifest, baseline_id: str) -> list[str]:
    """Return what the schema can't say: null pins and reasons must be the same set."""
    problems = []
    if manifest["id"] != baseline_id:
        problems.append(f"its id is {manifest['id']}")
    null, reasoned = set(null_pins(manifest)), set(manifest["unknown"])
    problems += [f"{name} is null without a reason" for name in sorted(null - reasoned)]
    problems += [f"unknown names {name}, which has a value" for name in sorted(reasoned - null)]
    if not manifest["release_eligible"] and not manifest.get("release_eligible_reason"):
        problems.append("it isn't release-eligible and says no reason")
    name = manifest["pins"].get("h5_filename")
    if name is not None and Path(name).name != name:
        problems.append(f"h5_filename {name!r} isn't a plain file name")
    return problems


def null_pins(manifest: Manifest) -> list[str]:
    """Return the names of the pins nobody has filled; those of a local incumbent as `local.*`."""
    names = [name for name, value in manifest["pins"].items() if value is None]
    local = manifest.get("local", {})
    names += [f"local.{name}" for name, value in local.items() if value in (None, [])]
    return names


def missing_pins(manifest: Manifest, names: list[str]) -> str:
    """Return the null ones among `names` with their reasons, as text; empty if none is null."""
    by_reason: dict[str, list[str]] = {}
    for name in null_pins(manifest):
        if name in names:
            by_reason.setdefault(manifest["unknown"][name], []).append(name)
    return "; ".join(f"{', '.join(pins)} ({reason})" for reason, pins in by_reason.items())


def require_comparable(manifest: Manifest) -> None:
    """Refuse an incumbent nobody can identify: no H5 sha256, or a local one's objective unpinned.

    Raises BaselineError that names each missing pin and why it is missing.
    """
    needed = ["h5_sha256", *(f"local.{name}" for name in manifest.get("local", {}))]
    missing = missing_pins(manifest, needed)
    if missing:
        raise BaselineError(
            f"{manifest['id']} can't be compared against: missing {missing}",
            reason="baseline.not_comparable",
            remedy=f"fill its pins with `mpgate baseline freeze {manifest['id']} FILE`, "
            "or choose another incumbent",
        )


def is_built_here(manifest: Manifest) -> bool:
    """Decide whether the builder makes this incumbent, instead of a repository publishing it."""
    return str(manifest["pins"]["h5_uri"] or "").startswith(BUILDER_SCHEME)


def file_name(manifest: Manifest) -> str:
    """Return the label the incumbent's file is stored under."""
    return str(manifest["pins"].get("h5_filename") or f"{manifest['id']}.h5")
