"""Per mapped row: at least 90 % of the weighted, aged source total arrives in the H5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder.embedded.build import Sample
from builder.embedded.mapping import Row, aged_amount, load_mapping
from builder.embedded.provider import HOUSEHOLD_KEY
from schemas.dataset import Dataset, open_dataset
from schemas.writers import write_period_arrays

ROWS = load_mapping().rows
DOLLARS = [row for row in ROWS if row.unit == "usd" and row.variables]
FLAGS = [row for row in ROWS if row.unit == "flag"]
SHARE = 0.9


def _label(row: Row) -> str:
    return f"{'+'.join(row.columns)}-{row.variables[0] if row.variables else 'none'}"


@pytest.fixture(scope="session")
def h5(incumbent: Sample, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path: Path = tmp_path_factory.mktemp("embedded") / "incumbent.h5"
    write_period_arrays(path, incumbent.columns, incumbent.mapping.period)
    return open_dataset(path)


def _household_of(h5: Dataset, entity: str) -> np.ndarray:
    household = h5.read("person_household_id") - 1
    if entity == "person":
        return household
    rows = np.zeros(h5.size_of(entity), dtype=np.int64)
    rows[h5.read(f"person_{entity}_id") - 1] = household
    return rows


def _arrived(h5: Dataset, row: Row, keep: np.ndarray | None = None) -> float:
    weight = h5.read("household_weight")[_household_of(h5, str(row.entity))]
    total = sum(np.abs(h5.read(name).astype(np.float64)) for name in row.variables)
    return float((total * weight if keep is None else (total * weight)[keep]).sum())


def _unit_weights(sample: Sample) -> np.ndarray:
    household = np.searchsorted(sample.household_keys, sample.people.units[HOUSEHOLD_KEY])
    return np.asarray(sample.columns["household_weight"][household])


@pytest.mark.parametrize("row", DOLLARS, ids=_label)
def test_weighted_dollars_arrive(row: Row, incumbent: Sample, h5: Dataset) -> None:
    amount = aged_amount(row, incumbent.people.units, incumbent.source.growth, h5_constants())
    expected = float((np.abs(amount) * _unit_weights(incumbent)).sum())
    keep = None
    if row.allocation in ("head", "spouse"):
        spouse = h5.read("tax_unit_role_input") == "SPOUSE"
        keep = spouse if row.allocation == "spouse" else ~spouse
    assert expected > 0
    arrived = _arrived(h5, row, keep)
    assert arrived >= SHARE * expected, f"{arrived / expected:.1%} arrives"
    if row.rule != "assisted_rent":  # rent adds the tenant's own share to the subsidy
        assert arrived <= 1.001 * expected


def h5_constants() -> dict[str, float]:
    return load_mapping().constants


@pytest.mark.parametrize("row", FLAGS, ids=_label)
def test_weighted_recipients_are_flagged(row: Row, incumbent: Sample, h5: Dataset) -> None:
    """Of the recipient tax units, at least 90 % have a flagged member or SPM unit."""
    people = incumbent.people
    units = people.units
    named = (units[list(row.columns)].sum(axis=1) > 0).to_numpy()
    if row.rule == "disability":
        named = named & (people.persons.groupby("unit")["age"].max().to_numpy() < 65)
    flagged = np.logical_or.reduce([h5.read(name).astype(bool) for name in row.variables])
    if row.entity == "spm_unit":
        reached = flagged[h5.read("person_spm_unit_id")[people.head_of] - 1]
    else:
        unit = people.persons["unit"].to_numpy()
        reached = np.bincount(unit, weights=flagged, minlength=len(units)) > 0
    weights = _unit_weights(incumbent)
    assert weights[named].sum() > 0
    assert (weights * (named & reached)).sum() >= SHARE * weights[named].sum()


def test_persons_of_the_age_counts_arrive(incumbent: Sample) -> None:
    units = incumbent.people.units
    weights = _unit_weights(incumbent)
    persons = np.bincount(incumbent.people.persons["unit"], minlength=len(units))
    share = (persons * weights).sum() / (units["XTOT"] * weights).sum()
    assert 0.99 <= share <= 1.0


def test_each_unmapped_row_gives_its_reason() -> None:
    unmapped = [row for row in ROWS if not row.variables]
    assert unmapped
    assert all(row.reason and row.allocation == "none" for row in unmapped)


def test_every_source_column_has_a_row(incumbent: Sample) -> None:
    mapped = {name for row in ROWS for name in (*row.columns, *row.less)}
    ours = {HOUSEHOLD_KEY, "unit_weight"}
    assert set(incumbent.source.units.columns) - ours == mapped
