"""The loss record: kept and dropped rows, robust figures, and parts that add up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.scoring.compare import compare
from benchmarks.scoring.parts import REST
from benchmarks.scoring.record import score
from benchmarks.scoring.scheme import HeldOutSet
from schemas.canonical import sha256_json
from schemas.errors import MeasureError
from schemas.records import validate
from tests.benchmarks.scoring_fakes import FakeSuite, evidence, pair_of, suite_of, target
from tests.benchmarks.test_scoring_losses import TARGETS

HELD = (HeldOutSet("programs", "income_program", ("h",)),)
SUITE = suite_of(TARGETS, HELD)


def figures(**changes: float | None) -> dict[str, float | None]:
    return {"wages": 1.1e12, "wages_returns": 1e8, "ssi": 5e10, "state": 1e9, **changes}


def record(
    candidate: dict[str, Any], incumbent: dict[str, Any], suite: FakeSuite = SUITE
) -> dict[str, Any]:
    found = compare(evidence(candidate), evidence(incumbent, "d" * 64), suite)
    validate(found, "loss_record")
    return found


def many_targets(count: int = 300) -> FakeSuite:
    """Return targets of several families, sources, states and units, some held out."""
    random = np.random.default_rng(3)
    units = ("usd", "persons", "returns")
    targets = [
        target(
            f"t{i:03d}",
            float(random.lognormal(20, 2)),
            unit=units[i % 3],
            family=f"family{i % 7}",
            source_agency=f"source{i % 5}",
            geography_level="state" if i % 2 else "national",
            geography_id=f"{i % 11:02d}" if i % 2 else "US",
            holdout_group=f"group{i % 13}",
        )
        for i in range(count)
    ]
    return suite_of(targets, [HeldOutSet("a", "geography", ("group1", "group4"))])


def estimates_of(suite: FakeSuite, seed: int, spread: float) -> np.ndarray:
    values = np.array([each.value for each in suite.targets])
    noise = np.random.default_rng(seed).standard_normal(len(values))
    return np.asarray(values * (1 + spread * noise))


def test_equal_evidence_is_all_ties_and_exactly_zero() -> None:
    found = record(figures(), figures())
    assert (found["wins"], found["losses_count"], found["ties"]) == (0, 0, 4)
    for loss in found["losses"].values():
        assert loss["delta"] == 0
        assert loss["candidate"] == loss["incumbent"]
        assert all(each["value"] == 0 for each in loss["contributors"])
    assert found["top_wins"] == found["top_losses"] == []
    assert found["headline_agrees"]


def test_robust_figures_and_kept_list_by_hand() -> None:
    found = record(figures(), figures(wages=1e12))
    # relative errors of the candidate: 0, 10 %, 1/6, 50 %
    assert found["median_error"]["candidate"] == pytest.approx((0.1 + 1 / 6) / 2)
    assert found["p90_error"]["candidate"] == pytest.approx(1 / 6 + 0.7 * (0.5 - 1 / 6))
    assert found["share_within_10pct"] == {"candidate": 0.5, "incumbent": 0.5}
    assert found["top_10_share"] == {"candidate": 1.0, "incumbent": 1.0}
    assert found["kept"]["sha256"] == sha256_json(sorted(t.target_id for t in TARGETS))
    assert found["source"] == {"kind": "evidence", "sha256": None}


def test_parts_add_up_for_every_loss() -> None:
    suite = many_targets()
    pair = pair_of(
        suite, estimates_of(suite, 1, 0.3).tolist(), estimates_of(suite, 2, 0.6).tolist()
    )
    found = score(pair, suite.scheme)
    for name, loss in found["losses"].items():
        assert loss["delta"] != 0
        assert abs(loss["candidate"] - loss["incumbent"] - loss["delta"]) < 1e-9
        assert abs(math.fsum(c["value"] for c in loss["contributors"]) - loss["delta"]) < 1e-9
        for key in ("by_family", "by_source", "by_geography"):
            assert abs(math.fsum(p["delta"] for p in loss[key].values()) - loss["delta"]) < 1e-9
            assert sum(p["targets"] for p in loss[key].values()) == 300
        listed = [each["name"] for each in loss["contributors"]]
        assert (len(listed), REST in listed) == ((300, False) if "broad" in name else (21, True))
    parts = math.fsum(each["contribution"] for each in found["targets"])
    assert abs(parts - found["losses"]["broad_relative_v1"]["delta"]) < 1e-9


def test_a_planted_bad_target_is_on_top_with_its_family_source_and_state() -> None:
    suite = many_targets()
    good = estimates_of(suite, 1, 0.01)
    planted = good.copy()
    planted[123] *= 8
    found = score(pair_of(suite, planted.tolist(), good.tolist()), suite.scheme)
    bad = suite.targets[123]
    for loss in found["losses"].values():
        assert loss["contributors"][0]["name"] == "t123"
        for key, owner in (
            ("by_family", bad.family),
            ("by_source", bad.source_agency),
            ("by_geography", bad.geography_id),
        ):
            deltas = {each: part["delta"] for each, part in loss[key].items()}
            assert max(deltas, key=deltas.__getitem__) == owner
    assert found["top_losses"][0]["name"] == "t123"
    assert (found["wins"], found["losses_count"], found["ties"]) == (0, 1, 299)


def test_wins_and_losses_are_listed_apart() -> None:
    found = record(figures(ssi=1e9), figures(wages=1.4e12))
    assert [each["name"] for each in found["top_losses"]] == ["ssi"]
    assert [each["name"] for each in found["top_wins"]] == ["wages"]
    assert (found["wins"], found["losses_count"], found["ties"]) == (1, 1, 2)


def test_train_and_held_out_are_losses_of_their_own_rows() -> None:
    broad = record(figures(), figures(ssi=3e10))["losses"]["broad_relative_v1"]
    held = broad["held_out"]
    assert (held["candidate"], held["incumbent"]) == pytest.approx(((1 / 6) ** 2, 0.25))
    assert held["delta"] == pytest.approx((1 / 6) ** 2 - 0.25)
    assert broad["train"]["candidate"] == broad["train"]["incumbent"]
    assert broad["train"]["candidate"] == pytest.approx((0.1**2 / 2 + 0.5**2) / 2)
    assert broad["by_family"]["ssi"]["candidate"] == pytest.approx(held["candidate"])


def test_every_target_says_what_it_is() -> None:
    found = {each["target_id"]: each for each in record(figures(), figures(ssi=3e10))["targets"]}
    ssi = found["ssi"]
    assert {each: found[each]["role"] for each in found} == {
        "wages": "train",
        "wages_returns": "train",
        "ssi": "held_out",
        "state": "train",
    }
    said = {key: ssi[key] for key in ("family", "source", "scope", "entity", "unit")}
    assert list(said.values()) == ["ssi", "SSA", "full_population", "person", "usd"]
    assert (ssi["holdout_group"], ssi["winner"], ssi["target"]) == ("h", "candidate", 6e10)
    assert found["state"]["geography_id"] == "06"


def test_held_out_groups_are_complete_and_the_worst_comes_first() -> None:
    targets = [target(f"{g}{i}", 1e9, holdout_group=g) for g in "abc" for i in range(2)]
    sets = [HeldOutSet("x", "geography", ("a",)), HeldOutSet("y", "income_program", ("b",))]
    suite = suite_of(targets, sets)
    candidate = [1.1e9, 1.3e9, 1.5e9, 1e9, 1e9, 1e9]
    found = score(pair_of(suite, candidate, [1e9] * 6), suite.scheme)["held_out"]
    assert [each["group"] for each in found["groups"]] == ["b", "a"]
    assert found["worst"] == "b"
    worst = found["groups"][0]
    assert (worst["set"], worst["kind"], worst["targets"]) == ("y", "income_program", 2)
    assert worst["delta"] == worst["candidate"] == pytest.approx(0.5**2 / 2)


def test_a_group_held_out_in_part_is_refused() -> None:
    pair = pair_of(SUITE, [1.0] * 4, [1.0] * 4)
    with pytest.raises(MeasureError) as caught:
        score(pair, suite_of(TARGETS, [HeldOutSet("x", "geography", ("g",))]).scheme)
    assert caught.value.reason == "score.held_out"


def test_without_held_out_rows_there_is_no_held_out_figure() -> None:
    found = record(figures(), figures(), suite_of(TARGETS))
    assert found["held_out"] is None
    assert all(loss["held_out"] is None for loss in found["losses"].values())


def test_ten_rows_can_win_the_native_headline_for_the_loser_of_most_targets() -> None:
    """The published case in small: 0.228 against 1.405 while 2,613 of 3,704 targets were lost."""
    targets = [target(f"t{i:03d}", 1e9, family=f"family{i % 9}") for i in range(370)]
    suite = suite_of(targets)
    incumbent = [1.05e9] * 360 + [8e9] * 10
    candidate = [1.2e9] * 260 + [1.01e9] * 100 + [1.6e9] * 10
    found = score(pair_of(suite, candidate, incumbent), suite.scheme)
    native, broad = found["losses"]["native_ecps_v1"], found["losses"]["broad_relative_v1"]
    assert native["candidate"] < 0.1 < 1 < native["incumbent"]
    assert sorted(c["name"] for c in native["contributors"][:10]) == [
        f"t{i}" for i in range(360, 370)
    ]
    assert (found["wins"], found["losses_count"]) == (110, 260)
    assert found["top_10_share"]["incumbent"] > 0.9
    assert abs(broad["delta"]) < abs(native["delta"]) / 20


@pytest.mark.parametrize(("rare", "agrees"), [(8e9, False), (1.05e9, True)])
def test_a_headline_against_the_win_count_is_flagged(rare: float, agrees: bool) -> None:
    suite = suite_of([target(f"t{i}", 1e9) for i in range(5)])
    candidate, incumbent = [1.2e9] * 4 + [1e9], [1.1e9] * 4 + [rare]
    found = score(pair_of(suite, candidate, incumbent), suite.scheme)
    assert (found["wins"], found["losses_count"]) == (1, 4)
    assert (found["losses"]["broad_relative_v1"]["delta"] < 0) is not agrees
    assert found["headline_agrees"] is agrees


def test_drops_are_named() -> None:
    derived = target("derived", 5.0, source_agency="dataset")
    zero, unknown = target("zero", 0.0), target("unknown", 5.0)
    suite = suite_of([*TARGETS, derived, zero], HELD)
    suite = FakeSuite((*suite.targets, unknown), suite.scheme)
    found = record(figures(state=None, wages=math.nan), figures(), suite)
    reasons = {each["target_id"]: each["reason"] for each in found["dropped"]}
    assert set(reasons) == {"state", "wages", "derived", "zero", "unknown"}
    assert reasons["derived"].startswith("derived")
    assert reasons["zero"].startswith("zero")
    assert reasons["unknown"] == "not in the suite"
    assert "candidate" in reasons["state"]
    assert "not finite" in reasons["wages"]
    assert found["kept"]["count"] == 2


def test_what_one_loss_drops_is_named_and_a_loss_without_rows_is_left_out() -> None:
    suite = suite_of([*TARGETS, target("small", 0.05)], HELD)
    found = record(figures(small=1.0), figures(small=1.0), suite)
    assert found["losses"]["native_ecps_v1"]["dropped"] == ["small"]
    assert found["losses"]["broad_relative_v1"]["dropped"] == []
    alone = suite_of([target("small", 0.05)])
    assert "native_ecps_v1" not in record({"small": 1.0}, {"small": 1.0}, alone)["losses"]


@pytest.mark.parametrize("key", ["suite", "target_db", "engine"])
def test_different_measurements_are_not_compared(key: str) -> None:
    other = evidence(figures())
    other[key] = {"id": "other"}
    with pytest.raises(MeasureError) as caught:
        compare(evidence(figures()), other, SUITE)
    assert caught.value.reason == f"compare.{key}"


def test_evidence_of_another_suite_is_not_compared() -> None:
    with pytest.raises(MeasureError) as caught:
        compare(
            evidence(figures()), evidence(figures()), FakeSuite(SUITE.targets, SUITE.scheme, "z")
        )
    assert caught.value.reason == "compare.suite"


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(MeasureError) as caught:
        compare(evidence({}), evidence({}), SUITE)
    assert caught.value.reason == "compare.no_targets"


@pytest.mark.parametrize(("value", "estimate"), [(0.0, 1.0), (5.0, math.inf)])
def test_rows_that_cannot_be_scored_are_refused(value: float, estimate: float) -> None:
    suite = suite_of([target("t", value)])
    with pytest.raises(MeasureError) as caught:
        score(pair_of(suite, [estimate], [1.0]), suite.scheme)
    assert caught.value.reason == "loss.estimates"


def test_the_record_refuses_unknown_keys() -> None:
    found = compare(evidence(figures()), evidence(figures()), SUITE)
    with pytest.raises(Exception, match="surprise"):
        validate({**found, "surprise": 1}, "loss_record")
