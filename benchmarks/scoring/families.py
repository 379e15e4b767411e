"""Protected families and high-salience aggregates, by declared ids or measures."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.scoring.losses import LossDefinition, prepare
from benchmarks.scoring.noise import Drawn, Figure, Statistic
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.parts import contributors
from benchmarks.scoring.scheme import Aggregate, Family

ON_TARGETS = "targets"
ON_INCUMBENT = "incumbent_estimate"
ON_NOTHING = "none"
_AGGREGATE_FIELDS = (
    "target_id",
    "target",
    "candidate",
    "incumbent",
    "candidate_error",
    "incumbent_error",
    "delta",
)


def family_figure(pair: Pair, family: Family, gating: LossDefinition) -> Figure:
    """Return a family's mean capped squared relative error on both sides.

    A family with a measure and no target is judged against the incumbent's own estimate; one with
    nothing kept has basis none and null figures.
    """
    ids = set(family.targets)
    index = pair.index(lambda row: row.target_id in ids)
    prepared = prepare(gating, pair.rows_at(index))
    if prepared is not None:
        kept = index[prepared.kept]
        values = prepared.errors(pair.candidate[index]) - prepared.errors(pair.incumbent[index])
        names = [pair.rows[i].target_id for i in kept]
        record = {
            "basis": ON_TARGETS,
            "targets": names,
            "candidate": _mean(prepared.errors(pair.candidate[index])),
            "incumbent": _mean(prepared.errors(pair.incumbent[index])),
            "delta": math.fsum(values) / len(kept),
            "contributors": contributors(names, values / len(kept)),
        }

        def difference(c: Drawn, i: Drawn) -> np.ndarray:
            errors = prepared.errors(c.rows[:, index]) - prepared.errors(i.rows[:, index])
            return np.asarray(errors.mean(axis=1))

        return Figure(record, difference)
    return _family_on_incumbent(pair, family, gating)


def _family_on_incumbent(pair: Pair, family: Family, gating: LossDefinition) -> Figure:
    blank = {"basis": ON_NOTHING, "targets": [], "contributors": []}
    figures = _measured(pair, family.measure)
    if family.measure is None or figures is None:
        return Figure({**blank, **dict.fromkeys(("candidate", "incumbent", "delta"))}, None)
    name, cap = family.measure, gating.parameters["error_cap"]

    def error(c: np.ndarray | float, i: np.ndarray | float) -> np.ndarray:
        return np.asarray(np.minimum(np.abs(c - i) / np.abs(i), cap) ** 2)

    value = float(error(*figures))
    record = {**blank, "basis": ON_INCUMBENT, "candidate": value, "incumbent": 0.0, "delta": value}
    return Figure(record, lambda c, i: error(c.measures[name], i.measures[name]), name)


def aggregate_figure(pair: Pair, aggregate: Aggregate) -> Figure:
    """Return an aggregate's estimates and absolute relative errors (0.1 is 10 %) on both sides."""
    index = pair.index(lambda row: row.target_id == aggregate.target)
    if len(index):
        at = int(index[0])
        target = pair.rows[at].value
        sides = (float(pair.candidate[at]), float(pair.incumbent[at]))

        def difference(c: Drawn, i: Drawn) -> np.ndarray:
            missed = np.abs(c.rows[:, at] - target) - np.abs(i.rows[:, at] - target)
            return np.asarray(missed / abs(target))

        return _aggregate(ON_TARGETS, aggregate.target, target, sides, difference, None)
    figures, name = _measured(pair, aggregate.measure), aggregate.measure
    if name is None or figures is None:
        return Figure({"basis": ON_NOTHING, **dict.fromkeys(_AGGREGATE_FIELDS)}, None)
    return _aggregate(ON_INCUMBENT, None, figures[1], figures, _measure_error(name), name)


def _measure_error(name: str) -> Statistic:
    def difference(c: Drawn, i: Drawn) -> np.ndarray:
        own = i.measures[name]
        return np.asarray(np.abs(c.measures[name] - own) / np.abs(own))

    return difference


def _aggregate(
    basis: str,
    target_id: str | None,
    target: float,
    sides: tuple[float, float],
    statistic: Statistic,
    measure: str | None,
) -> Figure:
    candidate, incumbent = (abs(each - target) / abs(target) for each in sides)
    record = {
        "basis": basis,
        "target_id": target_id,
        "target": target,
        "candidate": sides[0],
        "incumbent": sides[1],
        "candidate_error": candidate,
        "incumbent_error": incumbent,
        "delta": candidate - incumbent,
    }
    return Figure(record, statistic, measure)


def _measured(pair: Pair, name: str | None) -> tuple[float, float] | None:
    """Return both figures of a measure; None without it, or where no relative error exists."""
    figures = pair.measures.get(name) if name is not None else None
    return None if figures is None or figures[1] == 0 else figures


def _mean(errors: np.ndarray) -> float:
    return math.fsum(errors) / len(errors)
