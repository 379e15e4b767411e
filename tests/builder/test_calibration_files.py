"""Calibrated files in both layouts, their manifests and reports, and the two commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from baselines.targets import target_db_identity
from benchmarks.suite import Suite, load_suite, required_baseline_outputs
from benchmarks.weights import weight_diagnostics
from builder.calibration import cli, files
from builder.calibration.files import calibrate_file, checkpoint_path, report_path
from schemas.canonical import sha256_file
from schemas.dataset import GROUP_ENTITIES, Dataset, id_name, membership_name, open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import BuildError, MpgateError
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record, write_record
from schemas.writers import write_entity_tables, write_period_arrays
from tests.builder.calibration_sample import settings, sparse
from tests.small import HOUSEHOLDS, PERIOD, small_columns

RUNNER = CliRunner()
WRITERS = {"period_arrays": write_period_arrays, "entity_tables": write_entity_tables}
GROUPS = ("census_national_age", "census_national_households", "usda_wic")
DENSE = settings(target_groups=GROUPS, epochs=40, validation_groups=())
SPARSE = sparse(target_groups=GROUPS, epochs=80, validation_groups=(), l0_lambda=1.0)


class FakeArrays:
    """What the engine session returns, filled with stored inputs or made-up numbers."""

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        dataset, table = open_dataset(path), variable_table()
        random = np.random.default_rng(5)
        self.entity = {each: table[each.partition("@")[0]].entity for each in outputs}
        self.sizes = {e: dataset.size_of(e) for e in ("person", *GROUP_ENTITIES)}
        self.person_to = {e: dataset.read(membership_name(e)) - 1 for e in GROUP_ENTITIES}
        self.meta: dict[str, Any] = {}
        self.arrays = {each: self._values(dataset, each, random) for each in sorted(outputs)}

    def _values(self, dataset: Dataset, output: str, random: np.random.Generator) -> np.ndarray:
        name = output.partition("@")[0]
        made_up = np.floor(random.random(self.sizes[self.entity[output]]) * 60_000)
        if (kinds := variable_table()[name].enum) is not None:
            made_up = np.array(kinds)[made_up.astype(int) % len(kinds)]
        return dataset.read(name) if dataset.has(name) else made_up


class FakeSimulator:
    """Counts the simulations."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> FakeArrays:
        self.calls.append(list(outputs))
        return FakeArrays(path, outputs)


@cache
def suite() -> Suite:
    """Return the suite with a few of its groups: the whole one takes seconds per file."""
    whole = load_suite()
    few = {*GROUPS, "census_national_contract_rent", "cms_chip_enrollment"}
    return replace(whole, targets=tuple(t for t in whole.targets if t.holdout_group in few))


@pytest.fixture(autouse=True)
def _small_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "load_suite", lambda _: suite())


@pytest.fixture(params=sorted(WRITERS))
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _written(tmp_path / "in.h5", request.param)


def _written(path: Path, layout: str = "period_arrays", **changed: np.ndarray) -> Path:
    WRITERS[layout](path, small_columns() | changed, PERIOD)
    return path


def _manifest(file: Path, **changed: Any) -> dict[str, Any]:
    """Write a candidate manifest beside a file."""
    dataset = open_dataset(file)
    hashes = dataset_hashes(dataset)
    manifest = {
        "schema": "candidate_manifest",
        "schema_version": 1,
        "product": "mp-national",
        "label": "sample",
        "h5": {
            "file": file.name,
            "sha256": hashes.file_sha256,
            "logical_sha256": hashes.logical_sha256,
            "inputs_sha256": hashes.inputs_sha256,
            "size_bytes": hashes.size_bytes,
            "layout": dataset.layout,
            "period": dataset.period,
        },
        "builder": {"version": "1", "commit": None, "config_sha256": "0" * 64},
        "sources": [{"id": "cps", "sha256": "1" * 64}],
        "source_semantics": ["cps"],
        "donor_specs": [],
        "target_db": {"id": "old", "sha256": "2" * 64},
        "suite": None,
        "target_groups": {"calibrated": [], "held_out": []},
        "record_counts": {},
        "relational_extensions": [],
    } | changed
    write_record(candidate_manifest_path(file), manifest, "candidate_manifest")
    return manifest


