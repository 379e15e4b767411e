"""The configuration of a build: what is refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scoring.scheme import HELD_OUT
from benchmarks.suite import load_suite
from builder.calibration.settings import NATIONAL_CONFIG, load_settings
from builder.national.config import DEFAULT_CONFIG, SPECS, config_of, load_config
from schemas.errors import BuildError, MpgateError, RecordError
from tests.builder.national_sample import small_record


def _changed(part: str, **changes: Any) -> dict[str, Any]:
    record = small_record()
    return record | {part: record[part] | changes}


def test_the_committed_build_is_of_the_incumbents_size_and_dense() -> None:
    config = load_config()
    record = config.record
    assert record["spine"]["households"] == record["incumbent"]["households"] == 4000
    assert config.settings.l0_lambda == 0
    assert config.settings.product == record["product"] == "mp-national"
    assert config.settings.stopping.validation_groups
    assert not set(config.settings.stopping.validation_groups) & load_suite().groups_of(HELD_OUT)
    assert config.forests == ()


def test_the_identity_follows_the_content() -> None:
    assert load_config().sha256 == load_config(DEFAULT_CONFIG).sha256
    assert config_of(small_record()).sha256 == config_of(small_record()).sha256
    assert config_of(small_record(seed=1)).sha256 != config_of(small_record()).sha256


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("spine", {"oversampling": {"upper": [0, 10], "factor": [1, 2]}}, "oversampling"),
        ("spine", {"oversampling": {"upper": [10, 0], "factor": [1, 2, 3]}}, "oversampling"),
        ("spine", {"oversampling": {"upper": [10, 10], "factor": [1, 2, 3]}}, "oversampling"),
        ("calibration", {"product": "mp-local-fast"}, "calibrates mp-local-fast"),
        ("fixed_spine", {"most_units": 1220}, "leaves no household"),
        ("donors", {"forests": ["scf-assets", "crystal-ball"]}, "'crystal-ball'"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(
    part: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BuildError, match=said) as caught:
        config_of(_changed(part, **changes))
    assert caught.value.reason == "national.config"


def test_fixed_records_need_their_list_among_the_sources() -> None:
    record = small_record(sources=["psl-cps"])
    with pytest.raises(BuildError, match="needs forbes-400-2024") as caught:
        config_of(record)
    assert caught.value.reason == "national.config"
    assert config_of(record | {"fixed_spine": {"most_units": 0}}).record["sources"] == ["psl-cps"]


def test_sparse_weights_need_an_experiment() -> None:
    with pytest.raises(BuildError, match="national weights are dense") as caught:
        config_of(_changed("calibration", l0_lambda=0.1))
    assert caught.value.reason == "calibration.l0_national"
    config = config_of(_changed("calibration", l0_lambda=0.1, experiment="how sparse can it be"))
    assert config.settings.l0_lambda == 0.1


def test_forests_are_named_by_their_specs() -> None:
    names = sorted(path.stem for path in SPECS.glob("*.json"))
    config = config_of(_changed("donors", forests=names))
    assert [each.id for each in config.forests] == names


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.update(epoch=1), "epoch"),
        (lambda record: record["spine"].update(size=1), "size"),
        (lambda record: record["targets"]["left_out"][0].update(why="x"), "why"),
        (lambda record: record["spine"].pop("smallest_state"), "smallest_state"),
        (lambda record: record.update(product="mp-local"), "product"),
        (lambda record: record["export"].update(layout="csv"), "csv"),
        (lambda record: record["calibration"].update(epoch=1), "epoch"),
    ],
)
def test_unknown_keys_and_values_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    record = small_record()
    change(record)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(record))
    with pytest.raises(RecordError, match=said):
        load_config(path)


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(MpgateError):
        load_config(tmp_path / "nowhere.json")


def test_the_standard_calibration_is_the_one_that_the_build_makes() -> None:
    assert load_settings(NATIONAL_CONFIG) == load_config().settings
