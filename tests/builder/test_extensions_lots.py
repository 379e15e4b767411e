"""A candidate's own lots: the benchmark's reader takes them, and they sum to each person's gain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.capital_gains.lots import GAINS, capital_gains_arm_inputs
from benchmarks.capital_gains.lots_table import COLUMNS, METADATA, TABLE
from benchmarks.capital_gains.own_lots import own_lots
from builder.extensions.lots import RULE_FILE, load_lot_rule, lot_tables
from builder.extensions.write import write_extensions
from builder.fixed_spine.append import append
from builder.fixed_spine.wealth import load_wealth_list
from builder.frame import Frame
from schemas.dataset import open_dataset
from schemas.errors import BuildError, RecordError
from schemas.writers import write_period_arrays
from tests.builder.small_frame import small_frame
from tests.gates.fakes import manifest_beside
from tests.small import PERIOD, PERSONS

INDEXING = {
    "minimum_years_held": 3,
    "floor_at_zero": True,
    "prices": "cpi_u",
    "generator": "shares_v1",
}


@pytest.fixture(scope="module")
def frame() -> Frame:
    return append(small_frame(), load_wealth_list(), seed=1)


@pytest.fixture(scope="module")
def lots(frame: Frame) -> pd.DataFrame:
    return lot_tables(frame, load_lot_rule(), seed=3)[TABLE]


def gains_frame(*gains: float) -> Frame:
    """Return the small frame with the given gains, zero for everybody else."""
    values = np.zeros(PERSONS)
    values[: len(gains)] = gains
    return small_frame(**{GAINS: values})


def test_the_benchmark_reads_them_as_the_files_own_lots(frame: Frame, tmp_path: Path) -> None:
    path = tmp_path / "candidate.h5"
    write_period_arrays(path, frame.columns, frame.period)
    manifest_beside(path, relational_extensions=write_extensions(frame, tmp_path, seed=3))
    dataset = open_dataset(path)
    gains = dataset.read(GAINS).astype(np.float64)
    found = own_lots(dataset, gains, PERIOD)
    assert found is not None
    assert set(found.lots.person.tolist()) == set(np.flatnonzero(gains).tolist())
    indexed = capital_gains_arm_inputs(gains, PERIOD, INDEXING, found.lots)[GAINS]
    assert (indexed <= gains).all()
    assert 0 < indexed[gains > 0].sum() < gains[gains > 0].sum()


def test_lots_sum_to_each_persons_gain(frame: Frame, lots: pd.DataFrame) -> None:
    total = lots.groupby("person_id")["gain_or_loss"].sum()
    gains = pd.Series(frame.columns[GAINS].astype(np.float64), frame.columns["person_id"])
    gains = gains[gains != 0]
    assert total.index.tolist() == gains.index.tolist()
    assert np.allclose(total, gains, rtol=1e-9, atol=1e-5)
    assert np.allclose(total, gains, rtol=1e-5, atol=0)


def test_gains_are_those_of_the_file_which_holds_float32(tmp_path: Path) -> None:
    table = lot_tables(gains_frame(16_777_217.0), load_lot_rule(), seed=3)[TABLE]
    assert table["gain_or_loss"].sum() == pytest.approx(16_777_216.0, abs=1e-5)


@pytest.mark.parametrize(
    ("gain", "count"),
    [(0.01, 1), (9_999, 1), (10_000, 2), (-99_999, 2), (100_000, 4), (-5e8, 4), (0, 0)],
)
def test_larger_gains_and_losses_have_more_lots(gain: float, count: int) -> None:
    table = lot_tables(gains_frame(gain), load_lot_rule(), seed=3)[TABLE]
    assert table["lot_index"].tolist() == list(range(count))
    assert (np.sign(table["gain_or_loss"]) == np.sign(gain)).all()
    size = table["gain_or_loss"].abs()
    assert count == 0 or size.min() >= 0.0999 * size.max()


def test_lots_agree_with_themselves(lots: pd.DataFrame) -> None:
    assert list(lots) == ["lot_id", *[c for c in lots if c != "lot_id"]]
    assert set(lots) == set(COLUMNS[TABLE])
    assert lots["lot_id"].tolist() == list(range(1, len(lots) + 1))
    assert (np.floor(lots["sale_time"]) == PERIOD).all()
    assert np.allclose(lots["purchase_time"] + lots["holding_period"], lots["sale_time"])
    assert lots["holding_period"].between(2, 31).all()
    assert (lots["basis"] >= 0).all()
    assert (lots["sale_proceeds"] >= 0).all()
    assert ((lots["gain_or_loss"] > 0) == lots["is_gain_lot"]).all()


def test_a_gain_grew_and_a_loss_shrank_by_seven_percent_a_year() -> None:
    table = lot_tables(gains_frame(1e6, -1e6), load_lot_rule(), seed=3)[TABLE]
    ratio = (table["sale_proceeds"] / table["basis"]) ** (1 / table["holding_period"])
    assert np.allclose(ratio, np.where(table["is_gain_lot"] == 1, 1.07, 0.93), atol=1e-6)


def test_no_loss_exceeds_the_purchase_price_however_small() -> None:
    tiny = small_frame(**{GAINS: np.full(PERSONS, -0.004)})
    assert (lot_tables(tiny, load_lot_rule(), seed=3)[TABLE]["sale_proceeds"] >= 0).all()


def test_holding_periods_follow_the_rule() -> None:
    rule = load_lot_rule()
    many = small_frame(**{GAINS: np.full(PERSONS, 1e6)})
    held = np.floor(lot_tables(many, rule, seed=3)[TABLE]["holding_period"])
    for each in rule["years_held"]:
        assert (held == each["years"]).mean() == pytest.approx(each["probability"], abs=0.06)


def test_lots_hang_on_seed_and_person_alone(frame: Frame, lots: pd.DataFrame) -> None:
    rule = load_lot_rule()
    small = lot_tables(small_frame(), rule, seed=3)[TABLE]
    assert lots.iloc[: len(small)].drop(columns="lot_id").equals(small.drop(columns="lot_id"))
    other = lot_tables(small_frame(), rule, seed=4)[TABLE]
    for name in ("holding_period", "sale_time", "gain_or_loss"):
        assert not np.allclose(other[name], small[name]), name


def test_ids_are_those_of_the_persons_groups(frame: Frame, lots: pd.DataFrame) -> None:
    of = pd.DataFrame(
        {name: frame.columns[f"person_{name}"] for name in ("tax_unit_id", "household_id")},
        index=frame.columns["person_id"],
    )
    for name in of:
        assert lots[name].tolist() == of.loc[lots["person_id"], name].tolist()


def test_metadata_says_what_they_are(frame: Frame) -> None:
    table = lot_tables(frame, load_lot_rule(), seed=3)[METADATA]
    stated = {key: json.loads(value) for key, value in table.itertuples(index=False)}
    assert stated == {
        "format_version": 1,
        "tax_year": PERIOD,
        "source_gain_column": GAINS,
        "rule": "own-lots-v1",
        "seed": 3,
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda rule: rule["years_held"].pop(),
        lambda rule: rule["lots_by_size"].reverse(),
        lambda rule: rule["lots_by_size"].pop(0),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(change: Any, tmp_path: Path) -> None:
    rule = json.loads(RULE_FILE.read_text())
    change(rule)
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    with pytest.raises(BuildError) as caught:
        load_lot_rule(tmp_path / "rule.json")
    assert caught.value.reason == "extensions.lot_rule"


def test_a_lot_held_a_year_or_less_is_no_long_term_lot(tmp_path: Path) -> None:
    rule = json.loads(RULE_FILE.read_text())
    rule["years_held"][0]["years"] = 1
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    with pytest.raises(RecordError, match="years"):
        load_lot_rule(tmp_path / "rule.json")
