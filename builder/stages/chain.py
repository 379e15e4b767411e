"""Checks a chain of stages before anything runs: ids, order and declared hashes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builder.stages.stage import Stage
from schemas.errors import BuildError

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def chosen_stages(stages: Sequence[Stage], only_until: str | None) -> tuple[Stage, ...]:
    """Return the stages to run: all, or those up to and including `only_until`.

    Raises BuildError for an id that is no folder name or comes twice, for a need that is not an
    earlier stage, for data that is not named by sha256, and for an unknown `only_until`.
    """
    earlier: list[str] = []
    for stage in stages:
        _check(stage, earlier)
        earlier.append(stage.id)
    if only_until is None:
        return tuple(stages)
    if only_until not in earlier:
        raise BuildError(
            f"the build has no stage {only_until!r}",
            reason="stages.unknown",
            remedy=f"name one of: {', '.join(earlier)}",
        )
    return tuple(stages[: earlier.index(only_until) + 1])


def _check(stage: Stage, earlier: Sequence[str]) -> None:
    if not _ID.fullmatch(stage.id) or stage.id in earlier:
        raise BuildError(
            f"{stage.id!r} cannot be the id of a stage here",
            reason="stages.id",
            remedy="use small letters, digits, - and _, and every id once",
        )
    absent = sorted(set(stage.needs) - set(earlier))
    if absent:
        raise BuildError(
            f"stage {stage.id} needs {', '.join(absent)}, which is not an earlier stage",
            reason="stages.order",
            remedy="list every stage after those it needs",
        )
    unhashed = sorted(name for name, sha in stage.data.items() if not _SHA256.fullmatch(sha))
    if unhashed:
        raise BuildError(
            f"stage {stage.id} names no sha256 for its data {', '.join(unhashed)}",
            reason="stages.data",
            remedy="declare outside inputs by the hex sha256 of their bytes",
        )
