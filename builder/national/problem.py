"""The calibration problem of a national build: published targets, and what holds the spine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

from baselines.targets import Target
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite
from builder.calibration import Problem
from schemas.errors import BuildError

_AGI = "adjusted_gross_income"
_GROUP = "phase_one"


@dataclass(frozen=True)
class PhaseOneTotals:
    """What the calibrated households add to each phase-one column, and the frame's totals."""

    matrix: csr_matrix
    names: tuple[str, ...]
    tables: tuple[str, ...]
    values: np.ndarray


def left_out_ids(targets: Sequence[Target], rules: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of targets that the configuration's rules leave out of the fit."""
    return {t.target_id for t in targets if any(_falls_under(t, rule) for rule in rules)}


def _falls_under(target: Target, rule: Mapping[str, Any]) -> bool:
    tops = [c.value for c in target.constraints if c.variable == _AGI and c.operator in ("<", "<=")]
    numbers = [float(top) for top in tops if isinstance(top, int | float)]
    return target.scope == rule["scope"] and any(n <= rule["agi_at_most"] for n in numbers)


def without(problem: Problem, ids: set[str]) -> Problem:
    """Return the problem without the train and validation targets named; held-out ones stay."""
    keep = np.array(
        [
            name not in ids or role == HELD_OUT
            for name, role in zip(problem.target_ids, problem.roles, strict=True)
        ]
    )
    return _columns(problem, np.flatnonzero(keep))


def _columns(problem: Problem, index: np.ndarray) -> Problem:
    return replace(
        problem,
        matrix=csr_matrix(problem.matrix[:, index]),
        target_ids=tuple(problem.target_ids[i] for i in index),
        groups=tuple(problem.groups[i] for i in index),
        values=problem.values[index],
        scales=problem.scales[index],
        importance=problem.importance[index],
        roles=problem.roles[index],
    )


def stressing_aggregates(problem: Problem, suite: Suite, share: float) -> Problem:
    """Return the problem with `share` more importance on the suite's high-salience aggregates.

    The release gate judges ten totals one by one; the loss gives each no more than one cell of
    thousands. Raises BuildError where none of them is fitted to.
    """
    if share == 0:
        return problem
    ids = {each.target for each in suite.scheme.aggregates if each.target}
    chosen = np.array([name in ids for name in problem.target_ids]) & (problem.roles == TRAIN)
    if not chosen.any():
        raise BuildError(
            "none of the suite's aggregates is among the fitted targets",
            reason="national.aggregates",
            remedy="set targets.aggregates_share to 0, or fit to the aggregates' groups",
        )
    return replace(problem, importance=problem.importance + chosen * share / chosen.sum())


def with_phase_one(
    problem: Problem, totals: PhaseOneTotals, *, share: float, least_records: int
) -> Problem:
    """Return the problem with the frame's totals as further train targets.

    All of them together have the importance `share`, every table the same part of it. Columns
    whose total is not positive, or to which fewer than `least_records` households contribute, are
    left out: they say nothing that a weight could follow.
    """
    records = np.asarray((totals.matrix != 0).sum(axis=0)).ravel()
    index = np.flatnonzero((totals.values > 0) & (records >= least_records))
    if share == 0 or not len(index):
        return problem
    tables = np.array(totals.tables)[index]
    names, place, count = np.unique(tables, return_inverse=True, return_counts=True)
    values = totals.values[index]
    return replace(
        problem,
        matrix=csr_matrix(hstack([problem.matrix, totals.matrix[:, index]])),
        target_ids=(*problem.target_ids, *(f"{_GROUP}.{totals.names[i]}" for i in index)),
        groups=(*problem.groups, *(f"{_GROUP}.{each}" for each in tables)),
        values=np.append(problem.values, values),
        scales=np.append(problem.scales, values),
        importance=np.append(problem.importance, share / len(names) / count[place]),
        roles=np.append(problem.roles, np.full(len(index), TRAIN)),
    )
