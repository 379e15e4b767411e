"""The registry of committed facts: which feeds they came from, and the sha256 of each file."""

from pathlib import Path
from typing import Any

from baselines.targets.rows import RESTORE
from schemas.canonical import sha256_bytes, sha256_json
from schemas.errors import BaselineError
from schemas.records import read_record

TARGETS_FOLDER = Path(__file__).parent
REGISTRY_FILE = "registry.json"
INDEX_FILE = "indices.json"
TARGET_FILE = "us_2024.csv"
EXCLUDED_FILE = "excluded.csv"
EXTENSION_FILE = "extensions_2024.csv"
EXTENSION_EXCLUDED_FILE = "extensions_excluded.csv"
# Where the files of a feed are kept: the base feed, and one that adds rows it lacks.
PART_FILES = {
    "base": {"facts": TARGET_FILE, "excluded": EXCLUDED_FILE},
    "extension": {"facts": EXTENSION_FILE, "excluded": EXTENSION_EXCLUDED_FILE},
}
FACT_FILES = (TARGET_FILE, EXTENSION_FILE)
EXCLUDED_FILES = (EXCLUDED_FILE, EXTENSION_EXCLUDED_FILE)
# The files that decide a target's value.
DECIDING_FILES = (*FACT_FILES, INDEX_FILE)

Registry = dict[str, Any]


def load_registry(folder: Path = TARGETS_FOLDER) -> Registry:
    """Return the registry record: id, year, feeds, and the sha256 of each file."""
    return read_record(folder / REGISTRY_FILE, "target_registry")


def read_pinned(folder: Path, registry: Registry, name: str) -> str:
    """Return a file's text once the sha256 of its bytes is the registered one."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BaselineError(
            f"the target file {name} can't be read: {error.strerror}",
            reason="targets.unreadable",
            remedy=RESTORE,
        ) from error
    found, pinned = sha256_bytes(content), registry["files"][name]
    if found != pinned:
        raise BaselineError(
            f"{name} isn't the pinned target file: sha256 {found}, pinned {pinned}",
            reason="targets.not_pinned",
            remedy=RESTORE,
        )
    return content.decode("utf-8")


def read_all(folder: Path, registry: Registry, names: tuple[str, ...]) -> dict[str, str]:
    """Return the text of those of `names` that are registered, each checked against its pin."""
    held = [name for name in names if name in registry["files"]]
    return {name: read_pinned(folder, registry, name) for name in held}


def registry_sha256(registry: Registry) -> str:
    """Return the sha256 over the files that decide values: facts, extensions, indices."""
    files = registry["files"]
    return sha256_json({name: files[name] for name in DECIDING_FILES if name in files})
