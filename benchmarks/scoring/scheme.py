"""What a suite declares about its targets: roles, protected families, aggregates, held-out sets.

Membership is by explicit target id. Nothing here reads a target's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TRAIN = "train"
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Family:
    """A protected family: explicit target ids, or a measure judged by the incumbent's estimate."""

    name: str
    targets: tuple[str, ...]
    measure: str | None


@dataclass(frozen=True)
class Aggregate:
    """A high-salience aggregate: one target id, or a measure judged by the incumbent's estimate."""

    name: str
    target: str | None
    measure: str | None


@dataclass(frozen=True)
class HeldOutSet:
    """Complete holdout groups that are held out together; kind is geography or income_program."""

    id: str
    kind: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Scheme:
    """How targets are scored: `roles` gives `train` or `held_out` per target id."""

    roles: Mapping[str, str]
    families: tuple[Family, ...]
    aggregates: tuple[Aggregate, ...]
    held_out: tuple[HeldOutSet, ...]
