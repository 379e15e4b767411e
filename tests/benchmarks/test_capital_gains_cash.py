"""Indexed gains are taxed less; the cash of the household stays."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.capital_gains.cash import with_cash_gains
from benchmarks.report_distribution import AGES, poverty
from benchmarks.report_groups import Population
from schemas.errors import MeasureError
from tests.benchmarks.scoring_fakes import FakeArrays

MEMBERS = np.array([0, 0, 0, 0, 1])  # four persons, then one
NAMES = ("household_market_income", "household_net_income", "equiv_household_net_income")


def side(market: list[float], net: list[float], *, poor: bool) -> FakeArrays:
    equivalised = np.array(net) / np.sqrt([4, 1])
    arrays = dict(zip(NAMES, (np.array(market), np.array(net), equivalised), strict=True))
    flags = ("spm_unit_is_in_spm_poverty", "spm_unit_is_in_deep_spm_poverty")
    arrays |= {name: np.array([poor, poor]) for name in flags}
    arrays["age"] = np.array([40.0, 38.0, 9.0, 7.0, 70.0])
    entity = dict.fromkeys(NAMES, "household") | dict.fromkeys(flags, "spm_unit")
    entity["age"] = "person"
    groups = ("household", "tax_unit", "spm_unit", "family", "marital_unit")
    sizes = {"person": 5, **dict.fromkeys(groups, 2)}
    return FakeArrays(arrays, entity, dict.fromkeys(groups, MEMBERS), sizes, {})


BASELINE = side([100_000.0, 50_000.0], [80_000.0, 45_000.0], poor=False)
# 40,000 of the first household's income are no longer taxed: 6,000 less tax.
REFORM = side([60_000.0, 50_000.0], [46_000.0, 45_000.0], poor=True)


def test_net_income_rises_by_the_tax_saved_and_nothing_else() -> None:
    found = with_cash_gains(BASELINE, REFORM).arrays
    assert found["household_market_income"].tolist() == [100_000, 50_000]
    assert found["household_net_income"].tolist() == [86_000, 45_000]
    assert found["equiv_household_net_income"].tolist() == [43_000, 45_000]


def test_the_arm_itself_is_left_as_it_was() -> None:
    with_cash_gains(BASELINE, REFORM)
    assert REFORM.arrays["household_net_income"].tolist() == [46_000, 45_000]


def test_poverty_is_undefined_with_a_reason() -> None:
    ones, names = np.ones(2), np.array(["CA", "NY"])
    population = Population(ones, np.array([4.0, 1.0]), np.ones(5), names, np.array(["1", "10"]))
    found = poverty(BASELINE, with_cash_gains(BASELINE, REFORM), population)
    for measure in ("spm", "deep_spm"):
        assert found[measure].keys() == AGES.keys()
        for rate in found[measure].values():
            assert (rate["baseline"], rate["reform"], rate["change"]) == (None, None, None)
            assert "income" in rate["reason"]


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_output_is_named(name: str) -> None:
    lacking = FakeArrays(
        {key: each for key, each in REFORM.arrays.items() if key != name},
        REFORM.entity,
        REFORM.person_to,
        REFORM.sizes,
        {},
    )
    with pytest.raises(MeasureError, match=name):
        with_cash_gains(BASELINE, lacking)
