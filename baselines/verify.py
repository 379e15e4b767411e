"""Whether a file is the incumbent its manifest pins: size, sha256 and logical content."""

from pathlib import Path

from baselines.diff import Difference, describe
from baselines.registry import Manifest, is_built_here, load_baseline, missing_pins
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import BaselineError, DatasetError
from schemas.logical import dataset_hashes

FILE_PINS = ("h5_size_bytes", "h5_sha256", "h5_logical_sha256")
LOGICAL_PIN = "h5_logical_sha256"
MISMATCH = "baseline.mismatch"


def verify_file(baseline_id: str, path: Path | str) -> list[str]:
    """Return the names of the pins that were checked and hold.

    Raises BaselineError naming every mismatch at once (reason `baseline.mismatch`), and when the
    file can't be read or the manifest pins no sha256.
    """
    manifest = load_baseline(baseline_id)
    mismatches = file_mismatches(manifest, Path(path))
    if mismatches:
        raise BaselineError(
            f"{Path(path).name} is not {baseline_id} (pinned -> found): {describe(mismatches)}",
            reason=MISMATCH,
            remedy="get the pinned content; the name of a file says nothing about its identity",
        )
    return list(deciding_pins(manifest))


def deciding_pins(manifest: Manifest) -> tuple[str, ...]:
    """Return the filled pins a file must meet; BaselineError if the manifest pins no sha256.

    A published file must meet all of them. One the builder makes on this machine is decided by
    its logical content alone: HDF5 bytes differ between library versions (DESIGN section 4).
    """
    missing = missing_pins(manifest, ["h5_sha256"])
    if missing:
        raise BaselineError(
            f"{manifest['id']} can't be verified: missing {missing}",
            reason="baseline.not_pinned",
            remedy=f"pin the right file with `mpgate baseline freeze {manifest['id']} FILE`",
        )
    filled = tuple(name for name in FILE_PINS if manifest["pins"][name] is not None)
    return (LOGICAL_PIN,) if is_built_here(manifest) and LOGICAL_PIN in filled else filled


def file_mismatches(manifest: Manifest, path: Path) -> list[Difference]:
    """Return each deciding pin that doesn't hold, as (pin, pinned, found)."""
    pairs = ((name, manifest["pins"][name]) for name in deciding_pins(manifest))
    return [
        Difference(name, pinned, found)
        for name, pinned in pairs
        if pinned != (found := _measure(name, path))
    ]


def _measure(pin: str, path: Path) -> int | str:
    """Return what the file says for one pin; for a file that is no dataset, why it isn't."""
    try:
        if pin == "h5_size_bytes":
            return path.stat().st_size
        if pin == "h5_sha256":
            return sha256_file(path)
    except OSError as error:
        raise BaselineError(
            f"{path.name} can't be read: {error.strerror}",
            reason="baseline.unreadable",
            remedy="check the path",
        ) from error
    try:
        return dataset_hashes(open_dataset(path)).logical_sha256
    except DatasetError as error:
        return f"unreadable: {error.message}"
