"""The four loss formulas: what each row's error is and what share of the loss it carries.

A formula reads rows and constants once and returns the shares and a function of the estimates, so
that errors can be formed for one set of estimates or for many replicates at once. `y` is the
estimate, `t` the target. LOSSES.md beside this file defends the choices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from schemas.errors import MeasureError


class FormulaRow(Protocol):
    """What the formulas read of a row; grouping reads further fields by declared name."""

    @property
    def target_id(self) -> str: ...

    @property
    def value(self) -> float: ...

    @property
    def unit(self) -> str: ...

    @property
    def national(self) -> bool: ...


@dataclass(frozen=True)
class Formed:
    """Shares (row length) and the errors of estimates whose last axis is the rows.

    A row's term is error * share; the terms of all rows sum to the loss.
    """

    share: np.ndarray
    errors: Callable[[np.ndarray], np.ndarray]


Formula = Callable[[Sequence[FormulaRow], Mapping[str, Any]], Formed]


def capped_squared_relative(rows: Sequence[FormulaRow], parameters: Mapping[str, Any]) -> Formed:
    """broad_relative_v1: mean over groups of the group mean of min(|y-t| / s, cap)^2.

    s = max(|t|, floor of the unit). The cap of 1 says that missing a target by its whole size is
    as wrong as an estimate of zero and that no row can be worse: published history holds a "win"
    carried by 10 of 3,704 rows. The price: errors of 100 % and of 1,000 % cost the same, so the
    native loss and the aggregate gates stand beside this one. The floor ($100 million; 1,000
    persons, recipients, returns or households; 1 where a table states no unit) keeps cells that
    no sample of some thousand households resolves from counting as whole errors. A group is a
    declared family at one geography level: each family a release protects weighs the same,
    however many rows its source tabulates, so a group of 2 rows weighs as one of 900.

    Raises MeasureError for a unit without a floor.
    """
    t, cap = _values(rows), parameters["error_cap"]
    scale = np.maximum(np.abs(t), [_floor(row, parameters["scale_floor"]) for row in rows])
    keys = _keys(rows, parameters["group_by"])
    sizes = Counter(keys)
    share = 1 / np.array([len(sizes) * sizes[key] for key in keys], dtype=np.float64)

    def errors(y: np.ndarray) -> np.ndarray:
        return np.asarray(np.minimum(np.abs(y - t) / scale, cap) ** 2)

    return Formed(share, errors)


def native_ecps(rows: Sequence[FormulaRow], parameters: Mapping[str, Any]) -> Formed:
    """native_ecps_v1: (1/N) sum e n / mean(n), e = ((y-t+1)/(t+1))^2, n = 1/size of the block.

    Blocks are national and other, as the row declares (`national`); the half with rows takes the
    whole weight where the other has none. The shift of 1 is the published quirk: a perfect
    estimate scores 1/(t+1)^2, not 0. Raises MeasureError for a target of exactly -1.
    """
    t, shift = _values(rows), parameters["shift"]
    _refuse_pole("native_ecps_v1", rows, t + shift)
    national = np.array([row.national for row in rows])
    n = np.where(national, 1 / max(national.sum(), 1), 1 / max((~national).sum(), 1))

    def errors(y: np.ndarray) -> np.ndarray:
        return np.asarray(((y - t + shift) / (t + shift)) ** 2)

    return Formed(n / n.mean() / len(rows), errors)


def bucketed_huber(rows: Sequence[FormulaRow], parameters: Mapping[str, Any]) -> Formed:
    """robust_huber_v1: Huber of r = (y-t)/(|t|+eps), weighted by magnitude in block x unit.

    eps is a share of the bucket's median non-zero |t|; every bucket carries the same total.
    """
    t, names, delta = _values(rows), parameters["unit_bucket"], parameters["delta"]
    keys = [(row.national, names.get(row.unit, "other")) for row in rows]
    scale, share = np.zeros(len(rows)), np.zeros(len(rows))
    for key in set(keys):
        bucket = np.array([each == key for each in keys])
        size = np.abs(t[bucket])
        middle = float(np.median(size[size > 0])) if (size > 0).any() else 1.0
        scale[bucket] = size + max(parameters["scale_share"] * middle, parameters["scale_minimum"])
        power = scale[bucket] ** parameters["magnitude_power"]
        share[bucket] = power / power.sum() / len(set(keys))

    def errors(y: np.ndarray) -> np.ndarray:
        r = np.abs(y - t) / scale
        return np.asarray(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)))

    return Formed(share, errors)


def grouped_relative(rows: Sequence[FormulaRow], parameters: Mapping[str, Any]) -> Formed:
    """pe_local_relative_v1: sum over groups of the mean of ((y-t)/(t+1))^2.

    Raises MeasureError for a target of exactly -1.
    """
    t, shift = _values(rows), parameters["shift"]
    _refuse_pole("pe_local_relative_v1", rows, t + shift)
    keys = _keys(rows, parameters["group_by"])
    sizes = Counter(keys)

    def errors(y: np.ndarray) -> np.ndarray:
        return np.asarray(((y - t) / (t + shift)) ** 2)

    return Formed(1 / np.array([sizes[key] for key in keys], dtype=np.float64), errors)


FORMULAS: Mapping[str, Formula] = {
    "capped_squared_relative": capped_squared_relative,
    "native_ecps": native_ecps,
    "bucketed_huber": bucketed_huber,
    "grouped_relative": grouped_relative,
}


def _values(rows: Sequence[FormulaRow]) -> np.ndarray:
    return np.array([row.value for row in rows], dtype=np.float64)


def _keys(rows: Sequence[FormulaRow], fields: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(str(getattr(row, field)) for field in fields) for row in rows]


def _floor(row: FormulaRow, floors: Mapping[str, float]) -> float:
    if row.unit not in floors:
        raise MeasureError(
            f"target {row.target_id} is in {row.unit!r}, a unit without a scale floor",
            reason="loss.unit",
            remedy=f"state one of these units: {', '.join(sorted(floors))}",
        )
    return float(floors[row.unit])


def _refuse_pole(name: str, rows: Sequence[FormulaRow], denominator: np.ndarray) -> None:
    if (denominator == 0).any():
        row = rows[int(np.flatnonzero(denominator == 0)[0])]
        raise MeasureError(
            f"{name} cannot take target {row.target_id}: its value is exactly {row.value:g}",
            reason="loss.pole",
            remedy="leave that target out with a reason",
        )
