"""Residual targets: fixed weights never move, and totals with them meet the full target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from benchmarks.scoring.kernel import estimates
from builder.fixed_spine.residual import (
    Clamped,
    Residual,
    join_weights,
    residual,
    write_residual_report,
)
from schemas.errors import BuildError

HOUSEHOLDS, TARGETS = 8, 5
IDS = tuple(f"target-{i}" for i in range(TARGETS))
SUMS = ("sum", "count", "sum", "count", "sum")
AMOUNT = st.floats(-1e6, 1e6, allow_subnormal=False)
WEIGHT = st.floats(0, 1e5, allow_subnormal=False)
MATRIX = arrays(np.float64, (HOUSEHOLDS, TARGETS), elements=AMOUNT)
WEIGHTS = arrays(np.float64, HOUSEHOLDS, elements=WEIGHT)
MASK = arrays(bool, HOUSEHOLDS)


def of(matrix: np.ndarray, values: np.ndarray, weights: np.ndarray, fixed: np.ndarray) -> Residual:
    return residual(csr_matrix(matrix), values, weights, fixed, IDS, SUMS)


def close(found: np.ndarray, wanted: np.ndarray, size: np.ndarray) -> bool:
    """Compare at the size of what was summed: the terms may cancel."""
    return bool((np.abs(found - wanted) <= 1e-9 * (1 + size)).all())


@settings(max_examples=100)
@given(matrix=MATRIX, weights=WEIGHTS, fixed=MASK, rest=WEIGHTS)
def test_a_rest_that_meets_the_residual_meets_the_full_target(
    matrix: np.ndarray, weights: np.ndarray, fixed: np.ndarray, rest: np.ndarray
) -> None:
    size = np.abs(matrix).T @ (weights + rest)
    target = matrix[fixed].T @ weights[fixed] + matrix[~fixed].T @ rest[~fixed]
    found = of(matrix, target, weights, fixed)
    joined = join_weights(weights, found, rest[~fixed])
    assert close(estimates(csr_matrix(matrix), joined), target, size)
    kept = np.ones(TARGETS, dtype=bool)
    kept[[IDS.index(each.target_id) for each in found.clamped]] = False
    reached = estimates(csr_matrix(matrix[~fixed]), rest[~fixed])
    assert close(reached[kept], found.values[kept], size[kept])


@settings(max_examples=100)
@given(matrix=MATRIX, weights=WEIGHTS, fixed=MASK, rest=WEIGHTS, values=arrays(float, TARGETS))
def test_fixed_weights_never_move(
    matrix: np.ndarray,
    weights: np.ndarray,
    fixed: np.ndarray,
    rest: np.ndarray,
    values: np.ndarray,
) -> None:
    finite = np.clip(np.nan_to_num(values), -1e12, 1e12)
    before = weights.copy()
    joined = join_weights(weights, of(matrix, finite, weights, fixed), rest[~fixed])
    assert joined[fixed].tolist() == before[fixed].tolist()
    assert joined[~fixed].tolist() == rest[~fixed].tolist()
    assert weights.tolist() == before.tolist()


@settings(max_examples=100)
@given(matrix=MATRIX, weights=WEIGHTS, fixed=MASK, values=arrays(float, TARGETS, elements=AMOUNT))
def test_no_residual_turns_its_sign_and_every_turn_is_recorded(
    matrix: np.ndarray, weights: np.ndarray, fixed: np.ndarray, values: np.ndarray
) -> None:
    found = of(matrix, values, weights, fixed)
    assert (np.sign(found.values) * np.sign(values) >= 0).all()
    recorded = {each.target_id: each for each in found.clamped}
    for i, name in enumerate(IDS):
        left = values[i] - found.fixed[i]
        clamped = left > 0 if values[i] < 0 else left < 0
        assert (name in recorded) == clamped
        assert found.values[i] == (0 if clamped else left)
        if clamped:
            assert recorded[name] == Clamped(name, values[i], found.fixed[i], left)


def small(**changes: Any) -> Residual:
    """Return residuals of two fixed records out of three for a gain and a loss."""
    given = {
        "matrix": csr_matrix([[10.0, -1.0], [20.0, -2.0], [5.0, -4.0]]),
        "values": np.array([100.0, -100.0]),
        "weights": np.array([1.0, 2.0, 30.0]),
        "fixed_mask": np.array([True, True, False]),
        "target_ids": ["gain", "loss"],
        "aggregations": ["sum", "sum"],
    }
    return residual(**{**given, **changes})


def test_residuals_of_a_gain_and_of_a_loss() -> None:
    found = small()
    assert found.fixed.tolist() == [50.0, -5.0]
    assert found.values.tolist() == [50.0, -95.0]
    assert found.full.tolist() == [100.0, -100.0]
    assert found.rest.tolist() == [False, False, True]
    assert found.clamped == ()


def test_a_target_below_the_fixed_records_is_clamped_on_its_own_side(tmp_path: Path) -> None:
    found = small(values=np.array([40.0, -3.0]))
    assert found.values.tolist() == [0.0, 0.0]
    assert found.clamped == (Clamped("gain", 40, 50, -10), Clamped("loss", -3, -5, 2))
    record = write_residual_report(tmp_path / "residual.json", found)
    assert record["fixed_records"] == 2
    assert record["targets"] == 2
    assert record["clamped"] == [
        {"target_id": "gain", "full": 40.0, "fixed": 50.0, "negative": -10.0},
        {"target_id": "loss", "full": -3.0, "fixed": -5.0, "negative": 2.0},
    ]


def test_without_fixed_records_the_targets_stay() -> None:
    found = small(fixed_mask=np.zeros(3, dtype=bool))
    assert found.values.tolist() == [100.0, -100.0]


@pytest.mark.parametrize(
    ("changes", "said", "reason"),
    [
        ({"aggregations": ["sum", "mean"]}, "loss is a mean", "fixed_spine.not_additive"),
        ({"target_ids": ["gain"]}, "2 targets", "fixed_spine.residual"),
        ({"values": np.ones(3)}, "2 targets", "fixed_spine.residual"),
        ({"weights": np.ones(2)}, "3 households", "fixed_spine.residual"),
        ({"fixed_mask": np.array([0, 1, 1])}, "3 households", "fixed_spine.residual"),
        ({"values": np.array([np.inf, 1])}, "not finite", "fixed_spine.residual"),
        ({"weights": np.array([np.nan, 1, 1])}, "not finite", "fixed_spine.residual"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str, reason: str) -> None:
    with pytest.raises(BuildError, match=said) as caught:
        small(**changes)
    assert caught.value.reason == reason


def test_weights_for_another_number_of_records_are_refused() -> None:
    with pytest.raises(BuildError, match="2 weights for 1 records"):
        join_weights(np.ones(3), small(), np.ones(2))
