"""Settings, roles of the suite's groups, and the problem made of them; the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from baselines.targets import Target
from benchmarks.scoring.losses import gating_loss, loss_row, prepare
from benchmarks.suite import Suite, load_suite
from builder.calibration import (
    CalibrationSettings,
    Problem,
    calibrate,
    calibration_report,
    load_settings,
    problem_of,
    settings_of,
)
from builder.calibration.report import calibrated_groups
from builder.calibration.settings import LOCAL_CONFIG, NATIONAL_CONFIG
from schemas.errors import BuildError, RecordError
from schemas.records import load_schema, validate
from tests.builder.calibration_sample import problem, settings, sparse

WIC = "usda_wic"
SSI = ("ssa_ssi_federal_payments", "ssa_ssi_recipients_by_age", "ssa_ssi_recipients_total")
HOUSEHOLDS = 40
WEIGHTS = np.linspace(1000.0, 2000.0, HOUSEHOLDS)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite()


@pytest.fixture(scope="module")
def matrix(suite: Suite) -> csr_matrix:
    shape = (HOUSEHOLDS, len(suite.targets))
    return csr_matrix(random_array(shape, density=0.3, rng=np.random.default_rng(3)))


def _made(suite: Suite, matrix: csr_matrix, chosen: CalibrationSettings, **given: Any) -> Problem:
    return problem_of(matrix, suite.targets, suite, chosen, WEIGHTS, **given)


def _settings(groups: Sequence[str] | str, validation: Sequence[str] = ()) -> CalibrationSettings:
    named = groups if isinstance(groups, str) else tuple(groups)
    return settings(target_groups=named, validation_groups=tuple(validation))


def test_roles_follow_settings_and_suite(suite: Suite, matrix: csr_matrix) -> None:
    made = _made(suite, matrix, _settings([WIC, *SSI, "usda_snap_benefits"], SSI))
    by_role = {
        role: {g for g, r in zip(made.groups, made.roles, strict=True) if r == role}
        for role in ("train", "validation", "held_out")
    }
    assert by_role["train"] == {WIC, "usda_snap_benefits"}
    assert by_role["validation"] == set(SSI)
    assert by_role["held_out"] == suite.groups_of("held_out")
    assert calibrated_groups(made) == sorted({WIC, *SSI, "usda_snap_benefits"})


def test_all_train_is_every_group_that_is_not_held_out(suite: Suite, matrix: csr_matrix) -> None:
    made = _made(suite, matrix, _settings("all_train", SSI))
    assert made.matrix.shape == matrix.shape
    assert set(np.array(made.groups)[made.roles == "train"]) == suite.groups_of("train") - set(SSI)


def test_columns_values_and_scales_follow_their_targets(suite: Suite, matrix: csr_matrix) -> None:
    made = _made(suite, matrix, _settings([WIC, "census_state_age"]))
    place = {target.target_id: i for i, target in enumerate(suite.targets)}
    floor = gating_loss().parameters["scale_floor"]
    for i, target_id in enumerate(made.target_ids):
        target: Target = suite.targets[place[target_id]]
        assert made.values[i] == target.value
        assert made.scales[i] == max(abs(target.value), floor[target.unit])
        assert made.groups[i] == target.holdout_group
    index = [place[each] for each in made.target_ids]
    assert (made.matrix != matrix[:, index]).nnz == 0


def test_importance_is_the_share_in_the_gating_loss(suite: Suite, matrix: csr_matrix) -> None:
    made = _made(suite, matrix, _settings("all_train", SSI))
    for held_out in (False, True):
        rows = np.flatnonzero((made.roles == "held_out") == held_out)
        wanted = prepare(gating_loss(), [loss_row(suite.targets[i], "train") for i in rows])
        assert wanted is not None
        assert np.array_equal(made.importance[rows], wanted.formed.share)
        assert made.importance[rows].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("groups", "validation", "reason", "named"),
    [
        (["irs_eitc_claims_amount"], [], "held_out_group", "irs_eitc_claims_amount: held out"),
        ([WIC], ["irs_eitc_claims_amount"], "held_out_group", "irs_eitc_claims_amount"),
        (["wic"], [], "unknown_group", "wic: not a group"),
        ([WIC], ["nothing"], "unknown_group", "nothing"),
        ([WIC], SSI, "validation_group", "ssa_ssi_federal_payments, ssa_ssi_recipients_by_age"),
        ([WIC, *SSI], SSI[:1], "validation_leak", "ssa_ssi_recipients_by_age, ssa_ssi_recipients"),
        (SSI, SSI, "no_targets", "no target is left"),
    ],
)
def test_groups_that_would_spoil_a_calibration_are_refused(
    suite: Suite,
    matrix: csr_matrix,
    groups: Sequence[str],
    validation: Sequence[str],
    reason: str,
    named: str,
) -> None:
    with pytest.raises(BuildError, match=named) as caught:
        _made(suite, matrix, _settings(groups, validation))
    assert caught.value.reason == f"calibration.{reason}"


@pytest.mark.parametrize(
    ("group", "lost", "refused"),
    [
        (SSI[1], 1, True),  # of a validation group none may lack
        ("census_national_age", 1, False),
        (WIC, 2, True),  # all there are: the fit would be to less than it says
    ],
)
def test_a_validation_group_is_complete_and_no_group_is_absent(
    group: str, lost: int, refused: bool, suite: Suite, matrix: csr_matrix
) -> None:
    chosen = _settings([WIC, "census_national_age", *SSI], SSI)
    rows = [i for i, each in enumerate(suite.targets) if each.holdout_group == group]
    left = [i for i in range(len(suite.targets)) if i not in rows[:lost]]
    targets = [suite.targets[i] for i in left]
    if refused:
        with pytest.raises(BuildError, match=f"{group}: not there, or only in part"):
            problem_of(matrix[:, left], targets, suite, chosen, WEIGHTS)
    else:
        made = problem_of(matrix[:, left], targets, suite, chosen, WEIGHTS)
        assert made.groups.count(group) == len(rows) - lost


def test_fixed_households_are_left_out_and_residual_targets_used(
    suite: Suite, matrix: csr_matrix
) -> None:
    fixed = np.zeros(HOUSEHOLDS, bool)
    fixed[[3, 7]] = True
    whole = np.array([each.value for each in suite.targets])
    chosen = _settings("all_train")
    made = _made(suite, matrix, chosen, fixed=fixed, values=whole - 5)
    assert np.array_equal(made.initial_weights, WEIGHTS[~fixed])
    assert (made.matrix != matrix[~fixed]).nnz == 0
    assert np.array_equal(made.values, whole - 5)
    assert np.array_equal(made.scales, _made(suite, matrix, chosen).scales)
    with pytest.raises(BuildError, match="2 households keep their weight") as caught:
        _made(suite, matrix, chosen, fixed=fixed)
    assert caught.value.reason == "calibration.no_residual"


def test_lengths_that_disagree_are_refused(suite: Suite, matrix: csr_matrix) -> None:
    chosen = _settings("all_train")
    for given in (
        {"values": np.ones(3)},
        {"fixed": np.zeros(3, bool)},
        {"fixed": np.zeros(HOUSEHOLDS)},
    ):
        with pytest.raises(BuildError) as caught:
            _made(suite, matrix, chosen, **given)
        assert caught.value.reason == "calibration.shape"
    with pytest.raises(BuildError, match="39 weights"):
        problem_of(matrix, suite.targets, suite, chosen, WEIGHTS[1:])
    with pytest.raises(BuildError, match="roles other than"):
        replace(problem("ttt"), roles=np.array(["train", "train", "test"]))
    with pytest.raises(BuildError, match="targets"):
        replace(problem("ttt"), values=np.ones(2))


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("values", "target"),
        ("scales", "scale"),
        ("importance", "importance"),
        ("initial_weights", "initial weight"),
        ("matrix", "matrix entry"),
    ],
)
def test_numbers_that_no_fit_can_use_are_refused(part: str, name: str) -> None:
    good = problem()
    for bad, word in ((np.nan, "not finite"), (np.inf, "not finite"), (0.0, "not positive")):
        if part == "matrix":
            changed = good.matrix.copy()
            changed.data[0] = bad
        else:
            changed = getattr(good, part).copy()
            changed[0] = bad
        if bad == 0 and part in ("matrix", "values"):
            assert replace(good, **{part: changed}).sha256 != good.sha256
            continue
        with pytest.raises(BuildError, match=f"a {name} is {word}"):
            replace(good, **{part: changed})


def test_no_target_within_reach_is_refused() -> None:
    far = problem("tt", values=problem("tt").values * 100)
    with pytest.raises(BuildError, match=r"all 2 targets are out of reach: .* to 0, .* out 2"):
        calibrate(far, settings())
    empty = problem("tt", matrix=csr_matrix(problem("tt").matrix.shape))
    with pytest.raises(BuildError, match="no household contributes to 2") as caught:
        calibrate(empty, settings())
    assert caught.value.reason == "calibration.out_of_reach"


def test_the_hash_of_a_problem_tells_every_part() -> None:
    good = problem("tv")
    others = [
        replace(good, target_ids=("x", "y")),
        replace(good, groups=("x", "y")),
        replace(good, roles=np.array(["train", "held_out"])),
        *(replace(good, **{name: getattr(good, name) * 2}) for name in ("values", "matrix")),
        *(replace(good, **{name: getattr(good, name) * 2}) for name in ("scales", "importance")),
        replace(good, initial_weights=good.initial_weights + 1),
    ]
    hashes = {each.sha256 for each in (good, *others)}
    assert len(hashes) == len(others) + 1
    assert problem("tv").sha256 == good.sha256


def test_the_shipped_settings_fit_the_suite(suite: Suite, matrix: csr_matrix) -> None:
    for path, product in ((NATIONAL_CONFIG, "mp-national"), (LOCAL_CONFIG, "mp-local-fast")):
        chosen = load_settings(path)
        assert chosen.product == product
        assert (chosen.l0_lambda > 0) == chosen.is_local
        roles = set(_made(suite, matrix, chosen).roles)
        assert roles == {"train", "validation", "held_out"}
        assert settings_of(json.loads(json.dumps(chosen.record()))) == chosen


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ratio_upper": 0.5}, "bounds"),
        ({"ratio_lower": 1.5}, "bounds"),
        ({"l0_lambda": 0.1}, "l0_national"),
        ({"refit": True, "validation_groups": ()}, "refit"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BuildError) as caught:
        settings(**changes)
    assert caught.value.reason == f"calibration.{reason}"


def test_l0_for_a_national_product_is_an_experiment() -> None:
    with pytest.raises(BuildError, match="national weights are dense"):
        settings(l0_lambda=0.1)
    assert settings(l0_lambda=0.1, experiment="does sparsity cost accuracy?").l0_lambda == 0.1
    assert sparse().experiment is None


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(settings().record() | {"epoch": 1}))
    with pytest.raises(RecordError, match="epoch"):
        load_settings(path)


def test_the_report_is_a_valid_record_of_what_was_done() -> None:
    given, chosen = problem("tttttvvhh", noise=0.05), settings(refit=True)
    result = calibrate(given, chosen)
    report = calibration_report(given, chosen, result)
    validate(report, "calibration_report")
    assert report["targets"] == {"train": 5, "validation": 2, "held_out": 2}
    assert report["stopping"]["by"] == "validation"
    assert report["stopping"]["refit_epochs"] == report["stopping"]["best_epoch"] > 0
    ratio = result.weights / given.initial_weights
    assert report["weights"]["ratio_quantiles"]["max"] == ratio.max()
    assert report["weights"]["ratio_quantiles"]["p50"] == pytest.approx(np.median(ratio))
    weights = result.weights
    ess = weights.sum() ** 2 / (weights**2).sum()
    assert report["weights"]["kish_ess"] == pytest.approx(ess)
    assert report["weights"]["top_1pct_share"] == pytest.approx(
        np.sort(weights)[-3:].sum() / weights.sum()
    )
    [train, validation, held_out] = report["groups"]
    assert [each["role"] for each in report["groups"]] == ["train", "validation", "held_out"]
    assert train["loss"]["after"] < train["loss"]["before"]
    assert train["loss"]["after"] == pytest.approx(report["losses"]["final"]["train"])
    errors = np.abs(result.final_estimates / given.values - 1)
    assert held_out["median_error"]["after"] == pytest.approx(np.median(errors[-2:]))
    assert validation["targets"] == 2


def test_targets_out_of_reach_are_named_up_to_twenty() -> None:
    good = problem("t" * 30)
    factor = np.ones(30)
    factor[:25] = 100
    given = replace(good, values=good.values * factor, importance=np.arange(1.0, 31.0))
    report = calibration_report(given, settings(), calibrate(given, settings(epochs=1)))
    found = report["out_of_reach"]
    counts = (found["count"], found["beyond_the_bounds"], found["no_household_contributes"])
    assert counts == (25, 25, 0)
    assert [each["target_id"] for each in found["named"]] == [
        f"target-{i}"
        for i in range(24, 4, -1)  # the most important first
    ]
    assert found["named"][0]["value"] > found["named"][0]["highest"] > 0


def test_the_report_holds_the_settings_as_their_own_schema_has_them() -> None:
    held = load_schema("calibration_report")["properties"]["settings"]
    own = load_schema("calibration_config")
    assert {name: own[name] for name in held} == held
