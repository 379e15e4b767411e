"""Score two H5 files against each other: one baseline simulation each, no reform.

On the default suite's targets this gives what `mpgate judge` compares; on those of a target
database it answers how the two files do on somebody else's targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target, target_db_identity
from baselines.targets.database import SkippedRow, database_identity, read_database_report
from benchmarks.contributions import MEASURE_PREFIX, Contributions
from benchmarks.engine.child import Progress
from benchmarks.engine.session import simulate
from benchmarks.measure import Simulator, suite_contributions
from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.compare import common_pair
from benchmarks.scoring.kernel import contribution_matrix, estimates, required_outputs
from benchmarks.scoring.losses import loss_definitions
from benchmarks.scoring.record import loss_record
from benchmarks.scoring.scheme import TRAIN, Scheme
from benchmarks.scoring.table import widened
from benchmarks.suite import Suite, load_suite, required_baseline_outputs
from benchmarks.weights import household_weights
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import MeasureError

# Why one row, and not the file, cannot be scored.
_ROW_REASONS = frozenset(
    {"scoring.kinds", "scoring.sideways", "scoring.text_sum", "scoring.unknown_variable"}
)


@dataclass(frozen=True)
class Scope:
    """What two files are scored on: targets, how they are grouped, and whose targets they are.

    `suite` gives the measures and is named in the record only where `pinned`; `dropped` holds
    the rows of the source that are no target here, each with its reason.
    """

    suite: Suite
    scheme: Scheme
    pinned: bool
    target_db: Mapping[str, str]
    dropped: tuple[Mapping[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Return the id of the suite."""
        return self.suite.id

    @property
    def sha256(self) -> str:
        """Return the sha256 of the suite."""
        return self.suite.sha256

    @property
    def targets(self) -> Sequence[Target]:
        """Return the targets to score on."""
        return self.suite.targets

    def roles(self) -> Mapping[str, str]:
        """Return `train` or `held_out` per target id."""
        return self.scheme.roles


@dataclass(frozen=True)
class _Side:
    """One file: who it is, what its households add, and targets it has no estimate of."""

    identity: Mapping[str, str]
    contributions: Contributions
    lacking: Mapping[str, str]


def score_files(
    candidate: Path | str,
    incumbent: Path | str,
    *,
    target_db: Path | str | None = None,
    progress: Progress | None = None,
    simulator: Simulator = simulate,
) -> dict[str, Any]:
    """Return the loss record of two H5 files, standard errors included.

    Rows of `target_db` that cannot be read or scored are in `dropped` with their reason. Raises
    DatasetError, MeasureError or BaselineError for files that cannot be measured.
    """
    scope = suite_scope() if target_db is None else database_scope(target_db)
    ours, theirs = (
        _measured(Path(path), scope, progress, simulator) for path in (candidate, incumbent)
    )
    pair, dropped = common_pair(
        (_estimates(ours), _estimates(theirs)), scope, (ours.contributions, theirs.contributions)
    )
    return loss_record(
        pair,
        scope.scheme,
        candidate=ours.identity,
        incumbent=theirs.identity,
        source={"kind": "files", "sha256": None},
        suite={"id": scope.id, "sha256": scope.sha256} if scope.pinned else None,
        target_db=scope.target_db,
        dropped=[*scope.dropped, *dropped],
    )


def suite_scope() -> Scope:
    """Return the default suite with its roles, families and aggregates."""
    suite = load_suite()
    return Scope(suite, suite.scheme, True, target_db_identity())


