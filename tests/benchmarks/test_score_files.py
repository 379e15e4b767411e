"""Two files scored on the suite or on a target database, with a stand-in for the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.targets import target_db_identity
from baselines.targets.database import compile_database
from benchmarks import measure
from benchmarks.evidence_store import cached_contributions
from benchmarks.measure import measure_evidence
from benchmarks.scoring import files as scoring_files
from benchmarks.scoring.compare import compare
from benchmarks.scoring.files import score_files
from benchmarks.suite import load_suite
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import BaselineError, MeasureError
from schemas.records import validate
from schemas.writers import write_period_arrays
from tests.baselines.target_databases import write_published
from tests.benchmarks.fake_engine import FakeEngine, FakeSession
from tests.benchmarks.population import generated_households

WHOLE = load_suite()
# Every fortieth target: enough for each measure and geography, few enough to draw quickly.
SUITE = replace(WHOLE, targets=WHOLE.targets[::40])
Lines = Sequence[tuple[str, str, str]]
STRATA: tuple[Lines, ...] = (
    (),
    (("state_fips", "==", "6"),),
    (("snap", ">", "0"),),
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two small files of different households."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    for module in (scoring_files, measure):
        monkeypatch.setattr(module, "load_suite", lambda *ids: SUITE)
    ours, theirs = tmp_path / "ours.h5", tmp_path / "theirs.h5"
    for seed, path in enumerate((ours, theirs)):
        write_period_arrays(path, generated_households(30, seed=seed), 2024)
    return ours, theirs


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database with two rows to score and five that are dropped."""
    rows: list[dict[str, Any]] = [
        {"value": 2e6},
        {"variable": "snap", "stratum_id": 2, "value": 1e7, "source": "USDA"},
        {"variable": "tax_unit_count", "stratum_id": 3, "value": 1e6},
        {"variable": "no_such_variable"},
        {"variable": "household_count", "value": -1.0},
        {"variable": "ssi", "active": 0},
        {"variable": "snap", "period": 1900},
    ]
    return write_published(tmp_path / "policy_data.db", STRATA, rows)


def people(path: Path) -> float:
    """Return the weighted number of persons of a file."""
    dataset = open_dataset(path)
    homes = dataset.read("person_household_id").tolist()
    members = [homes.count(each) for each in dataset.read("household_id").tolist()]
    return float(np.dot(members, dataset.read("household_weight").astype(np.float64)))


def test_on_the_suite_it_is_the_comparison_of_their_evidence(files: tuple[Path, Path]) -> None:
    engine = FakeSession()
    record = score_files(*files, simulator=engine)
    validate(record, "loss_record")
    assert engine.calls == ["simulation", "simulation"]
    assert record["source"] == {"kind": "files", "sha256": None}
    assert record["suite"] == {"id": SUITE.id, "sha256": SUITE.sha256}
    assert record["target_db"] == target_db_identity()
    assert record["candidate"] == {"label": "ours.h5", "sha256": sha256_file(files[0])}
    evidence = [measure_evidence(path, simulator=FakeEngine()) for path in files]
    sides = (cached_contributions(evidence[0]), cached_contributions(evidence[1]))
    judged = compare(evidence[0], evidence[1], SUITE, contributions=sides)
    assert record["noise"]["method"] == "household_bootstrap"
    for name, loss in judged["losses"].items():
        for key in ("candidate", "incumbent", "delta"):
            assert record["losses"][name][key] == pytest.approx(loss[key], rel=1e-9)
        found = record["losses"][name]["standard_error"]
        assert found == pytest.approx(loss["standard_error"], rel=1e-3)
    for kind in ("families", "aggregates"):
        bases = {name: each["basis"] for name, each in record[kind].items()}
        assert bases == {name: each["basis"] for name, each in judged[kind].items()}
        assert bases["household_net_income"] == "incumbent_estimate"


