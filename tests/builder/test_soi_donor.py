"""The distribution donor on a made-up population and on the embedded sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import load_suite
from builder.donors.soi import impute_sizes
from builder.donors.soi_facts import load_size_donor
from builder.donors.soi_units import tax_units
from builder.embedded.build import embedded_source, incumbent_keys, sample_of
from builder.embedded.mapping import load_mapping
from builder.frame import Frame
from builder.national.config import load_config
from builder.national.spine import choose_households, household_frame
from schemas.errors import BuildError
from schemas.records import validate
from tests.builder.soi_sample import (
    BANK,
    GAINS,
    INTEREST,
    LINES,
    LOW,
    ORDINARY,
    PENSION,
    QUALIFIED,
    RETURNS,
    STOCK,
    TOTAL_AGI,
    UNITS,
    WAGES,
    WEIGHT,
    YIELDS,
    agi,
    donor,
    population,
)

MADE = (WAGES, INTEREST, ORDINARY, QUALIFIED, GAINS)
RANKED = (3, 4)  # the bands above 100,000


class Imputed(NamedTuple):
    before: Frame
    after: Frame
    report: dict[str, Any]

    def units(self, name: str) -> np.ndarray:
        """Return a variable of the result per tax unit."""
        return self.after.sum_to("tax_unit", self.after.columns[name].astype(np.float64))

    def inside(self, band: int) -> np.ndarray:
        """Return the tax units whose AGI lies in a band."""
        high = LOW[band + 1] if band + 1 < len(LOW) else np.inf
        level = agi(self.after)
        return np.asarray((level >= LOW[band]) & (level < high))

    def low(self) -> np.ndarray:
        """Return the persons of units that had less than the first line begins at, and no gain."""
        unit = self.after.row_of("tax_unit")
        return np.asarray((agi(self.before) < 0.9 * LOW[2])[unit] & (self.units(GAINS) == 0)[unit])


@pytest.fixture(scope="module")
def imputed(tmp_path_factory: pytest.TempPathFactory) -> Imputed:
    frame = population()
    return Imputed(frame, *impute_sizes(frame, donor(tmp_path_factory.mktemp("donor")), YIELDS))


@pytest.mark.parametrize("band", RANKED)
def test_ranked_bands_hold_the_published_returns_and_agi(imputed: Imputed, band: int) -> None:
    inside = imputed.inside(band)
    assert inside.sum() * WEIGHT == pytest.approx(RETURNS[band], abs=1.5 * WEIGHT)
    assert agi(imputed.after)[inside].sum() * WEIGHT == pytest.approx(TOTAL_AGI[band], rel=0.005)


@pytest.mark.parametrize("band", RANKED)
@pytest.mark.parametrize(
    ("line", "name"),
    [("wages", WAGES), ("interest", INTEREST), ("dividends", ORDINARY), ("gains", GAINS)],
)
def test_each_line_has_its_returns_and_dollars_in_each_band(
    imputed: Imputed, band: int, line: str, name: str
) -> None:
    amounts = imputed.units(name) + (imputed.units(QUALIFIED) if line == "dividends" else 0)
    has = imputed.inside(band) & (amounts > 0)
    returns, dollars = (figures[band] for figures in LINES[line])
    assert has.sum() * WEIGHT == pytest.approx(returns, abs=1.5 * WEIGHT, rel=0.04)
    assert amounts[has].sum() * WEIGHT == pytest.approx(dollars, rel=0.03)


@pytest.mark.parametrize("band", RANKED)
def test_a_split_takes_its_part_of_the_dollars(imputed: Imputed, band: int) -> None:
    inside = imputed.inside(band)
    qualified = imputed.units(QUALIFIED)[inside].sum()
    both = qualified + imputed.units(ORDINARY)[inside].sum()
    assert qualified / both == pytest.approx(
        LINES["qualified"][1][band] / LINES["dividends"][1][band]
    )


@pytest.mark.parametrize("band", RANKED)
def test_losses_are_those_published_and_nobody_has_both(imputed: Imputed, band: int) -> None:
    gains = imputed.units(GAINS)
    losing = imputed.inside(band) & (gains < 0)
    returns, dollars = (figures[band] for figures in LINES["losses"])
    assert losing.sum() * WEIGHT == pytest.approx(returns, abs=WEIGHT)
    assert gains[losing].sum() * WEIGHT == pytest.approx(dollars, rel=0.001)
    report = {each["id"]: each["made"]["returns"] for each in imputed.report["lines"]}
    both = report["gains"] + report["losses"]
    assert (gains != 0).sum() * WEIGHT == pytest.approx(both)


def test_bands_that_are_not_ranked_meet_their_lines_as_well(imputed: Imputed) -> None:
    for line in imputed.report["lines"]:
        returns, dollars = (sum(figures) for figures in LINES[line["id"]])
        assert line["made"]["returns"] == pytest.approx(returns, rel=0.04), line["id"]
        assert line["made"]["usd"] == pytest.approx(dollars, rel=0.02), line["id"]


def test_ranked_units_have_the_agi_of_their_rank(imputed: Imputed) -> None:
    level = agi(imputed.after)
    ranked = imputed.report["ranked_tax_units"]
    assert ranked * WEIGHT == pytest.approx(RETURNS[3] + RETURNS[4], abs=WEIGHT)
    assert (level >= LOW[3]).sum() == pytest.approx(ranked, abs=3)
    top = np.sort(level[imputed.inside(4)])[::-1]
    assert (np.diff(top) < 0).all()
    assert top[0] > 3 * np.median(top)


def test_units_below_every_line_stay_as_they_were(imputed: Imputed) -> None:
    low = imputed.low()
    assert low.sum() > 1000
    for name, values in imputed.before.columns.items():
        if len(values) == len(low) and name not in (INTEREST, ORDINARY, QUALIFIED, BANK, STOCK):
            assert np.array_equal(imputed.after.columns[name][low], values[low]), name
    moved = imputed.after.columns[INTEREST] != imputed.before.columns[INTEREST]
    assert not (moved & low).any()


def test_only_lines_splits_and_assets_change(imputed: Imputed) -> None:
    changed = {
        name
        for name, values in imputed.after.columns.items()
        if name not in imputed.before.columns
        or not np.array_equal(values, imputed.before.columns[name])
    }
    assert changed == {*MADE, BANK, STOCK}
    assert PENSION not in changed


def test_wages_are_placed_at_those_who_earn(imputed: Imputed) -> None:
    before = imputed.before.columns[WAGES].reshape(UNITS, 2)
    after = imputed.after.columns[WAGES].reshape(UNITS, 2)
    moved = (after.sum(axis=1) != before.sum(axis=1)) & (after.sum(axis=1) > 1000)
    both = moved & (before > 1000).all(axis=1)
    assert both.sum() > 100
    assert after[both, 1] / after[both, 0] == pytest.approx(
        before[both, 1] / before[both, 0], rel=0.01
    )
    alone = moved & (before[:, 1] == 0)
    assert alone.sum() > 100
    assert not after[alone, 1].any()
    gains = imputed.after.columns[GAINS].reshape(UNITS, 2)
    assert gains[:, 0].any()
    assert not gains[:, 1].any()


def test_whoever_reported_most_gets_most_of_the_wages(imputed: Imputed) -> None:
    before = imputed.before.sum_to("tax_unit", imputed.before.columns[WAGES])
    after = imputed.units(WAGES)
    earns = imputed.inside(4) & (before > 0) & (after > 0)
    assert earns.sum() > 50
    assert np.corrcoef(np.log(before[earns]), np.log(after[earns]))[0, 1] > 0.5


def test_assets_follow_the_flows_where_those_changed(imputed: Imputed) -> None:
    for asset, flows, rate in (
        (BANK, (INTEREST,), 0.02),
        (STOCK, (QUALIFIED, ORDINARY), 0.05),
    ):
        unit = imputed.after.row_of("tax_unit")
        flow = sum(imputed.after.columns[name] for name in flows)
        moved = np.any(
            [
                imputed.units(name)
                != imputed.before.sum_to("tax_unit", imputed.before.columns[name])
                for name in flows
            ],
            axis=0,
        )[unit]
        assert moved.any()
        after, before = imputed.after.columns[asset], imputed.before.columns[asset]
        assert after[moved] == pytest.approx(np.asarray(flow / rate)[moved], rel=1e-6, abs=0.51)
        assert np.array_equal(after[~moved], before[~moved].astype(np.float32))


def test_dollars_are_whole(imputed: Imputed) -> None:
    for name in (*MADE, BANK, STOCK):
        values = imputed.after.columns[name]
        assert values.dtype == np.float32
        assert np.array_equal(values, np.rint(values)), name


def test_the_report_says_what_was_done(imputed: Imputed) -> None:
    validate(imputed.report, "size_donor_report")
    lines = {each["id"]: each for each in imputed.report["lines"]}
    assert imputed.report["tax_units"] == UNITS
    assert lines["losses"]["published"] == {"returns": 14_000, "usd": -370_000_000}
    wages = imputed.before.sum_to("tax_unit", imputed.before.columns[WAGES])
    assert lines["wages"]["reported_before"]["returns"] == (wages > 0).sum() * WEIGHT
    assert lines["losses"]["reported_before"]["returns"] == 0
    assert 0 < imputed.report["imputed_tax_units"] < UNITS


def test_the_order_of_the_records_does_not_matter(imputed: Imputed, tmp_path: Path) -> None:
    before = imputed.before
    homes = np.random.default_rng(1).permutation(len(before.source_key))
    member = before.row_of("household")
    persons = np.argsort(np.argsort(homes)[member], kind="stable")
    units = before.row_of("tax_unit")[persons][::2]
    place = {"person": persons, "household": homes}
    shuffled = {
        name: values[place.get(_entity(name, values, before), units)]
        for name, values in before.columns.items()
    }
    moved = replace(before, columns=shuffled, source_key=before.source_key[homes])
    assert tax_units(moved).key.tolist() != tax_units(before).key.tolist()
    after, _ = impute_sizes(moved, donor(tmp_path), YIELDS)
    for name in MADE:
        expected = imputed.after.columns[name][persons]
        assert after.columns[name] == pytest.approx(expected, rel=1e-4, abs=1.01), name


def _entity(name: str, values: np.ndarray, frame: Frame) -> str:
    if len(values) == frame.size("person"):
        return "person"
    return "household" if len(values) == frame.size("household") else "group"


def test_ties_are_broken_by_key_not_by_place(tmp_path: Path) -> None:
    """Give everybody the same wage: who is ranked may hang on the keys only."""
    wages = np.tile([90_000.0, 0.0], UNITS)
    frame = population(shared=0).with_columns({WAGES: wages, INTEREST: np.zeros(2 * UNITS)})
    turned = replace(
        frame,
        columns={name: values[::-1] for name, values in frame.columns.items()},
        source_key=frame.source_key[::-1],
    )
    first, _ = impute_sizes(frame, donor(tmp_path), YIELDS)
    second, _ = impute_sizes(turned, donor(tmp_path), YIELDS)
    assert (first.columns[WAGES] != wages).sum() > 500
    for name in MADE:
        again = second.columns[name][::-1]
        assert again == pytest.approx(first.columns[name], rel=1e-4, abs=1.01), name


@pytest.fixture(scope="module")
def real() -> tuple[Frame, Frame, dict[str, Any]]:
    """Return the spine of the committed build, drawn from the whole source, and what was made."""
    config = load_config()
    spine = config.record["spine"]
    chosen = choose_households(
        household_frame(embedded_source()),
        size=spine["households"],
        excluded=incumbent_keys(embedded_source()).tolist(),
        oversampling=config.oversampling,
        smallest=spine["smallest_state"],
        seed=config.record["seed"],
    )
    sample = sample_of(chosen, embedded_source())
    frame = Frame(sample.columns, 2024, np.full(len(chosen), "psl-cps"), sample.household_keys)
    suite = load_suite()
    made = load_size_donor(suite.targets, suite.groups_of(HELD_OUT))
    return (frame, *impute_sizes(frame, made, load_mapping().constants))


def test_the_embedded_spine_meets_the_published_lines(
    real: tuple[Frame, Frame, dict[str, Any]],
) -> None:
    """Hold every line to 5 % of its returns and 3 % of its dollars, before calibration."""
    for line in real[2]["lines"]:
        published, made = line["published"], line["made"]
        assert made["returns"] == pytest.approx(published["returns"], rel=0.05), line["id"]
        assert made["usd"] == pytest.approx(published["usd"], rel=0.03), line["id"]


def test_the_embedded_spine_keeps_everything_else(
    real: tuple[Frame, Frame, dict[str, Any]],
) -> None:
    before, after, report = real
    made = load_size_donor(load_suite().targets, set())
    lines = {line.variable for line in made.lines}
    lines |= {line.split.variable for line in made.lines if line.split}
    changed = {
        name
        for name, values in after.columns.items()
        if name not in before.columns or not np.array_equal(values, before.columns[name])
    }
    assert changed == lines | set(made.assets)
    assert np.array_equal(after.weights, before.weights)
    assert report["ranked_tax_units"] < report["imputed_tax_units"] < report["tax_units"]


def test_a_tax_unit_without_its_one_head_is_refused() -> None:
    frame = population()
    roles = frame.columns["tax_unit_role_input"].copy()
    roles[int(np.flatnonzero(roles == "HEAD")[0])] = "SPOUSE"
    with pytest.raises(BuildError, match="each needs exactly one") as caught:
        tax_units(frame.with_columns({"tax_unit_role_input": roles}))
    assert caught.value.reason == "builder.tax_unit_heads"
