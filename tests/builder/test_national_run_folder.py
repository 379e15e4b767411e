"""What a build with a stand-in engine leaves: run folder, manifest, extensions, and the H5."""

from __future__ import annotations

import csv
import re
from importlib.metadata import version

import numpy as np
import pytest

from baselines.targets import target_db_identity
from benchmarks.scoring.kernel import estimates
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import load_suite, required_baseline_outputs
from builder.embedded.provider import HOUSEHOLD_KEY
from builder.embedded.sampling import sample_households
from builder.fixed_spine.append import ORIGIN
from builder.frame import load_frame
from builder.national import steps
from builder.national.export import require_leaf_inputs
from schemas.canonical import sha256_file
from schemas.dataset import Dataset, open_dataset
from schemas.errors import BuildError
from schemas.logical import dataset_hashes
from schemas.records import read_record
from tests.builder.national_sample import (
    FIXED,
    INCUMBENTS,
    SAMPLED,
    STAGES,
    Made,
    small_config,
    small_record,
    small_source,
)

EXTENSIONS = ("assets", "capital-gains-lots", "diagnostics", "provenance")
SOI = "soi-size-2024"


@pytest.fixture(scope="module")
def h5(made: Made) -> Dataset:
    return open_dataset(made.built.candidate)


def test_the_run_folder_holds_all_that_the_build_knows(made: Made) -> None:
    folder = made.built.folder
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {
        *("candidate.h5", "candidate.manifest.json", "config.json", "sources.json", "stages.json"),
        *(f"calibration/{name}" for name in ("report.json", "residual.json", "curves.csv")),
        *(f"{name}.sqlite" for name in EXTENSIONS),
        f"donors/{SOI}.json",
    }
    assert [each.id for each in made.built.records] == list(STAGES)
    assert not list(folder.parent.glob(".run*"))
    stored = read_record(folder / "stages.json", "build_stages")["stages"]
    assert [each["id"] for each in stored] == list(STAGES)
    assert read_record(folder / "config.json", "national_build") == small_record()


def test_the_engine_runs_once_and_gives_what_the_suite_needs(made: Made) -> None:
    assert made.engine.calls == [required_baseline_outputs(load_suite())]


def test_the_manifest_names_the_file_by_its_hashes(made: Made, h5: Dataset) -> None:
    hashes = dataset_hashes(h5)
    assert made.manifest["h5"] == {
        "file": "candidate.h5",
        "sha256": sha256_file(made.built.candidate),
        "logical_sha256": hashes.logical_sha256,
        "inputs_sha256": hashes.inputs_sha256,
        "size_bytes": made.built.candidate.stat().st_size,
        "layout": "entity_tables",
        "period": 2024,
    }
    assert made.manifest["record_counts"]["household"] == SAMPLED + FIXED
    assert made.manifest["record_counts"]["person"] == h5.size_of("person")


def test_the_manifest_names_what_it_was_made_with(made: Made) -> None:
    manifest, suite = made.manifest, load_suite()
    builder = manifest["builder"]
    assert builder["config_sha256"] == small_config().sha256
    assert builder["version"] == version("microdata-release-gate")
    assert builder["commit"] is None or re.fullmatch("[0-9a-f]{40}", builder["commit"])
    assert manifest["suite"] == {"id": suite.id, "sha256": suite.sha256}
    assert manifest["target_db"] == target_db_identity()
    report = read_record(made.built.folder / "calibration/report.json", "calibration_report")
    assert manifest["calibration"]["settings_sha256"] == report["settings_sha256"]
    assert manifest["calibration"]["ess_share"] == report["weights"]["ess_share"]


def test_no_held_out_group_was_used_for_anything(made: Made) -> None:
    suite, groups = load_suite(), made.manifest["target_groups"]
    held_out = suite.groups_of(HELD_OUT)
    assert groups["held_out"] == sorted(held_out)
    assert groups["calibrated"] == sorted(suite.groups_of(TRAIN))
    donor = read_record(made.built.folder / f"donors/{SOI}.json", "size_donor_report")
    assert donor["groups"]
    assert not set(donor["groups"]) & held_out


def test_sources_are_named_by_hash_or_as_absent_with_the_reason(made: Made) -> None:
    rows = {each["id"]: each for each in made.manifest["sources"]}
    absent = {name for name, each in rows.items() if each["sha256"] is None}
    here = {"psl-cps", "forbes-400-2024"}
    assert absent == set(small_record()["sources"]) - here
    assert all(rows[name]["absent_reason"].startswith("absent: ") for name in absent)
    present = rows.keys() - absent
    assert {name.partition(".")[0] for name in present} == here
    assert rows["psl-cps.cps.csv.gz"]["sha256"] == small_source().sha256["cps.csv.gz"]
    assert made.manifest["source_semantics"] == ["psl-cps", "forbes-400-2024"]


