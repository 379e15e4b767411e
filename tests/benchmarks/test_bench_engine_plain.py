"""The plain side of the engine comparison: which runs, in which order, scaled how; the script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import bench_engine_plain
from benchmarks.bench_engine_plain import (
    BEST,
    LISTED,
    PlainRun,
    differing_outputs,
    ordered_outputs,
    plain_job,
    planned_runs,
    run_plain,
    scaled_seconds,
    settings,
    value_arms,
)
from benchmarks.engine.arms import Arm
from benchmarks.suite import listed_outputs, load_suite
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError, RecordError
from schemas.writers import write_entity_tables
from tests.benchmarks.bench_engine_fakes import (
    ARMS,
    FILES,
    LISTING,
    OUTPUTS,
    VALUE_IDS,
    WINDOW,
    reform,
    write_files,
)
from tests.benchmarks.population import generated_households

STAND_IN_ENGINE = """
import json, os, sys, time
import numpy as np

time.sleep(0.05)

def told(*line):
    with open(os.environ["PLAIN_LOG"], "a") as log:
        log.write(json.dumps(line) + "\\n")

class Microsimulation:
    def __init__(self, **keywords):
        told("construct", keywords)
    def set_input(self, name, period, values):
        told("set_input", name, period, values.tolist())
    def calculate(self, name, period):
        print("noise of the engine")
        told("calculate", name, period)
        if name == "state_code":
            return np.array(["NY", "CA"], dtype=object)
        return np.array([1.5, np.nan], dtype=np.float32)

told("ours", sorted(name for name in sys.modules if name.startswith("benchmarks")))
"""
STAND_IN_CORE = """
class Reform:
    @staticmethod
    def from_dict(changes, country_id):
        return [changes, country_id]
