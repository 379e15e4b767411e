"""The calibration report: curves, spread of the weights, errors by group, targets out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from builder.calibration.figures import weight_figures
from builder.calibration.groups import VALIDATION
from builder.calibration.model import bounded
from builder.calibration.problem import ROLES, Problem
from builder.calibration.run import CalibrationResult
from builder.calibration.settings import CalibrationSettings
from schemas.canonical import sha256_json

NAMED = 20
_QUANTILES = {"min": 0.0, "p01": 0.01, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def calibration_report(
    problem: Problem, settings: CalibrationSettings, result: CalibrationResult
) -> dict[str, Any]:
    """Return the `calibration_report` record of one calibration.

    Ratio quantiles are over households kept, each counted once. Errors by group are medians of
    |error| / scale and mean bounded losses, unweighted within the group.
    """
    return {
        "schema": "calibration_report",
        "schema_version": 1,
        "settings": settings.record(),
        "settings_sha256": sha256_json(settings.record()),
        "problem_sha256": problem.sha256,
        "targets": {role: int(problem.rows(role).sum()) for role in ROLES},
        "stopping": {
            "by": "validation" if problem.rows(VALIDATION).any() else "fixed_epochs",
            "reason": result.stop_reason,
            "epochs_run": result.epochs_run,
            "best_epoch": result.best_epoch,
            "refit_epochs": result.refit_epochs,
        },
        "losses": {"initial": result.initial_losses, "final": result.final_losses},
        "weights": {
            **weight_figures(result.weights, problem.initial_weights, settings),
            "ratio_quantiles": _ratio_quantiles(problem, result),
        },
        "out_of_reach": _out_of_reach(problem, result),
        "groups": list(_groups(problem, result)),
        "curves": result.curves,
        "notes": list(result.notes),
    }


def calibrated_groups(problem: Problem) -> list[str]:
    """Return the groups with a say in the weights: train groups, and those that chose the epoch."""
    return sorted(
        {g for g, row in zip(problem.groups, problem.rows(TRAIN, VALIDATION), strict=True) if row}
    )


def _ratio_quantiles(problem: Problem, result: CalibrationResult) -> dict[str, float]:
    kept = result.weights > 0
    ratio = result.weights[kept] / problem.initial_weights[kept]
    found = np.quantile(ratio, list(_QUANTILES.values()))
    return dict(zip(_QUANTILES, found.tolist(), strict=True))


def _out_of_reach(problem: Problem, result: CalibrationResult) -> dict[str, Any]:
    reach = result.reach
    order = sorted(np.flatnonzero(reach.out), key=lambda i: (-problem.importance[i], i))
    return {
        "count": int(reach.out.sum()),
        "no_household_contributes": int(reach.empty.sum()),
        "beyond_the_bounds": int(reach.beyond.sum()),
        "named": [
            {
                "target_id": problem.target_ids[i],
                "group": problem.groups[i],
                "role": str(problem.roles[i]),
                "why": "no_household_contributes" if reach.empty[i] else "beyond_the_bounds",
                "value": float(problem.values[i]),
                "lowest": float(reach.lowest[i]),
                "highest": float(reach.highest[i]),
            }
            for i in order[:NAMED]
        ],
    }


def _groups(problem: Problem, result: CalibrationResult) -> Iterator[dict[str, Any]]:
    """Return errors before and after per group, train groups first."""
    before, after = (
        (each - problem.values) / problem.scales
        for each in (result.initial_estimates, result.final_estimates)
    )
    names, order = np.array(problem.groups), (TRAIN, VALIDATION, HELD_OUT)
    roles = dict(zip(problem.groups, problem.roles.tolist(), strict=True))
    for group in sorted(roles, key=lambda each: (order.index(roles[each]), each)):
        rows = names == group
        yield {
            "group": group,
            "role": roles[group],
            "targets": int(rows.sum()),
            "median_error": {
                "before": float(np.median(np.abs(before[rows]))),
                "after": float(np.median(np.abs(after[rows]))),
            },
            "loss": {
                "before": float(bounded(before[rows]).mean()),
                "after": float(bounded(after[rows]).mean()),
            },
        }