def database_scope(path: Path | str) -> Scope:
    """Return the targets of a target database for the suite's year; nothing of it is held out.

    Families are those the rows declare. Raises BaselineError for a file that is no target
    database, MeasureError where none of its targets can be scored.
    """
    suite = load_suite()
    found = read_database_report(path, suite.record["period"])
    reasons = {each.target_id: _unscorable(each, suite) for each in found.targets}
    targets = tuple(each for each in found.targets if not reasons[each.target_id])
    if not targets:
        raise MeasureError(
            f"no target of {Path(path).name} can be scored: {next(iter(reasons.values()))}",
            reason="score.no_targets",
            remedy="use a database of targets for the suite's year",
        )
    declared: dict[str, list[str]] = {}
    for target in targets:
        if target.target_id not in suite.scheme.roles:
            declared.setdefault(target.family, []).append(target.target_id)
    roles = dict.fromkeys((target.target_id for target in targets), TRAIN)
    scheme = replace(widened(suite.scheme, declared), roles=roles, held_out=())
    unread = (_skipped(each) for each in found.skipped)
    left = ({"target_id": n, "reason": why} for n, why in reasons.items() if why)
    return Scope(
        replace(suite, targets=targets), scheme, False, database_identity(path), (*unread, *left)
    )


def _skipped(row: SkippedRow) -> dict[str, str]:
    number = "without a number" if row.row is None else str(row.row)
    return {"target_id": f"row {number}: {row.variable}", "reason": f"{row.reason}: {row.detail}"}


def _unscorable(target: Target, suite: Suite) -> str:
    """Return why a target of a database cannot be scored at all, or nothing."""
    year = suite.record["period"]
    if target.target_period != year:
        return f"stated for {target.target_period}, and nothing grows it to {year}"
    for name, definition in loss_definitions().items():
        if target.value == -definition.parameters.get("shift", 0.0):
            return f"{target.value:g}: {name} is undefined there"
    try:
        required_outputs([target])
    except MeasureError as error:
        return error.message
    return ""


def _measured(path: Path, scope: Scope, progress: Progress | None, simulator: Simulator) -> _Side:
    dataset, sha256 = open_dataset(path), sha256_file(path)
    if dataset.period != scope.suite.record["period"]:
        raise MeasureError(
            f"{path.name} is for {dataset.period}, the targets for {scope.suite.record['period']}",
            reason="measure.period",
            remedy="score a file of the targets' year",
        )
    weights = household_weights(dataset)
    simulated = simulator(path, required_baseline_outputs(scope.suite), progress=progress)
    if sha256_file(path) != sha256:
        raise MeasureError(
            f"{path.name} changed while it was measured",
            reason="measure.file_changed",
            remedy="keep the file as it is during a measurement, and score again",
        )
    contributions, lacking = _contributed(scope, simulated, weights)
    return _Side({"label": path.name, "sha256": sha256}, contributions, lacking)


def _contributed(
    scope: Scope, simulated: SimulatedArrays, weights: np.ndarray
) -> tuple[Contributions, dict[str, str]]:
    """Return a file's contributions, and foreign targets that have no defined figure in it."""
    try:
        return suite_contributions(scope.suite, simulated, weights), {}
    except MeasureError as error:
        if scope.pinned or error.reason not in _ROW_REASONS:
            raise
    lacking = {
        each.target_id: why for each in scope.targets if (why := _undefined(simulated, each))
    }
    kept = tuple(each for each in scope.targets if each.target_id not in lacking)
    return suite_contributions(replace(scope.suite, targets=kept), simulated, weights), lacking


def _undefined(simulated: SimulatedArrays, target: Target) -> str:
    try:
        contribution_matrix(simulated, [target])
    except MeasureError as error:
        return error.message
    return ""


def _estimates(side: _Side) -> dict[str, Any]:
    """Return a side's figures in the shape of an evidence record."""
    figures = estimates(side.contributions.matrix, side.contributions.weights).tolist()
    found = dict(zip(side.contributions.columns, figures, strict=True))
    targets = [
        {"target_id": name, "estimate": value}
        for name, value in found.items()
        if not name.startswith(MEASURE_PREFIX)
    ]
    lacking = [
        {"target_id": name, "estimate": None, "reason": why} for name, why in side.lacking.items()
    ]
    measures = {
        name.removeprefix(MEASURE_PREFIX): value
        for name, value in found.items()
        if name.startswith(MEASURE_PREFIX)
    }
    return {"targets": [*targets, *lacking], "baseline": measures}
