"""Verify the committed registry: its bytes, its rows, its rules, its indices, its provenance."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from baselines.targets.checks import excluded_again, row_problems
from baselines.targets.concepts import concept_problems, concept_rules
from baselines.targets.coverage import incomplete_rows
from baselines.targets.engine_indices import engine_differences, parameter_folder
from baselines.targets.indices import Indices, parse_indices
from baselines.targets.loader import load_excluded, published_targets
from baselines.targets.registry import (
    EXCLUDED_FILES,
    FACT_FILES,
    INDEX_FILE,
    PART_FILES,
    TARGETS_FOLDER,
    Registry,
    load_registry,
    read_all,
    read_pinned,
)
from baselines.targets.rows import unstamp
from baselines.targets.target import Target
from schemas.canonical import sha256_bytes
from schemas.engine_metadata import variable_table
from schemas.errors import MpgateError


class Check(NamedTuple):
    """One check: `ok` is None where it could not be made here; `problems` are sentences."""

    name: str
    ok: bool | None
    problems: Sequence[str]


def verify_registry(folder: Path = TARGETS_FOLDER, parameters: Path | None = None) -> list[Check]:
    """Return every check of the committed registry; none is skipped because another failed."""
    checks: dict[str, Callable[[], Sequence[str]]] = {
        "files": lambda: _files(folder),
        "feeds": lambda: _feeds(folder),
        "rows": lambda: _rows(folder),
        "concepts": lambda: _concepts(folder),
        "excluded": lambda: _excluded(folder),
        "provenance": lambda: _provenance(folder),
    }
    results = [_checked(name, check) for name, check in checks.items()]
    return [*results, _indices(folder, parameters)]


def _checked(name: str, check: Callable[[], Sequence[str]]) -> Check:
    try:
        problems = check()
    except MpgateError as error:
        problems = [error.message]
    return Check(name, not problems, problems)


def _indices(folder: Path, parameters: Path | None) -> Check:
    if parameters is None and parameter_folder() is None:
        return Check("indices", None, ["the engine isn't installed here, so not compared"])
    return _checked("indices", lambda: engine_differences(folder, parameters))


def _files(folder: Path) -> list[str]:
    """Each registered file is the pinned one, and no fact file lies here unregistered."""
    registry = load_registry(folder)
    read_all(folder, registry, tuple(registry["files"]))
    known = [*FACT_FILES, *EXCLUDED_FILES]
    return [
        f"{name} is here, but the registry doesn't name it"
        for name in known
        if name not in registry["files"] and (folder / name).exists()
    ]


def _feeds(folder: Path) -> list[str]:
    """The published bytes come back out of the committed files: nothing was edited since."""
    registry = load_registry(folder)
    problems = []
    for feed in registry["feeds"]:
        for each in feed["files"]:
            name = PART_FILES[feed["part"]][each["role"]]
            text = read_pinned(folder, registry, name)
            published = unstamp(text) if each["role"] == "facts" else text
            if sha256_bytes(published.encode()) != each["sha256"]:
                problems.append(f"{name} isn't {each['name']} as {feed['publisher']} published it")
    return problems


def _published(folder: Path) -> tuple[Registry, list[Target], Indices]:
    registry = load_registry(folder)
    table = parse_indices(read_pinned(folder, registry, INDEX_FILE))
    return registry, published_targets(registry, folder), table


def _rows(folder: Path) -> list[str]:
    registry, targets, table = _published(folder)
    return [
        f"{each.target_id}: {problem}"
        for each in targets
        for problem in row_problems(each, table, registry["year"])
    ]


def _concepts(folder: Path) -> list[str]:
    """The rules hold of every row, and name variables that the engine has."""
    _, targets, _ = _published(folder)
    rules = concept_rules()
    named = {name for rule in rules["blocked"] for name in rule["variables"]}
    unknown = sorted(named - set(variable_table()))
    return [f"the rules name {name}, which the engine doesn't know" for name in unknown] + [
        f"{each.target_id}: {problem}" for each in targets for problem in concept_problems(each)
    ]


def _excluded(folder: Path) -> list[str]:
    _, targets, _ = _published(folder)
    again = excluded_again(targets, load_excluded(folder=folder))
    return [f"{target_id} is the excluded fact {fact!r}" for target_id, fact in again.items()]


def _provenance(folder: Path) -> list[str]:
    _, targets, _ = _published(folder)
    return [f"{row['target_id']}: {'; '.join(row['lacks'])}" for row in incomplete_rows(targets)]
