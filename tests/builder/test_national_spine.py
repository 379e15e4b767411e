"""Choosing the spine: inclusion probabilities, states, who is never taken, and what weights say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from builder.embedded.build import embedded_source
from builder.embedded.provider import HOUSEHOLD_KEY, Source
from builder.embedded.sampling import sample_households
from builder.national.spine import (
    INCOMES,
    Oversampling,
    _chances,
    choose_households,
    household_frame,
)
from schemas.errors import BuildError

BANDS = Oversampling((0.0, 75_000.0, 200_000.0, 1_000_000.0), (3.0, 1.0, 1.5, 5.0, 20.0))
EVEN = Oversampling((), (1.0,))


def _pool(households: int = 6000, states: int = 5, seed: int = 0) -> pd.DataFrame:
    """Return made-up households; state 1 has one in fifty of them."""
    random = np.random.default_rng(seed)
    share = np.append(0.02, np.full(states - 1, 0.98 / (states - 1)))
    return pd.DataFrame(
        {
            HOUSEHOLD_KEY: random.permutation(households) + 1000,
            "fips": random.choice(np.arange(1, states + 1), households, p=share),
            "weight": random.uniform(100, 900, households),
            "income": random.lognormal(11, 1.2, households),
        }
    )


def _choose(pool: pd.DataFrame, **changes: object) -> pd.DataFrame:
    given = {"size": 800, "excluded": [], "oversampling": BANDS, "smallest": 40, "seed": 1}
    return choose_households(pool, **{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [300, 1000, 5000, 5990])
def test_probabilities_sum_to_the_size_and_none_is_above_one(size: int) -> None:
    pool = _pool()
    wanted = pool["weight"].to_numpy() * BANDS.of(pool["income"].to_numpy())
    fips = pool["fips"].to_numpy()
    chance = _chances(wanted, fips, size, 50)
    assert chance.sum() == pytest.approx(size, abs=1e-6)
    assert chance.min() > 0
    assert chance.max() <= 1 + 1e-12
    assert all(chance[fips == state].sum() >= 50 - 1e-9 for state in range(1, 6))


@pytest.mark.parametrize("size", [300, 800, 5990])
def test_as_many_are_chosen_as_asked_for_each_once(size: int) -> None:
    chosen = _choose(_pool(), size=size)
    assert len(chosen) == chosen[HOUSEHOLD_KEY].nunique() == size
    assert chosen[HOUSEHOLD_KEY].is_monotonic_increasing


def test_a_household_is_taken_as_often_as_its_probability_says() -> None:
    pool = _pool(400, states=2).sort_values(["fips", "income", HOUSEHOLD_KEY])
    wanted = pool["weight"].to_numpy() * BANDS.of(pool["income"].to_numpy())
    chance = pd.Series(_chances(wanted, pool["fips"].to_numpy(), 60, 5), pool[HOUSEHOLD_KEY])
    rounds = 200
    times = pd.Series(0, pool[HOUSEHOLD_KEY])
    for seed in range(rounds):
        times[_choose(pool, size=60, smallest=5, seed=seed)[HOUSEHOLD_KEY]] += 1
    error = np.sqrt(chance * (1 - chance) / rounds)
    assert ((times / rounds - chance).abs() <= 5 * error + 1e-9).all()


def test_whoever_is_certain_to_be_taken_keeps_his_weight() -> None:
    pool = _pool()
    pool.loc[7, ["income", "weight"]] = 5e7, 90_000.0
    for seed in range(5):
        chosen = _choose(pool, seed=seed)
        own = chosen.loc[chosen[HOUSEHOLD_KEY] == pool[HOUSEHOLD_KEY][7], "weight"]
        assert own.tolist() == pytest.approx([90_000.0])


def test_every_state_has_its_smallest_number_and_large_ones_pay_for_it() -> None:
    counts = _choose(_pool(), smallest=80)["fips"].value_counts()
    assert counts[1] == counts.min() == 80
    assert counts.sum() == 800


def test_a_state_just_above_the_floor_does_not_fall_below_it() -> None:
    rows = [1000, 1040, 8000]
    pool = _pool(sum(rows), states=3).assign(fips=np.repeat([1, 2, 3], rows), weight=1.0)
    for seed in range(20):
        counts = _choose(pool, size=300, smallest=31, oversampling=EVEN, seed=seed)["fips"]
        assert counts.value_counts().min() >= 31


def test_income_bands_are_taken_as_often_as_they_should() -> None:
    pool = _pool().assign(weight=1.0, fips=1)
    chosen = _choose(pool, oversampling=Oversampling((75_000.0,), (1.0, 3.0)))
    rich = pool.set_index(HOUSEHOLD_KEY)["income"] >= 75_000
    taken = rich[chosen[HOUSEHOLD_KEY]]
    assert taken.sum() / (~taken).sum() == pytest.approx(3 * rich.sum() / (~rich).sum(), rel=0.03)


def test_the_bound_of_a_band_belongs_to_the_band_above() -> None:
    income = np.array([-1.0, 0.0, 74_999.0, 75_000.0, 1e6])
    assert BANDS.of(income).tolist() == [3.0, 1.0, 1.0, 1.5, 20.0]


def test_excluded_households_are_never_chosen() -> None:
    pool = _pool()
    excluded = _choose(pool, seed=1)[HOUSEHOLD_KEY].tolist()
    again = _choose(pool, seed=1, excluded=excluded)[HOUSEHOLD_KEY]
    assert len(again) == 800
    assert not set(again) & set(excluded)


def test_the_same_seed_draws_the_same_whatever_the_order_of_the_records() -> None:
    pool = _pool()
    first = _choose(pool)
    shuffled = _choose(pool.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(first, shuffled)
    others = [set(_choose(pool, seed=seed)[HOUSEHOLD_KEY]) for seed in range(2, 6)]
    assert min(len(set(first[HOUSEHOLD_KEY]) & other) for other in others) < 400


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 6001}, "spine.exhausted"),
        ({"size": 4000, "excluded": list(range(1000, 4000))}, "spine.exhausted"),
        ({"size": 190, "smallest": 40}, "spine.too_small"),
        ({"size": 5000, "smallest": 500}, "spine.exhausted"),
    ],
)
def test_what_the_source_cannot_give_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(BuildError) as caught:
        _choose(_pool(), **changes)
    assert caught.value.reason == reason


@pytest.fixture(scope="module")
def source() -> Source:
    return embedded_source()


@pytest.fixture(scope="module")
def frame(source: Source) -> pd.DataFrame:
    return household_frame(source)


def test_a_frame_row_is_a_household_with_its_income_of_the_period(
    source: Source, frame: pd.DataFrame
) -> None:
    assert frame[HOUSEHOLD_KEY].is_unique
    assert set(frame[HOUSEHOLD_KEY]) == set(source.units[HOUSEHOLD_KEY])
    for index in (0, 1234, 200_000):
        row = frame.iloc[index]
        units = source.units[source.units[HOUSEHOLD_KEY] == row[HOUSEHOLD_KEY]]
        assert row["weight"] == pytest.approx(units["unit_weight"].mean())
        assert row["fips"] == units["fips"].iloc[0]


@pytest.mark.parametrize(
    ("column", "factor"), [("e00200", "AWAGE"), ("e00300", "AINTS"), ("e02400", "ASOCSEC")]
)
def test_each_income_grows_by_its_own_factor(
    source: Source, frame: pd.DataFrame, column: str, factor: str
) -> None:
    """Look at households that have one kind of income only."""
    own = source.units.groupby(HOUSEHOLD_KEY)[list(INCOMES)].sum()
    others = own.drop(columns=column)
    only = own.loc[(own[column] > 0) & (others == 0).all(axis=1), column]
    assert len(only) > 100
    income = frame.set_index(HOUSEHOLD_KEY)["income"]
    grown = (income[only.index] / only).to_numpy()
    assert grown == pytest.approx(source.growth[factor])
    assert abs(source.growth[factor] - 1) > 0.05


def test_the_real_spine_estimates_the_totals_of_its_frame(
    source: Source, frame: pd.DataFrame
) -> None:
    barred = sample_households(source.units, size=4000, slot=0, seed=2024)[HOUSEHOLD_KEY].tolist()
    chosen = _choose(frame, size=3900, excluded=barred, smallest=30)
    assert not set(chosen[HOUSEHOLD_KEY]) & set(barred)
    pool = frame[~frame[HOUSEHOLD_KEY].isin(barred)]
    known = chosen[[HOUSEHOLD_KEY, "weight"]].merge(
        pool.drop(columns="weight"), on=HOUSEHOLD_KEY, validate="one_to_one"
    )
    assert known["weight"].sum() == pytest.approx(pool["weight"].sum(), rel=0.01)
    dollars = [(each["weight"] * each["income"]).sum() for each in (known, pool)]
    assert dollars[0] == pytest.approx(dollars[1], rel=0.01)
    for low, high in ((1, 30_000), (30_000, 100_000), (100_000, 500_000), (500_000, np.inf)):
        inside = [
            each.loc[each["income"].between(low, high, inclusive="left"), "weight"].sum()
            for each in (known, pool)
        ]
        assert inside[0] == pytest.approx(inside[1], rel=0.06), (low, high)
    states = [each.groupby("fips")["weight"].sum() for each in (known, pool)]
    assert (states[0] / states[1] - 1).abs().max() < 0.15
    assert chosen["fips"].value_counts().min() >= 30
    assert (known["income"] > 500_000).sum() > 5 * (frame["income"] > 500_000).mean() * 3900
