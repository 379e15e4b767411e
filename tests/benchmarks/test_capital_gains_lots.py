"""Capital-gains indexing: what must hold of any gains, lots and prices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from baselines.targets.engine_indices import extract, parameter_folder
from benchmarks.capital_gains import lots as module
from benchmarks.capital_gains.lots import (
    GAINS,
    Lots,
    capital_gains_arm_inputs,
    generate_lots,
    indexed_gains,
    load_generator,
    unbalanced_persons,
)
from benchmarks.capital_gains.prices import Prices, load_prices
from schemas.errors import MeasureError, RecordError
from schemas.records import read_record, validate

YEAR = 2024
ROOM = Path(module.__file__).parent
INDEXING = {
    "minimum_years_held": 1,
    "floor_at_zero": True,
    "prices": "cpi_u",
    "generator": "shares_v1",
}
GENERATOR = load_generator("shares_v1")
CPI = load_prices("cpi_u")
FLAT = Prices("flat", dict.fromkeys(range(1913, 2025), 100.0))
RISING = Prices("rising", {year: 1.03 ** (year - 1913) for year in range(1913, 2025)})
dollars = st.floats(-1e12, 1e12, allow_subnormal=False)
people = arrays.arrays(np.float64, st.integers(0, 30), elements=dollars)


def lot(gain: float, basis: float, years: float, *, person: int = 0) -> Lots:
    bought = np.array([YEAR - int(years)])
    return Lots(
        np.array([person]), np.array([gain]), np.array([basis]), np.array([years]), bought, YEAR
    )


def index(gains: np.ndarray, prices: Prices = CPI, **settings: Any) -> np.ndarray:
    """Return indexed gains of generated lots."""
    lots = generate_lots(gains, YEAR, GENERATOR)
    return indexed_gains(gains, lots, prices, **{"minimum_years_held": 1, **settings})


def left(gain: float, basis: float, years: float, prices: Prices = RISING, **how: Any) -> float:
    """Return what is left of one lot's gain."""
    how = {"minimum_years_held": 1, **how}
    return float(indexed_gains(np.array([gain]), lot(gain, basis, years), prices, **how)[0])


@given(people)
def test_generated_lots_sum_to_the_gain_and_have_a_price(gains: np.ndarray) -> None:
    lots = generate_lots(gains, YEAR, GENERATOR)
    assert unbalanced_persons(lots, gains).size == 0
    assert np.array_equal(np.unique(lots.person), np.flatnonzero(gains))
    assert np.array_equal(np.sign(lots.gain), np.sign(gains[lots.person]))
    assert (lots.basis > 0).all()
    assert (lots.basis + lots.gain >= 0).all()  # nobody pays to sell
    assert np.array_equal(lots.purchase_year + lots.years_held, np.full(lots.gain.size, YEAR))
    assert (CPI.at(lots.purchase_year) < CPI.at(np.array([YEAR]))).all()


def test_a_generated_lot_grew_at_the_stated_rate() -> None:
    lots = generate_lots(np.array([1000.0, -1000.0]), YEAR, GENERATOR)
    growth = np.where(lots.gain > 0, 1.07, 0.93) ** lots.years_held
    np.testing.assert_allclose(lots.basis * growth, lots.basis + lots.gain)
    np.testing.assert_allclose(lots.gain[lots.years_held == 30], [60.0, -60.0])
    assert lots.gain.size == 14


@given(people)
def test_zero_inflation_changes_nothing(gains: np.ndarray) -> None:
    assert np.array_equal(index(gains, FLAT), gains)


@given(people)
def test_losses_are_left_alone(gains: np.ndarray) -> None:
    assert np.array_equal(index(-np.abs(gains)), -np.abs(gains))


@given(people)
def test_gains_fall_but_never_below_zero(gains: np.ndarray) -> None:
    indexed = index(gains, CPI)
    owned = gains > 1e-300
    assert ((indexed >= 0) & (indexed < gains))[owned].all()


@given(people, st.randoms())
def test_results_follow_the_persons(gains: np.ndarray, random: Any) -> None:
    order = np.array(random.sample(range(gains.size), gains.size), dtype=np.int64)
    assert np.array_equal(index(gains[order]), index(gains)[order])


@given(people)
def test_lots_of_a_person_need_no_order(gains: np.ndarray) -> None:
    lots = generate_lots(gains, YEAR, GENERATOR)
    back = Lots(
        *(each[::-1] for each in (lots.person, lots.gain, lots.basis, lots.years_held)),
        purchase_year=lots.purchase_year[::-1],
        sale_year=YEAR,
    )
    turned = indexed_gains(gains, back, CPI, minimum_years_held=1)
    np.testing.assert_allclose(turned, index(gains), rtol=1e-12)