def _calibrated(file: Path, chosen: Any = DENSE, **given: Any) -> tuple[Dataset, dict[str, Any]]:
    out = file.with_name("out.h5")
    summary = calibrate_file(file, out, chosen, simulator=FakeSimulator(), **given)
    return open_dataset(out), summary


def test_only_weights_change_and_the_layout_stays(file: Path) -> None:
    simulator = FakeSimulator()
    out = file.with_name("out.h5")
    calibrate_file(file, out, DENSE, simulator=simulator)
    before, after = open_dataset(file), open_dataset(out)
    assert simulator.calls == [required_baseline_outputs(suite())]
    assert after.layout == before.layout
    assert after.variables == before.variables
    for name in before.variables:
        same = np.array_equal(before.read(name), after.read(name))
        assert same == (name != "household_weight"), name
        assert before.read(name).dtype == after.read(name).dtype
    ratio = after.read("household_weight") / before.read("household_weight")
    assert 0.1 <= ratio.min() < ratio.max() <= 10
    assert not checkpoint_path(out).exists()


def test_summary_and_report_tell_what_was_done(file: Path) -> None:
    written, summary = _calibrated(file)
    report = read_record(report_path(written.path), "calibration_report")
    assert report["losses"]["final"]["train"] < report["losses"]["initial"]["train"]
    assert summary["losses"] == report["losses"]
    assert summary["sha256"] == sha256_file(written.path)
    assert summary["weights"] == weight_diagnostics(written)
    for name in ("kish_ess", "ess_share", "top_1pct_share", "positive"):
        assert report["weights"][name] == pytest.approx(summary["weights"][name], rel=1e-4)
    assert summary["manifest"] is None
    assert not candidate_manifest_path(written.path).exists()


def test_a_manifest_is_renewed_beside_the_new_file(file: Path) -> None:
    old = _manifest(file)
    written, summary = _calibrated(file)
    new = read_record(summary["manifest"], "candidate_manifest")
    hashes = dataset_hashes(written)
    assert new["h5"]["file"] == "out.h5"
    assert new["h5"]["sha256"] == sha256_file(written.path) != old["h5"]["sha256"]
    assert new["h5"]["logical_sha256"] == hashes.logical_sha256
    assert new["h5"]["inputs_sha256"] == old["h5"]["inputs_sha256"]
    assert new["target_groups"]["calibrated"] == sorted(GROUPS)
    assert new["target_groups"]["held_out"] == ["census_national_contract_rent"]
    assert new["suite"] == {"id": "us_national_2024", "sha256": suite().sha256}
    assert new["target_db"] == target_db_identity()
    assert new["record_counts"]["household"] == HOUSEHOLDS
    assert new["calibration"]["final_loss"] == summary["losses"]["final"]["train"]
    assert new["calibration"]["stop_reason"] == "fixed_epochs"
    for name in ("sources", "label", "builder", "source_semantics"):
        assert new[name] == old[name]


def test_a_manifest_of_another_file_is_refused(file: Path) -> None:
    _manifest(file, h5=_manifest(file)["h5"] | {"sha256": "3" * 64})
    with pytest.raises(BuildError, match="manifest of another file") as caught:
        _calibrated(file)
    assert caught.value.reason == "calibration.manifest"


def test_extensions_stay_with_the_records_they_belong_to(tmp_path: Path) -> None:
    lots = {"id": "lots", "file": "lots.sqlite", "sha256": "4" * 64, "size_bytes": 1}
    file = _written(tmp_path / "in.h5")
    _manifest(file, relational_extensions=[lots | {"format": "sqlite"}])
    _, summary = _calibrated(file)
    kept = read_record(summary["manifest"], "candidate_manifest")["relational_extensions"]
    assert [each["id"] for each in kept] == ["lots"]
    for chosen, out in ((SPARSE, "sparse.h5"), (DENSE, "elsewhere/out.h5")):
        target = tmp_path / out
        found = calibrate_file(file, target, chosen, simulator=FakeSimulator())
        new = read_record(found["manifest"], "candidate_manifest")
        assert new["relational_extensions"] == []
        assert "relational extensions not carried over: lots" in found["notes"]
        assert read_record(report_path(target), "calibration_report")["notes"] == found["notes"]


