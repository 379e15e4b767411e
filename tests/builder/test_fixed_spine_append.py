"""Appended records: one-person households that pass the contract, and are never donors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builder.fixed_spine.append import ORIGIN, append, fixed_mask, refuse_fixed
from builder.fixed_spine.wealth import load_wealth_list
from builder.frame import Frame
from gates.contract.run import contract_findings
from schemas.dataset import ENTITIES, GROUP_ENTITIES, id_name, membership_name, open_dataset
from schemas.errors import BuildError
from schemas.logical import dataset_hashes
from schemas.writers import write_entity_tables
from tests.builder.small_frame import small_frame
from tests.small import HOUSEHOLDS, PERSONS

WEALTH = load_wealth_list()
UNITS = len(WEALTH.rank)


@pytest.fixture(scope="module")
def appended() -> Frame:
    return append(small_frame(), WEALTH, seed=1)


def test_the_frame_before_is_left_as_it_was(appended: Frame) -> None:
    before = small_frame()
    assert set(appended.columns) == set(before.columns)
    for name, values in before.columns.items():
        assert np.array_equal(appended.columns[name][: len(values)], values), name
        assert appended.columns[name].dtype.kind == values.dtype.kind, name
        assert values.dtype.kind == "U" or appended.columns[name].dtype == values.dtype, name
    assert appended.origin[:HOUSEHOLDS].tolist() == before.origin.tolist()
    assert appended.source_key[:HOUSEHOLDS].tolist() == before.source_key.tolist()


def test_each_unit_is_one_person_alone_in_all_its_groups(appended: Frame) -> None:
    for entity in ENTITIES:
        ids = appended.columns[id_name(entity)]
        assert len(np.unique(ids)) == len(ids), entity
        assert ids.max() <= np.iinfo(np.int32).max
    for entity in GROUP_ENTITIES:
        assert appended.size(entity) == HOUSEHOLDS + UNITS
        added = appended.columns[membership_name(entity)][PERSONS:]
        assert added.tolist() == appended.columns[id_name(entity)][HOUSEHOLDS:].tolist()


def test_units_are_known_by_rank_and_stand_for_themselves(appended: Frame) -> None:
    fixed = fixed_mask(appended)
    assert fixed.tolist() == [False] * HOUSEHOLDS + [True] * UNITS
    assert appended.source_key[fixed].tolist() == WEALTH.rank.tolist()
    assert appended.weights[fixed].tolist() == [1.0] * UNITS


def test_every_column_has_the_listed_value_or_a_default(appended: Frame) -> None:
    new = {name: values[-UNITS:] for name, values in appended.columns.items()}
    for name, ratio in {**WEALTH.income, **WEALTH.holdings}.items():
        assert np.allclose(new[name], WEALTH.net_worth * ratio, rtol=1e-6), name
    assert set(new["tax_unit_role_input"]) == {"HEAD"}
    assert set(new["age"]) == {71.0}
    assert not new["takes_up_ssi_if_eligible"].any()
    assert not new["is_disabled"].any()
    assert set(new["social_security_retirement"]) == {0.0}
    assert set(new["tenure_type"]) == {"NONE"}


def test_net_worth_is_filled_where_the_frame_has_it() -> None:
    frame = append(small_frame(net_worth=np.ones(HOUSEHOLDS)), WEALTH, seed=1)
    assert frame.columns["net_worth"][-UNITS:].tolist() == WEALTH.net_worth.tolist()


def test_an_enum_stored_by_index_stays_one() -> None:
    roles = np.where(np.arange(PERSONS) % 2, 2, 1).astype(np.int16)
    frame = append(small_frame(tax_unit_role_input=roles), WEALTH, seed=1)
    assert set(frame.columns["tax_unit_role_input"][-UNITS:]) == {1}


def test_stated_residence_is_kept_and_the_rest_is_drawn_by_seed(appended: Frame) -> None:
    states = appended.columns["state_fips"][-UNITS:]
    known = WEALTH.state_fips != 0
    assert states[known].tolist() == WEALTH.state_fips[known].tolist()
    assert set(states) == set(WEALTH.state_fips) - {0}
    again, other = (append(small_frame(), WEALTH, seed=seed) for seed in (1, 2))
    assert again.columns["state_fips"].tolist() == appended.columns["state_fips"].tolist()
    assert other.columns["state_fips"].tolist() != appended.columns["state_fips"].tolist()


def test_source_keys_may_be_text() -> None:
    frame = small_frame()
    text = replace(frame, source_key=frame.source_key.astype(str))
    assert append(text, WEALTH, seed=1).source_key[-1] == "400"


def test_the_file_breaks_no_contract_check(appended: Frame, tmp_path: Path) -> None:
    path = tmp_path / "appended.h5"
    write_entity_tables(path, appended.columns, appended.period)
    data = open_dataset(path)
    checks = contract_findings(data, dataset_hashes(data))["checks"]
    assert [each["id"] for each in checks if each["count"] or each.get("error")] == []
    assert sum(each["checked"] > 0 for each in checks) > 30


def test_a_stage_that_fits_donors_refuses_fixed_records(appended: Frame) -> None:
    refuse_fixed(small_frame(), "the donor stage")
    with pytest.raises(BuildError, match="the donor stage was given 393 fixed records") as caught:
        refuse_fixed(appended, "the donor stage")
    assert caught.value.reason == "fixed_spine.too_early"


def test_fixed_records_are_appended_once(appended: Frame) -> None:
    assert ORIGIN not in small_frame().origin
    with pytest.raises(BuildError, match="393 fixed records"):
        append(appended, WEALTH, seed=1)


def test_income_without_a_column_is_refused() -> None:
    frame = small_frame()
    bare = {k: v for k, v in frame.columns.items() if k != "taxable_interest_income"}
    with pytest.raises(BuildError, match="taxable_interest_income") as caught:
        append(replace(frame, columns=bare), WEALTH, seed=1)
    assert caught.value.reason == "fixed_spine.no_column"


def test_text_without_a_default_is_refused() -> None:
    frame = small_frame(county_fips=np.full(HOUSEHOLDS, "06037"))
    with pytest.raises(BuildError, match="county_fips") as caught:
        append(frame, WEALTH, seed=1)
    assert caught.value.reason == "fixed_spine.no_default"


def test_ids_beyond_int32_are_refused() -> None:
    ids = np.arange(1, HOUSEHOLDS + 1)
    ids[-1] = 2**31 - UNITS
    frame = small_frame(family_id=ids, person_family_id=np.repeat(ids, 2))
    with pytest.raises(BuildError, match="family_id") as caught:
        append(frame, WEALTH, seed=1)
    assert caught.value.reason == "fixed_spine.ids"


def test_a_list_without_any_residence_is_refused() -> None:
    nowhere = replace(WEALTH, state_fips=np.zeros(UNITS, dtype=np.int64))
    with pytest.raises(BuildError, match="states no residence"):
        append(small_frame(), nowhere, seed=1)
