"""Losses by hand, and the properties of a comparison."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.scoring.compare import compare
from benchmarks.scoring.losses import (
    LossRow,
    define_loss,
    loss_definitions,
    loss_row,
    loss_terms,
)
from schemas.canonical import sha256_json
from schemas.errors import MeasureError
from schemas.records import validate
from tests.benchmarks.scoring_fakes import evidence, target

COUNT = {"unit": "returns", "aggregation": "count", "variable": "tax_unit_count"}
TARGETS = [
    target("wages", 1e12),
    target("wages_returns", 1e8, **COUNT),
    target("ssi", 6e10, family="ssi", holdout_group="h", source_agency="SSA"),
    target("state", 2e9, geography_level="state", geography_id="06"),
]
ROLES = {"wages": "calibrated", "wages_returns": "calibrated", "ssi": "held_out"}
ROLES |= {"state": "calibrated"}


def rows() -> list[LossRow]:
    return [loss_row(each, ROLES[each.target_id]) for each in TARGETS]


def total(name: str, estimates: list[float], on: list[LossRow] | None = None) -> float:
    found = loss_terms(loss_definitions()[name], on or rows(), estimates)
    return math.fsum(found.terms)


def test_broad_relative_by_hand() -> None:
    # groups: wages national 10 % and 0; ssi national, capped at 100 %; wages of a state 50 %
    estimates = [1.1e12, 1e8, 2.4e11, 1e9]
    assert total("broad_relative_v1", estimates) == pytest.approx(
        ((0.1**2 + 0) / 2 + 1 + 0.5**2) / 3
    )


def test_broad_relative_scale_floor() -> None:
    tiny = [loss_row(target("tiny", 1e6), "calibrated")]
    assert total("broad_relative_v1", [2e6], tiny) == pytest.approx((1e6 / 1e8) ** 2)


def test_native_ecps_is_exact_to_the_published_formula() -> None:
    estimates = [1.1e12, 9e7, 5e10, 1e9]
    e = [((y - t.value + 1) / (t.value + 1)) ** 2 for y, t in zip(estimates, TARGETS, strict=True)]
    n = [1 / 3, 1 / 3, 1 / 3, 1 / 1]
    mean = sum(n) / 4
    published = sum(a * b / mean for a, b in zip(e, n, strict=True)) / 4
    assert total("native_ecps_v1", estimates) == pytest.approx(published, rel=1e-14)
    assert published == pytest.approx((sum(e[:3]) / 3 + e[3]) / 2)


def test_native_ecps_quirks() -> None:
    one = [loss_row(target("t", 9.0), "calibrated")]
    assert total("native_ecps_v1", [9.0], one) == pytest.approx(1 / 100)
    assert total("native_ecps_v1", [8.0], one) == 0
    dropped = [loss_row(target("t", 0.05), "calibrated")]
    assert loss_terms(loss_definitions()["native_ecps_v1"], dropped, [1.0]).kept == ()


def test_huber_by_hand() -> None:
    one = [loss_row(target("a", 100.0), "calibrated")]
    eps = 2.0
    assert total("robust_huber_v1", [151.0], one) == pytest.approx(0.5 * (51 / (100 + eps)) ** 2)
    assert total("robust_huber_v1", [406.0], one) == pytest.approx(3 - 0.5)


def test_local_relative_by_hand() -> None:
    two = [loss_row(target("a", 99.0), "calibrated"), loss_row(target("b", 199.0), "calibrated")]
    expected = ((10 / 100) ** 2 + (20 / 200) ** 2) / 2
    assert total("pe_local_relative_v1", [109.0, 219.0], two) == pytest.approx(expected)


def test_one_loss_gates_and_every_definition_has_its_own_hash() -> None:
    definitions = loss_definitions()
    assert [each.name for each in definitions.values() if each.gating] == ["broad_relative_v1"]
    assert len({each.sha256 for each in definitions.values()}) == len(definitions) == 4


def test_cap_and_floor_are_in_the_hash_and_prose_is_not() -> None:
    broad = loss_definitions()["broad_relative_v1"]
    entry = {"formula": broad.formula, "gating": True, "title": "t", "source": "s"}
    same = define_loss(broad.name, {**entry, "parameters": broad.parameters})
    assert same.sha256 == broad.sha256
    for change in ({"error_cap": 2.0}, {"scale_floor": {"usd": 1.0}}):
        other = define_loss(broad.name, {**entry, "parameters": {**broad.parameters, **change}})
        assert other.sha256 != broad.sha256


def figures(**changes: float | None) -> dict[str, float | None]:
    return {"wages": 1.1e12, "wages_returns": 1e8, "ssi": 5e10, "state": 1e9, **changes}


def record(candidate: dict[str, Any], incumbent: dict[str, Any]) -> dict[str, Any]:
    return compare(evidence(candidate), evidence(incumbent, "d" * 64), TARGETS, roles=ROLES)


def test_equal_evidence_is_all_ties_and_exactly_zero() -> None:
    found = record(figures(), figures())
    validate(found, "loss_record")
    assert (found["wins"], found["losses_count"], found["ties"]) == (0, 0, 4)
    for loss in found["losses"].values():
        assert loss["delta"] == 0
        assert loss["candidate"] == loss["incumbent"]
        assert all(each["value"] == 0 for each in loss["contributors"])
    assert found["top_wins"] == found["top_losses"] == []


def test_robust_figures_and_kept_list_by_hand() -> None:
    found = record(figures(), figures(wages=1e12))
    # relative errors of the candidate: 0, 10 %, 1/6, 50 %
    assert found["median_error"]["candidate"] == pytest.approx((0.1 + 1 / 6) / 2)
    assert found["p90_error"]["candidate"] == pytest.approx(1 / 6 + 0.7 * (0.5 - 1 / 6))
    assert found["share_within_10pct"] == {"candidate": 0.5, "incumbent": 0.5}
    assert found["top_10_share"] == {"candidate": 1.0, "incumbent": 1.0}
    assert found["kept"]["sha256"] == sha256_json(sorted(ROLES))


def test_contributors_sum_to_the_delta_and_a_planted_target_is_on_top() -> None:
    found = record(figures(ssi=1e9), figures(wages=1.4e12))
    validate(found, "loss_record")
    for loss in found["losses"].values():
        difference = loss["candidate"] - loss["incumbent"]
        assert abs(math.fsum(c["value"] for c in loss["contributors"]) - difference) < 1e-9
    assert found["top_losses"][0]["name"] == "ssi"
    assert found["top_wins"][0]["name"] == "wages"
    assert (found["wins"], found["losses_count"], found["ties"]) == (1, 1, 2)


def test_train_and_held_out_are_losses_of_their_own_rows() -> None:
    broad = record(figures(), figures(ssi=3e10))["losses"]["broad_relative_v1"]
    assert broad["held_out"] == pytest.approx({"candidate": (1 / 6) ** 2, "incumbent": 0.25})
    assert broad["train"]["candidate"] == broad["train"]["incumbent"]
    assert broad["by_family"]["ssi"] == pytest.approx(broad["held_out"])
    held = record(figures(), figures(ssi=3e10))["held_out"]
    assert [each["group"] for each in held["groups"]] == ["h"]


def test_drops_are_named() -> None:
    derived = target("derived", 5.0, source_agency="dataset")
    unknown = target("unknown", 5.0)
    found = compare(
        evidence(figures(state=None)),
        evidence(figures(), "d" * 64),
        [*TARGETS, derived, unknown],
        roles=ROLES | {"derived": "calibrated"},
    )
    reasons = {each["target_id"]: each["reason"] for each in found["dropped"]}
    assert set(reasons) == {"state", "derived", "unknown"}
    assert reasons["derived"].startswith("derived")
    assert "candidate" in reasons["state"]
    assert found["kept"]["count"] == 3


@pytest.mark.parametrize("key", ["suite", "target_db", "engine"])
def test_different_measurements_are_not_compared(key: str) -> None:
    other = evidence(figures())
    other[key] = {"id": "other"}
    with pytest.raises(MeasureError) as caught:
        compare(evidence(figures()), other, TARGETS, roles=ROLES)
    assert caught.value.reason == f"compare.{key}"


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(MeasureError) as caught:
        compare(evidence({}), evidence({}), TARGETS, roles=ROLES)
    assert caught.value.reason == "compare.no_targets"