"""


def test_the_settings_name_value_only_reforms_of_the_suite_and_engine_variables() -> None:
    suite = load_suite()
    named = [each for each in suite.benchmarks if each["id"] in settings()["plain_reforms"]]
    arms = [Arm(each["id"], each["period"], (), reform=each["reform"]) for each in named]
    assert len(named) == len(settings()["plain_reforms"]) == 3
    assert value_arms(arms, suite.record["period"]) == arms
    assert set(settings()["best_order"]["first"]) <= set(variable_table())
    assert settings()["goals"]["speedup"] == 20
    assert settings()["goals"]["speedup_whole_suite"] == 12
    assert listed_outputs(suite)[0] == "household_net_income"


@pytest.mark.parametrize("where", [(), ("best_order",), ("goals",), ("structural_parameters",)])
def test_settings_with_an_unknown_key_are_refused(
    where: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(bench_engine_plain.SETTINGS.read_text())
    inner = record
    for key in where:
        inner = inner[key]
    inner["surprise"] = 1
    (tmp_path / "settings.json").write_text(json.dumps(record))
    monkeypatch.setattr(bench_engine_plain, "SETTINGS", tmp_path / "settings.json")
    with pytest.raises(RecordError, match="surprise"):
        settings.__wrapped__()


def test_value_arms_leave_out_structural_reforms_inputs_and_other_years() -> None:
    assert [arm.id for arm in value_arms(ARMS, 2024)] == VALUE_IDS
    assert [arm.id for arm in value_arms(ARMS, 2026)] == ["baseline-2026", "ssi-2026"]
    mixed = Arm("mixed", 2024, OUTPUTS, {**(ARMS[1].reform or {}), **(ARMS[5].reform or {})})
    assert value_arms([mixed], 2024) == []
    taxes = reform("flat", "gov.contrib.ubi_center.flat_tax.abolish_federal_income_tax")
    assert value_arms([taxes], 2024) == []


def test_the_listed_order_is_kept_and_the_best_order_comes_before_it() -> None:
    arm = Arm("baseline", 2024, ("age", "snap", "wic", "household_net_income"))
    listing = ["household_net_income", "ctc_value", "wic", "snap"]
    assert ordered_outputs(arm, LISTED, listing) == ["household_net_income", "wic", "snap"]
    best = ["income_tax", "snap", "ssi", "household_net_income", "wic"]
    assert ordered_outputs(arm, BEST, listing) == best


def test_runs_that_are_needed_come_first_and_other_files_are_optional() -> None:
    arms = dict.fromkeys(FILES, value_arms(ARMS, 2024))
    names = settings()["plain_reforms"]
    runs = planned_runs(arms, names, names[:1])
    told = [(run.file, run.arm.id, run.order, run.optional) for run in runs]
    assert told == [
        ("candidate", "baseline", LISTED, False),
        ("candidate", names[0], LISTED, False),
        ("candidate", "baseline", BEST, False),
        ("candidate", names[0], BEST, False),
        ("incumbent", "baseline", LISTED, True),
        ("incumbent", names[0], LISTED, True),
        ("incumbent", "baseline", BEST, True),
        ("incumbent", names[0], BEST, True),
        ("candidate", names[1], LISTED, True),
        ("incumbent", names[1], LISTED, True),
        ("candidate", names[2], LISTED, True),
        ("incumbent", names[2], LISTED, True),
    ]
    assert {run.order for run in planned_runs(arms, names, [])} == {LISTED}


def test_the_plain_seconds_are_scaled_per_file_and_order() -> None:
    arms = {"candidate": ARMS[:4], "incumbent": [*ARMS[:2], ARMS[7]]}
    timed = [
        (PlainRun("candidate", ARMS[0], LISTED), 10.0),
        (PlainRun("candidate", ARMS[1], LISTED), 20.0),
        (PlainRun("candidate", ARMS[2], LISTED), 40.0),
        (PlainRun("incumbent", ARMS[0], LISTED), 100.0),
        (PlainRun("incumbent", ARMS[1], LISTED), 200.0),
        (PlainRun("candidate", ARMS[0], BEST), 1.0),
        (PlainRun("candidate", ARMS[1], BEST), 2.0),
        (PlainRun("incumbent", ARMS[0], BEST), 3.0),
        (PlainRun("incumbent", ARMS[1], BEST), 4.0),
    ]
    assert scaled_seconds(timed, LISTED, arms) == (10 + 3 * 30) + (2 * 100 + 200)
    assert scaled_seconds(timed, BEST, arms) == (1 + 3 * 2) + (2 * 3 + 4)
    # A file without a run of the kind counts as the other one.
    assert scaled_seconds(timed[:4], LISTED, arms) == (10 + 3 * 30) + (2 * 100 + 30)


@pytest.mark.parametrize(
    ("ours", "plain", "equal"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1.0, 2.0], np.float32), np.array([1.0, 2.0]), True),
        (np.array(["NY", "CA"]), np.array(["NY", "CA"]), True),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), False),
        (np.array([True, False]), np.array([1.0, 0.0]), False),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0, 2.0]), False),
        (np.array(["NY", "CA"]), np.array(["NY", "DC"]), False),
        (np.array([1.0, 2.0]), np.array([2.0, 1.0]), False),
    ],
)
def test_equal_means_kind_and_every_row(ours: np.ndarray, plain: np.ndarray, equal: bool) -> None:
    assert differing_outputs(["snap"], {"snap": ours}, {"snap": plain}) == (
        [] if equal else ["snap"]
    )


def test_an_absent_output_differs() -> None:
    array = {"snap": np.ones(2)}
    assert differing_outputs(["snap", "ssi"], {**array, "ssi": np.ones(2)}, array) == ["ssi"]
    assert differing_outputs(["snap", "ssi"], array, {**array, "ssi": np.ones(2)}) == ["ssi"]


def test_a_job_says_all_that_the_script_needs(tmp_path: Path) -> None:
    file = open_dataset(write_files(tmp_path)["candidate"])
    job = plain_job(file, PlainRun("candidate", ARMS[1], LISTED), LISTING, tmp_path)
    assert job == {
        "dataset": str(file.path),
        "reform": ARMS[1].reform,
        "period": 2024,
        "outputs": LISTING,
        "inputs": None,
        "spm": {"geography_kind": "national"},
        "dataset_end_year": None,
        "save": str(tmp_path / "arrays.npz"),
    }
    columns = generated_households(5)
    columns["county_fips"] = np.full(5, 6037)
    write_entity_tables(tmp_path / "tables.h5", columns, 2024)
    tables = open_dataset(tmp_path / "tables.h5")
    for arm, year in ((ARMS[6], 2024), (ARMS[8], 2026)):
        job = plain_job(tables, PlainRun("candidate", arm, LISTED), LISTING, tmp_path)
        assert (job["spm"], job["dataset_end_year"], job["period"]) == (None, year, year)
        assert (job["inputs"] is None) == (arm.inputs is None)
    assert np.array_equal(np.load(tmp_path / "inputs.npz")["gains"], np.arange(3.0))


@pytest.fixture
def plain_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put stand-ins for the engine before the installed one; return where they tell of calls."""
    for package, module, code in (
        ("policyengine_us", "__init__.py", STAND_IN_ENGINE),
        ("policyengine_core", "reforms.py", STAND_IN_CORE),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / module).write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PLAIN_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def job_of(folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": "candidate.h5",
        "reform": None,
        "period": 2026,
        "outputs": ["snap", "ssi@2026-12", "state_code"],
        "inputs": None,
        "spm": None,
        "dataset_end_year": None,
        "save": str(folder / "arrays.npz"),
        **changes,
    }


