"""Measuring a file with a stand-in for the engine: the record, its sums, its cache."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.benchmark_outputs import REMAINDER
from benchmarks.cli import app
from benchmarks.contributions import Contributions, save_contributions
from benchmarks.engine.arms import Arm
from benchmarks.evidence_store import (
    cached_contributions,
    cached_evidence,
    contributions_path,
    evidence_path,
    is_current,
)
from benchmarks.measure import measure_evidence, measure_together
from benchmarks.scoring.kernel import estimates
from benchmarks.suite import load_suite
from benchmarks.suite_arms import suite_arms
from benchmarks.weights import weight_curve, weight_diagnostics
from schemas.canonical import content_sha256, sha256_file
from schemas.dataset import open_dataset
from schemas.errors import MeasureError, RecordError
from schemas.records import validate, write_record
from schemas.writers import write_period_arrays
from tests.benchmarks.fake_engine import FakeEngine
from tests.benchmarks.population import generated_households

SUITE = load_suite()
ARM_IDS = ["baseline-2024", "baseline-2026", *(each["id"] for each in SUITE.benchmarks)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tiny.h5"
    write_period_arrays(path, generated_households(30), 2024)
    return path


def test_record_is_valid_and_repeatable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    record = measure_evidence(file, simulator=engine)
    validate(record, "evidence")
    assert engine.calls == ARM_IDS
    assert measure_evidence(file, simulator=engine) == record
    assert engine.calls == ARM_IDS
    monkeypatch.setenv("MPGATE_CACHE", str(file.parent / "other"))
    assert content_sha256(measure_evidence(file, simulator=engine)) == content_sha256(record)
    assert record["subject"]["sha256"] == sha256_file(file)
    assert [each["target_id"] for each in record["targets"]] == [
        each.target_id for each in SUITE.targets
    ]


def test_contributors_sum_to_every_delta(file: Path) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    for benchmark in record["benchmarks"]:
        for name, delta in benchmark["delta"].items():
            parts = benchmark["contributors"][name]
            assert math.fsum(each["value"] for each in parts) == pytest.approx(delta, rel=1e-12)
            assert delta == benchmark["reform"][name] - benchmark["baseline"][name]
            assert parts[-1]["name"] == REMAINDER


def test_budget_sign_is_plus_for_government(file: Path) -> None:
    levels = measure_evidence(file, simulator=FakeEngine())["baseline"]
    arm = Arm("taxes", 2024, ("household_tax", "household_benefits"))
    simulated = FakeEngine().simulate(file, arm)
    weights = open_dataset(file).read("household_weight").astype(np.float64)
    tax, benefits = (float(simulated.arrays[n] @ weights) for n in simulated.arrays)
    assert levels["fiscal"] == pytest.approx(tax - benefits)


def test_weight_diagnostics_by_hand(tmp_path: Path) -> None:
    columns = generated_households(4)
    columns["household_weight"] = np.array([1.0, 1.0, 0.0, 2.0])
    path = tmp_path / "w.h5"
    write_period_arrays(path, columns, 2024)
    found = weight_diagnostics(open_dataset(path))
    members = [np.sum(columns["person_household_id"] == each) for each in columns["household_id"]]
    assert found["household_sum"] == 4
    assert found["person_sum"] == members[0] + members[1] + 2 * members[3]
    assert found["kish_ess"] == pytest.approx(16 / 6)
    assert found["positive"] == 3
    assert found["top_1pct_share"] == 0.5
    assert found["max_to_mean"] == 2
    shares = {each["households"]: each["weight"] for each in weight_curve(open_dataset(path))}
    assert shares[0.01] == shares[0.2] == 0.5
    assert shares[0.5] == 0.75
    assert shares[0.6] == shares[1.0] == 1.0


def test_unusable_weights_are_refused(tmp_path: Path) -> None:
    columns = generated_households(4)
    columns["household_weight"] = np.array([1.0, -1.0, 0.0, 2.0])
    write_period_arrays(tmp_path / "w.h5", columns, 2024)
    with pytest.raises(MeasureError) as caught:
        weight_diagnostics(open_dataset(tmp_path / "w.h5"))
    assert caught.value.reason == "measure.weights"


def test_foreign_evidence_is_refused(file: Path) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    record["subject"]["sha256"] = "0" * 64
    write_record(evidence_path(sha256_file(file), SUITE.sha256), record, "evidence")
    with pytest.raises(MeasureError) as caught:
        cached_evidence(sha256_file(file), SUITE.sha256)
    assert caught.value.reason == "evidence.foreign"


def test_evidence_of_other_target_facts_is_refused(file: Path) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    assert is_current(record)
    record["target_db"]["sha256"] = "0" * 64
    assert not is_current(record)
    write_record(evidence_path(sha256_file(file), SUITE.sha256), record, "evidence")
    with pytest.raises(MeasureError, match="state of the target facts"):
        cached_evidence(sha256_file(file), SUITE.sha256)


def test_damaged_evidence_is_refused(file: Path) -> None:
    measure_evidence(file, simulator=FakeEngine())
    evidence_path(sha256_file(file), SUITE.sha256).write_text('{"schema": "evidence"}')
    with pytest.raises(RecordError):
        measure_evidence(file, simulator=FakeEngine())


def test_without_the_cache_the_file_is_measured_again(file: Path) -> None:
    engine = FakeEngine()
    record = measure_evidence(file, simulator=engine)
    again = measure_evidence(file, simulator=engine, use_cache=False)
    assert engine.calls == 2 * ARM_IDS
    assert content_sha256(again) == content_sha256(record)


def test_contributions_lie_beside_the_evidence_and_agree_with_it(file: Path) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    found = cached_contributions(record)
    assert found is not None
    assert record["contributions"] == found.summary()
    figures = dict(zip(found.columns, estimates(found.matrix, found.weights), strict=True))
    for each in record["targets"]:
        assert figures[each["target_id"]] == pytest.approx(each["estimate"], rel=1e-6, abs=1e-6)
    for name, total in record["baseline"].items():
        assert figures[f"measure:{name}"] == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"PK broken")])
def test_lost_or_damaged_contributions_are_made_again(
    file: Path, spoil: Callable[[Path], Any]
) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    evidence = evidence_path(record["subject"]["sha256"], SUITE.sha256)
    spoil(contributions_path(evidence))
    assert cached_contributions(record) is None
    assert content_sha256(measure_evidence(file, simulator=FakeEngine())) == content_sha256(record)
    assert cached_contributions(record) is not None


def test_contributions_of_other_content_are_not_taken(file: Path) -> None:
    record = measure_evidence(file, simulator=FakeEngine())
    found = cached_contributions(record)
    assert found is not None
    other = Contributions(found.matrix, found.columns, found.weights * 2)
    evidence = evidence_path(record["subject"]["sha256"], SUITE.sha256)
    save_contributions(contributions_path(evidence), other)
    assert cached_contributions(record) is None


def test_a_file_that_changes_while_measured_is_refused(file: Path) -> None:
    engine = FakeEngine()

    def meddling(paths: Sequence[Path], arms: Sequence[Sequence[Arm]], **other: Any) -> Any:
        found = engine(paths, arms, **other)
        write_period_arrays(paths[0], generated_households(30, seed=1), 2024)
        return found

    with pytest.raises(MeasureError) as caught:
        measure_evidence(file, simulator=meddling)
    assert caught.value.reason == "measure.file_changed"
    assert not list(file.parent.rglob("evidence/*.json"))


def test_files_missing_evidence_are_simulated_in_one_call(file: Path) -> None:
    other = file.with_name("other.h5")
    write_period_arrays(other, generated_households(20, seed=3), 2024)
    engine = FakeEngine()
    calls: list[int] = []

    def counted(paths: Sequence[Path], arms: Sequence[Sequence[Arm]], **more: Any) -> Any:
        calls.append(len(paths))
        return engine(paths, arms, **more)

    first, second = measure_together([file, other], simulator=counted)
    assert (first["subject"]["sha256"], second["subject"]["sha256"]) == (
        sha256_file(file),
        sha256_file(other),
    )
    assert measure_together([other, file], simulator=counted) == [second, first]
    write_period_arrays(other, generated_households(20, seed=4), 2024)
    measure_together([file, other], simulator=counted)
    assert calls == [2, 1]


def test_exact_measures_again_and_says_so(file: Path) -> None:
    engine = FakeEngine()
    fast = measure_evidence(file, simulator=engine)
    plain = measure_evidence(file, simulator=engine, exact=True)
    assert engine.calls == 2 * ARM_IDS
    assert {each["method"] for each in fast["benchmarks"]} == {"incremental"}
    assert {each["method"] for each in plain["benchmarks"]} == {"exact"}
    assert [each["delta"] for each in plain["benchmarks"]] == [
        each["delta"] for each in fast["benchmarks"]
    ]


def test_indexed_gains_replace_the_gains_of_the_file(file: Path) -> None:
    columns = generated_households(30)
    gains = np.linspace(-1_000, 50_000, len(columns["person_id"])).astype(np.float32)
    write_period_arrays(file, columns | {"long_term_capital_gains": gains}, 2024)
    by_id = {arm.id: arm for arm in suite_arms(SUITE, open_dataset(file))}
    assert list(by_id) == ARM_IDS
    inputs = by_id["capital-gains-indexing"].inputs
    assert inputs is not None
    indexed = inputs["long_term_capital_gains_before_response"]
    assert (indexed[gains <= 0] == gains[gains <= 0]).all()
    assert (indexed[gains > 0] < gains[gains > 0]).all()
    assert (indexed[gains > 0] >= 0).all()
    assert all(arm.inputs is None for arm in by_id.values() if arm.id != "capital-gains-indexing")


def test_another_year_is_refused(file: Path) -> None:
    write_period_arrays(file, generated_households(5), 2023)
    with pytest.raises(MeasureError) as caught:
        measure_evidence(file, simulator=FakeEngine())
    assert caught.value.reason == "measure.period"


def test_cli_prints_tables_and_json(file: Path) -> None:
    measured = measure_evidence(file, simulator=FakeEngine())
    out = file.parent / "evidence.json"
    shown = CliRunner().invoke(app, ["measure", str(file), "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "kish_ess" in shown.output
    assert json.loads(out.read_text()) == measured
    assert contributions_path(out).is_file()
    printed = CliRunner().invoke(app, ["measure", str(file), "--json"])
    assert json.loads(printed.stdout) == measured


def test_cli_says_one_line_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "bad.h5").write_text("not a dataset")
    result = CliRunner().invoke(app, ["measure", str(tmp_path / "bad.h5")])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "Next:" in result.stderr
    assert "Traceback" not in result.stderr


def test_floors_lie_below_every_external_score_of_the_same_reform() -> None:
    """A floor above a published score would call the published effect vacuous."""
    for benchmark in SUITE.benchmarks:
        floors = benchmark["non_vacuity_floor"]
        assert {"fiscal", "household_net_income"} <= set(floors)
        yearly = {"usd": 1, "usd_over_10_years": 10}
        scores = [
            abs(each["value"]) / yearly[each["unit"]]
            for each in benchmark["external_comparators"]
            if each["unit"] in yearly
        ]
        assert scores
        assert max(floors.values()) < min(scores)
