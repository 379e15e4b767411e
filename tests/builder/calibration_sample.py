"""A small made-up calibration problem, and settings to go with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from builder.calibration import CalibrationSettings, Problem, Stopping

STOPPING = Stopping(
    validation_groups=("validation-group",),
    check_every=10,
    patience=3,
    minimum_improvement=0.0,
    refit=False,
)
SETTINGS = CalibrationSettings(
    product="mp-national",
    suite="us_national_2024",
    target_groups="all_train",
    epochs=300,
    learning_rate=0.03,
    ratio_lower=0.1,
    ratio_upper=10.0,
    household_total_penalty=0.0,
    spread_penalty=0.0,
    l0_lambda=0.0,
    experiment=None,
    stopping=STOPPING,
    seed=1,
)
HOUSEHOLDS = 300


def problem(roles: str = "tttttt", noise: float = 0.0, **changes: Any) -> Problem:
    """Return a problem whose targets some weights near the initial ones meet.

    `roles` gives one target per letter: train, validation or held out. `noise` moves each value
    by a random share of itself, so that not all can be met.
    """
    rng = np.random.default_rng(7)
    count = len(roles)
    matrix = rng.integers(0, 5, (HOUSEHOLDS, count)).astype(float)
    weights = rng.uniform(50, 150, HOUSEHOLDS)
    values = matrix.T @ (weights * rng.uniform(0.6, 1.6, HOUSEHOLDS))
    values = values * (1 + noise * rng.standard_normal(count))
    names = {"t": "train", "v": "validation", "h": "held_out"}
    made = Problem(
        matrix=csr_matrix(matrix),
        target_ids=tuple(f"target-{i}" for i in range(count)),
        groups=tuple(f"{names[role]}-group" for role in roles),
        values=values,
        scales=np.abs(values),
        importance=np.full(count, 1 / count),
        roles=np.array([names[role] for role in roles]),
        initial_weights=weights,
    )
    return replace(made, **changes)


def settings(**changes: Any) -> CalibrationSettings:
    """Return SETTINGS with changes; those of stopping by their own names."""
    own = {name: changes.pop(name) for name in tuple(changes) if hasattr(STOPPING, name)}
    return replace(SETTINGS, stopping=replace(STOPPING, **own), **changes)


def sparse(**changes: Any) -> CalibrationSettings:
    """Return settings that drop about a third of the households of `problem`."""
    wide = {"product": "mp-local-fast", "ratio_lower": 0.05, "ratio_upper": 20.0}
    return settings(**{"l0_lambda": 0.05, "learning_rate": 0.05, "epochs": 300, **wide, **changes})