def test_the_plain_script_calculates_in_order_and_saves(plain_log: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", gains=np.array([3.0, 4.0]))
    spm, change = {"geography_kind": "national"}, {"a.b": {WINDOW: 1}}
    job = job_of(
        tmp_path,
        reform=change,
        inputs=str(tmp_path / "inputs.npz"),
        spm=spm,
        dataset_end_year=2026,
    )
    figures = run_plain(job, tmp_path, 60)
    steps = ("import_s", "construct_s", "calculate_s")
    assert figures["total_s"] == pytest.approx(sum(figures[step] for step in steps), abs=0.003)
    assert figures["import_s"] >= 0.05
    assert figures["peak_rss_gb"] > 0
    ours, *calls = [json.loads(line) for line in plain_log.read_text().splitlines()]
    assert ours == ["ours", ["benchmarks", "benchmarks.engine", "benchmarks.engine.memory"]]
    keywords = {"dataset": "candidate.h5", "reform": [change, "us"], "spm": spm}
    assert calls == [
        ["construct", {**keywords, "dataset_end_year": 2026}],
        ["set_input", "gains", 2026, [3.0, 4.0]],
        ["calculate", "snap", 2026],
        ["calculate", "ssi", "2026-12"],
        ["calculate", "state_code", 2026],
    ]
    with np.load(job["save"], allow_pickle=False) as saved:
        assert saved["snap"].dtype == np.float32
        assert np.array_equal(saved["ssi@2026-12"], [1.5, np.nan], equal_nan=True)
        assert saved["state_code"].tolist() == ["NY", "CA"]


def test_the_plain_script_needs_no_reform_and_no_file_to_save(
    plain_log: Path, tmp_path: Path
) -> None:
    run_plain(job_of(tmp_path, save=None), tmp_path, 60)
    _, construct, *calls = [json.loads(line) for line in plain_log.read_text().splitlines()]
    assert construct[1]["reform"] is None
    assert [name for name, *_ in calls] == ["calculate"] * 3
    assert not (tmp_path / "arrays.npz").exists()


@pytest.mark.parametrize(
    ("code", "words", "timeout_s", "reason"),
    [
        ("raise ValueError('SPM unit has no adult')", "SPM unit has no adult", 60, "plain_failed"),
        ("import os; os.kill(os.getpid(), 9)", "exit -9", 60, "plain_failed"),
        ("print('no figures')", "printed no figures", 60, "plain_failed"),
        ("print('{\"total_s\": 1}')", "printed no figures", 60, "plain_failed"),
        ("", "printed no figures", 60, "plain_failed"),
        ("import time; time.sleep(60)", "time ran out", 0.5, "time"),
    ],
)
def test_a_failing_child_is_a_typed_error(
    code: str,
    words: str,
    timeout_s: float,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "stand_in.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(bench_engine_plain, "SCRIPT", "stand_in")
    with pytest.raises(MeasureError, match=words) as caught:
        run_plain(job_of(tmp_path), tmp_path, timeout_s)
    assert caught.value.reason == f"bench.{reason}"
