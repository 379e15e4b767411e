"""The real engine, plain user's way: equal files pass, a deliberately slowed candidate fails.

About six runs each; minutes, so nightly. They must have the machine for themselves.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runtime import load_settings, measure_runtime
from schemas.records import validate
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households

pytestmark = [pytest.mark.engine, pytest.mark.nightly]


def decided(record: dict[str, Any]) -> dict[float, str]:
    return {each["limit"]: each["decision"] for each in record["decisions"]}


def test_a_file_against_itself_passes_both_limits(tmp_path: Path) -> None:
    write_period_arrays(tmp_path / "incumbent.h5", generated_households(500), 2024)
    shutil.copy(tmp_path / "incumbent.h5", tmp_path / "candidate.h5")
    record = measure_runtime(
        tmp_path / "candidate.h5", tmp_path / "incumbent.h5", incumbent_id="psl-cps-2024"
    )
    validate(record, "runtime")
    assert decided(record) == {1.25: "within", 2.0: "within"}
    assert record["interval"]["low"] < 1.1
    assert record["interval"]["high"] > 0.9
    works = {"load"} | {work["id"] for work in load_settings()["workloads"]}
    for pair in record["pairs"]:
        for side in ("candidate", "incumbent"):
            assert set(pair[side]["workloads"]) == works
            assert pair[side]["import_s"] > 5
            assert pair[side]["workloads"]["load"] > 0.05
            assert 0.5 * pair[side]["total_s"] < pair[side]["cpu_s"] < 1.5 * pair[side]["total_s"]
            assert 0.5 < pair[side]["peak_rss_gb"] < 6


def test_a_candidate_slowed_by_many_more_households_fails(tmp_path: Path) -> None:
    """Eight thousand households instead of two hundred: at 4.7 s per thousand, far above 1.25x."""
    write_period_arrays(tmp_path / "candidate.h5", generated_households(8000), 2024)
    write_period_arrays(tmp_path / "incumbent.h5", generated_households(200), 2024)
    record = measure_runtime(
        tmp_path / "candidate.h5", tmp_path / "incumbent.h5", incumbent_id="psl-cps-2024"
    )
    assert decided(record)[1.25] == "beyond"
    assert record["median_ratio"] > 1.25
    peak = record["peak_rss_gb"]
    assert peak["candidate"] > peak["incumbent"]
