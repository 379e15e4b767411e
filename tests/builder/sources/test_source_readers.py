"""Readers: each source is understood from a small file in its publisher's own format."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import source_publisher as published

from builder.embedded.provider import SOURCE_FILE, Source
from builder.fixed_spine.wealth import FACTS
from builder.sources import embedded_cps
from builder.sources.acquire import acquire_all, provider_of
from builder.sources.catalog import UserSources, load_catalog
from builder.sources.protocol import Acquired, SourceData, SourceFile
from schemas.errors import BuildError
from schemas.records import read_record


def read(source: str, files: Mapping[str, bytes], folder: Path, **settings: int) -> SourceData:
    """Read files that lie in a folder as the source they are."""
    entry = published.served(source, files, None)
    entry = dataclasses.replace(entry, settings={**entry.settings, **settings})
    placed = []
    for name, body in files.items():
        (folder / name).write_bytes(body)
        placed.append(SourceFile(name, None, published.sha256(body), len(body), folder / name))
    return provider_of(entry, UserSources()).read(Acquired(source, tuple(placed)))


def refused(source: str, files: Mapping[str, bytes], folder: Path) -> BuildError:
    with pytest.raises(BuildError) as caught:
        read(source, files, folder)
    return caught.value


def test_asec_joins_households_families_and_persons(tmp_path: Path) -> None:
    data = read("cps-asec-2025", published.asec_files(), tmp_path)
    home, person = data.tables["household"], data.tables["person"]
    assert list(home["household_key"]) == [1, 2]  # the vacant unit is left out
    assert list(home[data.weight_column]) == [1500.25, 900.0]  # two implied decimals
    assert list(home["state_fips"]) == [6, 36]
    assert list(person["household_key"]) == [1, 1, 2]
    assert list(person["family_key"]) == ["1-1", "1-1", "2-1"]
    assert list(data.tables["family"]["family_key"]) == ["1-1", "2-1"]
    assert list(person["tax_unit_key"]) == [101, 101, 201]
    assert list(person["spouse_line"]) == [2, 1, 0]
    assert list(person["person_weight"]) == [1500.25, 1510.0, 900.0]


def test_asec_amounts_and_flags_have_their_declared_meaning(tmp_path: Path) -> None:
    person = read("cps-asec-2025", published.asec_files(), tmp_path).tables["person"]
    assert list(person["employment_income"]) == [60000, 0, 0]
    assert list(person["self_employment_income"]) == [-2500, 0, 0]
    assert list(person["pension_income"]) == [0, 0, 1500]
    assert list(person["disability_benefits"]) == [0, 1000, 0]
    assert list(person["is_female"]) == [False, True, True]
    assert list(person["has_difficulty"]) == [False, True, True]
    assert list(person["is_blind"]) == [False, False, True]
    assert person["age"].dtype == np.int64


def test_asec_spm_units_carry_their_amounts_once(tmp_path: Path) -> None:
    units = read("cps-asec-2025", published.asec_files(), tmp_path).tables["spm_unit"]
    assert list(units["spm_unit_key"]) == [1001, 2001]
    assert list(units["snap_reported"]) == [0, 1800]


def test_asec_person_without_household_is_refused(tmp_path: Path) -> None:
    homes = published.table(
        "H_SEQ GESTFIPS GTCO H_TENURE HSUP_WGT", "1 6 37 1 150025", "3 36 0 0 100"
    )
    error = refused("cps-asec-2025", published.asec_files(hhpub25_csv=homes), tmp_path)
    assert error.reason == "source.orphans"
    assert "1 rows have no household" in str(error)


def test_asec_household_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    header = "H_SEQ GESTFIPS GTCO H_TENURE HSUP_WGT"
    homes = published.table(header, "1 6 37 1 5", "2 36 0 2 7", "1 6 37 1 5")
    error = refused("cps-asec-2025", published.asec_files(hhpub25_csv=homes), tmp_path)
    assert error.reason == "source.key_twice"


def test_asec_person_without_family_is_refused(tmp_path: Path) -> None:
    families = published.table("FH_SEQ FFPOS FTYPE", "1 1 1", "2 2 2")
    error = refused("cps-asec-2025", published.asec_files(ffpub25_csv=families), tmp_path)
    assert error.reason == "source.orphans"
    assert "1 rows have no family (2-1" in str(error)


def test_asec_weights_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    header = "H_SEQ GESTFIPS GTCO H_TENURE HSUP_WGT"
    homes = published.table(header, "1 6 37 1 0", "2 36 0 2 0")
    error = refused("cps-asec-2025", published.asec_files(hhpub25_csv=homes), tmp_path)
    assert "HSUP_WGT is zero in every row" in str(error)


def test_asec_a_negative_weight_is_refused(tmp_path: Path) -> None:
    header = "H_SEQ GESTFIPS GTCO H_TENURE HSUP_WGT"
    homes = published.table(header, "1 6 37 1 -5", "2 36 0 2 10")
    assert refused("cps-asec-2025", published.asec_files(hhpub25_csv=homes), tmp_path).reason == (
        "source.bad_weight"
    )


def test_asec_a_missing_column_is_named_with_its_file(tmp_path: Path) -> None:
    families = published.table("FH_SEQ FFPOS", "1 1", "2 1")
    error = refused("cps-asec-2025", published.asec_files(ffpub25_csv=families), tmp_path)
    assert error.reason == "source.missing_column"
    assert "asecpub25csv.zip/ffpub25.csv has no column FTYPE" in str(error)


def test_acs_keeps_occupied_units_in_dollars_of_the_year(tmp_path: Path) -> None:
    data = read("acs-pums-2024", published.acs_files(), tmp_path)
    home, person = data.tables["household"], data.tables["person"]
    assert list(home["household_key"]) == [f"2024HU000000{each}" for each in (1, 2, 5, 6)]
    assert list(home["state_fips"]) == [6, 6, 36, 36]
    assert home["rent"].to_numpy() == pytest.approx([1500 * 12 * 1.01, 0, 0, 0])
    assert home["real_estate_taxes"].to_numpy() == pytest.approx([0, 5252, 9090, 0])
    assert list(home[data.weight_column]) == [40, 60, 80, 20]
    assert len(person) == 5  # the resident of group quarters is left out
    assert data.tables["left_out"].to_dict("list") == {"group_quarters": [1], "vacant": [1]}
    assert list(person["has_medicaid"]) == [False, True, False, False, False]
    assert list(person["is_enrolled"]) == [False, True, False, False, False]
    assert not home["receives_snap"].any()
    assert person["employment_income"].to_numpy() == pytest.approx([51000, 0, 0, 71400, 0])
    assert person["self_employment_income"].iloc[0] == pytest.approx(-102)
    assert list(person["household_key"].unique()) == list(home["household_key"])


def test_acs_sample_is_fixed_and_keeps_state_totals(tmp_path: Path) -> None:
    data = read("acs-pums-2024", published.acs_files(), tmp_path, sample_households=3)
    home = data.tables["household"]
    occupied = [f"2024HU000000{each}" for each in (1, 2, 5, 6)]
    chosen = sorted(occupied, key=lambda each: published.sha256(each.encode()))[:3]
    assert chosen != occupied[:3]
    assert set(home["household_key"]) == set(chosen)
    totals = home.groupby("state_fips")[data.weight_column].sum()
    assert totals.to_dict() == pytest.approx({6: 100, 36: 100})
    assert set(data.tables["person"]["household_key"]) == set(home["household_key"])


def test_acs_sample_that_loses_a_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="leaves out state"):
        read("acs-pums-2024", published.acs_files(), tmp_path, sample_households=1)


def test_acs_persons_must_be_as_many_as_the_household_says(tmp_path: Path) -> None:
    files = published.acs_files()
    one = published.table(
        published.ACS_PERSON, "P 2024HU0000001 1 41 1020000 34 2 20 1 2 2 1 0 0 0 0 0 0 0 2 1"
    )
    files["csv_pus.zip"] = published.make_zip({"psam_pusa.csv": one, "psam_pusb.csv": one})
    error = refused("acs-pums-2024", files, tmp_path)
    assert "other persons than NP says in 3 households" in str(error)


def test_acs_a_member_missing_in_the_zip_is_named(tmp_path: Path) -> None:
    files = published.acs_files()
    row = "H 2024HU0000001 06 03701 1010000 1020000 40 2 1 3 2 1 1500 1700 _ 2"
    files["csv_hus.zip"] = published.make_zip(
        {"psam_husa.csv": published.table(published.ACS_HOUSEHOLD, row), "notes.txt": ""}
    )
    error = refused("acs-pums-2024", files, tmp_path)
    assert error.reason == "source.missing_member"
    assert "psam_husb.csv, not one; it holds notes.txt, psam_husa.csv" in str(error)


def test_acs_serial_number_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    files = published.acs_files()
    row = "H 2024HU0000001 06 03701 1010000 1020000 40 2 1 3 2 1 1500 1700 _ 2"
    text = published.table(published.ACS_HOUSEHOLD, row)
    files["csv_hus.zip"] = published.make_zip({"psam_husa.csv": text, "psam_husb.csv": text})
    assert refused("acs-pums-2024", files, tmp_path).reason == "source.key_twice"


def test_acs_without_an_occupied_unit_is_refused(tmp_path: Path) -> None:
    files = published.acs_files()
    vacant = published.table(
        published.ACS_HOUSEHOLD, "H 2024HU3 06 03702 1010000 1020000 25 0 1 _ 3 _ _ _ _ _"
    )
    files["csv_hus.zip"] = published.make_zip({"psam_husa.csv": vacant, "psam_husb.csv": vacant})
    assert refused("acs-pums-2024", files, tmp_path).reason == "source.no_rows"


def test_scf_implicates_share_the_unit_and_its_weight(tmp_path: Path) -> None:
    data = read("scf-2022", published.scf_files(), tmp_path)
    home = data.tables["household"]
    assert list(home["implicate"]) == [1, 2, 3, 4, 5]
    assert set(home["household_key"]) == {1}
    assert home[data.weight_column].sum() == pytest.approx(5 * 1200.5)  # WGT is a fifth already
    assert list(home["employment_income"]) == [50001, 50002, 50003, 50004, 50005]
    assert home["bank_account_assets"].iloc[0] == 8001 + 2000
    assert home["stock_assets"].iloc[0] == 3500
    assert home["capital_gains"].iloc[0] == -400
    assert not home["is_married"].any()


@pytest.mark.parametrize(
    "implicates", [(1, 2, 3, 4), (1, 2, 3, 4, 4), (1, 2, 3, 4, 6), (1, 2, 3, 4, 5, 5)]
)
def test_scf_without_its_five_implicates_is_refused(
    tmp_path: Path, implicates: tuple[int, ...]
) -> None:
    error = refused("scf-2022", published.scf_files(implicates), tmp_path)
    assert error.reason == "source.implicates"


def test_sipp_sums_months_and_takes_december(tmp_path: Path) -> None:
    data = read("sipp-2023", published.sipp_files(), tmp_path)
    person = data.tables["person"]
    assert list(person["household_key"]) == ["000114285061"] * 2  # text: zeros stay
    assert list(person["line"]) == [101, 102]  # who left before December is left out
    assert list(person["employment_income"]) == [12 * 3250, 0]
    assert list(person["interest_income"]) == [120, 0]
    assert list(person["tip_income"]) == [12 * 42, 0]
    assert list(person["bank_account_assets"]) == [1012, 0]
    assert list(person[data.weight_column]) == [4012.25, 5100.5]
    assert list(person["months_observed"]) == [12, 12]
    assert list(person["is_blind"]) == [False, True]
    assert list(person["has_difficulty"]) == [True, True]
    assert list(person["is_married"]) == [True, False]


def test_sipp_months_observed_are_counted(tmp_path: Path) -> None:
    person = read("sipp-2023", published.sipp_files(months=(10, 11, 12)), tmp_path).tables["person"]
    assert list(person["months_observed"]) == [3, 12]
    assert person["employment_income"].iloc[0] == 3 * 3250


def test_sipp_a_month_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    error = refused("sipp-2023", published.sipp_files(months=(11, 12, 12)), tmp_path)
    assert error.reason == "source.key_twice"


def test_puf_reads_returns_and_keeps_aggregates_apart(tmp_path: Path) -> None:
    data = read("irs-puf-2015", published.puf_files(), tmp_path)
    units, aggregate = data.tables["tax_unit"], data.tables["aggregate_tax_unit"]
    assert list(units["tax_unit_key"]) == [4]
    assert list(aggregate["tax_unit_key"]) == [999999]
    assert list(units[data.weight_column]) == [125.5]  # S006 has two implied decimals
    row = units.iloc[0]
    assert row["employment_income"] == 80000
    assert row["qualified_dividend_income"] == 600
    assert row["non_qualified_dividend_income"] == 300
    assert row["long_term_capital_gains"] == 7000
    assert row["short_term_capital_gains"] == -3000
    assert row["tax_exempt_pension_income"] == 1500
    assert row["rental_income"] == 1000
    assert row["partnership_s_corp_income"] == 5000
    assert row["estate_income"] == -50


def test_puf_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    body = published.puf_files()["puf_2015.csv"].replace(b",80000,", b",8O000,")
    error = refused("irs-puf-2015", {"puf_2015.csv": body}, tmp_path)
    assert error.reason == "source.not_numeric"
    assert "puf_2015.csv line 2: E00200 is '8O000'" in str(error)


def test_puf_an_empty_cell_is_refused(tmp_path: Path) -> None:
    body = published.puf_files()["puf_2015.csv"].replace(b",80000,", b",,")
    error = refused("irs-puf-2015", {"puf_2015.csv": body}, tmp_path)
    assert "puf_2015.csv: E00200 is empty in 1 rows" in str(error)


def test_ssa_table_is_read_with_its_suppressions(tmp_path: Path) -> None:
    data = read("ssa-ssi-2024-12", published.ssa_files(), tmp_path)
    state, country = data.tables["state"], data.tables["country"]
    assert data.weight_column is None
    assert list(state["state_fips"]) == [6, 10]
    assert list(state["ssi_recipients"]) == [1113205, 511]
    assert state["ssi_recipients_under_18"].isna().tolist() == [False, True]
    assert list(country["ssi_recipients_65_or_older"]) == [678055]


ALL = "All areas,30,10,20,5,15,10"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((ALL, "Ohio,30,10,20,5,15,11"), "not_additive"),
        ((ALL, "Ohio,30,11,20,5,15,10"), "not_additive"),
        ((ALL, "Ohio,30,10,20,5,n/a,10"), "not_numeric"),
        ((ALL, "Ohio,30,10,20,5,,10"), "not_numeric"),
        ((ALL, "Ohio,30,10,20,-5,25,10"), "not_numeric"),
        ((ALL, "Atlantis,30,10,20,5,15,10"), "unknown_area"),
        ((ALL, ALL), "unknown_area"),
        (("Ohio,30,10,20,5,15,10",), "unknown_area"),
    ],
)
def test_ssa_table_that_is_not_the_published_one_is_refused(
    tmp_path: Path, rows: tuple[str, ...], reason: str
) -> None:
    error = refused("ssa-ssi-2024-12", published.ssa_files(*rows), tmp_path)
    assert error.reason == f"source.{reason}"


def test_embedded_source_is_a_provider_like_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = pd.DataFrame({"e00200": [1.0], "unit_weight": [3.5]})
    asked = []

    def small(*periods: int) -> Source:
        asked.append(periods)
        return Source(units, {}, {}, {})

    monkeypatch.setattr(embedded_cps, "read_source", small)
    catalog = tuple(each for each in load_catalog() if each.id == "psl-cps")
    found = acquire_all(catalog, tmp_path, offline=True)
    row = found.report["sources"][0]
    assert row["status"] == "present"
    declared = read_record(SOURCE_FILE, "source_semantics")["sources"]
    assert [each["sha256"] for each in row["files"]] == [each["sha256"] for each in declared]
    data = found.read("psl-cps")
    assert asked == [(2024, 2014)]
    assert data.tables["tax_unit"][data.weight_column].sum() == 3.5
    assert data.semantics["id"] == "psl-cps"


def test_embedded_source_without_its_package_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_cps, "find_spec", lambda name: None)
    catalog = tuple(each for each in load_catalog() if each.id == "psl-cps")
    row = acquire_all(catalog, tmp_path, offline=True).report["sources"][0]
    assert (row["status"], row["reason"]) == ("absent", "source.not_installed")


def test_embedded_source_of_other_bytes_is_refused(tmp_path: Path) -> None:
    entry = next(each for each in load_catalog() if each.id == "psl-cps")
    files = (dataclasses.replace(entry.files[2], sha256="0" * 64),)
    catalog = (dataclasses.replace(entry, files=files),)
    row = acquire_all(catalog, tmp_path, offline=True).report["sources"][0]
    assert (row["status"], row["reason"]) == ("refused", "source.wrong_hash")


def test_wealth_list_is_present_with_its_hash_and_stands_for_itself(tmp_path: Path) -> None:
    catalog = tuple(each for each in load_catalog() if each.id == "forbes-400-2024")
    found = acquire_all(catalog, tmp_path, offline=True)
    row = found.report["sources"][0]
    assert row["status"] == "present"
    assert row["files"][0]["sha256"] == published.sha256(FACTS.read_bytes())
    data = found.read("forbes-400-2024")
    units = data.tables["household"]
    assert data.weight_column is None
    assert set(units.columns) == {each["name"] for each in data.semantics["variables"]}
    assert units["net_worth"].is_monotonic_decreasing
    record = read_record(FACTS, "wealth_list")
    assert units["net_worth"].sum() == record["coverage"]["stored_net_worth"]
    assert (data.semantics["title"], data.semantics["id"]) == (record["title"], record["id"])
