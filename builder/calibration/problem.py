"""What is calibrated: the matrix, the targets with their roles, and the weights to start from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from baselines.targets import Target
from benchmarks.scoring.losses import gating_loss, loss_row, prepare
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite
from builder.calibration.groups import VALIDATION, group_roles
from builder.calibration.settings import CalibrationSettings
from schemas.errors import BuildError

ROLES = (TRAIN, VALIDATION, HELD_OUT)


@dataclass(frozen=True)
class Problem:
    """One calibration problem; raises BuildError on contradicting shapes and unusable numbers.

    `matrix` (households x targets) is what each household adds per unit of weight, fixed
    households left out; `initial_weights` (positive) is household-length. The rest is
    target-length: ids, holdout `groups`, `values` to reach, `scales` (positive) that an error is
    measured in, `importance` (positive), and `roles`: train, validation or held_out.
    """

    matrix: csr_matrix
    target_ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: np.ndarray
    scales: np.ndarray
    importance: np.ndarray
    roles: np.ndarray
    initial_weights: np.ndarray

    def __post_init__(self) -> None:
        """Refuse what no fit could use."""
        _check_shapes(self)
        _check_numbers(self)
        if not (self.roles == TRAIN).any():
            raise BuildError(
                "no target is left to calibrate to",
                reason="calibration.no_targets",
                remedy="name target groups that are neither validation nor held-out groups",
            )

    def rows(self, *roles: str) -> np.ndarray:
        """Return which targets (booleans, target length) have one of the roles."""
        return np.isin(self.roles, roles)

    @cached_property
    def sha256(self) -> str:
        """Return the identity of the whole problem, numbers and names."""
        digest = hashlib.sha256(repr((self.matrix.shape, self.target_ids, self.groups)).encode())
        parts = (self.matrix.indptr, self.matrix.indices, self.matrix.data, self.roles.astype("U"))
        goals = (self.values, self.scales, self.importance, self.initial_weights)
        for part in (*parts, *(each.astype(np.float64) for each in goals)):
            digest.update(f"{part.dtype.str} {len(part)};".encode() + part.tobytes())
        return digest.hexdigest()


def problem_of(
    matrix: csr_matrix,
    targets: Sequence[Target],
    suite: Suite,
    settings: CalibrationSettings,
    initial_weights: np.ndarray,
    values: np.ndarray | None = None,
    fixed: np.ndarray | None = None,
) -> Problem:
    """Return the problem of calibrating a file to the settings' groups of a suite.

    `matrix` columns follow `targets`; its rows, `initial_weights` and `fixed` are in household
    order. `values` (target length) are residual targets, which `fixed` (households that keep their
    weight and are left out) needs. Train targets are those of the settings' groups without the
    validation groups; held-out targets are the suite's, for curves only; others are left out.

    An error is measured as the gating loss does: in the larger of the published figure's size and
    the floor of its unit. `importance` is the share that loss gives each target, among train and
    validation targets together and among held-out ones for themselves: a build that calibrates to
    the matrix that is scored should want what the score wants.

    Raises BuildError for groups that are held out, unknown or in part absent, for validation
    groups that a train group tells of, and as Problem does.
    """
    _require_lengths(matrix, targets, initial_weights, values, fixed)
    by_group = group_roles(targets, suite, settings)
    roles = np.array([by_group.get(each.holdout_group, "") for each in targets], dtype="U10")
    column = np.flatnonzero(roles != "").tolist()
    chosen = [targets[i] for i in column]
    moved = np.ones(len(initial_weights), bool) if fixed is None else ~fixed
    goals = np.array([each.value for each in targets]) if values is None else values
    return Problem(
        matrix=_rows_and_columns(matrix, moved, column),
        target_ids=tuple(each.target_id for each in chosen),
        groups=tuple(each.holdout_group for each in chosen),
        values=goals[column].astype(np.float64),
        scales=_scales(chosen),
        importance=_importance(chosen, roles[column]),
        roles=roles[column],
        initial_weights=initial_weights[moved].astype(np.float64),
    )


def _rows_and_columns(matrix: csr_matrix, moved: np.ndarray, column: list[int]) -> csr_matrix:
    """Return part of a matrix in canonical form: equal content has equal bytes, and one hash."""
    part = csr_matrix(csr_matrix(matrix, dtype=np.float64)[moved][:, column])
    part.sum_duplicates()
    part.eliminate_zeros()
    return part


def _scales(targets: Sequence[Target]) -> np.ndarray:
    floors = gating_loss().parameters["scale_floor"]
    return np.array([max(abs(each.value), floors[each.unit]) for each in targets], dtype=np.float64)


def _importance(targets: Sequence[Target], roles: np.ndarray) -> np.ndarray:
    """Return each target's share in the gating loss of the fitted or of the held-out targets."""
    found = np.empty(len(targets))
    for part in (roles != HELD_OUT, roles == HELD_OUT):
        index = np.flatnonzero(part).tolist()
        if not index:
            continue
        prepared = prepare(gating_loss(), [loss_row(targets[i], str(roles[i])) for i in index])
        if prepared is None or len(prepared.kept) != len(index):
            raise BuildError(
                "the gating loss does not take every target of this calibration",
                reason="calibration.unscored_target",
                remedy="calibrate to groups of targets that are scored",
            )
        found[index] = prepared.formed.share
    return found


def _require_lengths(
    matrix: csr_matrix,
    targets: Sequence[Target],
    initial_weights: np.ndarray,
    values: np.ndarray | None,
    fixed: np.ndarray | None,
) -> None:
    wanted = (len(initial_weights), len(targets))
    good = matrix.shape == wanted
    good &= values is None or len(values) == wanted[1]
    good &= fixed is None or (len(fixed) == wanted[0] and fixed.dtype == bool)
    if not good:
        raise _shape_error(f"a {matrix.shape} matrix for {wanted[0]} weights, {wanted[1]} targets")
    if fixed is not None and fixed.any() and values is None:
        raise BuildError(
            f"{int(fixed.sum())} households keep their weight, and no residual targets are given",
            reason="calibration.no_residual",
            remedy="subtract the fixed households' contribution from the targets and give `values`",
        )


def _check_shapes(problem: Problem) -> None:
    households, targets = problem.matrix.shape
    lengths = {
        len(each)
        for each in (
            problem.target_ids,
            problem.groups,
            problem.values,
            problem.scales,
            problem.importance,
            problem.roles,
        )
    }
    if not households or lengths != {targets} or len(problem.initial_weights) != households:
        raise _shape_error(
            f"a {problem.matrix.shape} matrix for {len(problem.initial_weights)} weights "
            f"and {sorted(lengths)} targets"
        )
    if not set(problem.roles.tolist()) <= set(ROLES):
        raise _shape_error(f"roles other than {', '.join(ROLES)}")


def _check_numbers(problem: Problem) -> None:
    positive = {
        "scale": problem.scales,
        "importance": problem.importance,
        "initial weight": problem.initial_weights,
    }
    parts = {"matrix entry": problem.matrix.data, "target": problem.values} | positive
    for name, part in parts.items():
        if not np.isfinite(part).all():
            raise BuildError(
                f"a {name} is not finite",
                reason="calibration.not_finite",
                remedy="mend the data set or the facts",
            )
    for name, part in positive.items():
        if (part <= 0).any():
            raise BuildError(
                f"a {name} is not positive",
                reason="calibration.domain",
                remedy="leave out households without weight, and targets without a scale",
            )


def _shape_error(message: str) -> BuildError:
    return BuildError(
        message,
        reason="calibration.shape",
        remedy="use the weights, targets and simulation of one and the same file",
    )
