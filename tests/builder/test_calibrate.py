"""Gradient calibration on small made-up matrices."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from builder.calibrate import CalibrationConfig, Goals, calibrate
from schemas.errors import BuildError

CONFIG = CalibrationConfig(epochs=800, learning_rate=0.02, ratio_lower=0.1, ratio_upper=10.0)


def _goals(values: np.ndarray) -> Goals:
    """Relative errors, every target as important as the next."""
    return Goals(values, np.abs(values), np.full(len(values), 1 / len(values)))


def _problem() -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    matrix = rng.integers(0, 5, (300, 6)).astype(float)
    weights = rng.uniform(50, 150, 300)
    truth = weights * rng.uniform(0.6, 1.6, 300)
    return csr_matrix(matrix), matrix.T @ truth, weights


def test_reachable_targets_are_met() -> None:
    matrix, values, weights = _problem()
    result = calibrate(matrix, _goals(values), weights, config=CONFIG)
    assert result.final_loss < 1e-6 < result.initial_loss
    assert np.abs(matrix.T @ result.weights / values - 1).max() < 0.001
    assert np.array_equal(result.final_estimates, matrix.T @ result.weights)


def test_equal_inputs_give_equal_weights() -> None:
    matrix, values, weights = _problem()
    results = [calibrate(matrix, _goals(values), weights, config=CONFIG).weights for _ in range(2)]
    assert np.array_equal(results[0], results[1])


def test_ratios_stay_inside_the_bounds() -> None:
    matrix, values, weights = _problem()
    tight = replace(CONFIG, ratio_lower=0.9, ratio_upper=1.2)
    ratio = calibrate(matrix, _goals(values * 5), weights, config=tight).weights / weights
    assert ratio.min() >= 0.9 - 1e-12
    assert ratio.max() == pytest.approx(1.2)


def test_a_target_nobody_contributes_to_is_named_and_leaves_the_rest() -> None:
    matrix, values, weights = _problem()
    wider = csr_matrix(np.column_stack([matrix.toarray(), np.zeros(300)]))
    result = calibrate(wider, _goals(np.append(values, 5.0)), weights, config=CONFIG)
    assert result.reachable.tolist() == [True] * 6 + [False]
    assert result.final_loss == pytest.approx(0.5 / 7, abs=1e-4)


def test_a_negative_target_is_a_loss_to_be_met() -> None:
    matrix = csr_matrix(np.array([[-1.0], [-2.0], [0.0]]))
    result = calibrate(matrix, _goals(np.array([-6.0])), np.ones(3), config=CONFIG)
    assert result.final_estimates[0] == pytest.approx(-6.0, rel=1e-3)


def test_the_result_is_never_worse_than_the_start() -> None:
    matrix, _, weights = _problem()
    wild = replace(CONFIG, epochs=3, learning_rate=50.0)
    result = calibrate(matrix, _goals(matrix.T @ weights), weights, config=wild)
    assert result.final_loss <= result.initial_loss


@pytest.mark.parametrize("where", ["matrix", "values", "weights"])
def test_what_is_not_finite_is_refused(where: str) -> None:
    matrix, values, weights = _problem()
    if where == "matrix":
        matrix.data[0] = np.nan
    else:
        (values if where == "values" else weights)[0] = np.inf
    with pytest.raises(BuildError, match="not finite"):
        calibrate(matrix, _goals(values), weights, config=CONFIG)


def test_shapes_bounds_and_zeros_are_refused() -> None:
    matrix, values, weights = _problem()
    with pytest.raises(BuildError, match="299 weights"):
        calibrate(matrix, _goals(values), weights[1:], config=CONFIG)
    with pytest.raises(BuildError, match="leave out 1"):
        calibrate(matrix, _goals(values), weights, config=replace(CONFIG, ratio_upper=0.5))
    with pytest.raises(BuildError, match="is not positive"):
        calibrate(matrix, _goals(values * 0), weights, config=CONFIG)


def test_importance_decides_between_goals_that_cannot_both_be_met() -> None:
    matrix = csr_matrix(np.ones((10, 2)))
    values = np.array([10.0, 15.0])
    for favoured in (0, 1):
        importance = np.array([0.05, 0.05])
        importance[favoured] = 0.95
        goals = Goals(values, values, importance)
        result = calibrate(matrix, goals, np.full(10, 1.2), config=CONFIG)
        assert result.final_estimates[favoured] == pytest.approx(values[favoured], rel=0.05)


def test_the_household_total_is_kept_where_it_is_asked_for() -> None:
    matrix, values, weights = _problem()
    free = calibrate(matrix, _goals(values * 2), weights, config=CONFIG)
    held = replace(CONFIG, household_total_penalty=100.0)
    kept = calibrate(matrix, _goals(values * 2), weights, config=held)
    total = weights.sum()
    assert abs(kept.weights.sum() / total - 1) < 0.01 < abs(free.weights.sum() / total - 1)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, values, weights = _problem()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BuildError, match="install the builder extra"):
        calibrate(matrix, _goals(values), weights, config=CONFIG)


def test_progress_is_reported_to_the_end() -> None:
    matrix, values, weights = _problem()
    seen: list[tuple[int, int]] = []
    calibrate(
        matrix,
        _goals(values),
        weights,
        config=replace(CONFIG, epochs=50),
        progress=lambda _, done, total: seen.append((done, total)),
    )
    assert seen == [(0, 50), (25, 50), (50, 50)]
