"""Donor tables made of a source's tables: columns, codes, growth, weights and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from builder.donors import tables
from builder.donors.imputation import impute
from builder.donors.spec import SPEC_DIR, DonorSpec, load_donor_spec
from builder.donors.tables import donor_table, growth_factors
from builder.sources.protocol import SourceData
from schemas.errors import BuildError
from tests.builder.donor_truth import singles

MADE = [path for path in sorted(SPEC_DIR.glob("*.json")) if load_donor_spec(path).table]


@pytest.fixture
def wages(monkeypatch: pytest.MonkeyPatch) -> DonorSpec:
    grown: Mapping[str, float] = {"AWAGE": 1.5}
    monkeypatch.setattr(tables, "growth_factors", lambda base, period: grown)
    return replace(load_donor_spec(SPEC_DIR / "puf-top-wages.json"), minimum_donors=20)


def returns(count: int = 60) -> SourceData:
    """Return filing units as the public-use file's reader gives them."""
    table = pd.DataFrame(
        {
            "tax_unit_key": np.arange(count) + 1,
            "filing_status_code": np.where(np.arange(count) % 2, 2, 1),
            "exemptions": np.arange(count) % 4 + 1,
            "employment_income": np.arange(count) * 10_000.0,
            "tax_unit_weight": np.arange(count) + 0.5,
        }
    )
    return SourceData({"tax_unit": table}, "tax_unit_weight", {})


def test_columns_codes_growth_weights_and_keys(wages: DonorSpec) -> None:
    table = donor_table(returns(), wages, period=2024)
    np.testing.assert_array_equal(table["is_joint"], np.arange(60) % 2)
    np.testing.assert_array_equal(table["tax_unit_size"], np.arange(60) % 4 + 1)
    for name in ("employment_income", "employment_income_before_lsr"):
        np.testing.assert_array_equal(table[name], np.arange(60) * 15_000)
    np.testing.assert_array_equal(table["weight"], np.arange(60) + 0.5)
    np.testing.assert_array_equal(table["source_key"], np.arange(60) + 1)
    assert set(table["source"]) == {"irs-puf-2015"}


def test_top_wages_are_redrawn_and_the_others_stay(wages: DonorSpec) -> None:
    own = np.array([0.0, 199_999.0, 200_000.0, 5_000_000.0] * 20)
    frame = singles(np.full(80, 50), employment_income_before_lsr=own)
    result, report = impute(frame, donor_table(returns(), wages, period=2024), wages, seed=1)
    redrawn = result.columns["employment_income_before_lsr"]
    top = own >= 200_000
    np.testing.assert_array_equal(redrawn[~top], own[~top])
    assert redrawn[top].min() >= 200_000
    assert redrawn[top].max() <= 59 * 15_000
    assert report["recipients"]["imputed"] == 40
    assert report["donors"]["outside_universe"] == 14  # 0 to 195,000 dollars


def test_a_source_that_lacks_what_the_spec_names_is_refused(wages: DonorSpec) -> None:
    whole = returns()
    cut = whole.tables["tax_unit"].drop(columns="exemptions")
    for data, words in (
        (replace(whole, tables={"tax_unit": cut}), "exemptions"),
        (replace(whole, tables={"person": cut}), "table"),
        (replace(whole, weight_column=None), "table"),
        (replace(whole, weight_column="s006"), "s006"),
    ):
        with pytest.raises(BuildError, match=words) as caught:
            donor_table(data, wages, period=2024)
        assert caught.value.reason == "builder.donor_columns"
    with pytest.raises(BuildError, match="table of its own"):
        donor_table(whole, replace(wages, table=None), period=2024)


def test_a_missing_value_is_not_taken_for_zero(wages: DonorSpec) -> None:
    table = returns().tables["tax_unit"].assign(employment_income=np.nan)
    made = donor_table(SourceData({"tax_unit": table}, "tax_unit_weight", {}), wages, period=2024)
    with pytest.raises(BuildError, match="not finite"):
        impute(singles(np.full(3, 50)), made, wages, seed=1)


def test_growth_is_taxcalc_s_and_an_unknown_factor_is_named(wages: DonorSpec) -> None:
    factors = growth_factors(2022, 2024)
    assert factors["AWAGE"] == pytest.approx(1.0978, abs=1e-4)
    assert wages.table is not None
    strange = replace(wages.table.columns["employment_income"], growth="AWISH")
    columns = wages.table.columns | {"employment_income": strange}
    with pytest.raises(BuildError, match="AWISH"):
        donor_table(
            returns(), replace(wages, table=replace(wages.table, columns=columns)), period=2024
        )


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_committed_tables_name_known_growth_factors(path: Path) -> None:
    table = load_donor_spec(path).table
    assert table is not None
    assert {made.growth for made in table.columns.values()} - {None} <= set(
        growth_factors(2022, 2024)
    )
