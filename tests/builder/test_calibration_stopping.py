"""Stopping by validation, the refit, and the curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack

from builder.calibration import CalibrationResult, Problem, calibrate
from tests.builder.calibration_sample import problem, settings, sparse

ROLES = "tttttvvhh"


def _noisy() -> Problem:
    """Return a problem where fitting for long helps the train targets and harms the others."""
    return problem(ROLES, noise=0.15)


def _curve(result: CalibrationResult, name: str, phase: str = "search") -> list[float]:
    return [each[name] for each in result.curves if each["phase"] == phase]


def test_the_weights_are_those_of_the_best_validation_epoch() -> None:
    result = calibrate(_noisy(), settings())
    losses, epochs = _curve(result, "validation_loss"), _curve(result, "epoch")
    assert result.best_epoch == epochs[int(np.argmin(losses))]
    assert 0 < result.best_epoch < result.epochs_run
    assert result.final_losses["validation"] == min(losses)
    # Not the best train loss: that went on falling.
    assert result.final_losses["train"] > min(_curve(result, "train_loss"))


def test_patience_ends_the_fit_that_many_checks_after_the_best() -> None:
    for patience in (2, 5):
        result = calibrate(_noisy(), settings(patience=patience))
        assert result.stop_reason == "patience"
        assert result.epochs_run == result.best_epoch + 10 * patience
        assert result.curves[-1]["epoch"] == result.epochs_run < 300


def test_a_gain_below_the_minimum_does_not_count_but_its_weights_may() -> None:
    result = calibrate(_noisy(), settings(minimum_improvement=1.0, patience=4))
    assert result.epochs_run == 40
    losses = _curve(result, "validation_loss")
    assert result.best_epoch == 10 * int(np.argmin(losses)) > 0


def test_the_maximum_of_epochs_is_a_reason_of_its_own_and_always_checked() -> None:
    result = calibrate(_noisy(), settings(epochs=25, patience=100))
    assert (result.stop_reason, result.epochs_run) == ("epochs", 25)
    assert _curve(result, "epoch") == [0, 10, 20, 25]


def test_without_validation_groups_all_epochs_are_taken() -> None:
    result = calibrate(problem("ttth", noise=0.15), settings(epochs=55))
    assert (result.stop_reason, result.best_epoch, result.epochs_run) == ("fixed_epochs", 55, 55)
    assert result.refit_epochs is None
    assert {each["phase"] for each in result.curves} == {"fixed"}
    assert {each["criterion"] for each in result.curves} == {None}
    assert result.final_losses["train"] == result.curves[-1]["train_loss"]


def test_a_refit_fits_validation_targets_from_the_start_for_the_best_epoch() -> None:
    given = _noisy()
    without = calibrate(given, settings(refit=False))
    refit = calibrate(given, settings(refit=True))
    assert refit.refit_epochs == refit.best_epoch == without.best_epoch
    together = replace(given, roles=np.where(given.roles == "validation", "train", given.roles))
    plain = calibrate(together, settings(epochs=refit.best_epoch))
    assert np.array_equal(refit.weights, plain.weights)
    assert _curve(refit, "epoch", "refit")[0] == 0
    assert _curve(refit, "epoch", "refit")[-1] == refit.best_epoch


def test_validation_that_only_gets_worse_keeps_the_initial_weights() -> None:
    given = problem("tttv")
    values = given.values.copy()
    values[3] = (given.matrix.T @ given.initial_weights)[3]  # met from the start
    given = replace(given, values=values)
    for refit in (False, True):
        result = calibrate(given, settings(refit=refit))
        assert result.best_epoch == 0
        assert np.array_equal(result.weights, given.initial_weights)


@pytest.mark.parametrize("refit", [False, True])
def test_held_out_targets_move_nothing_but_their_own_curve(refit: bool) -> None:
    given = _noisy()
    held = given.roles == "held_out"
    other = replace(
        given,
        values=np.where(held, given.values * 3, given.values),
        importance=np.where(held, given.importance * 9, given.importance),
    )
    results = [calibrate(each, settings(refit=refit)) for each in (given, other)]
    assert np.array_equal(results[0].weights, results[1].weights)
    curves = [_curve(each, "held_out_loss") for each in results]
    assert all(mine != theirs for mine, theirs in zip(*curves, strict=True))
    assert _curve(results[0], "validation_loss") == _curve(results[1], "validation_loss")


def test_validation_targets_do_not_move_the_search() -> None:
    given = _noisy()
    validation = given.roles == "validation"
    other = replace(given, values=np.where(validation, given.values * 2, given.values))
    weights = [calibrate(each, settings(epochs=20, patience=9)) for each in (given, other)]
    assert _curve(weights[0], "train_loss") == _curve(weights[1], "train_loss")


def test_the_curves_say_how_the_weights_are_spread() -> None:
    given = _noisy()
    result = calibrate(given, settings(epochs=30, ratio_upper=1.1, ratio_lower=0.95))
    first, last = result.curves[0], result.curves[-1]
    start = given.initial_weights
    assert first["ess_share"] == pytest.approx(start.sum() ** 2 / (start**2).sum() / len(start))
    assert (first["max_ratio"], first["share_at_bounds"], first["positive"]) == (1, 0, len(start))
    assert last["max_ratio"] == pytest.approx(1.1)
    assert 0.1 < last["share_at_bounds"] < 1


def test_where_l0_is_on_the_criterion_counts_the_households_kept() -> None:
    given = _noisy()
    result = calibrate(given, sparse(l0_lambda=0.2, patience=1000))
    for each in result.curves:
        kept = each["positive"] / len(given.initial_weights)
        assert each["criterion"] == pytest.approx(each["validation_loss"] + 0.2 * kept)
    assert (result.weights > 0).mean() < 0.9


def test_progress_tells_phase_and_epochs() -> None:
    seen: list[tuple[str, int, int]] = []
    calibrate(
        _noisy(),
        settings(epochs=20, patience=9, refit=True),
        progress=lambda *each: seen.append(each),
    )
    assert [each[1:] for each in seen[:3]] == [(0, 20), (10, 20), (20, 20)]
    assert "search" in seen[0][0]
    assert "refit" in seen[-1][0]
    assert seen[-1][1] == seen[-1][2]


def test_targets_out_of_reach_are_told_from_those_beyond_the_bounds() -> None:
    given = problem("tttvh")
    nobody = csr_matrix((given.matrix.shape[0], 1))
    values = np.append(given.values * np.array([1, 50, 1, 0.001, 50]), 5.0)
    wide = Problem(
        csr_matrix(hstack([given.matrix, nobody])),
        (*given.target_ids, "nobody"),
        (*given.groups, "train-group"),
        values,
        np.abs(values),
        np.ones(6),
        np.append(given.roles, "train"),
        given.initial_weights,
    )
    reach = calibrate(wide, settings(epochs=1)).reach
    assert reach.empty.tolist() == [False] * 5 + [True]
    # The held-out target lies as far off, but is not fitted to.
    assert reach.beyond.tolist() == [False, True, False, True, False, False]
    # With L0 on a household may be dropped: no target is too small.
    assert calibrate(wide, sparse(epochs=1)).reach.beyond.tolist() == [False, True] + [False] * 4
