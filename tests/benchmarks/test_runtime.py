"""The runtime measurement with a fake timer: what is run, in what order, and what is recorded."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import runtime
from benchmarks.runtime import (
    XDIST_VARIABLE,
    current_fingerprint,
    expected_seconds,
    load_settings,
    machine,
    measure_runtime,
)
from schemas.canonical import sha256_file, sha256_json
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError, MeasureError, RecordError
from schemas.records import validate
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.population import generated_households

POLICY = Path(__file__).parents[2] / "gates" / "policy" / "national.json"
STEADY = [1.0] * 20
SHARES = {"load": 0.5, "federal_tax": 0.2, "benefits": 0.2, "health": 0.1}


class FakeTimer:
    """Stands in for the child: seconds by file name, a factor for each run in turn."""

    def __init__(self, seconds: dict[str, float], factors: Iterable[float]) -> None:
        self.seconds, self.factors = seconds, iter(factors)
        self.jobs: list[dict[str, Any]] = []
        self.now = 1000.0
        self.import_s = {"candidate.h5": 30.0, "incumbent.h5": 30.0}

    def __call__(
        self, job: dict[str, Any], folder: Path, progress: Any, timeout_s: float
    ) -> dict[str, Any]:
        self.jobs.append(job)
        name = Path(job["path"]).name
        total = self.seconds[name] * next(self.factors)
        self.now += total + self.import_s[name]
        workloads = {work: total * share for work, share in SHARES.items()}
        return {
            "import_s": self.import_s[name],
            "workloads": workloads,
            "workloads_cpu": {work: seconds / 2 for work, seconds in workloads.items()},
            "peak_rss_gb": 1.0 + len(self.jobs) / 10,
        }

    @property
    def order(self) -> str:
        return "".join(Path(job["path"]).name[0] for job in self.jobs)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(XDIST_VARIABLE, raising=False)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(("candidate.h5", "incumbent.h5")):
        write_period_arrays(tmp_path / name, generated_households(20, seed), 2024)
    return tmp_path / "candidate.h5", tmp_path / "incumbent.h5"


@pytest.fixture
def measure(files: tuple[Path, Path]) -> Callable[..., dict[str, Any]]:
    def run(timer: Any, **keywords: Any) -> dict[str, Any]:
        return measure_runtime(*files, incumbent_id="psl-cps-2024", run=timer, **keywords)

    return run


def slowed(ratio: float, factors: Iterable[float] = STEADY) -> FakeTimer:
    return FakeTimer({"candidate.h5": 20.0 * ratio, "incumbent.h5": 20.0}, factors)


def decided(record: dict[str, Any]) -> dict[float, str]:
    return {each["limit"]: each["decision"] for each in record["decisions"]}


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (1.0, {1.25: "within", 2.0: "within"}),
        (1.5, {1.25: "beyond", 2.0: "within"}),
        (2.5, {1.25: "beyond", 2.0: "beyond"}),
    ],
)
def test_three_pairs_decide_clear_cases(
    ratio: float, expected: dict[float, str], measure: Callable[..., dict[str, Any]]
) -> None:
    timer = slowed(ratio, [1.0, 1.02, 0.99, 1.01, 1.0, 0.98])
    record = measure(timer)
    assert decided(record) == expected
    assert timer.order == "ciicci"
    assert record["median_ratio"] == pytest.approx(ratio, rel=0.03)
    low, high = record["interval"]["low"], record["interval"]["high"]
    assert low < ratio < high
    validate(record, "runtime")


def test_noise_across_the_limit_runs_to_the_cap_and_stays_undecided(
    measure: Callable[..., dict[str, Any]],
) -> None:
    timer = slowed(1.25, [1.1, 1.0, 1.1, 1.0] * 5)
    record = measure(timer)
    assert len(timer.jobs) == 2 * load_settings()["max_pairs"] == 2 * len(record["pairs"])
    assert timer.order == "ciic" * 4 + "ci"
    assert decided(record) == {1.25: "undecided", 2.0: "within"}
    assert record["interval"]["confidence"] > 0.99


def test_it_stops_as_soon_as_every_limit_is_decided(
    measure: Callable[..., dict[str, Any]],
) -> None:
    timer = slowed(1.0, [1.3, *[1.0] * 20])
    record = measure(timer)
    assert 3 < len(record["pairs"]) < 9
    assert len(timer.jobs) == 2 * len(record["pairs"])
    assert decided(record) == {1.25: "within", 2.0: "within"}


def test_a_pair_records_both_runs_and_the_ratio_leaves_the_import_out(
    measure: Callable[..., dict[str, Any]],
) -> None:
    timer = slowed(1.1)
    timer.import_s["candidate.h5"] = 90.0
    pairs = measure(timer)["pairs"]
    assert [pair["order"] for pair in pairs] == [
        "candidate_first", "incumbent_first", "candidate_first",
    ]  # fmt: skip
    assert [pair["ratio"] for pair in pairs] == [1.1] * 3
    sample = pairs[1]["candidate"]
    assert (sample["import_s"], sample["total_s"], sample["cpu_s"]) == (90.0, 22.0, 11.0)
    assert sum(sample["workloads"].values()) == pytest.approx(22.0)
    assert set(sample["workloads"]) == set(SHARES) == set(sample["workloads_cpu"])


def test_the_record_identifies_files_engine_settings_and_machine(
    files: tuple[Path, Path], measure: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    record = measure(slowed(1.0))
    candidate, incumbent = (sha256_file(path) for path in files)
    assert record["candidate"] == {
        "sha256": candidate, "label": "candidate.h5", "households": 20, "geography": "national",
    }  # fmt: skip
    assert record["incumbent"]["sha256"] == incumbent
    assert record["incumbent"]["id"] == "psl-cps-2024"
    settings = load_settings()
    assert record["settings"]["sha256"] == sha256_json(settings)
    assert record["settings"]["workloads"] == settings["workloads"]
    assert record["settings"]["left_out_of_ratio"] == ["import"]
    assert record["machine"]["fingerprint"] == current_fingerprint()
    assert record["peak_rss_gb"] == {"candidate": 1.5, "incumbent": 1.6}
    text = json.dumps(record)
    assert str(tmp_path) not in text
    assert platform.node() not in text


def test_the_expected_time_is_told_before_the_first_run(
    measure: Callable[..., dict[str, Any]],
) -> None:
    timer = slowed(1.0)
    told: list[tuple[str, int, int, int]] = []
    record = measure(
        timer,
        progress=lambda stage, done, total: told.append((stage, done, total, len(timer.jobs))),
        clock=lambda: timer.now,
    )
    minutes = round(record["expected_s"] / 60)
    assert told[0] == (f"runtime: 6 runs, about {minutes} min", 0, 6, 0)
    assert told[2] == ("runtime: 6 runs, about 3 min left", 2, 6, 2)  # 4 runs of 50 seconds
    assert [done for _, done, _, _ in told] == list(range(7))
    assert record["run"]["wall_s"] == 300.0


def test_further_pairs_are_told_too(measure: Callable[..., dict[str, Any]]) -> None:
    told: list[tuple[int, int]] = []
    measure(
        slowed(1.25, [1.1, 1.0, 1.1, 1.0] * 5),
        progress=lambda _, done, total: told.append((done, total)),
    )
    assert told[6:9] == [(6, 6), (7, 8), (8, 8)]
    assert told[-1] == (18, 18)


def test_the_expected_time_grows_with_the_households(files: tuple[Path, Path]) -> None:
    settings = load_settings() | {
        "expected": {"import_s": 30, "fixed_s": 10, "per_1000_households_s": 50}
    }
    datasets = [open_dataset(path) for path in files]
    assert expected_seconds(datasets, settings) == pytest.approx(3 * (2 * 40 + 2 * 1))


def test_every_run_gets_the_same_plain_job(
    files: tuple[Path, Path], measure: Callable[..., dict[str, Any]]
) -> None:
    timer = slowed(1.0)
    measure(timer)
    first, second, *_ = timer.jobs
    assert first["spm"] == second["spm"] == {"geography_kind": "national"}
    assert first["workloads"] == second["workloads"] == load_settings()["workloads"]
    assert first["year"] == 2024
    assert first["sizes"]["household"] == 20
    assert [job["path"] for job in timer.jobs[:2]] == [str(path) for path in files]


def test_counties_and_layout_of_each_side_reach_the_engine(files: tuple[Path, Path]) -> None:
    columns = generated_households(20) | {"county_fips": np.full(20, 6037, dtype=np.int32)}
    write_entity_tables(files[0], columns, 2024)
    timer = slowed(1.0)
    record = measure_runtime(*files, incumbent_id="psl-cps-2024", run=timer)
    assert timer.jobs[0]["spm"] is None
    assert timer.jobs[0]["layout"] == "entity_tables"
    assert timer.jobs[1]["spm"] is not None
    geography = [record[side]["geography"] for side in ("candidate", "incumbent")]
    assert geography == ["engine_default", "national"]


@pytest.mark.parametrize("changed", [0, 1])
def test_a_file_that_changes_ends_the_measurement(
    changed: int, files: tuple[Path, Path], measure: Callable[..., dict[str, Any]]
) -> None:
    timer = slowed(1.0)

    def meddle(*arguments: Any) -> dict[str, Any]:
        files[changed].write_bytes(files[changed].read_bytes() + b"\0")
        return timer(*arguments)

    with pytest.raises(MeasureError, match=rf"{files[changed].name} changed while") as caught:
        measure(meddle)
    assert caught.value.reason == "runtime.file_changed"
    assert len(timer.jobs) == 2


def test_nothing_runs_under_xdist(
    measure: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(XDIST_VARIABLE, "gw0")
    timer = slowed(1.0)
    with pytest.raises(MeasureError, match="xdist") as caught:
        measure(timer)
    assert caught.value.reason == "runtime.xdist"
    assert timer.jobs == []


def test_files_of_two_years_are_not_compared(files: tuple[Path, Path]) -> None:
    write_period_arrays(files[0], generated_households(20), 2026)
    timer = slowed(1.0)
    with pytest.raises(MeasureError, match="for 2026, the incumbent for 2024") as caught:
        measure_runtime(*files, incumbent_id="psl-cps-2024", run=timer)
    assert caught.value.reason == "runtime.year"
    assert timer.jobs == []


def test_a_file_that_is_no_h5_is_refused(files: tuple[Path, Path]) -> None:
    files[1].write_text("no h5")
    timer = slowed(1.0)
    with pytest.raises(DatasetError):
        measure_runtime(*files, incumbent_id="psl-cps-2024", run=timer)
    assert timer.jobs == []


def test_a_failing_engine_is_its_own_error(measure: Callable[..., dict[str, Any]]) -> None:
    def fail(*_: Any) -> dict[str, Any]:
        raise MeasureError("no adult", reason="engine.failed", remedy="mend the file")

    with pytest.raises(MeasureError, match="no adult"):
        measure(fail)


@pytest.mark.parametrize("workloads", [{"load": 1.0}, dict.fromkeys(SHARES, 0.0)])
def test_times_that_cannot_be_are_refused(
    workloads: dict[str, float], measure: Callable[..., dict[str, Any]]
) -> None:
    times = {"import_s": 1.0, "workloads": workloads, "workloads_cpu": workloads}
    with pytest.raises(MeasureError) as caught:
        measure(lambda *_: times | {"peak_rss_gb": 1.0})
    assert caught.value.reason == "runtime.times"


def test_the_limits_are_those_of_the_gate() -> None:
    gates = json.loads(POLICY.read_text())["gates"]
    gate = next(gate for gate in gates if gate["id"] == "runtime.median")
    limits = {stage["limit"]["absolute"] for stage in gate["stages"].values()}
    assert limits == set(load_settings()["limits"])


def test_the_workloads_are_computed_by_the_engine() -> None:
    names = [name for work in load_settings()["workloads"] for name in work["variables"]]
    assert {"income_tax", "snap", "ssi", "eitc"} <= set(names)
    assert all(variable_table()[name].computed for name in names)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_pairs": 3, "min_pairs": 4}, "max_pairs 3 is below min_pairs 4"),
        ({"workloads": [{"id": "a", "variables": ["ssi"]}] * 2}, "non-unique"),
        ({"workloads": [{"id": "a", "variables": [v]} for v in ("ssi", "snap")]}, "one id"),
        ({"workloads": [{"id": "load", "variables": ["ssi"]}]}, "workloads"),
        ({"workloads": []}, "workloads"),
        ({"min_pairs": 2}, "min_pairs"),
        ({"confidence": 1.0}, "confidence"),
        ({"limits": []}, "limits"),
        ({"limits": [0]}, "limits"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"left_out_of_ratio": []}, "left_out_of_ratio"),
        ({"threads": 2}, "threads"),
    ],
)
def test_bad_settings_are_refused(
    changes: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runtime.json").write_text(json.dumps(load_settings() | changes))
    monkeypatch.setattr(runtime, "SETTINGS", tmp_path / "runtime.json")
    with pytest.raises(RecordError, match=words):
        load_settings()


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [(os, "cpu_count", lambda: 999), (runtime, "version", lambda _: "0.0"),
     (runtime, "_cpu_model", lambda: "abacus"), (platform, "system", lambda: "Plan9"),
     (platform, "python_version", lambda: "9.9.9"), (os, "sysconf", lambda _: 1_000_000)],
)  # fmt: skip
def test_the_fingerprint_is_that_of_this_machine(
    owner: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current_fingerprint()
    machine.cache_clear()
    assert current_fingerprint() == before
    machine.cache_clear()
    monkeypatch.setattr(owner, name, value)
    assert current_fingerprint() != before
    machine.cache_clear()


def test_the_processor_has_a_name_without_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9 @ 1 Hz: fast\n")
    monkeypatch.setattr(runtime, "_CPU_FILE", tmp_path / "cpuinfo")
    machine.cache_clear()
    assert machine()["cpu"] == "Abacus 9 @ 1 Hz: fast"
    monkeypatch.setattr(runtime, "_CPU_FILE", tmp_path / "absent")
    machine.cache_clear()
    assert machine()["cpu"] in {platform.processor(), platform.machine()}
    machine.cache_clear()
