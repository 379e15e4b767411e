"""Where incumbent files lie on this machine, and which of them may be believed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baselines.registry import file_name, load_baseline, missing_pins
from baselines.verify import file_mismatches, verify_file
from schemas.errors import BaselineError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
CACHE_VARIABLE = "MPGATE_CACHE"


def cache_dir() -> Path:
    """Return the cache folder, made if absent: $MPGATE_CACHE, or .mpgate in the project root."""
    named = os.environ.get(CACHE_VARIABLE)
    folder = Path(named).expanduser() if named else PROJECT_ROOT / ".mpgate"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def empty_cache() -> Iterator[None]:
    """Give everything that asks for the cache an empty folder, which goes away afterwards."""
    named = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="mpgate-empty-") as folder:
        os.environ[CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            if named is None:
                del os.environ[CACHE_VARIABLE]
            else:
                os.environ[CACHE_VARIABLE] = named


def stored_path(baseline_id: str) -> Path:
    """Return where the file of an incumbent is kept, whether or not it is there."""
    return cache_dir() / "baselines" / baseline_id / file_name(load_baseline(baseline_id))


def baseline_path(baseline_id: str) -> Path | None:
    """Return the stored file of an incumbent if it is the pinned one, else None.

    The sha256 is taken on every call: a stored file that was changed is not believed.
    """
    manifest = load_baseline(baseline_id)
    path = stored_path(baseline_id)
    if missing_pins(manifest, ["h5_sha256"]) or not path.is_file():
        return None
    return None if file_mismatches(manifest, path) else path


def adopt(baseline_id: str, path: Path | str) -> Path:
    """Copy a local file into the store once it is verified, and return where it lies.

    Raises BaselineError, leaving the store as it was, if the file isn't the pinned one.
    """
    with incoming() as folder:
        try:
            copy = Path(shutil.copyfile(path, folder / "copy.h5"))
        except OSError as error:
            raise BaselineError(
                f"{path} can't be copied: {error.strerror or error}",
                reason="baseline.unreadable",
                remedy="give the path of a readable file",
            ) from error
        return keep(baseline_id, copy)


def keep(baseline_id: str, incoming_file: Path) -> Path:
    """Move a file of the store's own incoming folder into place once it is verified."""
    target = stored_path(baseline_id)
    arrived = incoming_file.replace(incoming_file.with_name(target.name))
    verify_file(baseline_id, arrived)
    target.parent.mkdir(parents=True, exist_ok=True)
    return arrived.replace(target)


@contextmanager
def incoming() -> Iterator[Path]:
    """Give a folder on the store's disk whose content is gone afterwards: nothing partial stays."""
    parent = cache_dir() / "incoming"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)
