"""The plain user's process, with a stand-in for the engine: real processes, real seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runtime import XDIST_VARIABLE, load_settings, measure_runtime, run_plain
from benchmarks.runtime_child import SINGLE_THREADED, Stopwatch, run_workloads
from schemas.dataset import ENTITIES, open_dataset
from schemas.errors import MeasureError
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
STAND_IN = """
import json, os, sys, time
from types import SimpleNamespace

print("a banner that is no message")
with open(os.environ["STAND_IN_LOG"], "a") as log:
    threads = {name: value for name, value in os.environ.items() if name.endswith("_THREADS")}
    numpy = "numpy" in sys.modules
    log.write(json.dumps({"pid": os.getpid(), "threads": threads, "numpy": numpy}) + "\\n")
time.sleep(0.2)

class Microsimulation:
    def __init__(self, dataset, spm=None):
        name = os.path.basename(dataset)
        if name == "broken.h5":
            raise ValueError("SPM unit has no classified adult")
        self.seconds = 0.2 if name == "slow.h5" else 0.03
        sizes = json.loads(os.environ["STAND_IN_SIZES"])
        self.populations = {name: SimpleNamespace(count=size) for name, size in sizes.items()}

    def calculate(self, name, period):
        time.sleep(self.seconds)
"""


class FakeMicrosimulation:
    """Keeps what it was asked for, in order."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts, self.asked = counts, []

    def __call__(self, **keywords: Any) -> FakeMicrosimulation:
        self.asked.append(keywords)
        return self

    @property
    def populations(self) -> dict[str, Any]:
        return {name: type("Population", (), {"count": n}) for name, n in self.counts.items()}

    def calculate(self, name: str, period: int) -> None:
        self.asked.append((name, period))


def job(**changes: Any) -> dict[str, Any]:
    workloads = [{"id": "tax", "variables": ["income_tax"]}, {"id": "aid", "variables": ["b", "a"]}]
    plain = {"path": "file.h5", "spm": None, "layout": "period_arrays", "year": 2024}
    return plain | {"workloads": workloads, "sizes": {"person": 3}} | changes


@pytest.mark.parametrize(
    ("changes", "keywords"),
    [
        ({}, {}),
        ({"spm": {"geography_kind": "national"}}, {"spm": {"geography_kind": "national"}}),
        ({"layout": "entity_tables"}, {"dataset_end_year": 2024}),
    ],
)
def test_the_file_is_loaded_and_the_workloads_calculated_in_order(
    changes: dict[str, Any], keywords: dict[str, Any]
) -> None:
    fake, stopwatch = FakeMicrosimulation({"person": 3}), Stopwatch()
    run_workloads(job(**changes), fake, stopwatch, lambda *_, **__: None)
    assert fake.asked == [
        {"dataset": "file.h5"} | keywords, ("income_tax", 2024), ("b", 2024), ("a", 2024),
    ]  # fmt: skip
    assert list(stopwatch.wall) == list(stopwatch.cpu) == ["load", "tax", "aid"]


def test_another_file_than_asked_is_refused() -> None:
    told: list[Any] = []
    with pytest.raises(SystemExit):
        run_workloads(
            job(), FakeMicrosimulation({"person": 4}), Stopwatch(),
            lambda stage, *_, **extra: told.append((stage, extra)),
        )  # fmt: skip
    wanted = {"reason": "engine.other_file", "loaded": {"person": 4}, "file": {"person": 3}}
    assert told[-1] == ("error", wanted)


def test_the_stopwatch_tells_waiting_from_computing() -> None:
    stopwatch = Stopwatch()
    assert stopwatch.time("wait", lambda: time.sleep(0.1)) is None
    assert stopwatch.time("compute", lambda: sum(range(3_000_000))) == 4_499_998_500_000
    assert stopwatch.wall["wait"] >= 0.1 > 0.05 > stopwatch.cpu["wait"]
    assert stopwatch.cpu["compute"] > 0.01


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Put the stand-in before the installed engine; return a reader of what it saw."""
    log = tmp_path / "log"
    (tmp_path / "policyengine_us.py").write_text(STAND_IN)
    for name in ("candidate", "slow", "broken", "incumbent"):
        write_period_arrays(tmp_path / f"{name}.h5", generated_households(20), 2024)
    dataset = open_dataset(tmp_path / "incumbent.h5")
    sizes = {entity: dataset.size_of(entity) for entity in ENTITIES}
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    monkeypatch.setenv("STAND_IN_SIZES", json.dumps(sizes))
    monkeypatch.delenv(XDIST_VARIABLE, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def test_each_run_is_a_fresh_process_with_one_thread(
    tmp_path: Path, engine: Callable[[], list[dict[str, Any]]]
) -> None:
    record = measure_runtime(
        tmp_path / "candidate.h5", tmp_path / "incumbent.h5", incumbent_id="psl-cps-2024"
    )
    seen = engine()
    assert len({each["pid"] for each in seen} | {os.getpid()}) == 1 + 2 * len(record["pairs"])
    for each in seen:
        assert SINGLE_THREADED.items() <= each["threads"].items()
        assert not each["numpy"]
    sample = record["pairs"][0]["candidate"]
    assert sample["import_s"] >= 0.2
    assert sample["workloads"]["federal_tax"] >= 0.03
    assert sample["workloads"]["benefits"] >= 0.06
    assert sample["total_s"] >= 0.15
    assert sample["cpu_s"] < sample["total_s"] / 2
    assert 0.005 < record["peak_rss_gb"]["candidate"] < 0.2


def test_a_slowed_candidate_fails_both_limits(
    tmp_path: Path, engine: Callable[[], list[dict[str, Any]]]
) -> None:
    record = measure_runtime(
        tmp_path / "slow.h5", tmp_path / "incumbent.h5", incumbent_id="psl-cps-2024"
    )
    assert [each["decision"] for each in record["decisions"]] == ["beyond", "beyond"]
    assert record["median_ratio"] > 2


def test_a_failing_engine_is_told_with_its_last_words(
    tmp_path: Path, engine: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(MeasureError, match=r"broken\.h5 .*no classified adult") as caught:
        measure_runtime(
            tmp_path / "broken.h5", tmp_path / "incumbent.h5", incumbent_id="psl-cps-2024"
        )
    assert caught.value.reason == "engine.failed"


@pytest.mark.parametrize(
    ("changes", "timeout_s", "reason"),
    [({"memory_gb": 0.001}, 30.0, "engine.memory"), ({}, 0.1, "engine.timeout")],
)
def test_ceilings_hold(
    changes: dict[str, Any],
    timeout_s: float,
    reason: str,
    tmp_path: Path,
    engine: Callable[[], list[dict[str, Any]]],
) -> None:
    plain = job(path=str(tmp_path / "candidate.h5"), memory_gb=6.0) | changes
    with pytest.raises(MeasureError) as caught:
        run_plain(plain, tmp_path, None, timeout_s)
    assert caught.value.reason == reason


def test_the_child_loads_nothing_of_the_parent() -> None:
    """What the child imports beside the engine would be on no plain user's bill."""
    code = (
        "import sys, benchmarks.runtime_child; "
        "print([m for m in ('numpy', 'h5py', 'scipy', 'policyengine_us') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_settings_name_no_workload_twice_in_a_run() -> None:
    names = [name for work in load_settings()["workloads"] for name in work["variables"]]
    assert len(names) == len(set(names))
