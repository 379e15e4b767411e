"""Stand-ins for the engine comparison: two files, the arms of a suite, both engines and a clock."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from baselines.store import CACHE_VARIABLE
from benchmarks.bench_engine_compare import Tools
from benchmarks.bench_engine_plain import BEST, LISTED, is_baseline
from benchmarks.engine.arms import Arm
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households

WINDOW = "2024-01-01.2100-12-31"
LISTING = ["household_net_income", "snap", "ssi@2024-12"]
OUTPUTS = ("age", "household_net_income", "snap", "ssi@2024-12")
FILES = ("candidate", "incumbent")


def reform(arm_id: str, path: str, period: int = 2024) -> Arm:
    return Arm(arm_id, period, OUTPUTS, reform={path: {WINDOW: 1}})


ARMS = [
    Arm("baseline", 2024, OUTPUTS),
    reform("ssi-asset-limits-10k-20k", "gov.ssa.ssi.eligibility.resources.limit.couple"),
    reform("ctc-base-3000", "gov.irs.credits.ctc.amount.base[0].amount"),
    reform("eitc-repeal", "gov.irs.credits.eitc.max[0].amount"),
    reform("transfer", "gov.contrib.ubi_center.basic_income.amount.person.flat"),
    reform("structural", "gov.contrib.ctc.minimum_refundable.in_effect"),
    Arm("indexing", 2024, OUTPUTS, inputs={"gains": np.arange(3.0)}),
    Arm("baseline-2026", 2026, OUTPUTS),
    reform("ssi-2026", "gov.ssa.ssi.eligibility.resources.limit.couple", 2026),
]
VALUE_IDS = ["baseline", "ssi-asset-limits-10k-20k", "ctc-base-3000", "eitc-repeal", "transfer"]
# Seconds of one plain run, by order, then file: the baseline, then the reforms in turn.
PLAIN_S = {
    LISTED: {"candidate": (100, 200, 220, 240), "incumbent": (140, 300, 330, 360)},
    BEST: {"candidate": (30, 50), "incumbent": (40, 60)},
}
PLAIN_VALUE_S = (100 + 4 * 220) + (140 + 4 * 330)
PLAIN_WHOLE_S = (2 * 100 + 7 * 220) + (2 * 140 + 7 * 330)
BEST_VALUE_S = (30 + 4 * 50) + (40 + 4 * 60)


def made(file: str, reform_id: str, output: str) -> np.ndarray:
    """Return what either side calculates; no two simulations agree."""
    seed = sum(map(ord, f"{file}{reform_id}{output}"))
    return np.random.default_rng(seed).normal(size=6).astype(np.float32)


def reform_key(change: Mapping[str, Any] | None) -> str:
    return json.dumps(change)


@dataclass
class Fakes:
    """A clock, an engine session of 8 s per arm, and a plain script of PLAIN_S seconds."""

    now: float = 0.0
    caches: list[tuple[str, bool]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    flip: tuple[int, str] | None = None  # number of the plain run, output
    slow: float = 1.0

    def clock(self) -> float:
        return self.now

    def simulate_arms(
        self, paths: Sequence[Path], arms: Sequence[Sequence[Arm]], *, progress: Any
    ) -> list[dict[str, Any]]:
        cache = Path(os.environ[CACHE_VARIABLE])
        self.caches.append((str(cache), not any(cache.iterdir())))
        (cache / "kept").write_text("of this session")
        self.now += 8 * sum(map(len, arms))
        return [
            {arm.id: self._simulated(path, arm) for arm in each}
            for path, each in zip(paths, arms, strict=True)
        ]

    def _simulated(self, path: Path, arm: Arm) -> Any:
        key = reform_key(arm.reform)
        arrays = {name: made(path.stem, key, name) for name in arm.outputs}
        meta = {"method": "full", "wall_s": 7.5, "peak_rss_gb": 4.0 if is_baseline(arm) else 3.0}
        return SimpleNamespace(arrays=arrays, meta=meta)

    def run_plain(self, job: dict[str, Any], folder: Path, timeout_s: float) -> dict[str, float]:
        file, best = Path(job["dataset"]).stem, job["outputs"][0] == "income_tax"
        order = BEST if best else LISTED
        before = sum(self._same(each, file, order) for each in self.jobs)
        seconds = self.slow * PLAIN_S[order][file][before]
        self.jobs.append(job)
        self.timeouts.append(timeout_s)
        self.now += seconds
        arrays = {name: made(file, reform_key(job["reform"]), name) for name in job["outputs"]}
        if self.flip is not None and self.flip[0] == len(self.jobs) - 1:
            arrays[self.flip[1]][2] += 1e-6
        np.savez(job["save"], **arrays)
        steps = dict.fromkeys(("import_s", "construct_s", "calculate_s"), seconds / 3)
        return {**steps, "total_s": seconds, "peak_rss_gb": 2.0 + len(self.jobs) / 10}

    @staticmethod
    def _same(job: Mapping[str, Any], file: str, order: str) -> bool:
        best = job["outputs"][0] == "income_tax"
        return Path(job["dataset"]).stem == file and best == (order == BEST)

    def tools(self) -> Tools:
        return Tools(self.simulate_arms, self.run_plain, self.clock, self.pieces.append)


def write_files(folder: Path) -> dict[str, Path]:
    """Write a small file of each name: 6 and 7 households."""
    for seed, name in enumerate(FILES):
        write_period_arrays(folder / f"{name}.h5", generated_households(6 + seed, seed), 2024)
    return {name: folder / f"{name}.h5" for name in FILES}
