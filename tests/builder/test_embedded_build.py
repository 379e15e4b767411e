"""The samples as wholes: disjoint, repeatable, raked, and inputs only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder.embedded import provider
from builder.embedded.build import Sample, build_incumbent
from builder.embedded.hashing import draw
from builder.embedded.mapping import load_mapping
from builder.embedded.sampling import sample_households
from builder.embedded.weights import Controls, load_controls, rake
from schemas.canonical import canonical_bytes
from schemas.dataset import REQUIRED_IDS, open_dataset
from schemas.engine_metadata import rejected_on_load, variable_table
from schemas.errors import BuildError, RecordError
from schemas.logical import dataset_hashes
from schemas.records import read_record

PUBLISHED_PERSONS = 340_110_988
PUBLISHED_HOUSEHOLDS = 132_216_000


@pytest.fixture(scope="session")
def samples(incumbent: Sample, candidate: Sample) -> dict[str, Sample]:
    return {"incumbent": incumbent, "candidate": candidate}


def test_samples_share_no_household(samples: dict[str, Sample]) -> None:
    keys = [set(sample.household_keys.tolist()) for sample in samples.values()]
    assert [len(each) for each in keys] == [4000, 4000]
    assert not keys[0] & keys[1]


@pytest.mark.parametrize("role", ["incumbent", "candidate"])
def test_weights_meet_the_published_controls(samples: dict[str, Sample], role: str) -> None:
    sample = samples[role]
    weights = sample.columns["household_weight"]
    persons = weights[sample.people.persons["household"]].sum()
    assert abs(persons / PUBLISHED_PERSONS - 1) < 0.0001
    assert abs(weights.sum() / PUBLISHED_HOUSEHOLDS - 1) < 0.0001
    fit = weights @ sample.controls.counts / sample.controls.values - 1
    assert len(fit) == 1 + 11 + 51
    assert np.abs(fit).max() < 1e-5
    scaled = sample.initial_weights * (weights.sum() / sample.initial_weights.sum())
    bounds = load_controls()["weight_ratio"]
    ratio = weights / scaled
    assert bounds["lower"] <= ratio.min()
    assert ratio.max() <= bounds["upper"]


@pytest.mark.parametrize("role", ["incumbent", "candidate"])
def test_all_states_are_present(samples: dict[str, Sample], role: str) -> None:
    assert len(set(samples[role].columns["state_fips"].tolist())) == 51


def test_same_seed_same_bytes_and_other_seed_other_content(tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_incumbent(tmp_path / f"{name}.h5", seed=seed)
        hashes.append(dataset_hashes(open_dataset(tmp_path / f"{name}.h5")))
    assert hashes[0] == hashes[1]
    assert hashes[0].logical_sha256 != hashes[2].logical_sha256


def test_only_engine_inputs_are_stored(incumbent: Sample) -> None:
    table = variable_table()
    ids = {*REQUIRED_IDS, "household_weight"}
    for name in set(incumbent.columns) - ids:
        assert not table[name].computed, name
        assert table[name].period == "year", name
    assert not set(incumbent.columns) & rejected_on_load()
    assert ids <= set(incumbent.columns)
    assert set(incumbent.columns) - ids == set(load_mapping().variables())


def test_lengths_whole_dollars_and_domains(incumbent: Sample) -> None:
    table = variable_table()
    length = {entity: len(incumbent.columns[f"{entity}_id"]) for entity in ("person", "household")}
    for name, values in incumbent.columns.items():
        info = table.get(name)
        if info is not None and info.entity in length:
            assert len(values) == length[info.entity], name
        if values.dtype == np.float32:
            assert np.isfinite(values).all()
            assert (values == np.rint(values)).all(), name
    weights = incumbent.columns["household_weight"]
    assert (weights > 0).all()
    assert (weights == np.round(weights, 2)).all()


def test_social_security_kinds_follow_age(incumbent: Sample) -> None:
    age = incumbent.columns["age"]
    assert (age[incumbent.columns["social_security_retirement"] > 0] >= 62).all()
    assert (age[incumbent.columns["social_security_disability"] > 0] < 62).all()
    for kind in ("retirement", "disability", "survivors"):
        assert incumbent.columns[f"social_security_{kind}"].sum() > 0


def test_assets_are_capitalised_income(incumbent: Sample) -> None:
    constants = load_mapping().constants
    interest = incumbent.columns["taxable_interest_income"].astype(np.float64)
    assets = incumbent.columns["bank_account_assets"].astype(np.float64)
    assert np.allclose(assets * constants["deposit_yield"], interest, atol=1.0, rtol=1e-4)


def test_unmet_controls_are_refused() -> None:
    counts = np.array([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(BuildError, match="raking misses"):
        rake(np.ones(2), Controls(("households", "persons"), counts, np.array([2.0, 90.0])))


def test_a_changed_source_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = read_record(provider.SOURCE_FILE, "source_semantics")
    record["sources"][0]["sha256"] = "0" * 64
    changed = tmp_path / "source.json"
    changed.write_bytes(canonical_bytes(record))
    monkeypatch.setattr(provider, "SOURCE_FILE", changed)
    with pytest.raises(BuildError, match="not the declared file"):
        provider.read_source(2024, 2014)


def _mapping_with(tmp_path: Path, variable: str) -> Path:
    from builder.embedded.mapping import MAPPING_FILE

    record = read_record(MAPPING_FILE, "source_mapping")
    record["rows"][0]["variables"] = [variable]
    path = tmp_path / "mapping.json"
    path.write_bytes(canonical_bytes(record))
    return path


@pytest.mark.parametrize("variable", ["adjusted_gross_income", "no_such_variable", "snap"])
def test_a_mapping_to_what_is_no_input_is_refused(tmp_path: Path, variable: str) -> None:
    with pytest.raises(BuildError, match="is no input of the engine"):
        load_mapping(_mapping_with(tmp_path, variable))


def test_unknown_keys_of_the_mapping_are_refused(tmp_path: Path) -> None:
    path = _mapping_with(tmp_path, "age")
    path.write_text(path.read_text().replace('"allocation"', '"alocation"', 1))
    with pytest.raises(RecordError, match=r"\$\.rows\[0\]"):
        load_mapping(path)


def test_impossible_sizes_are_refused(incumbent: Sample) -> None:
    with pytest.raises(BuildError, match="cannot give each"):
        sample_households(incumbent.source.units, size=100, slot=0, seed=1)
    with pytest.raises(BuildError, match="the source holds"):
        sample_households(incumbent.source.units, size=190_000, slot=1, seed=1)


def test_draws_are_uniform_and_depend_on_every_key() -> None:
    rows = np.arange(20_000)
    first = draw(rows, 1)
    assert abs(first.mean() - 0.5) < 0.01
    assert abs((first < 0.1).mean() - 0.1) < 0.01
    assert (first != draw(rows, 2)).all()
