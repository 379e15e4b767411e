"""Named losses over target rows; their constants are data (losses.json) inside a definition hash.

Every loss is a sum of one term per target, so that a difference of two losses splits exactly
into contributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target
from baselines.targets.database_schema import conventions
from benchmarks.scoring.formulas import FORMULAS, Formed
from schemas.canonical import sha256_json
from schemas.errors import MeasureError
from schemas.records import read_record

NATIONAL = "national"
_FILE = Path(__file__).with_name("losses.json")


@dataclass(frozen=True)
class LossRow:
    """What scoring needs to know of one target, whether from the facts or from a table.

    `national` is the block that the published national loss puts the row in. `role` is `train`,
    `held_out`, or `none` where a table has no suite.
    """

    target_id: str
    value: float
    unit: str
    family: str
    geography_level: str
    geography_id: str
    source: str
    holdout_group: str
    variable: str
    domain: str
    role: str
    scope: str
    entity: str
    national: bool


@dataclass(frozen=True)
class LossDefinition:
    """One named loss: formula, constants, and the hash that pins both."""

    name: str
    formula: str
    gating: bool
    parameters: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True)
class PreparedLoss:
    """A loss on given rows: which of them it keeps, and their shares of the loss.

    Everything that depends on rows alone is formed once; estimates may then come one set at a
    time or as replicates x rows.
    """

    definition: LossDefinition
    kept: np.ndarray
    formed: Formed

    def errors(self, estimates: np.ndarray) -> np.ndarray:
        """Return the errors (... x kept rows) of estimates (... x rows)."""
        return self.formed.errors(estimates[..., self.kept])

    def terms(self, estimates: np.ndarray) -> np.ndarray:
        """Return the terms (... x kept rows) of estimates (... x rows); their sum is the loss."""
        return np.asarray(self.errors(estimates) * self.formed.share)

    def losses(self, estimates: np.ndarray) -> np.ndarray:
        """Return the loss of every replicate of estimates (replicates x rows)."""
        return np.asarray(self.errors(estimates) @ self.formed.share)


def loss_row(target: Target, role: str) -> LossRow:
    """Return the loss row of a fact; the domain is that of the target database (stratum_domain)."""
    names = {c.variable for c in target.constraints}.difference(conventions().outside_domain)
    return LossRow(
        target_id=target.target_id,
        value=target.value,
        unit=target.unit,
        family=target.family,
        geography_level=target.geography_level,
        geography_id=target.geography_id,
        source=target.source_agency,
        holdout_group=target.holdout_group,
        variable=target.variable,
        domain=",".join(sorted(names)),
        role=role,
        scope=target.scope,
        entity=target.entity,
        national=target.geography_level == NATIONAL,
    )


@cache
def loss_definitions() -> Mapping[str, LossDefinition]:
    """Return every loss of losses.json by name."""
    entries = read_record(_FILE, "loss_definitions")
    return {name: define_loss(name, entry) for name, entry in entries.items()}


def gating_loss() -> LossDefinition:
    """Return the one definition that gates."""
    return next(each for each in loss_definitions().values() if each.gating)


def define_loss(name: str, entry: Mapping[str, Any]) -> LossDefinition:
    """Return one loss; its hash covers name, formula and constants, not prose."""
    core = {"name": name, "formula": entry["formula"], "parameters": entry["parameters"]}
    return LossDefinition(**core, gating=entry["gating"], sha256=sha256_json(core))


def prepare(definition: LossDefinition, rows: Sequence[LossRow]) -> PreparedLoss | None:
    """Return one loss on `rows`, or None where it drops them all and so is undefined.

    Raises MeasureError for rows that the formula cannot take.
    """
    kept = [i for i, row in enumerate(rows) if not _dropped(definition, row)]
    if not kept:
        return None
    formed = FORMULAS[definition.formula]([rows[i] for i in kept], definition.parameters)
    return PreparedLoss(definition, np.array(kept), formed)


def _dropped(definition: LossDefinition, row: LossRow) -> bool:
    parameters = definition.parameters
    if abs(row.value) <= parameters.get("zero_tolerance", 0.0):
        return True
    return row.target_id in parameters.get("dropped_targets", ())


def require_scorable(rows: Sequence[LossRow], estimates: np.ndarray) -> None:
    """Refuse targets of zero, and estimates that are missing or not finite, naming the first.

    Raises MeasureError.
    """
    if len(estimates) != len(rows):
        raise _not_scorable(f"{len(estimates)} estimates for {len(rows)} targets")
    for row, estimate in zip(rows, estimates, strict=True):
        if row.value == 0:
            raise _not_scorable(f"target {row.target_id} is zero: a relative error is undefined")
        if not np.isfinite(estimate):
            raise _not_scorable(f"the estimate of {row.target_id} is not finite")


def _not_scorable(message: str) -> MeasureError:
    return MeasureError(
        message,
        reason="loss.estimates",
        remedy="score only targets that are not zero and that both datasets have estimates for",
    )