def test_a_local_file_leaves_out_dropped_households_with_all_their_records(file: Path) -> None:
    _manifest(file)
    before = open_dataset(file)
    after, summary = _calibrated(file, SPARSE)
    left = set(after.read("household_id").tolist())
    assert 0 < len(left) < HOUSEHOLDS
    assert summary["weights"]["positive"] == summary["counts"]["household"] == len(left)
    persons = np.isin(before.read("person_household_id"), sorted(left))
    assert np.array_equal(after.read("age"), before.read("age")[persons])
    for entity in GROUP_ENTITIES:
        ids, members = after.read(id_name(entity)), after.read(membership_name(entity))
        assert set(ids.tolist()) == set(members.tolist())
        rows = np.isin(before.read(id_name(entity)), ids)
        for name in before.variables:
            if before.entity_of(name) == entity and name != "household_weight":
                assert np.array_equal(after.read(name), before.read(name)[rows]), name
    new = read_record(summary["manifest"], "candidate_manifest")
    assert new["record_counts"] == summary["counts"]
    assert new["product"] == "mp-local-fast"


def test_a_group_of_several_units_stays_with_its_household(tmp_path: Path) -> None:
    own = np.arange(1, 2 * HOUSEHOLDS + 1)  # each person a tax unit of its own
    file = _written(tmp_path / "in.h5", tax_unit_id=own, person_tax_unit_id=own)
    after, summary = _calibrated(file, SPARSE)
    assert summary["counts"]["tax_unit"] == 2 * summary["counts"]["household"]
    assert np.array_equal(after.read("tax_unit_id"), after.read("person_tax_unit_id"))


def test_a_national_experiment_keeps_dropped_households_with_weight_zero(tmp_path: Path) -> None:
    file = _written(tmp_path / "in.h5")
    chosen = sparse(
        product="mp-national",
        experiment="what would sparse weights cost?",
        target_groups=GROUPS,
        epochs=80,
        validation_groups=(),
        l0_lambda=1.0,
    )
    after, summary = _calibrated(file, chosen)
    assert summary["counts"]["household"] == HOUSEHOLDS > summary["weights"]["positive"] > 0
    assert (after.read("household_weight") == 0).any()


def test_fixed_households_and_those_without_weight_keep_it(tmp_path: Path) -> None:
    start = small_columns()["household_weight"].copy()
    start[:3] = 0
    start[5] = 123.456
    file = _written(tmp_path / "in.h5", household_weight=start)
    fixed = np.zeros(HOUSEHOLDS, bool)
    fixed[[5, 9]] = True
    values = np.array([each.value for each in suite().targets])
    after, summary = _calibrated(file, fixed=fixed, values=values)
    still = fixed | (start == 0)
    weights = after.read("household_weight")
    assert np.array_equal(weights[still], start[still])
    assert (weights[~still] != start[~still]).mean() > 0.9
    assert summary["notes"] == ["5 households kept their weight, 3 of them 0"]
    with pytest.raises(BuildError, match="no residual targets"):
        _calibrated(file, fixed=fixed)


def test_residual_targets_are_what_is_fitted_to(tmp_path: Path) -> None:
    file = _written(tmp_path / "in.h5")
    whole = np.array([each.value for each in suite().targets])
    sums = [
        _calibrated(file, fixed=np.zeros(HOUSEHOLDS, bool), values=each)[1]["weights"]
        for each in (whole, whole * 1.5)
    ]
    assert sums[1]["household_sum"] > 1.2 * sums[0]["household_sum"]


def test_what_cannot_be_written_again_is_refused(tmp_path: Path) -> None:
    import h5py

    file = _written(tmp_path / "in.h5")
    with pytest.raises(BuildError, match="over itself"):
        calibrate_file(file, file, DENSE, simulator=FakeSimulator())
    with h5py.File(file, "a") as h5:
        h5["age/2025"] = h5[f"age/{PERIOD}"][()]
    with pytest.raises(BuildError, match="age has other periods") as caught:
        _calibrated(file)
    assert caught.value.reason == "calibration.lossy"


