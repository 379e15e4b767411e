"""Import a facts feed: pinned files, every check before any write, all files or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.targets.checks import excluded_again, row_problems
from baselines.targets.indices import parse_indices
from baselines.targets.registry import (
    EXCLUDED_FILES,
    FACT_FILES,
    INDEX_FILE,
    PART_FILES,
    REGISTRY_FILE,
    TARGETS_FOLDER,
    Registry,
    load_registry,
    read_all,
)
from baselines.targets.rows import bad_row, parse_excluded, parse_targets, stamp
from baselines.targets.target import Target
from baselines.targets.transaction import write_together
from schemas.canonical import canonical_bytes, sha256_bytes, sha256_file
from schemas.errors import BaselineError
from schemas.records import read_record, validate

YEAR = 2024
REGISTRY_ID = "us-2024-facts"
FEED = "facts_feed"


@dataclass(frozen=True)
class Imported:
    """What an import committed: the feed's id, its rows, and the registry file they are in."""

    feed: str
    part: str
    rows: Mapping[str, int]


def import_feed(
    manifest_path: Path,
    *,
    csv_folder: Path | None = None,
    sha256: str | None = None,
    folder: Path = TARGETS_FOLDER,
) -> Imported:
    """Check a feed and make it the registry's base or extension rows (`part` of its manifest).

    `csv_folder` holds its CSV files, else they lie beside the manifest; `sha256` pins the
    manifest itself. Raises BaselineError naming row, id and reason; nothing is written then.
    """
    manifest = _read_manifest(manifest_path, sha256)
    texts = _read_files(manifest, csv_folder or manifest_path.parent)
    registry, indices = _current(folder)
    names = PART_FILES[manifest["part"]]
    facts = parse_targets(texts["facts"], names["facts"])
    _check_rows(facts, names["facts"], parse_indices(indices), registry["year"])
    contents = {names["facts"]: stamp(texts["facts"], facts)}
    if "excluded" in texts:
        contents[names["excluded"]] = texts["excluded"]
    _check_together(contents, facts, folder, registry, names)
    replaced = _registered(registry, manifest, contents, indices)
    encoded = {name: text.encode() for name, text in contents.items()}
    write_together(folder, encoded | {REGISTRY_FILE: canonical_bytes(replaced)})
    rows = {each["role"]: each["rows"] for each in manifest["files"]}
    return Imported(manifest["id"], manifest["part"], rows)


def _read_manifest(path: Path, sha256: str | None) -> dict[str, Any]:
    manifest = read_record(path, FEED)
    if sha256 is not None and sha256_file(path) != sha256:
        raise _refused(f"{path.name} has the sha256 {sha256_file(path)}, not {sha256}")
    roles = [each["role"] for each in manifest["files"]]
    if sorted(roles) not in (["facts"], ["excluded", "facts"]):
        raise _refused(f"{path.name} needs one facts file and at most one of excluded facts")
    return manifest


def _read_files(manifest: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Return the text of each file by role, its bytes and row count being the manifest's."""
    texts = {}
    for each in manifest["files"]:
        try:
            content = (folder / each["name"]).read_bytes()
        except OSError as error:
            raise _refused(f"{each['name']} can't be read: {error.strerror}") from error
        if sha256_bytes(content) != each["sha256"]:
            found = sha256_bytes(content)
            raise _refused(f"{each['name']} has the sha256 {found}, not {each['sha256']}")
        text = _decoded(content, each["name"])
        found_rows = text.count("\n") - 1
        if found_rows != each["rows"]:
            raise _refused(f"{each['name']} has {found_rows} rows, not {each['rows']}")
        texts[each["role"]] = text
    return texts


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"{name} isn't UTF-8 at byte {error.start}") from error
    if not text.endswith("\n"):
        raise _refused(f"{name} doesn't end with a line break: it may be cut off")
    return text


def _refused(message: str) -> BaselineError:
    return BaselineError(
        f"feed refused: {message}", reason="targets.feed", remedy="take the feed as published"
    )


def _current(folder: Path) -> tuple[Registry, str]:
    """Return the registry to change and the index table; an empty folder starts a new one."""
    if (folder / REGISTRY_FILE).is_file():
        registry = load_registry(folder)
        return registry, read_all(folder, registry, (INDEX_FILE,))[INDEX_FILE]
    empty: Registry = {
        "schema": "target_registry",
        "schema_version": 1,
        "id": REGISTRY_ID,
        "year": YEAR,
        "feeds": [],
        "files": {},
    }
    return empty, (folder / INDEX_FILE).read_text()


def _check_rows(targets: list[Target], name: str, indices: Any, year: int) -> None:
    """Refuse the first bad row by number, id and reason, saying how many more there are."""
    bad = {
        number: (target, problems)
        for number, target in enumerate(targets, start=2)
        if (problems := row_problems(target, indices, year))
    }
    if bad:
        number, (target, problems) = next(iter(bad.items()))
        more = f" (and {len(bad) - 1} more bad rows)" if len(bad) > 1 else ""
        raise bad_row(number, f"{target.target_id}: {'; '.join(problems)}{more}", name)


def _check_together(
    contents: Mapping[str, str],
    facts: list[Target],
    folder: Path,
    registry: Registry,
    names: Mapping[str, str],
) -> None:
    """Refuse ids that the other feed has, and facts that either feed excluded."""
    others = [name for name in FACT_FILES if name != names["facts"]]
    kept = read_all(folder, registry, tuple(others))
    other_rows = [row for name, text in kept.items() for row in parse_targets(text, name)]
    taken = {row.target_id for row in other_rows}
    for number, target in enumerate(facts, start=2):
        if target.target_id in taken:
            raise bad_row(
                number, f"target id {target.target_id} is in the other feed", names["facts"]
            )
    stale = tuple(name for name in EXCLUDED_FILES if name != names["excluded"])
    lists = read_all(folder, registry, stale)
    if names["excluded"] in contents:
        lists[names["excluded"]] = contents[names["excluded"]]
    excluded = [fact for name, text in lists.items() for fact in parse_excluded(text, name)]
    again = excluded_again(facts, excluded)
    for number, target in enumerate(facts, start=2):
        if target.target_id in again:
            fact = again[target.target_id]
            raise bad_row(
                number, f"{target.target_id} is the excluded fact {fact!r}", names["facts"]
            )
    for target_id, fact in excluded_again(other_rows, excluded).items():
        raise _refused(f"it excludes {fact!r}, which is {target_id} of the other feed")


def _registered(
    registry: Registry, manifest: Mapping[str, Any], contents: Mapping[str, str], indices: str
) -> Registry:
    """Return the registry with this feed in place of the one of the same part."""
    part_files = set(PART_FILES[manifest["part"]].values())
    kept = {name: sha for name, sha in registry["files"].items() if name not in part_files}
    feeds = [each for each in registry["feeds"] if each["part"] != manifest["part"]]
    feed = {key: value for key, value in manifest.items() if key != "schema_version"}
    del feed["schema"]
    new = {name: sha256_bytes(text.encode()) for name, text in contents.items()}
    files = kept | new | {INDEX_FILE: sha256_bytes(indices.encode())}
    result = {
        **registry,
        "feeds": sorted([*feeds, feed], key=lambda each: str(each["part"])),
        "files": files,
    }
    validate(result, "target_registry")
    return result
