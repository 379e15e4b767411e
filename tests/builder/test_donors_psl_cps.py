"""The embedded donor: households of the CPS file that neither sample holds, by id."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from builder.donors.features import predictor_table, records_of, target_values
from builder.donors.imputation import impute
from builder.donors.psl_cps import PSL_CPS_SPEC, donor_keys, embedded_donors
from builder.donors.spec import DonorSpec, ForestSettings, SignSettings, Support, load_donor_spec
from builder.embedded.build import Sample
from builder.embedded.provider import HOUSEHOLD_KEY
from builder.frame import Frame
from schemas.errors import BuildError


@pytest.fixture(scope="module")
def spec() -> DonorSpec:
    return load_donor_spec(PSL_CPS_SPEC)


def _frame(sample: Sample) -> Frame:
    keys = sample.household_keys
    return Frame(sample.columns, 2024, np.full(len(keys), "psl-cps"), keys)


@pytest.fixture(scope="module")
def table(candidate: Sample) -> pd.DataFrame:
    return embedded_donors(candidate.household_keys, households=6000)


def test_no_incumbent_or_excluded_household_is_a_donor_of_the_whole_source(
    candidate: Sample, incumbent: Sample
) -> None:
    own = donor_keys(candidate.household_keys)
    every = candidate.source.units[HOUSEHOLD_KEY].nunique()
    assert len(own) == every - 8000
    assert not np.isin(own, incumbent.household_keys).any()
    assert not np.isin(own, candidate.household_keys).any()
    np.testing.assert_array_equal(donor_keys([*candidate.household_keys.astype(str), "acs-1"]), own)
    assert not np.isin(donor_keys(()), incumbent.household_keys).any()


def test_the_table_has_the_columns_of_the_spec_and_only_donors(
    table: pd.DataFrame, candidate: Sample, incumbent: Sample, spec: DonorSpec
) -> None:
    assert set(table) == {*spec.predictors, *spec.targets, "weight", "source_key", "source"}
    assert table["source_key"].nunique() == 6000
    allowed = donor_keys(candidate.household_keys)
    assert table["source_key"].isin(allowed).all()
    assert not table["source_key"].isin(incumbent.household_keys).any()
    assert set(table["source"]) == {"psl-cps"}
    states = table["state_fips"].value_counts(normalize=True)
    source = candidate.source.units["fips"].value_counts(normalize=True)
    assert states.loc[6] == pytest.approx(source.loc[6], abs=0.02)  # taken from all states alike
    assert len(states) == 51


def test_donors_are_what_the_samples_are_of_the_same_households(
    candidate: Sample, incumbent: Sample, spec: DonorSpec
) -> None:
    """Exclude all but the candidate's households: their table must be the candidate's own."""
    keys = candidate.source.units[HOUSEHOLD_KEY].unique()
    others = np.setdiff1d(keys, candidate.household_keys)
    donors = embedded_donors(others)
    records = records_of(_frame(candidate), "tax_unit")
    own = predictor_table(records, spec.predictors, {})
    for name in spec.predictors:
        np.testing.assert_array_equal(donors[name], own[name])
    for name in spec.targets:  # in dollars of 2024, grown as the mapping says
        np.testing.assert_array_equal(donors[name], target_values(records, name))
    weights = candidate.source.units.groupby(HOUSEHOLD_KEY)["unit_weight"].mean()
    np.testing.assert_allclose(donors["weight"], weights.loc[donors["source_key"]])


def test_nobody_left_is_a_typed_error(candidate: Sample) -> None:
    keys = candidate.source.units[HOUSEHOLD_KEY].unique()
    with pytest.raises(BuildError, match="every household") as caught:
        embedded_donors(keys)
    assert caught.value.reason == "builder.donor_excluded"


def test_the_committed_spec_runs_on_the_candidate(
    table: pd.DataFrame, candidate: Sample, spec: DonorSpec
) -> None:
    small = replace(
        spec,
        minimum_donors=1000,
        targets=("real_estate_taxes", "home_mortgage_interest"),
        support=Support(extrapolates=False, ranges={"age": (0, 120)}),
        sign_model=SignSettings(15, 25, 4000),
        forest=ForestSettings(15, 10, 30, 4000, 50),
    )
    frame = _frame(candidate)
    result, report = impute(
        frame, table, small, seed=1, exclude_keys=set(candidate.household_keys.tolist())
    )
    assert report["excluded_donors"] == {"keys": 4000, "found": 0}
    assert report["recipients"]["imputed"] == frame.size("tax_unit")
    for target in report["targets"]:
        donor, recipient = target["donors"], target["recipients"]
        assert recipient["share_nonzero"] == pytest.approx(donor["share_nonzero"], abs=0.06)
        assert recipient["mean"] == pytest.approx(donor["mean"], rel=0.15)
    assert set(result.columns) == set(frame.columns)
    untouched = set(frame.columns) - set(small.targets)
    assert all(result.columns[name] is frame.columns[name] for name in untouched)


def test_an_incumbent_household_in_the_table_stops_the_imputation(
    table: pd.DataFrame, incumbent: Sample, candidate: Sample, spec: DonorSpec
) -> None:
    planted = table.assign(source_key=[incumbent.household_keys[7], *table["source_key"][1:]])
    keys = set(incumbent.household_keys.tolist())
    with pytest.raises(BuildError, match="1 excluded household") as caught:
        impute(_frame(candidate), planted, spec, seed=1, exclude_keys=keys)
    assert caught.value.reason == "builder.donor_excluded"
