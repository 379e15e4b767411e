"""What a bundle must hold, per product, and what of it a run folder lacks. Data: contents.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from schemas.bundle import BundleError, read_known
from schemas.canonical import content_sha256
from schemas.errors import RecordError
from schemas.records import read_record

CONTENTS = Path(__file__).with_name("contents.json")
CANDIDATE = "candidate.h5"
MANIFEST = "candidate.manifest.json"
RECORDS_DIR = "records"
BASELINE = f"{RECORDS_DIR}/baseline.json"
DELTAS = "target_deltas.csv"
EXTENSION = "relational-extension"
OTHER = "other"
_EXTENSION_WHY = "the candidate's manifest lists it"


@dataclass(frozen=True)
class Gap:
    """One thing that the bundle lacks: its role, what it is, and which clause asks for it."""

    role: str
    what: str
    why: str


@dataclass(frozen=True)
class Contents:
    """The files and figures that one product's bundle must hold."""

    files: tuple[Mapping[str, Any], ...]
    figures: tuple[Mapping[str, Any], ...]
    outside: tuple[str, ...]

    def role_of(self, path: str, extensions: frozenset[str]) -> str:
        """Return the role of a file: the first whose pattern fits, else `other`."""
        if path in extensions:
            return EXTENSION
        return next((each["role"] for each in self.files if matches(path, each["path"])), OTHER)


@cache
def load_contents(product: str) -> Contents:
    """Return what a product's bundle must hold; raises BundleError for one that has no list."""
    products = read_record(CONTENTS, "bundle_contents")["products"]
    if product not in products:
        raise BundleError(
            f"nothing says what a bundle of {product} must hold",
            reason="bundle.product",
            remedy=f"list its contents in gates/release/{CONTENTS.name}",
        )
    found = products[product]
    return Contents(tuple(found["files"]), tuple(found["figures"]), tuple(found["outside"]))


def matches(path: str, pattern: str) -> bool:
    """Decide whether a path fits a pattern, name by name."""
    names, wanted = path.split("/"), pattern.split("/")
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))


def extensions_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of every relational extension that a manifest lists, by file."""
    return {each["file"]: each["sha256"] for each in manifest["relational_extensions"]}


def gaps(
    contents: Contents, files: Mapping[str, Path], extensions: Mapping[str, str]
) -> Iterator[Gap]:
    """Yield what must be in a bundle and is not, by name; `files` are those that lie there."""
    for each in contents.files:
        if each["required"] and not any(matches(path, each["path"]) for path in files):
            yield Gap(each["role"], each["path"], each["why"])
    for file in sorted(set(extensions) - set(files)):
        yield Gap(EXTENSION, file, _EXTENSION_WHY)
    for each in contents.figures:
        if each["path"] in files and not _states(files[each["path"]], each["keys"]):
            yield Gap(each["role"], f"{each['path']}: {'.'.join(each['keys'])}", each["why"])


def _states(file: Path, keys: list[str]) -> bool:
    """Decide whether a JSON file has something at a key; 0 is something, an empty list is not."""
    found = _json(file)
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found is not None and found not in ([], {}, "")


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, RecursionError, ValueError):
        return None


@dataclass
class Reading:
    """What the records of a bundle turned out to be.

    `invalid` holds path and reason of each that breaks its schema, is about another data set, or
    contradicts one before it; `hashes` the content hash of each that must be the one judged.
    """

    invalid: list[tuple[str, str]] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def take(self, path: str, wanted: Mapping[str, Any], file: Path, sha256: str | None) -> None:
        """Read one record and hold it against what is wanted; `sha256` is its subject's."""
        try:
            record = self.records[path] = read_known(file, wanted["schema"])
        except RecordError as error:
            self.invalid.append((path, error.message))
            return
        if wanted["subject"] is not None and record["subject"]["sha256"] != sha256:
            found, other = record["subject"]["sha256"][:12], (sha256 or "unknown")[:12]
            why = f"it is about {found}, the {wanted['subject']} is {other}"
            self.invalid.append((path, why))
        name = wanted["record"]
        if name is not None and self.hashes.setdefault(name, content_sha256(record)) != (
            content_sha256(record)
        ):
            self.invalid.append((path, f"the bundle holds two different records {name}"))


def read_records(
    contents: Contents, files: Mapping[str, Path], subjects: Mapping[str, str | None]
) -> Reading:
    """Read every record of a bundle; `subjects` are the sha256 of candidate and incumbent."""
    reading = Reading()
    for each in contents.files:
        if each["schema"] is not None:
            for path in sorted(path for path in files if matches(path, each["path"])):
                reading.take(path, each, files[path], subjects.get(each["subject"]))
    return reading


def incumbent_of(files: Mapping[str, Path]) -> dict[str, Any] | None:
    """Return id and sha256 of the incumbent a run was measured against; None if unreadable."""
    try:
        manifest = read_record(files[BASELINE], "baseline_manifest")
    except (KeyError, RecordError):
        return None
    return {"id": manifest["id"], "sha256": manifest["pins"]["h5_sha256"]}