def test_the_distribution_donor_is_labelled_as_one(made: Made) -> None:
    assert made.manifest["donor_specs"] == [SOI]
    report = read_record(made.built.folder / f"donors/{SOI}.json", "size_donor_report")
    assert "not from microdata" in report["label"]
    assert made.built.records[STAGES.index("donors")].facts == {SOI: report["label"]}


def test_every_extension_loads_and_speaks_of_the_households_of_the_file(
    made: Made, h5: Dataset
) -> None:
    named = [each["id"] for each in made.manifest["relational_extensions"]]
    assert sorted(named) == sorted(EXTENSIONS)
    households = h5.read("household_id").tolist()
    assert made.tables("provenance")["household_provenance"]["household_id"].tolist() == households
    weights = made.tables("diagnostics")["household_weights"]
    assert weights["final_weight"].tolist() == h5.read("household_weight").tolist()
    initial = load_frame(made.stage("fixed_spine")).weights
    assert weights["initial_weight"].tolist() == initial.tolist()
    assert made.tables("capital-gains-lots")
    assert made.tables("assets")


def test_fixed_records_keep_their_weight_and_the_rest_moved(made: Made, h5: Dataset) -> None:
    provenance = made.tables("provenance")["household_provenance"]
    fixed = (provenance["origin"] == ORIGIN).to_numpy()
    weights = h5.read("household_weight")
    assert fixed.sum() == FIXED
    assert fixed[-FIXED:].all()
    assert weights[fixed].tolist() == [1.0] * FIXED
    ratio = weights[~fixed] / load_frame(made.stage("fixed_spine")).weights[~fixed]
    bounds = small_record()["calibration"]
    assert (np.abs(ratio - 1) > 0.01).any()
    assert bounds["ratio_lower"] - 1e-3 <= ratio.min()
    assert ratio.max() <= bounds["ratio_upper"] + 1e-3
    assert np.array_equal(weights, np.round(weights, 2))


def test_no_household_of_the_incumbent_is_in_the_file(made: Made) -> None:
    incumbent = sample_households(small_source().units, size=INCUMBENTS, slot=0, seed=7)
    provenance = made.tables("provenance")["household_provenance"]
    own = provenance["source_key"][provenance["origin"] == "psl-cps"].astype(int)
    assert len(set(own)) == SAMPLED
    assert set(own) <= set(small_source().units[HOUSEHOLD_KEY])
    assert not set(own) & set(incumbent[HOUSEHOLD_KEY])


def test_the_file_holds_inputs_of_the_engine_and_no_provenance(made: Made, h5: Dataset) -> None:
    frame = load_frame(made.stage("fixed_spine"))
    assert set(h5.variables) == set(frame.columns)
    require_leaf_inputs(frame.columns)
    assert not set(h5.variables) & {"origin", "source_key", "initial_weight", "net_worth"}
    for name in set(frame.columns) - {"household_weight"}:
        assert np.array_equal(h5.read(name), frame.columns[name]), name


@pytest.mark.parametrize("name", ["snap", "employment_income", "origin", "person_county_id"])
def test_a_column_that_is_no_input_is_refused_by_name(made: Made, name: str) -> None:
    columns = load_frame(made.stage("fixed_spine")).columns
    with pytest.raises(BuildError, match=name) as caught:
        require_leaf_inputs({**columns, name: np.zeros(1)})
    assert caught.value.reason == "export.not_an_input"


def test_the_frame_totals_hold_for_the_spine_that_was_drawn(made: Made) -> None:
    folder = made.stage("spine")
    totals = steps._load_phase_one(folder)
    own = estimates(totals.matrix, load_frame(folder).weights)
    units = np.array([each.startswith("units.count") for each in totals.names])
    assert abs(own[units].sum() / totals.values[units].sum() - 1) < 0.03
    records = np.asarray((totals.matrix != 0).sum(axis=0)).ravel()
    often = units & (records > 60)
    assert often.sum() >= 5
    assert np.abs(own[often] / totals.values[often] - 1).max() < 0.3
    assert made.built.records[1].facts["frame_households"] > 5 * SAMPLED


def test_fixed_records_are_taken_out_of_what_is_fitted_to(made: Made) -> None:
    residual = read_record(made.built.folder / "calibration/residual.json", "residual_report")
    assert residual["fixed_records"] == FIXED
    report = read_record(made.built.folder / "calibration/report.json", "calibration_report")
    with (made.built.folder / "calibration/curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [each["epoch"] for each in report["curves"]]
    groups = {each["group"] for each in report["groups"]}
    assert any(name.startswith("phase_one.") for name in groups)
