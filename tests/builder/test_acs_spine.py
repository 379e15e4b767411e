"""ACS households as engine inputs, chosen by state, and beside CPS households in one spine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from microdf import MicroSeries

from builder.embedded.build import Sample
from builder.frame import Frame, entity_ids
from builder.national.acs import acs_frame, choose_acs, combine, with_acs
from builder.national.acs_units import ADULT
from builder.sources.protocol import SourceData
from gates.contract.run import contract_findings
from schemas.dataset import GROUP_ENTITIES, open_dataset
from schemas.errors import BuildError
from schemas.logical import dataset_hashes
from schemas.writers import write_entity_tables, write_period_arrays
from tests.builder.acs_sample import (
    FIPS,
    Home,
    homes_of_all_states,
    person,
    read_acs,
    sources_with,
)

SIZE, SHARE, SEED = 153, 0.3, 11


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SourceData:
    return read_acs(homes_of_all_states(6), tmp_path_factory.mktemp("acs"))


@pytest.fixture(scope="module")
def cps(candidate: Sample) -> Frame:
    keys = candidate.household_keys
    return Frame(candidate.columns, 2024, np.full(len(keys), "psl-cps"), keys)


@pytest.fixture(scope="module")
def acs(source: SourceData) -> Frame:
    return acs_frame(choose_acs(source, size=SIZE, seed=SEED), 2024)


@pytest.fixture(scope="module")
def spine(cps: Frame, acs: Frame) -> Frame:
    return combine(cps, acs, SHARE)


def one(members: list[dict[str, object]], folder: Path, **own: object) -> Frame:
    return acs_frame(read_acs([Home(members, own)], folder), 2024)


def total(frame: Frame, rows: np.ndarray) -> float:
    return float(MicroSeries(rows.astype(float), weights=frame.weights).sum())


def test_dollars_are_whole_and_where_the_engine_has_them(tmp_path: Path) -> None:
    frame = one(
        [
            person(50, WAGP=50000, SEMP=-300, INTP=700, RETP=1200, MAR=1),
            person(48, 21, INTP=-450, MAR=1),
            person(9, 25),
        ],
        tmp_path,
        **{"RNTP": 1000, "GRNTP": 1300, "TAXAMT": "_", "ADJHSG": 1010000, "ADJINC": 1020400},
    )
    expected = {
        "employment_income_before_lsr": [50000, 0, 0],
        "self_employment_income_before_lsr": [-300, 0, 0],
        "taxable_interest_income": [700, 0, 0],
        "rental_income": [0, -450, 0],
        "taxable_private_pension_income": [1200, 0, 0],
        "pre_subsidy_rent": [12120, 0, 0],
        "real_estate_taxes": [0, 0, 0],
        "age": [50, 48, 9],
    }
    for name, values in expected.items():
        assert frame.columns[name].tolist() == values, name
    assert frame.columns["employment_income_before_lsr"].dtype == np.float32
    adjusted = one([person(50, WAGP=1001, ADJINC=1020400)], tmp_path)
    assert adjusted.columns["employment_income_before_lsr"].tolist() == [1021]  # 1021.4


def test_costs_are_the_reference_persons_whatever_his_line(tmp_path: Path) -> None:
    frame = one([person(70, 29), person(40)], tmp_path, TAXAMT=3000, TEN=1, STATE=36, WGTP=77)
    assert frame.columns["real_estate_taxes"].tolist() == [0, 3000]
    assert frame.columns["tenure_type"].tolist() == ["OWNED_WITH_MORTGAGE"]
    assert frame.columns["state_fips"].tolist() == [36]
    assert frame.weights.tolist() == [77]
    assert {"bedrooms", "household_vehicles_owned"} <= set(frame.columns)


@pytest.mark.parametrize(
    ("code", "tenure"),
    [(1, "OWNED_WITH_MORTGAGE"), (2, "OWNED_OUTRIGHT"), (3, "RENTED"), (4, "NONE")],
)
def test_tenure(code: int, tenure: str, tmp_path: Path) -> None:
    assert one([person(40)], tmp_path, TEN=code).columns["tenure_type"].tolist() == [tenure]


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ([person(62, SSP=900)], "retirement"),
        ([person(61, SSP=900, DIS=1)], "disability"),
        ([person(17, 25, SSP=900), person(40)], "dependents"),
        ([person(60, SSP=900, MAR=2)], "survivors"),
        ([person(60, SSP=900, MAR=1), person(60, 21, MAR=1)], "disability"),
        ([person(35, SSP=900), person(4, 25)], "survivors"),
        ([person(35, SSP=900), person(20, 25, SCH=2)], "disability"),
        ([person(35, SSP=900)], "disability"),
    ],
)
def test_kind_of_social_security(
    members: list[dict[str, object]], kind: str, tmp_path: Path
) -> None:
    frame = one(members, tmp_path)
    kinds = ("retirement", "disability", "survivors", "dependents")
    sums = {each: frame.columns[f"social_security_{each}"].sum() for each in kinds}
    assert sums == {each: 900 if each == kind else 0 for each in kinds}


def test_receipt_is_take_up_evidence_and_ssi_is_no_amount(tmp_path: Path) -> None:
    frame = one(
        [
            person(66, SSIP=5000, HINS4=1, DEYE=1),
            person(40, 25, SSIP=4000, DIS=1),
            person(30, 34, PAP=800),
        ],
        tmp_path,
        FS=1,
    )
    expected = {
        "takes_up_snap_if_eligible": [True, False],  # of the reference person's SPM unit
        "takes_up_tanf_if_eligible": [False, True],
        "takes_up_medicaid_if_eligible": [True, False, False],
        "takes_up_ssi_if_eligible": [True, True, False],
        "meets_ssi_disability_criteria": [False, True, False],
        "is_disabled": [False, True, False],
        "is_blind": [True, False, False],
    }
    for name, values in expected.items():
        assert frame.columns[name].tolist() == values, name
    assert not [name for name in frame.columns if name.startswith("ssi")]


def test_keys_hang_on_the_serial_number_alone(acs: Frame, source: SourceData, cps: Frame) -> None:
    other = acs_frame(choose_acs(source, size=2 * SIZE, seed=SEED), 2024)
    assert acs.source_key.dtype == np.int64
    assert acs.source_key.min() > cps.source_key.max()
    assert acs.source_key.max() < 2**49  # times 64 units of a household it is an int64 still
    assert acs_frame(source, 2024).source_key[0] == 500926607573020
    assert len(np.intersect1d(acs.source_key, other.source_key)) > SIZE / 4
    assert set(acs.origin) == {"acs-pums"}


def test_two_households_with_one_key_and_another_year_are_refused(source: SourceData) -> None:
    homes = source.tables["household"]
    doubled = {**source.tables, "household": pd.concat([homes, homes.iloc[:1]])}
    with pytest.raises(BuildError) as caught:
        acs_frame(replace(source, tables=doubled), 2024)
    assert caught.value.reason == "acs.key_twice"
    with pytest.raises(BuildError, match="dollars of 2024, the spine of 2025") as caught:
        acs_frame(source, 2025)
    assert caught.value.reason == "acs.period"


def test_the_choice_is_as_large_as_asked_and_keeps_states_and_their_weight(
    source: SourceData,
) -> None:
    chosen = choose_acs(source, size=SIZE, seed=SEED).tables["household"]
    assert len(chosen) == SIZE
    assert set(chosen["state_fips"]) == set(FIPS)
    weights = source.tables["household"].groupby("state_fips")["household_weight"].sum()
    pd.testing.assert_series_equal(
        chosen.groupby("state_fips")["household_weight"].sum(), weights, rtol=0.5
    )
    spread = chosen.groupby("state_fips")["household_weight"].agg(["min", "max"])
    np.testing.assert_allclose(spread["max"], spread["min"])  # proportional to weight


def test_the_choice_is_the_same_again_and_another_with_another_seed(source: SourceData) -> None:
    first, again, other = (choose_acs(source, size=SIZE, seed=each) for each in (SEED, SEED, 12))
    for name in ("household", "person"):
        pd.testing.assert_frame_equal(first.tables[name], again.tables[name])
    keys = [set(each.tables["household"]["household_key"]) for each in (first, other)]
    assert keys[0] != keys[1]
    assert set(first.tables["person"]["household_key"]) == keys[0]


def test_a_household_of_minors_or_without_weight_is_never_chosen(tmp_path: Path) -> None:
    homes = [Home([person(16)]), Home([person(40)], {"WGTP": 0}), Home([person(40)])]
    data = read_acs(homes, tmp_path)
    chosen = choose_acs(data, size=1, seed=1).tables["household"]
    assert chosen["household_key"].tolist() == ["2024HU0000003"]
    with pytest.raises(BuildError, match="1 households are left for a spine of 2"):
        choose_acs(data, size=2, seed=1)


def test_both_together_represent_the_households_once(spine: Frame, cps: Frame) -> None:
    is_acs = spine.origin == "acs-pums"
    households = total(cps, np.ones(cps.size("household")))
    assert total(spine, np.ones(len(is_acs))) == pytest.approx(households)
    assert total(spine, is_acs) == pytest.approx(SHARE * households)
    own, before = spine.weights[: cps.size("household")], cps.weights
    np.testing.assert_allclose(own / before, 1 - SHARE)
    for state in FIPS:
        before = total(cps, cps.columns["state_fips"] == state)
        after = total(spine, is_acs & (spine.columns["state_fips"] == state))
        assert after == pytest.approx(SHARE * before)


def test_acs_weights_keep_their_proportions_in_a_state(source: SourceData) -> None:
    frame = acs_frame(source, 2024)
    cps = replace(frame, origin=np.full(frame.size("household"), "psl-cps"))
    both = combine(cps, frame, 0.25)
    size = frame.size("household")
    np.testing.assert_allclose(both.weights[size:], 0.25 * frame.weights)
    np.testing.assert_allclose(both.weights[:size], 0.75 * frame.weights)


def test_ids_are_unique_int32_from_one_and_members_find_their_groups(
    spine: Frame, cps: Frame, acs: Frame
) -> None:
    for name in entity_ids():
        assert spine.columns[name].dtype == np.int32
    for entity in ("person", *GROUP_ENTITIES):
        ids = spine.columns[f"{entity}_id"]
        np.testing.assert_array_equal(ids, np.arange(1, len(ids) + 1))
        assert len(ids) == cps.size(entity) + acs.size(entity)
    for entity in GROUP_ENTITIES:
        rows = spine.row_of(entity)
        people = cps.size("person")
        np.testing.assert_array_equal(rows[:people], cps.row_of(entity))
        np.testing.assert_array_equal(rows[people:] - cps.size(entity), acs.row_of(entity))


def test_every_unit_has_an_adult_and_one_head(spine: Frame) -> None:
    adult = (spine.columns["age"] >= ADULT).astype(float)
    assert (spine.sum_to("spm_unit", adult) >= 1).all()
    role = spine.columns["tax_unit_role_input"]
    assert (spine.sum_to("tax_unit", (role == "HEAD").astype(float)) == 1).all()
    assert (spine.sum_to("tax_unit", (role == "SPOUSE").astype(float)) <= 1).all()


def test_what_one_side_lacks_is_the_engines_default(spine: Frame, cps: Frame, acs: Frame) -> None:
    homes, people = cps.size("household"), cps.size("person")
    assert set(spine.columns) == set(cps.columns) | set(acs.columns)
    assert set(spine.columns["tenure_type"][:homes]) == {"NONE"}
    np.testing.assert_array_equal(spine.columns["tenure_type"][homes:], acs.columns["tenure_type"])
    assert not spine.columns["bedrooms"][:homes].any()
    assert not spine.columns["charitable_cash_donations"][people:].any()
    assert not spine.columns["receives_housing_assistance"][cps.size("spm_unit") :].any()
    assert not spine.columns["takes_up_housing_assistance_if_eligible"][
        cps.size("spm_unit") :
    ].any()
    for name in set(cps.columns) - set(acs.columns):
        assert spine.columns[name].dtype == cps.columns[name].dtype, name


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_beyond_its_bounds_is_refused(cps: Frame, acs: Frame, share: float) -> None:
    with pytest.raises(BuildError) as caught:
        combine(cps, acs, share)
    assert caught.value.reason == "acs.share"


def test_states_must_be_the_same(cps: Frame, tmp_path: Path) -> None:
    acs = acs_frame(read_acs([Home([person(40)])], tmp_path), 2024)
    with pytest.raises(BuildError, match="state 1 has households of CPS or ACS") as caught:
        combine(cps, acs, SHARE)
    assert caught.value.reason == "acs.states"


def test_frames_of_two_years_text_without_a_default_and_full_ids_are_refused(
    cps: Frame, acs: Frame
) -> None:
    with pytest.raises(BuildError) as caught:
        combine(cps, replace(acs, period=2023), SHARE)
    assert caught.value.reason == "acs.share"
    puma = np.full(acs.size("household"), "03701")
    with pytest.raises(BuildError, match="no default for the text puma") as caught:
        combine(cps, acs.with_columns({"puma": puma}), SHARE)
    assert caught.value.reason == "acs.no_default"
    ids = cps.columns["person_id"].astype(np.int64) + np.iinfo(np.int32).max - len(acs.weights)
    with pytest.raises(BuildError, match="no room") as caught:
        combine(cps.with_columns({"person_id": ids}), acs, SHARE)
    assert caught.value.reason == "acs.ids"


@pytest.mark.parametrize("write", [write_period_arrays, write_entity_tables])
def test_the_contract_finds_nothing_in_the_written_file(
    write: object, spine: Frame, cps: Frame, tmp_path: Path
) -> None:
    assert callable(write)
    found = []
    for name, frame in {"cps": cps, "spine": spine}.items():
        write(tmp_path / f"{name}.h5", dict(frame.columns), frame.period)
        dataset = open_dataset(tmp_path / f"{name}.h5")
        record = contract_findings(dataset, dataset_hashes(dataset))
        found.append({each["id"]: each["count"] for each in record["checks"]})
        assert not [each for each in record["checks"] if "error" in each]
    assert found[1] == found[0]
    assert not any(found[1].values())


def test_the_source_joins_where_it_is_at_hand(cps: Frame, tmp_path: Path) -> None:
    homes = [*homes_of_all_states(2), Home([person(15)])]
    homes += [Home([], {"NP": 0}), Home([], {"NP": 0})]
    asked = {"households": 60, "weight_share": 0.2}
    made = with_acs(cps, sources_with(homes, tmp_path), asked, seed=SEED)
    assert made.frame.size("household") == cps.size("household") + 60
    assert made.cps_share == pytest.approx(0.8)
    assert made.facts["acs"] == {
        **asked,
        "left_out_without_adult": 1,
        "left_out_group_quarters": 1,
        "left_out_vacant": 2,
    }


def test_nothing_stands_in_for_an_absent_source(cps: Frame, tmp_path: Path) -> None:
    asked = {"households": 60, "weight_share": 0.2}
    made = with_acs(cps, sources_with(None, tmp_path), asked, seed=SEED)
    assert made.frame is cps
    assert made.cps_share == 1
    assert made.facts["acs"].startswith("absent: csv_hus.zip is never downloaded")
    unasked = with_acs(cps, sources_with(None, tmp_path), None, seed=SEED)
    assert (unasked.frame, unasked.facts) == (cps, {})
