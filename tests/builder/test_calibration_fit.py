"""The fit itself, dense and sparse, on small made-up problems."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from builder.calibration import Problem, calibrate
from builder.calibration.model import WeightModel, bounded
from schemas.errors import BuildError
from tests.builder.calibration_sample import problem, settings, sparse


def _share_of_kept(lambda_: float) -> float:
    weights = calibrate(problem(), sparse(l0_lambda=lambda_)).weights
    return float((weights > 0).mean())


def test_targets_that_can_be_met_are_met() -> None:
    given = problem()
    result = calibrate(given, settings())
    assert result.final_losses["train"] < 1e-6 < result.initial_losses["train"]
    assert np.abs(given.matrix.T @ result.weights / given.values - 1).max() < 0.001
    assert np.array_equal(result.final_estimates, given.matrix.T @ result.weights)
    assert np.array_equal(result.initial_estimates, given.matrix.T @ given.initial_weights)


def test_the_loss_is_bounded_and_close_to_the_square_near_the_target() -> None:
    errors = np.array([0.0, 0.01, -0.01, 1.0, 1e6])
    assert bounded(errors) == pytest.approx([0, 1e-4, 1e-4, 0.5, 1], rel=1e-3)


def test_losses_are_the_importance_weighted_mean_of_each_role() -> None:
    given = problem("ttv", importance=np.array([0.1, 0.3, 5.0]))
    errors = (given.matrix.T @ given.initial_weights - given.values) / given.scales
    terms = errors**2 / (1 + errors**2)
    found = calibrate(given, settings(epochs=1)).initial_losses
    assert found["train"] == pytest.approx((terms[0] + 3 * terms[1]) / 4)
    assert found["validation"] == pytest.approx(terms[2])
    assert found["held_out"] is None


@pytest.mark.parametrize("make", [settings, sparse])
def test_equal_inputs_give_equal_weights(make: object) -> None:
    assert callable(make)
    results = [calibrate(problem(), make(epochs=60)).weights for _ in range(2)]
    assert np.array_equal(results[0], results[1])


def test_ratios_stay_inside_the_bounds_and_reach_them() -> None:
    given = problem()
    tight = settings(ratio_lower=0.9, ratio_upper=1.2)
    wanted = problem(values=given.values * np.array([5, 1, 1, 1, 1, 0.2]))
    ratio = calibrate(wanted, tight).weights / given.initial_weights
    assert ratio.min() == pytest.approx(0.9, abs=1e-12)
    assert ratio.max() == pytest.approx(1.2, abs=1e-12)


def test_a_negative_target_is_a_loss_to_be_met() -> None:
    given = Problem(
        csr_matrix(np.array([[-1.0], [-2.0], [0.0]])),
        ("loss",),
        ("group",),
        np.array([-6.0]),
        np.array([6.0]),
        np.ones(1),
        np.array(["train"]),
        np.ones(3),
    )
    result = calibrate(given, settings())
    assert result.final_estimates[0] == pytest.approx(-6.0, rel=1e-3)
    assert (result.reach.lowest[0], result.reach.highest[0]) == pytest.approx((-30, -0.3))


@pytest.mark.parametrize("favoured", [0, 1])
def test_importance_decides_between_targets_that_cannot_both_be_met(favoured: int) -> None:
    importance = np.array([0.05, 0.05])
    importance[favoured] = 0.95
    values = np.array([10.0, 15.0])
    given = Problem(
        csr_matrix(np.ones((10, 2))),
        ("a", "b"),
        ("a", "b"),
        values,
        values,
        importance,
        np.array(["train", "train"]),
        np.full(10, 1.2),
    )
    result = calibrate(given, settings())
    assert result.final_estimates[favoured] == pytest.approx(values[favoured], rel=0.05)


def test_the_household_total_is_kept_where_that_is_asked_for() -> None:
    given = problem(values=problem().values * 2)
    total = given.initial_weights.sum()
    free = calibrate(given, settings()).weights.sum() / total - 1
    kept = calibrate(given, settings(household_total_penalty=100.0)).weights.sum() / total - 1
    assert abs(kept) < 0.01 < abs(free)


def test_the_spread_penalty_keeps_ratios_near_one() -> None:
    given = problem(noise=0.3)
    spread = []
    for penalty in (0.0, 0.1, 10.0):
        weights = calibrate(given, settings(spread_penalty=penalty)).weights
        spread.append(float(np.log(weights / given.initial_weights).std()))
    assert spread[0] > 1.5 * spread[1] > 3 * spread[2]


def test_the_spread_penalty_counts_households_by_their_initial_weight() -> None:
    given = Problem(
        csr_matrix(np.ones((2, 1))),
        ("total",),
        ("group",),
        np.array([220.0]),
        np.array([220.0]),
        np.ones(1),
        np.array(["train"]),
        np.array([109.0, 1.0]),
    )
    weights = calibrate(given, settings(spread_penalty=0.01, learning_rate=0.05)).weights
    # Gradient of the estimate and of the penalty both scale with the initial weight: equal ratios.
    assert weights[0] / 109 == pytest.approx(weights[1], rel=1e-3)


def test_without_l0_no_gate_exists() -> None:
    model = WeightModel(5, settings())
    assert model.gates is None
    assert [each is model.log_ratio for each in model.parameters()] == [True]
    assert float(model.kept_share()) == 1


def test_with_l0_the_library_s_gates_are_fitted_too() -> None:
    from l0.distributions import HardConcrete

    model = WeightModel(5, sparse())
    assert isinstance(model.gates, HardConcrete)
    assert [len(each) for each in model.parameters()] == [5, 5]
    assert model.ratio(sampled=False).tolist() == [1.0] * 5  # it starts at the initial weights


def test_l0_drops_households_and_keeps_the_others_inside_the_bounds() -> None:
    given, wanted = problem(), sparse(ratio_lower=0.5, ratio_upper=4.0, epochs=500)
    result = calibrate(given, wanted)
    kept = result.weights > 0
    ratio = result.weights[kept] / given.initial_weights[kept]
    assert 0.2 < kept.mean() < 0.9
    assert (result.weights[~kept] == 0).all()
    assert ratio.min() >= 0.5 - 1e-12
    assert ratio.max() <= 4 + 1e-12
    assert result.final_losses["train"] < 0.001
    assert result.curves[-1]["positive"] == kept.sum()


def test_a_larger_lambda_drops_more() -> None:
    shares = [_share_of_kept(each) for each in (0.001, 0.05, 0.2)]
    assert shares[0] > shares[1] > shares[2]


def test_the_seed_draws_the_gates_and_nothing_else() -> None:
    import torch

    weights = []
    for seed in (1, 2):
        torch.manual_seed(5)
        weights.append(calibrate(problem(), sparse(seed=seed, epochs=60)).weights)
        assert torch.initial_seed() == 5
    assert not np.array_equal(weights[0], weights[1])
    dense = [calibrate(problem(), settings(seed=seed, epochs=60)).weights for seed in (1, 2)]
    assert np.array_equal(dense[0], dense[1])


def test_l0_that_drops_everything_is_an_error() -> None:
    with pytest.raises(BuildError, match="lower l0_lambda") as caught:
        calibrate(problem(), sparse(l0_lambda=1000.0))
    assert caught.value.reason == "calibration.all_dropped"


def test_torch_is_left_as_it_was() -> None:
    import torch

    torch.set_num_threads(2)
    calibrate(problem(), settings(epochs=1))
    assert torch.get_num_threads() == 2


def test_dense_weights_are_no_worse_than_those_of_microcalibrate() -> None:
    """On its loss: the mean of ((estimate - target + 1) / (target + 1))^2."""
    from microcalibrate import Calibration

    given = problem()
    theirs = Calibration(
        weights=given.initial_weights.copy(),
        targets=given.values.copy(),
        target_names=np.array(given.target_ids),
        estimate_matrix=pd.DataFrame(given.matrix.toarray(), columns=list(given.target_ids)),
        epochs=600,
        learning_rate=0.02,
        noise_level=0.0,
        dropout_rate=0.0,
    )
    theirs.calibrate()
    losses = [
        float(np.mean(((given.matrix.T @ weights - given.values + 1) / (given.values + 1)) ** 2))
        for weights in (calibrate(given, settings()).weights, theirs.weights)
    ]
    assert losses[1] < 1e-3  # the problem is solvable for both
    assert losses[0] <= losses[1] + 1e-8


@pytest.mark.parametrize(("package", "make"), [("torch", settings), ("l0", sparse)])
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, make: object
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "l0.distributions", raising=False)
    assert callable(make)
    with pytest.raises(BuildError, match=f"package {package}.*install the builder extra"):
        calibrate(problem(), make())