@given(people, st.floats(0.01, 100))
def test_the_unit_of_money_does_not_matter(gains: np.ndarray, unit: float) -> None:
    np.testing.assert_allclose(index(gains * unit), index(gains) * unit, rtol=1e-9)


@given(dollars, st.floats(0, 1))
def test_a_gain_split_between_persons_is_indexed_alike(gain: float, share: float) -> None:
    parts = np.array([gain * share, gain - gain * share])
    np.testing.assert_allclose(index(parts).sum(), index(np.array([gain]))[0], rtol=1e-9)


def test_persons_beside_a_person_change_nothing() -> None:
    alone = index(np.array([5000.0]))
    crowd = index(np.array([1e9, 5000.0, -30.0, 0.0, 7.0]))
    assert crowd[1] == alone[0]


def test_indexing_by_hand() -> None:
    doubled = Prices("doubled", {2000: 50.0, 2024: 100.0})
    assert left(1000, 400, 24, doubled) == 600
    assert left(1000, 1500, 24, doubled) == 0
    assert left(1000, 1500, 24, doubled, floor_at_zero=False) == -500
    assert left(-1000, 1500, 24, doubled, floor_at_zero=False) == -1000


def test_a_floor_holds_for_each_lot_not_for_the_person() -> None:
    doubled = Prices("doubled", {2000: 50.0, 2024: 100.0})
    one, other = lot(100, 900, 24), lot(1000, 0, 24)
    names = ("person", "gain", "basis", "years_held", "purchase_year")
    both = {name: np.append(getattr(one, name), getattr(other, name)) for name in names}
    gains = np.array([1100.0])
    result = indexed_gains(gains, Lots(**both, sale_year=YEAR), doubled, minimum_years_held=1)
    assert result.tolist() == [1000]


@given(st.floats(0, 1e9), st.integers(2, 80))
def test_zero_basis_changes_nothing(gain: float, years: int) -> None:
    assert left(gain, 0, years) == gain


@given(st.floats(1, 1e9), st.floats(0.01, 1e3), st.integers(2, 60), st.integers(1, 40))
def test_longer_holding_leaves_less(gain: float, ratio: float, years: int, more: int) -> None:
    short, long = (left(gain, gain * ratio, each) for each in (years, years + more))
    assert long < short or long == short == 0


def test_falling_prices_add_nothing() -> None:
    assert left(100, 100, 2, Prices("falling", {2022: 110.0, 2024: 100.0})) == 100


def test_only_lots_held_longer_than_the_minimum_are_indexed() -> None:
    assert left(100, 100, 3, minimum_years_held=3) == 100
    assert left(100, 100, 3.25, minimum_years_held=3) < 100
    none, some, every = (
        index(np.array([100.0]), minimum_years_held=each)[0] for each in (30, 3, 1)
    )
    assert none == 100 > some > every


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300])
def test_gains_that_are_no_amount_are_refused(wrong: float) -> None:
    gains = np.array([1.0, wrong])
    with pytest.raises(MeasureError, match="person row 1"):
        generate_lots(gains, YEAR, GENERATOR)
    with pytest.raises(MeasureError, match="person row 1"):
        indexed_gains(gains, lot(1, 1, 2), CPI, minimum_years_held=1)


def test_gains_are_one_row_per_person() -> None:
    with pytest.raises(MeasureError, match="2 dimensions"):
        generate_lots(np.ones((2, 2)), YEAR, GENERATOR)


@pytest.mark.parametrize("person", [-1, 1])
def test_lots_of_a_person_outside_the_file_are_refused(person: int) -> None:
    with pytest.raises(MeasureError, match="outside the 1 rows"):
        indexed_gains(np.array([5.0]), lot(5, 1, 2, person=person), CPI, minimum_years_held=1)


@pytest.mark.parametrize(("gain", "sound"), [(5.000009, True), (5.00002, False), (4.9, False)])
def test_lots_must_sum_to_the_gain(gain: float, sound: bool) -> None:
    gains, lots = np.array([5.0]), lot(gain, 1, 2)
    assert (unbalanced_persons(lots, gains).size == 0) is sound
    if not sound:
        with pytest.raises(MeasureError, match=f"don't sum to their {GAINS}"):
            indexed_gains(gains, lots, CPI, minimum_years_held=1)


def test_large_gains_may_differ_relatively() -> None:
    assert unbalanced_persons(lot(1e9 + 0.9, 1, 2), np.array([1e9])).size == 0
    assert unbalanced_persons(lot(1e9 + 1.1, 1, 2), np.array([1e9])).tolist() == [0]