def test_on_a_database_its_rows_are_scored_or_dropped_with_a_reason(
    files: tuple[Path, Path], database: Path
) -> None:
    record = score_files(*files, target_db=database, simulator=FakeSession())
    validate(record, "loss_record")
    assert record["suite"] is None
    assert record["target_db"] == {"id": "policy_data.db", "sha256": sha256_file(database)}
    assert {each["role"] for each in record["targets"]} == {"train"}
    assert record["held_out"] is None
    first, second = record["targets"]
    assert (first["target"], first["unit"], first["geography_level"]) == (
        2e6,
        "persons",
        "national",
    )
    assert first["candidate"] == pytest.approx(people(files[0]))
    assert first["incumbent"] == pytest.approx(people(files[1]))
    assert (second["unit"], second["geography_level"], second["source"]) == ("usd", "state", "USDA")
    reasons = [each["reason"] for each in record["dropped"]]
    assert [each["target_id"] for each in record["dropped"]][:2] == [
        "row 6: ssi",
        "row 4: no_such_variable",
    ]
    assert reasons[0].startswith("inactive: ")
    assert reasons[1].startswith("unknown_variable: ")
    assert reasons[2].startswith("-1: native_ecps_v1 is undefined there")
    assert reasons[3] == "stated for 1900, and nothing grows it to 2024"
    assert "values of a spm_unit have no defined value at a tax_unit" in reasons[4]
    assert len(reasons) == 5
    assert record["families"]["household_net_income"]["basis"] == "incumbent_estimate"
    assert record["noise"]["method"] == "household_bootstrap"


def test_nothing_of_a_database_is_held_out_not_even_of_ours(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    held = [each for each in SUITE.targets if SUITE.scheme.roles[each.target_id] == "held_out"]
    compile_database(held, tmp_path / "ours.db")
    record = score_files(*files, target_db=tmp_path / "ours.db", simulator=FakeSession())
    assert {each["role"] for each in record["targets"]} == {"train"}
    assert record["held_out"] is None
    assert set(record["kept"]["target_ids"]) == {each.target_id for each in held}


def test_one_and_the_same_file_ties_everywhere(files: tuple[Path, Path], database: Path) -> None:
    record = score_files(files[0], files[0], target_db=database, simulator=FakeSession())
    assert (record["wins"], record["losses_count"], record["ties"]) == (0, 0, 2)
    assert record["losses"]["broad_relative_v1"]["standard_error"] == 0


def test_a_database_of_which_nothing_can_be_scored_is_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    path = write_published(tmp_path / "p.db", [()], [{"value": -1.0}])
    with pytest.raises(MeasureError, match=r"no target of p\.db can be scored: -1: native"):
        score_files(*files, target_db=path, simulator=FakeSession())
    with pytest.raises(BaselineError):
        score_files(*files, target_db=files[0], simulator=FakeSession())


def test_another_year_is_refused(files: tuple[Path, Path]) -> None:
    write_period_arrays(files[1], generated_households(5), 2023)
    with pytest.raises(MeasureError, match=r"theirs\.h5 is for 2023") as caught:
        score_files(*files, simulator=FakeSession())
    assert caught.value.reason == "measure.period"


def test_a_file_that_changes_while_measured_is_refused(
    files: tuple[Path, Path], database: Path
) -> None:
    engine = FakeSession()

    def meddling(
        path: Path, outputs: Sequence[str], reform: Mapping[str, Any] | None = None, **other: Any
    ) -> Any:
        found = engine(path, outputs, reform)
        write_period_arrays(path, generated_households(30, seed=7), 2024)
        return found

    with pytest.raises(MeasureError) as caught:
        score_files(*files, target_db=database, simulator=meddling)
    assert caught.value.reason == "measure.file_changed"


def test_a_fault_of_the_file_is_not_a_dropped_row(files: tuple[Path, Path], database: Path) -> None:
    engine = FakeSession()

    def broken(path: Path, outputs: Sequence[str], reform: Any = None, **other: Any) -> Any:
        found = engine(path, outputs, reform)
        found.arrays["snap"] = np.full_like(found.arrays["snap"], np.nan)
        return found

    with pytest.raises(MeasureError) as caught:
        score_files(*files, target_db=database, simulator=broken)
    assert caught.value.reason == "measure.not_finite"
