"""The real engine's shortcuts against plain runs: every output array, equal bit by bit.

By default one reform on one of two stacked files; nightly every arm of the frozen suite on both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine import together
from benchmarks.engine.arms import Arm
from benchmarks.engine.subject import SimulationArrays
from benchmarks.engine.together import simulate_arms
from benchmarks.suite import load_suite
from benchmarks.suite_arms import suite_arms
from schemas.dataset import open_dataset
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households

pytestmark = pytest.mark.engine

SUITE = load_suite()
HOUSEHOLDS = 60
DEFAULT_ARMS = ("baseline-2024", "ctc-base-3000", "capital-gains-indexing", "per-person-transfer")
COMPARED = "ctc-base-3000"
Results = list[dict[str, SimulationArrays]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two files; a third of the households live in New York, whose child credit pins old law."""
    folder = tmp_path_factory.mktemp("fast")
    found = []
    for seed in (1, 2):
        columns = generated_households(HOUSEHOLDS, seed=seed)
        columns["state_fips"][::3] = 36
        gains = np.random.default_rng(seed).gamma(0.3, 40_000, len(columns["person_id"]))
        columns["long_term_capital_gains"] = gains.astype(np.float32)
        write_period_arrays(folder / f"file{seed}.h5", columns, 2024)
        found.append(folder / f"file{seed}.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(folder / "cache"))
        patch.setenv("MPGATE_MEMORY_GB", "10")
        yield found


def arms_of(path: Path, ids: Sequence[str] | None = None) -> list[Arm]:
    """Return the suite's arms for a file, with the outputs of the reforms in all of them."""
    arms = suite_arms(SUITE, open_dataset(path))
    outputs = {arm.period: arm.outputs for arm in arms if not arm.is_baseline}
    return [replace(a, outputs=outputs[a.period]) for a in arms if ids is None or a.id in ids]


@pytest.fixture(scope="module")
def stacked(files: list[Path]) -> Results:
    return simulate_arms(files, [arms_of(path, DEFAULT_ARMS) for path in files])


def different(one: SimulationArrays, two: SimulationArrays) -> list[str]:
    """Return the outputs whose arrays differ in type or in any row."""
    assert one.arrays.keys() == two.arrays.keys()
    return [
        name
        for name, values in one.arrays.items()
        if values.dtype != two.arrays[name].dtype
        or not np.array_equal(values, two.arrays[name], equal_nan=values.dtype.kind == "f")
    ]


def test_a_stacked_incremental_reform_equals_a_plain_run(
    files: list[Path], stacked: Results
) -> None:
    [plain] = simulate_arms(files[:1], [arms_of(files[0], (COMPARED,))], exact=True)
    fast = stacked[0][COMPARED]
    assert (fast.meta["method"], fast.meta["stacked"]) == ("incremental", True)
    assert plain[COMPARED].meta["method"] == "exact"
    assert different(fast, plain[COMPARED]) == []
    assert different(fast, stacked[0]["baseline-2024"]) != []


def test_a_reform_recalculates_a_small_part(stacked: Results) -> None:
    whole = stacked[0]["baseline-2024"].meta["formula_runs"]
    assert whole > 15_000
    assert stacked[0][COMPARED].meta["formula_runs"] < 0.15 * whole
    assert stacked[0]["per-person-transfer"].meta["formula_runs"] < 0.01 * whole


def test_a_transfer_costs_what_it_pays(files: list[Path], stacked: Results) -> None:
    for path, found in zip(files, stacked, strict=True):
        people = open_dataset(path).size_of("person")
        paid = found["per-person-transfer"].arrays["household_net_income"].sum(dtype=np.float64)
        before = found["baseline-2024"].arrays["household_net_income"].sum(dtype=np.float64)
        assert paid - before == pytest.approx(1_200 * people, rel=1e-5)


def test_indexed_gains_change_taxes_of_those_who_have_gains(stacked: Results) -> None:
    before, after = (stacked[1][arm].arrays for arm in ("baseline-2024", "capital-gains-indexing"))
    assert after["long_term_capital_gains"].sum() < before["long_term_capital_gains"].sum()
    assert after["household_tax"].sum() < before["household_tax"].sum()


@pytest.mark.nightly
def test_every_arm_of_the_suite_equals_a_plain_run(files: list[Path]) -> None:
    fast = simulate_arms(files, [arms_of(path) for path in files])
    plain = simulate_arms(files, [arms_of(path) for path in files], exact=True)
    differing = {
        (path.name, arm): found
        for path, ours, theirs in zip(files, fast, plain, strict=True)
        for arm in ours
        if (found := different(ours[arm], theirs[arm]))
    }
    assert differing == {}


@pytest.mark.nightly
def test_a_lost_edge_is_noticed(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stacked: Results
) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path))
    monkeypatch.setattr(together, "WORKER", "tests.benchmarks.wrong_edge_worker")
    arm = "per-person-transfer"  # reaches net income through benefits alone
    [wrong] = simulate_arms(files[:1], [arms_of(files[0], ("baseline-2024", arm))])
    assert different(wrong["baseline-2024"], stacked[0]["baseline-2024"]) == []
    assert "household_net_income" in different(wrong[arm], stacked[0][arm])


@pytest.mark.nightly
def test_a_killed_run_goes_on_where_it_was(files: list[Path], tmp_path: Path) -> None:
    """Kill the measuring process once an arm is stored; the next run makes only the rest."""
    code = (
        "import sys; from pathlib import Path; from tests.benchmarks.test_engine_fast import *; "
        "p = Path(sys.argv[1]); simulate_arms([p], [arms_of(p, DEFAULT_ARMS)])"
    )
    environment = os.environ | {"MPGATE_CACHE": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", code, str(files[0])], env=environment)
    try:
        while process.poll() is None and not list(tmp_path.glob("arrays/*/meta.json")):
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait()
    kept = len(list(tmp_path.glob("arrays/*/meta.json")))
    assert kept >= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(tmp_path))
        [found] = simulate_arms(files[:1], [arms_of(files[0], DEFAULT_ARMS)])
    assert sum(each.meta["cached"] for each in found.values()) >= kept
    assert not all(each.meta["cached"] for each in found.values())
