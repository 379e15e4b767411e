"""A whole national build with ACS households: what they lack comes from the CPS file's donors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from microdf import MicroSeries

from builder.donors.psl_cps import embedded_donors
from builder.donors.spec import ForestSettings, SignSettings
from builder.frame import Frame, load_frame
from builder.national import build as building
from builder.national import steps
from builder.national.build import Built, build_national
from builder.national.config import NationalConfig, config_of
from builder.national.steps import Steps
from builder.stages.stage import StageContext
from schemas.dataset import open_dataset
from schemas.errors import BuildError
from schemas.extensions import load_extension
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record
from tests.builder.acs_sample import ACS, catalog_with, homes_of_all_states, sources_with
from tests.builder.national_sample import (
    FIXED,
    SAMPLED,
    StandInEngine,
    small_config,
    small_record,
    small_source,
)

ASKED = {"households": 102, "weight_share": 0.3}
TARGETS = ("unemployment_compensation", "home_mortgage_interest")
SPINE = small_record()["spine"] | {"acs": ASKED}


def config() -> NationalConfig:
    """Return the small build with ACS households and a small forest for two variables of theirs."""
    made = small_config(
        spine=SPINE,
        donors={"forests": ["psl-cps-acs"], "sizes": True},
        calibration=small_record()["calibration"] | {"epochs": 2},
    )
    (spec,) = made.forests
    known = {*spec.predictors, *TARGETS}
    ranges = {name: each for name, each in spec.support.ranges.items() if name in known}
    small = replace(
        spec,
        support=replace(spec.support, ranges=ranges),
        targets=TARGETS,
        minimum_donors=1000,
        sign_model=SignSettings(10, 25, 2000),
        forest=ForestSettings(10, 10, 30, 2000, 50),
    )
    return replace(made, forests=(small,))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("acs-build")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(folder / "cache"))
        patch.setattr(steps, "embedded_source", small_source)
        patch.setattr(steps, "embedded_donors", partial(embedded_donors, households=2000))
        yield folder


@pytest.fixture(scope="module")
def built(place: Path) -> Built:
    catalog, user = catalog_with(homes_of_all_states(6), place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "load_catalog", lambda: catalog)
        return build_national(config(), place / "run", user=user, simulator=StandInEngine())


def stage(built: Built, name: str) -> Path:
    return next(each.folder for each in built.records if each.id == name)


def make_spine(place: Path, name: str, **changes: Any) -> tuple[Path, dict[str, Any]]:
    """Run the spine stage alone, without the ACS at hand."""
    folder = place / name
    folder.mkdir()
    sources = sources_with(None, folder)
    context = StageContext(folder, {}, {}, lambda *_: None, place / f"{name}.scratch")
    facts = Steps(small_config(**changes), sources, StandInEngine()).make_spine(context)
    return folder, dict(facts)


@pytest.fixture(scope="module")
def plain(place: Path) -> tuple[Path, dict[str, Any]]:
    """Folder and facts of the spine stage of a build that asks for no ACS."""
    return make_spine(place, "plain")


def test_the_file_holds_both_kinds_of_households_and_says_whence(built: Built) -> None:
    dataset = open_dataset(built.candidate)
    assert dataset.size_of("household") == SAMPLED + ASKED["households"] + FIXED
    tables = load_extension(candidate_manifest_path(built.candidate), "provenance")
    (origins,) = (t["origin"] for t in tables.values() if "origin" in t)
    counts = origins.value_counts().to_dict()
    assert counts == {"psl-cps": SAMPLED, "acs-pums": ASKED["households"], "forbes-400": FIXED}
    spine = next(each for each in built.records if each.id == "spine")
    assert spine.facts["acs"]["households"] == ASKED["households"]
    assert spine.facts["households"] == SAMPLED + ASKED["households"]
    record = read_record(candidate_manifest_path(built.candidate), "candidate_manifest")
    assert f"{ACS}.csv_hus.zip" in [each["id"] for each in record["sources"]]
    assert "psl-cps-acs" in record["donor_specs"]


def test_ids_of_the_file_are_positive_and_weights_too(built: Built) -> None:
    dataset = open_dataset(built.candidate)
    for name in (name for name in dataset.variables if name.endswith("_id")):
        ids = dataset.read(name)
        assert ids.dtype.kind == "i"
        assert ids.min() >= 1
    assert (dataset.read("household_weight") > 0).all()


def test_only_acs_households_receive_what_they_lack(built: Built) -> None:
    before, after = (load_frame(stage(built, each)) for each in ("spine", "donors"))
    is_acs = (before.origin == "acs-pums")[before.row_of("household")]
    for name in TARGETS:
        old, new = before.columns[name], after.columns[name]
        assert not old[is_acs].any()
        assert (new[is_acs] > 0).any()
        np.testing.assert_array_equal(new[~is_acs], old[~is_acs])
    report = read_record(stage(built, "donors") / "psl-cps-acs.donor.json", "donor_report")
    units = before.row_of("tax_unit")[is_acs]
    assert report["recipients"]["imputed"] == len(np.unique(units))
    assert report["excluded_donors"]["found"] == 0


def test_size_distributions_are_put_into_acs_households_as_well(built: Built) -> None:
    frame = load_frame(stage(built, "donors"))
    is_acs = (frame.origin == "acs-pums")[frame.row_of("household")]
    assert frame.columns["qualified_dividend_income"][is_acs].any()


def test_phase_one_holds_the_cps_households_to_their_part(
    built: Built, plain: tuple[Path, dict[str, Any]]
) -> None:
    with_acs, alone = stage(built, "spine"), plain[0]
    files = [np.load(each / "phase_one.npz") for each in (with_acs, alone)]
    np.testing.assert_allclose(files[0]["values"], 0.7 * files[1]["values"])
    own, cps = (steps.load_npz(each / "phase_one_matrix.npz") for each in (with_acs, alone))
    assert own.shape == (SAMPLED + ASKED["households"], cps.shape[1])
    assert (own[:SAMPLED] != cps).nnz == 0
    assert own[SAMPLED:].nnz == 0


def test_a_source_that_is_absent_leaves_the_cps_spine_and_the_reason(
    place: Path, plain: tuple[Path, dict[str, Any]]
) -> None:
    asked, facts = make_spine(place, "asked", spine=SPINE)
    assert facts.pop("acs").startswith("absent: csv_hus.zip is never downloaded")
    assert facts == plain[1]
    frames = [load_frame(each) for each in (asked, plain[0])]
    assert set(frames[0].origin) == {"psl-cps"}
    assert_equal(*frames)


def test_the_spine_is_the_same_again(built: Built, place: Path) -> None:
    catalog, user = catalog_with(homes_of_all_states(6), place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(place / "second"))
        patch.setattr(building, "load_catalog", lambda: catalog)
        chosen = tuple(each for each in catalog if each.id in config().record["sources"])
        sources = building.acquire_all(chosen, place / "second", offline=True, user=user)
        context = StageContext(place / "again", {}, {}, lambda *_: None, place / "scratch")
        context.folder.mkdir()
        Steps(config(), sources, StandInEngine()).make_spine(context)
    assert_equal(load_frame(context.folder), load_frame(stage(built, "spine")))


def assert_equal(frame: Frame, other: Frame) -> None:
    assert set(frame.columns) == set(other.columns)
    for name, values in frame.columns.items():
        np.testing.assert_array_equal(values, other.columns[name])
    np.testing.assert_array_equal(frame.source_key, other.source_key)


def test_the_acs_must_be_among_the_sources() -> None:
    with pytest.raises(BuildError, match="needs acs-pums-2024 among") as caught:
        config_of(small_record(spine=SPINE, sources=["psl-cps", "forbes-400-2024"]))
    assert caught.value.reason == "national.config"


def test_households_of_the_spine_are_represented_once(built: Built) -> None:
    frame = load_frame(stage(built, "spine"))
    parts = pd.Series(frame.origin == "acs-pums", dtype=float)
    of_acs = MicroSeries(parts, weights=frame.weights)
    assert of_acs.mean() == pytest.approx(0.3)
