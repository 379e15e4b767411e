"""Load the committed targets, refusing any file whose content isn't the registered one."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from baselines.targets.indices import parse_indices, uprate
from baselines.targets.registry import (
    EXCLUDED_FILES,
    FACT_FILES,
    INDEX_FILE,
    TARGETS_FOLDER,
    Registry,
    load_registry,
    read_all,
    read_pinned,
    registry_sha256,
)
from baselines.targets.rows import ExcludedFact, parse_excluded, parse_targets, repeated
from baselines.targets.target import Target
from schemas.errors import BaselineError

POPULATION_GROUP = "census_state_population"


@cache
def state_population() -> dict[int, float]:
    """Return persons by state FIPS code: ACS 1-year S0101 of 2024, from the committed facts."""
    rows = [row for row in load_targets() if row.holdout_group == POPULATION_GROUP]
    return {int(row.geography_id): row.value for row in rows}


def load_targets(
    ids: Sequence[str] | None = None, *, folder: Path = TARGETS_FOLDER
) -> list[Target]:
    """Return the targets, uprated: all in file order, or the asked `ids` in the asked order.

    Raises BaselineError on a file that isn't the registered one, on a malformed or repeated row
    (with its row number and the reason), on ids that are unknown or asked for twice.
    """
    registry = load_registry(folder)
    table = parse_indices(read_pinned(folder, registry, INDEX_FILE))
    targets = [uprate(target, table) for target in published_targets(registry, folder)]
    if ids is None:
        return targets
    by_id = {target.target_id: target for target in targets}
    _check_ids(ids, [each for each in ids if each not in by_id])
    return [by_id[each] for each in ids]


def published_targets(registry: Registry, folder: Path = TARGETS_FOLDER) -> list[Target]:
    """Return the registered rows as published, before uprating; the extension rows come last."""
    texts = read_all(folder, registry, FACT_FILES)
    return [target for name, text in texts.items() for target in parse_targets(text, name)]


def load_excluded(*, folder: Path = TARGETS_FOLDER) -> list[ExcludedFact]:
    """Return the published figures that were left out, each with its reason."""
    texts = read_all(folder, load_registry(folder), EXCLUDED_FILES)
    return [fact for name, text in texts.items() for fact in parse_excluded(text, name)]


def target_db_identity(*, folder: Path = TARGETS_FOLDER) -> dict[str, str]:
    """Return `{id, sha256}` of the targets: what evidence is bound to.

    The sha256 covers facts, extensions and index table; each file's bytes are compared with
    their pin before it is returned.
    """
    registry = load_registry(folder)
    read_all(folder, registry, (*FACT_FILES, INDEX_FILE))
    return {"id": registry["id"], "sha256": registry_sha256(registry)}


def _check_ids(ids: Sequence[str], unknown: Sequence[str]) -> None:
    if unknown:
        raise BaselineError(
            f"{len(unknown)} unknown target id(s): {_listing(unknown)}",
            reason="targets.unknown_id",
            remedy="correct the suite; `mpgate targets list` shows the known ids",
        )
    twice = repeated(ids)
    if twice:
        raise BaselineError(
            f"target id(s) asked for more than once: {_listing(twice)}",
            reason="targets.repeated_id",
            remedy="name each target once in the suite, or it counts twice in a loss",
        )


def _listing(values: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
