"""The candidate build with a stand-in for the engine, and the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.suite import load_suite, required_baseline_outputs
from builder import candidate as building
from builder import cli
from builder.embedded.build import Sample
from builder.embedded.hashing import draw
from schemas.canonical import sha256_file
from schemas.dataset import GROUP_ENTITIES, membership_name, open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError, MpgateError, RecordError
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record

RUNNER = CliRunner()


class FakeArrays:
    """What the engine session returns, filled with stored inputs or made-up numbers."""

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        dataset, table = open_dataset(path), variable_table()
        names = {request: request.partition("@")[0] for request in outputs}
        self.entity = {request: table[name].entity for request, name in names.items()}
        self.sizes = {e: dataset.size_of(e) for e in ("person", *GROUP_ENTITIES)}
        self.person_to = {e: dataset.read(membership_name(e)) - 1 for e in GROUP_ENTITIES}
        self.meta: dict[str, Any] = {}
        self.arrays = {}
        for index, (request, name) in enumerate(sorted(names.items())):
            size = self.sizes[self.entity[request]]
            made_up = np.floor(draw(np.arange(size), index) * 60_000)
            if (kinds := table[name].enum) is not None:
                made_up = np.array(kinds)[made_up.astype(int) % len(kinds)]
            self.arrays[request] = dataset.read(name) if dataset.has(name) else made_up


class FakeSimulator:
    """Counts the simulations and remembers the identity of what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str]] = []

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> FakeArrays:
        self.calls.append((list(outputs), dataset_hashes(open_dataset(path)).inputs_sha256))
        return FakeArrays(path, outputs)


def _config(**changes: Any) -> dict[str, Any]:
    config = building.load_config()
    return config | changes | {"calibration": config["calibration"] | {"epochs": 40}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], FakeSimulator]:
    path = tmp_path_factory.mktemp("candidate") / "candidate.h5"
    simulator = FakeSimulator()
    return path, building.build_candidate(path, _config(), simulator=simulator), simulator


def test_one_simulation_that_measuring_can_reuse(
    built: tuple[Path, dict[str, Any], FakeSimulator],
) -> None:
    path, _, simulator = built
    hashes = dataset_hashes(open_dataset(path))
    outputs = required_baseline_outputs(load_suite())
    assert simulator.calls == [(outputs, hashes.inputs_sha256)]


def test_manifest_names_the_file_and_its_making(
    built: tuple[Path, dict[str, Any], FakeSimulator],
) -> None:
    path, manifest, _ = built
    stored = read_record(candidate_manifest_path(path), "candidate_manifest")
    suite = load_suite()
    assert stored == json.loads(json.dumps(manifest))
    assert stored["h5"]["sha256"] == sha256_file(path)
    assert stored["suite"] == {"id": suite.id, "sha256": suite.sha256}
    wanted = building.calibration_targets(suite, building.load_config()["target_groups"])
    assert stored["calibration"]["targets"] == len(wanted)
    assert not set(stored["target_groups"]["calibrated"]) & suite.groups_of("held_out")
    assert stored["calibration"]["final_loss"] < stored["calibration"]["initial_loss"]
    assert len(stored["sources"]) == 3


def test_only_the_weights_are_calibrated(
    built: tuple[Path, dict[str, Any], FakeSimulator], candidate: Sample
) -> None:
    dataset = open_dataset(built[0])
    weights, before = dataset.read("household_weight"), candidate.columns["household_weight"]
    limits = building.load_config()["calibration"]
    assert not np.array_equal(weights, before)
    assert (weights == np.round(weights, 2)).all()
    assert (weights / before).min() >= limits["ratio_lower"] - 1e-4
    assert (weights / before).max() <= limits["ratio_upper"] + 1e-4
    for name in ("age", "employment_income_before_lsr", "state_fips"):
        assert np.array_equal(dataset.read(name), candidate.columns[name])


def test_same_config_same_bytes(
    built: tuple[Path, dict[str, Any], FakeSimulator], tmp_path: Path
) -> None:
    again = tmp_path / "candidate.h5"
    manifest = building.build_candidate(again, _config(), simulator=FakeSimulator())
    assert manifest == built[1]


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("census_state_contract_rent", "builder.held_out_group"),
        ("no_such_group", "builder.unknown_group"),
    ],
)
def test_held_out_and_unknown_groups_are_refused(tmp_path: Path, group: str, reason: str) -> None:
    config = _config(target_groups=["usda_snap_benefits", group])
    with pytest.raises(BuildError, match=group) as caught:
        building.build_candidate(tmp_path / "x.h5", config, simulator=FakeSimulator())
    assert caught.value.reason == reason
    assert not list(tmp_path.iterdir())


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(building.load_config() | {"epoch": 1}))
    with pytest.raises(RecordError, match="epoch"):
        building.load_config(path)


def test_command_builds_the_incumbent_and_reports_json(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "incumbent.h5"
    result = RUNNER.invoke(
        cli.app, ["embedded", "--role", "incumbent", "--out", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["sha256"] == sha256_file(out)
    assert summary["counts"]["household"] == 4000
    assert summary["manifest"] is None


def test_command_shows_a_table_for_the_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(out: Path, config: dict[str, Any], progress: Any) -> dict[str, Any]:
        return building.build_candidate(out, _config(), progress, simulator=FakeSimulator())

    monkeypatch.setattr(cli, "build_candidate", build)
    out = tmp_path / "candidate.h5"
    result = RUNNER.invoke(cli.app, ["embedded", "--role", "candidate", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "household records" in result.stdout
    assert "4,000" in result.stdout


def test_command_reports_one_line_and_exits_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MpgateError("no source", reason="x", remedy="install it")

    monkeypatch.setattr(cli, "build_incumbent", refuse)
    out = tmp_path / "x.h5"
    result = RUNNER.invoke(cli.app, ["embedded", "--role", "incumbent", "--out", str(out)])
    assert result.exit_code == 3
    assert "no source. Next: install it" in result.output
    assert "Traceback" not in result.output


def test_help_shows_an_example() -> None:
    result = RUNNER.invoke(cli.app, ["embedded", "--help"])
    assert "mpgate build embedded --role incumbent" in result.output
