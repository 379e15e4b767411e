"""The four losses by hand, their definitions, and the rows they refuse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.scoring.losses import (
    LossRow,
    define_loss,
    gating_loss,
    loss_definitions,
    loss_row,
    prepare,
)
from schemas.errors import MeasureError
from tests.benchmarks.scoring_fakes import target

COUNT: dict[str, Any] = {"unit": "returns", "aggregation": "count", "variable": "tax_unit_count"}
TARGETS = [
    target("wages", 1e12),
    target("wages_returns", 1e8, **COUNT),
    target("ssi", 6e10, family="ssi", holdout_group="h", source_agency="SSA"),
    target("state", 2e9, geography_level="state", geography_id="06"),
]


def row(target_id: str, value: float, **other: Any) -> LossRow:
    return loss_row(target(target_id, value, **other), "train")


def rows() -> list[LossRow]:
    return [loss_row(each, "train") for each in TARGETS]


def total(name: str, estimates: list[float], on: list[LossRow] | None = None) -> float:
    prepared = prepare(loss_definitions()[name], on or rows())
    assert prepared is not None
    return math.fsum(prepared.terms(np.array(estimates)))


def test_broad_relative_by_hand() -> None:
    # groups: wages national 10 % and 0; ssi national, capped at 100 %; wages of a state 50 %
    estimates = [1.1e12, 1e8, 2.4e11, 1e9]
    assert total("broad_relative_v1", estimates) == pytest.approx(
        ((0.1**2 + 0) / 2 + 1 + 0.5**2) / 3
    )


def test_broad_relative_cannot_see_beyond_the_cap() -> None:
    one = [row("t", 1e9)]
    assert total("broad_relative_v1", [2e9], one) == total("broad_relative_v1", [11e9], one) == 1
    assert total("native_ecps_v1", [11e9], one) == pytest.approx(100)


@pytest.mark.parametrize(
    ("unit", "floor"),
    [("usd", 1e8), ("persons", 1e3), ("recipients", 1e3), ("returns", 1e3), ("households", 1e3)],
)
def test_broad_relative_scale_floor(unit: str, floor: float) -> None:
    tiny = [replace(row("tiny", floor / 100), unit=unit)]
    assert total("broad_relative_v1", [floor / 50], tiny) == pytest.approx(0.01**2)


def test_rows_without_a_unit_have_a_floor_of_one_and_unknown_units_are_refused() -> None:
    bare = [replace(row("bare", 0.5), unit="other")]
    assert total("broad_relative_v1", [0.75], bare) == pytest.approx(0.25**2)
    with pytest.raises(MeasureError) as caught:
        total("broad_relative_v1", [1.0], [replace(row("odd", 5.0), unit="acres")])
    assert caught.value.reason == "loss.unit"
    assert "odd" in caught.value.message


def test_negative_targets_are_scaled_by_their_size() -> None:
    assert total("broad_relative_v1", [-1.5e9], [row("loss", -1e9)]) == pytest.approx(0.25)


def test_native_ecps_is_exact_to_the_published_formula() -> None:
    estimates = [1.1e12, 9e7, 5e10, 1e9]
    e = [((y - t.value + 1) / (t.value + 1)) ** 2 for y, t in zip(estimates, TARGETS, strict=True)]
    n = [1 / 3, 1 / 3, 1 / 3, 1 / 1]
    mean = sum(n) / 4
    published = sum(a * b / mean for a, b in zip(e, n, strict=True)) / 4
    assert total("native_ecps_v1", estimates) == pytest.approx(published, rel=1e-14)
    assert published == pytest.approx((sum(e[:3]) / 3 + e[3]) / 2)


def test_native_ecps_blocks_are_declared_not_read_from_the_geography() -> None:
    """Published state EITC cells are labelled `nation/`: they count in the national half."""
    moved = [*rows()[:3], replace(rows()[3], national=True)]
    estimates = [1.1e12, 9e7, 5e10, 1e9]
    e = [((y - t.value + 1) / (t.value + 1)) ** 2 for y, t in zip(estimates, TARGETS, strict=True)]
    assert total("native_ecps_v1", estimates, moved) == pytest.approx(sum(e) / 4, rel=1e-14)


def test_native_ecps_quirks() -> None:
    one = [row("t", 9.0)]
    assert total("native_ecps_v1", [9.0], one) == pytest.approx(1 / 100)
    assert total("native_ecps_v1", [8.0], one) == 0
    assert prepare(loss_definitions()["native_ecps_v1"], [row("t", 0.1)]) is None
    assert prepare(loss_definitions()["native_ecps_v1"], [row("t", -0.1)]) is None


@pytest.mark.parametrize(
    "name",
    [
        "state/RI/adjusted_gross_income/amount/-inf_1",
        "nation/irs/exempt interest/count/AGI in -inf-inf/taxable/All",
        "nation/irs/count/count/AGI in 10k-15k/taxable/Head of Household",
        "us.irs_soi.historic_table_2.agi.amount.agi_under_1.all.state_RI",
    ],
)
def test_native_ecps_drops_the_published_bad_targets_by_either_name(name: str) -> None:
    prepared = prepare(loss_definitions()["native_ecps_v1"], [row("t", 9.0), row(name, 9.0)])
    assert prepared is not None
    assert list(prepared.kept) == [0]


@pytest.mark.parametrize("name", ["native_ecps_v1", "pe_local_relative_v1"])
def test_the_pole_is_refused(name: str) -> None:
    with pytest.raises(MeasureError) as caught:
        total(name, [1.0], [row("pole", -1.0)])
    assert caught.value.reason == "loss.pole"


def test_huber_by_hand() -> None:
    one = [row("a", 100.0)]
    eps = 2.0
    assert total("robust_huber_v1", [151.0], one) == pytest.approx(0.5 * (51 / (100 + eps)) ** 2)
    assert total("robust_huber_v1", [406.0], one) == pytest.approx(3 - 0.5)


def test_huber_weighs_by_magnitude_in_equal_buckets() -> None:
    three = [row("a", 100.0), row("b", 300.0), row("c", 50.0, **COUNT)]
    # dollars: eps 4 = 2 % of the median 200, |t| + eps = 104 and 304; returns: eps 1
    expected = (104 * 0.5 * (26 / 104) ** 2 + 304 * 0.5 * (76 / 304) ** 2) / 408 / 2
    expected += 0.5 * (17 / 51) ** 2 / 2
    assert total("robust_huber_v1", [126.0, 376.0, 67.0], three) == pytest.approx(expected)


def test_local_relative_by_hand() -> None:
    two = [row("a", 99.0), row("b", 199.0), row("c", 9.0, **COUNT)]
    expected = ((10 / 100) ** 2 + (20 / 200) ** 2) / 2 + (5 / 10) ** 2
    assert total("pe_local_relative_v1", [109.0, 219.0, 14.0], two) == pytest.approx(expected)


def test_the_domain_leaves_geography_and_filing_out_as_the_published_database_does() -> None:
    bands = [("age", ">", 5), ("tax_unit_is_filer", "==", 1), ("state_fips", "==", 6)]
    assert row("t", 1.0, constraints=bands).domain == "age"


def test_one_loss_gates_and_every_definition_has_its_own_hash() -> None:
    definitions = loss_definitions()
    assert [each.name for each in definitions.values() if each.gating] == ["broad_relative_v1"]
    assert gating_loss().name == "broad_relative_v1"
    assert len({each.sha256 for each in definitions.values()}) == len(definitions) == 4


def test_cap_floor_and_groups_are_in_the_hash_and_prose_is_not() -> None:
    broad = loss_definitions()["broad_relative_v1"]
    entry = {"formula": broad.formula, "gating": True, "title": "t", "source": "s"}
    same = define_loss(broad.name, {**entry, "parameters": broad.parameters})
    assert same.sha256 == broad.sha256
    for change in (
        {"error_cap": 2.0},
        {"scale_floor": {"usd": 1.0}},
        {"group_by": ["family"]},
    ):
        other = define_loss(broad.name, {**entry, "parameters": {**broad.parameters, **change}})
        assert other.sha256 != broad.sha256


@pytest.mark.parametrize("name", list(loss_definitions()))
def test_replicates_are_scored_like_single_estimates(name: str) -> None:
    prepared = prepare(loss_definitions()[name], rows())
    assert prepared is not None
    many = np.array([[1.1e12, 1e8, 5e10, 1e9], [9e11, 3e8, 6e10, 9e9]])
    singly = [math.fsum(prepared.terms(each)) for each in many]
    assert prepared.losses(many) == pytest.approx(singly, rel=1e-12)
