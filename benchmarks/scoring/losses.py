"""Named losses over target rows; their constants are data (losses.json) inside a definition hash.

Every loss is a sum of one term per target, so that a difference of two losses splits exactly
into contributions. `y` is the estimate, `t` the target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target
from schemas.canonical import sha256_json
from schemas.errors import MeasureError
from schemas.records import read_record

_FILE = Path(__file__).with_name("losses.json")
_GEOGRAPHY = ("state_fips",)


@dataclass(frozen=True)
class LossRow:
    """What a loss needs to know of one target, whether from the facts or from a table."""

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


@dataclass(frozen=True)
class LossDefinition:
    """One named loss: formula, constants, and the hash that pins both."""

    name: str
    formula: str
    gating: bool
    parameters: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True)
class LossTerms:
    """Errors and terms (target length) of the rows a loss keeps; the terms sum to the loss."""

    kept: tuple[int, ...]
    errors: np.ndarray
    terms: np.ndarray


def loss_row(target: Target, role: str) -> LossRow:
    """Return the loss row of a fact; the domain is its non-geographic constraint variables."""
    names = {c.variable for c in target.constraints} - set(_GEOGRAPHY)
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
    )


@cache
def loss_definitions() -> Mapping[str, LossDefinition]:
    """Return every loss of losses.json by name."""
    entries = read_record(_FILE, "loss_definitions")
    return {name: define_loss(name, entry) for name, entry in entries.items()}


def define_loss(name: str, entry: Mapping[str, Any]) -> LossDefinition:
    """Return one loss; its hash covers name, formula and constants, not prose."""
    core = {"name": name, "formula": entry["formula"], "parameters": entry["parameters"]}
    return LossDefinition(**core, gating=entry["gating"], sha256=sha256_json(core))


def loss_terms(
    definition: LossDefinition, rows: Sequence[LossRow], estimates: Sequence[float] | np.ndarray
) -> LossTerms:
    """Return errors and terms of `estimates` (row length) under one definition.

    Raises MeasureError for estimates that are not finite or rows a loss cannot take.
    """
    values = np.asarray(estimates, dtype=np.float64)
    if len(values) != len(rows) or not np.isfinite(values).all():
        raise MeasureError(
            f"{definition.name}: estimates are missing or not finite",
            reason="loss.estimates",
            remedy="score only targets that both datasets have estimates for",
        )
    kept = tuple(i for i, row in enumerate(rows) if not _dropped(definition, row))
    if not kept:
        return LossTerms(kept=(), errors=np.zeros(0), terms=np.zeros(0))
    formula = _FORMULAS[definition.formula]
    errors, terms = formula([rows[i] for i in kept], values[list(kept)], definition.parameters)
    return LossTerms(kept=kept, errors=errors, terms=terms)


def _dropped(definition: LossDefinition, row: LossRow) -> bool:
    parameters = definition.parameters
    if abs(row.value) <= parameters.get("zero_tolerance", 0.0):
        return True
    return row.target_id in parameters.get("dropped_targets", ())


Formula = Callable[
    [Sequence[LossRow], np.ndarray, Mapping[str, Any]], tuple[np.ndarray, np.ndarray]
]


def _capped_squared_relative(
    rows: Sequence[LossRow], y: np.ndarray, parameters: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """broad_relative_v1: mean over groups of the group mean of min(|y-t| / s, cap)^2.

    s = max(|t|, floor of the unit). The cap of 1 says that missing a target by its whole size is
    as wrong as an estimate of zero and that no row can be worse: published history holds a "win"
    carried by 10 of 3,704 rows. The floor ($100 million; 1,000 persons, returns or households)
    keeps cells that no sample of some thousand households resolves, and that SOI marks as
    uncertain, from counting as whole errors. A group is a declared family at one geography
    level: each family a release protects weighs the same, however many rows its source tabulates.
    """
    t = _values(rows)
    scale = np.maximum(np.abs(t), [parameters["scale_floor"][row.unit] for row in rows])
    errors = np.minimum(np.abs(y - t) / scale, parameters["error_cap"]) ** 2
    keys = _keys(rows, parameters["group_by"])
    sizes = Counter(keys)
    terms = errors / np.array([len(sizes) * sizes[key] for key in keys])
    return errors, terms


def _native_ecps(
    rows: Sequence[LossRow], y: np.ndarray, parameters: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """native_ecps_v1: (1/N) sum e n / mean(n), e = ((y-t+1)/(t+1))^2, n = 1/size of the block.

    Blocks are national and other, by declared geography level. The shift of 1 is the published
    quirk: a perfect estimate scores 1/(t+1)^2, not 0.
    """
    t = _values(rows)
    shift = parameters["shift"]
    if (t + shift == 0).any():
        raise MeasureError(
            "native_ecps_v1 cannot take a target of exactly -1",
            reason="loss.pole",
            remedy="leave that target out of the suite with a reason",
        )
    errors = ((y - t + shift) / (t + shift)) ** 2
    national = np.array([row.geography_level == "national" for row in rows])
    n = np.where(national, 1 / max(national.sum(), 1), 1 / max((~national).sum(), 1))
    return errors, errors * n / n.mean() / len(rows)


def _bucketed_huber(
    rows: Sequence[LossRow], y: np.ndarray, parameters: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """robust_huber_v1: Huber of r = (y-t)/(|t|+eps), weighted by magnitude in scope x unit."""
    t = _values(rows)
    names = parameters["unit_bucket"]
    keys = [(row.geography_level == "national", names.get(row.unit, "other")) for row in rows]
    errors, share = np.zeros(len(rows)), np.zeros(len(rows))
    for key in set(keys):
        bucket = np.array([each == key for each in keys])
        size = np.abs(t[bucket])
        middle = float(np.median(size[size > 0])) if (size > 0).any() else 0.0
        eps = max(parameters["scale_share"] * middle, parameters["scale_minimum"])
        r = np.abs(y[bucket] - t[bucket]) / (size + eps)
        delta = parameters["delta"]
        errors[bucket] = np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))
        power = (size + eps) ** parameters["magnitude_power"]
        share[bucket] = power / power.sum() / len(set(keys))
    return errors, errors * share


def _grouped_relative(
    rows: Sequence[LossRow], y: np.ndarray, parameters: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """pe_local_relative_v1: sum over groups of the mean of ((y-t)/(t+1))^2."""
    t = _values(rows)
    errors = ((y - t) / (t + parameters["shift"])) ** 2
    keys = _keys(rows, parameters["group_by"])
    sizes = Counter(keys)
    return errors, errors / np.array([sizes[key] for key in keys])


def _values(rows: Sequence[LossRow]) -> np.ndarray:
    return np.array([row.value for row in rows], dtype=np.float64)


def _keys(rows: Sequence[LossRow], fields: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(str(getattr(row, field)) for field in fields) for row in rows]


_FORMULAS: Mapping[str, Formula] = {
    "capped_squared_relative": _capped_squared_relative,
    "native_ecps": _native_ecps,
    "bucketed_huber": _bucketed_huber,
    "grouped_relative": _grouped_relative,
}