def test_a_variable_of_no_entity_stops_leaving_records_out(tmp_path: Path) -> None:
    file = _written(tmp_path / "in.h5", strange=np.ones(7))
    assert _calibrated(file)[0].has("strange")
    with pytest.raises(BuildError, match="strange has 7 values for no known entity"):
        _calibrated(file, SPARSE)


def test_a_file_of_another_year_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "in.h5"
    write_period_arrays(file, small_columns(), PERIOD + 1)
    with pytest.raises(BuildError, match="is for 2025") as caught:
        _calibrated(file)
    assert caught.value.reason == "calibration.period"


def test_a_full_disk_leaves_no_half_file_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    file = _written(tmp_path / "in.h5")
    with monkeypatch.context() as patch:
        patch.setitem(files.WRITERS, "period_arrays", full)  # type: ignore[index]
        with pytest.raises(BuildError, match="No space left on device") as caught:
            _calibrated(file)
    assert caught.value.reason == "calibration.unwritable"
    out = file.with_name("out.h5")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.h5", "out.calibration.npz"]
    stages: list[str] = []
    _calibrated(file, progress=lambda *each: stages.append(each[0]))
    assert stages == []  # the fit was not made again
    assert out.exists()


def _invoke(
    monkeypatch: pytest.MonkeyPatch, command: str, file: Path, *options: str
) -> tuple[int, str, str]:
    def stand_in(file: Path, out: Path, chosen: Any, progress: Any) -> dict[str, Any]:
        return calibrate_file(file, out, chosen, simulator=FakeSimulator(), progress=progress)

    monkeypatch.setattr(cli, "calibrate_file", stand_in)
    out = str(file.with_name("out.h5"))
    result = RUNNER.invoke(cli.app, [command, str(file), "--out", out, *options])
    return result.exit_code, result.stdout, result.output


def _config(path: Path, chosen: Any) -> str:
    path.write_text(json.dumps(chosen.record()))
    return str(path)


def test_the_national_command_prints_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _written(tmp_path / "in.h5")
    config = _config(tmp_path / "c.json", DENSE)
    code, out, _ = _invoke(monkeypatch, "national", file, "--config", config, "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["file"] == str(tmp_path / "out.h5")
    assert summary["product"] == "mp-national"


def test_the_local_command_shows_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _written(tmp_path / "in.h5")
    config = _config(tmp_path / "c.json", SPARSE)
    code, out, _ = _invoke(monkeypatch, "local", file, "--config", config)
    assert code == 0
    for words in ("mp-local-fast", "train loss", "stopping: reason", "household records"):
        assert words in out


@pytest.mark.parametrize(("command", "chosen"), [("national", SPARSE), ("local", DENSE)])
def test_each_command_takes_its_own_product_only(
    command: str, chosen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _written(tmp_path / "in.h5")
    code, _, shown = _invoke(
        monkeypatch, command, file, "--config", _config(tmp_path / "c.json", chosen)
    )
    other = {"national": "local", "local": "national"}[command]
    assert code == cli.ERROR_EXIT == 3
    assert f"mpgate calibrate {other}" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(("command", "product"), [("national", "mp-national"), ("local", "mp-l")])
def test_without_a_config_the_product_s_own_is_used(
    command: str, product: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, out: Path, chosen: Any, progress: Any) -> None:
        raise MpgateError(f"given {chosen.product}", reason="x", remedy="none")

    monkeypatch.setattr(cli, "calibrate_file", refuse)
    result = RUNNER.invoke(cli.app, [command, "x.h5", "--out", str(tmp_path / "y.h5")])
    assert result.exit_code == 3
    assert f"given {product}" in result.output


@pytest.mark.parametrize("command", ["national", "local"])
def test_help_shows_an_example(command: str) -> None:
    result = RUNNER.invoke(cli.app, [command, "--help"])
    assert f"mpgate calibrate {command} runs/demo" in result.output
