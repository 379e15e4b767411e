"""Checkpoints: killed and resumed runs, foreign and damaged files, numbers that overflow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builder.calibration import CalibrationResult, CalibrationSettings, Problem, calibrate
from builder.calibration.checkpoint import load_checkpoint
from schemas.errors import BuildError
from tests.builder.calibration_sample import problem, settings, sparse

ROOT = Path(__file__).parents[2]
ROLES = "tttttvvhh"
RUNS = {
    "dense": settings(epochs=100, refit=True, patience=100),
    "sparse": sparse(epochs=100, refit=True, patience=100, l0_lambda=0.5),
    "plain": settings(epochs=100, patience=100),
    "fixed": settings(epochs=100),
}
# A child that kills itself before it saves the check of an epoch.
CHILD = """
import os, signal, sys
from pathlib import Path
from builder.calibration import calibrate
from tests.builder.test_calibration_checkpoint import RUNS, given

def progress(stage, done, total):
    if (sys.argv[3] in stage, done) == (True, int(sys.argv[4])):
        os.kill(os.getpid(), signal.SIGKILL)

name = sys.argv[1]
calibrate(given(name), RUNS[name], checkpoint=Path(sys.argv[2]), progress=progress)
"""


def given(name: str) -> Problem:
    return problem(ROLES.replace("v", "t") if name == "fixed" else ROLES, noise=0.05)


def _killed_at(name: str, phase: str, epoch: int, path: Path) -> None:
    command = [sys.executable, "-c", CHILD, name, str(path), phase, str(epoch)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.exists()


def _interrupted_at(name: str, phase: str, epoch: int, path: Path) -> None:
    """Stop a run of this process as a kill would: before it saves the check of an epoch."""

    def progress(stage: str, done: int, total: int) -> None:
        if phase in stage and done == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(given(name), RUNS[name], checkpoint=path, progress=progress)


def _same(one: CalibrationResult, two: CalibrationResult) -> bool:
    equal = np.array_equal(one.weights, two.weights) and one.curves == two.curves
    return equal and (one.best_epoch, one.stop_reason) == (two.best_epoch, two.stop_reason)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    _killed_at("sparse", "search", 60, path)
    epochs: list[int] = []
    resumed = calibrate(
        given("sparse"),
        RUNS["sparse"],
        checkpoint=path,
        progress=lambda stage, done, total: epochs.append(done),
    )
    assert epochs[0] == 60  # from the state of epoch 50
    assert _same(resumed, calibrate(given("sparse"), RUNS["sparse"]))


@pytest.mark.parametrize(
    ("name", "phase", "epoch"),
    [
        ("dense", "search", 10),
        ("dense", "search", 100),
        ("dense", "refit", 0),
        ("dense", "refit", 20),
        ("sparse", "refit", 10),
        ("plain", "search", 90),  # the best epoch lies behind
        ("fixed", "fixed", 70),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    name: str, phase: str, epoch: int, tmp_path: Path
) -> None:
    path = tmp_path / "state.npz"
    _interrupted_at(name, phase, epoch, path)
    resumed = calibrate(given(name), RUNS[name], checkpoint=path)
    assert _same(resumed, calibrate(given(name), RUNS[name]))
    assert resumed.notes == ()


def test_a_finished_run_is_read_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    first = calibrate(given("dense"), RUNS["dense"], checkpoint=path)
    seen: list[int] = []
    again = calibrate(
        given("dense"), RUNS["dense"], checkpoint=path, progress=lambda *each: seen.append(1)
    )
    assert _same(first, again)
    assert seen == []


@pytest.mark.parametrize(
    "other",
    [
        (given("dense"), replace(RUNS["dense"], learning_rate=0.04)),
        (problem(ROLES, noise=0.16), RUNS["dense"]),
        (
            replace(given("dense"), initial_weights=given("dense").initial_weights * 2),
            RUNS["dense"],
        ),
        (replace(given("dense"), roles=np.array(["train"] * 9)), RUNS["fixed"]),
    ],
)
def test_another_calibration_s_checkpoint_is_left_unread_with_a_note(
    other: tuple[Problem, CalibrationSettings], tmp_path: Path
) -> None:
    path = tmp_path / "state.npz"
    calibrate(*other, checkpoint=path)
    result = calibrate(given("dense"), RUNS["dense"], checkpoint=path)
    assert len(result.notes) == 1
    assert "state.npz is a checkpoint of another problem" in result.notes[0]
    assert _same(result, calibrate(given("dense"), RUNS["dense"]))


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "no_array", "wrong_length"])
def test_a_damaged_checkpoint_is_a_clear_error(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    _interrupted_at("dense", "search", 30, path)
    whole = path.read_bytes()
    if damage in ("no_array", "wrong_length"):
        with np.load(path) as file:
            arrays = dict(file)
        moments = arrays.pop("exp_avg0")
        if damage == "wrong_length":
            arrays |= {"exp_avg0": moments, "parameter0": arrays["parameter0"][1:]}
        np.savez(path, **arrays)
    else:
        path.write_bytes({"cut": whole[:2000], "garbage": b"x" * 99, "empty": b""}[damage])
    with pytest.raises(BuildError, match=r"state\.npz is damaged.*delete it") as caught:
        calibrate(given("dense"), RUNS["dense"], checkpoint=path)
    assert caught.value.reason == "calibration.checkpoint_damaged"


def _exploding() -> CalibrationSettings:
    """Return settings under which Adam's momentum carries weights beyond any number."""
    return settings(epochs=50, check_every=1, ratio_upper=1e308, learning_rate=60.0)


def test_an_overflow_names_the_epoch_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    wanted = problem(values=problem().values * 1e300)
    wanted = replace(wanted, scales=np.ones(6))
    with pytest.raises(BuildError, match=r"the loss of epoch 0 \(fixed\) is not finite") as caught:
        calibrate(wanted, _exploding(), checkpoint=path)
    assert caught.value.reason == "calibration.not_finite"
    assert "learning rate" in caught.value.remedy
    assert "there is no checkpoint" in str(caught.value)
    assert not path.exists()


def test_an_overflow_later_on_leaves_the_checkpoint_of_before(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    wanted = problem(values=problem().values * 2)
    with pytest.raises(BuildError, match="is not finite") as caught:
        calibrate(wanted, _exploding(), checkpoint=path)
    with np.load(path) as file:
        assert np.isfinite(file["parameter0"]).all()
    good = str(caught.value).split("the last good state, fixed epoch ")[1].split(",")[0]
    assert int(good) > 0
    assert str(path) in str(caught.value)


def test_an_overflow_between_checks_is_met_at_its_own_step() -> None:
    wanted = problem(values=problem().values * 2)
    seldom = settings(epochs=200, check_every=150, ratio_upper=1e308, learning_rate=60.0)
    with pytest.raises(
        BuildError, match=r"the loss of epoch \d+ \(fixed\) is not finite"
    ) as caught:
        calibrate(wanted, seldom)
    epoch = int(caught.value.message.split("the loss of epoch ")[1].split(" ")[0])
    assert 0 < epoch < 150


def test_a_checkpoint_without_meaning_is_none_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    _interrupted_at("dense", "search", 30, path)
    assert load_checkpoint(path, "someone else") is None
    np.savez(path, other=np.ones(3))
    with pytest.raises(BuildError, match="damaged"):
        load_checkpoint(path, "someone else")