def test_a_year_without_a_price_is_refused() -> None:
    with pytest.raises(MeasureError, match="cpi_u has no price of 1904: it runs from 1913"):
        left(100, 100, 120, CPI)
    assert left(-100, 200, 120, CPI) == -100  # not indexed: its price isn't needed
    with pytest.raises(MeasureError, match="no price of 2026"):
        capital_gains_arm_inputs(np.array([1.0]), 2026, INDEXING)


def test_arm_inputs_replace_the_engine_input() -> None:
    gains = np.array([100.0, 0.0, -50.0, 1e6], dtype=np.float32)
    inputs = capital_gains_arm_inputs(gains, YEAR, INDEXING)
    assert list(inputs) == [GAINS]
    indexed = inputs[GAINS]
    assert indexed.dtype == np.float64
    assert indexed[1:3].tolist() == [0.0, -50.0]
    np.testing.assert_allclose(indexed[[0, 3]] / gains[[0, 3]], 0.5540, atol=5e-5)
    assert capital_gains_arm_inputs(gains[:0], YEAR, INDEXING)[GAINS].size == 0


def test_what_is_left_of_a_gain_by_plain_arithmetic() -> None:
    left_over = 0.0
    for each in read_record(ROOM / "shares_v1.json", "lot_generator")["lots"]:
        inflation = CPI.values[YEAR] / CPI.values[YEAR - each["years_held"]] - 1
        left_over += each["share"] * max(0, 1 - inflation / (1.07 ** each["years_held"] - 1))
    assert index(np.array([2e5]))[0] == pytest.approx(2e5 * left_over)


@pytest.mark.parametrize(
    "change", [{"minimum_years_held": 5}, {"floor_at_zero": False}], ids=["minimum", "floor"]
)
def test_arm_inputs_use_every_setting(change: dict[str, Any]) -> None:
    gains, own = np.array([100.0]), lot(100, 1000, 4)
    usual = capital_gains_arm_inputs(gains, YEAR, INDEXING, own)[GAINS]
    changed = capital_gains_arm_inputs(gains, YEAR, {**INDEXING, **change}, own)[GAINS]
    assert usual[0] == 0 != changed[0]


def test_own_lots_take_the_place_of_generated_ones() -> None:
    gains, own = np.array([100.0]), lot(100, 0, 4)
    assert capital_gains_arm_inputs(gains, YEAR, INDEXING, own)[GAINS].tolist() == [100]
    with pytest.raises(MeasureError, match="sold in 2023"):
        capital_gains_arm_inputs(gains, YEAR, INDEXING, replace(own, sale_year=2023))


@pytest.mark.parametrize("setting", ["prices", "generator"])
def test_an_unknown_series_or_generator_is_refused(setting: str) -> None:
    with pytest.raises(RecordError, match=r"other\.json"):
        capital_gains_arm_inputs(np.array([1.0]), YEAR, {**INDEXING, setting: "other"})


def test_committed_prices_are_the_engines() -> None:
    record = read_record(ROOM / "cpi_u.json", "price_series")
    folder = parameter_folder()
    assert folder is not None
    found = extract(record, folder)
    assert found == {name: record[name] for name in ("values", "file_sha256")}
    assert sorted(CPI.values) == list(range(1913, 2025))
    # BLS publishes 82.4 for 1980 and 313.689 for 2024 (not seasonally adjusted).
    assert CPI.at(np.array([1980, 2024])) == pytest.approx([82.4, 313.689], abs=0.05)


def test_shares_that_do_not_sum_to_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads((ROOM / "shares_v1.json").read_text())
    record["lots"][0]["share"] = 0.13
    (tmp_path / "spoilt.json").write_text(json.dumps(record))
    monkeypatch.setattr(module, "_ROOM", tmp_path)
    with pytest.raises(RecordError, match=r"sum to 1\.01"):
        load_generator("spoilt")


@pytest.mark.parametrize(
    ("name", "schema", "path", "value"),
    [
        ("shares_v1", "lot_generator", ("seed",), 42),
        ("shares_v1", "lot_generator", ("annual_growth", "gains"), 0),
        ("shares_v1", "lot_generator", ("annual_growth", "losses"), 0),
        ("shares_v1", "lot_generator", ("lots",), []),
        ("cpi_u", "price_series", ("note",), "more"),
        ("cpi_u", "price_series", ("values", "2024"), 0),
        ("cpi_u", "price_series", ("values", "next"), 320.0),
    ],
)
def test_settings_that_break_their_schema_are_refused(
    name: str, schema: str, path: tuple[str, ...], value: Any
) -> None:
    record = read_record(ROOM / f"{name}.json", schema)
    node = record
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(RecordError):
        validate(record, schema)
