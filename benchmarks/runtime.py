"""Runtime of the fixed national workloads, as a plain user would have it, against the incumbent's.

One fresh process per run, candidate and incumbent by turns on this machine. The ratio of a pair is
that of the seconds from the load to the last workload; the import of the engine is recorded apart
and left out, because it is the same for both. Source of the rule: plan, Runtime; DESIGN section 6.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine.child import Progress, run_child
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.session import memory_ceiling_gb
from benchmarks.engine.subject import spm_settings
from benchmarks.runtime_child import LOAD
from benchmarks.runtime_decision import Rule, candidate_first, decide, finished, interval
from schemas.canonical import sha256_file, sha256_json
from schemas.dataset import ENTITIES, Dataset, open_dataset
from schemas.errors import MeasureError, RecordError
from schemas.records import read_record, validate

SETTINGS = Path(__file__).with_suffix(".json")
WORKER = "benchmarks.runtime_child"
XDIST_VARIABLE = "PYTEST_XDIST_WORKER"
NAMES = ("candidate", "incumbent")
_CPU_FILE = Path("/proc/cpuinfo")
_IN_RECORD = ("confidence", "left_out_of_ratio", "limits", "max_pairs", "min_pairs", "workloads")
# (job, folder, progress, timeout_s) -> what the child measured
Run = Callable[[dict[str, Any], Path, Progress | None, float], dict[str, Any]]


@dataclass(frozen=True)
class Side:
    """One file under measurement: its identity and the job that every run of it gets."""

    dataset: Dataset
    sha256: str
    job: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """Return what the record says of the file beside its name."""
        return {
            "sha256": self.sha256,
            "households": self.dataset.size_of("household"),
            "geography": "engine_default" if self.job["spm"] is None else "national",
        }


class Announcer:
    """Tells how many runs there will be and how long they take, before the first and after each."""

    def __init__(
        self, progress: Progress | None, clock: Callable[[], float], expected_s: float
    ) -> None:
        """Start the clock; `expected_s` seconds are told until runs have been timed."""
        self._progress, self._clock, self._expected_s = progress, clock, expected_s
        self._started, self._done = clock(), 0

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._started

    def tell(self, total: int) -> None:
        """Report the runs done so far out of `total`, with the minutes that are left."""
        left = self._expected_s
        if self._done:
            left = self.elapsed_s / self._done * (total - self._done)
        text = f"runtime: {total} runs, about {max(1, round(left / 60))} min"
        if self._progress is not None:
            self._progress(text + (" left" if self._done else ""), self._done, total)

    def count(self, total: int) -> None:
        """Count one more run and report."""
        self._done += 1
        self.tell(total)


def run_plain(
    job: dict[str, Any], folder: Path, progress: Progress | None, timeout_s: float
) -> dict[str, Any]:
    """Run one job in a fresh process of its own; raises MeasureError where it does not end well."""
    return run_child(job, folder, progress, timeout_s, worker=WORKER)


def measure_runtime(
    candidate: Path,
    incumbent: Path,
    *,
    incumbent_id: str,
    progress: Progress | None = None,
    run: Run = run_plain,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Return the `runtime` record: at least three pairs, more while a limit is undecided.

    `progress(stage, runs done, runs)` is called before the first run and after each. Raises
    DatasetError for a file nobody may open, and MeasureError under pytest-xdist, for files of two
    years, a file that changes meanwhile, an engine that fails, runs out of time or of memory.
    """
    _refuse_xdist()
    settings = load_settings()
    sides = {"candidate": _side(candidate, settings), "incumbent": _side(incumbent, settings)}
    _require_one_year(sides)
    rule = rule_of(settings)
    expected = expected_seconds([side.dataset for side in sides.values()], settings)
    announcer = Announcer(progress, clock, expected)
    pairs = _pairs(sides, rule, settings, run, announcer)
    record = {
        "schema": "runtime",
        "schema_version": 1,
        "candidate": {"label": candidate.name, **sides["candidate"].identity},
        "incumbent": {"id": incumbent_id, **sides["incumbent"].identity},
        "engine": installed_versions(),
        "machine": machine(),
        "settings": {key: settings[key] for key in _IN_RECORD} | {"sha256": sha256_json(settings)},
        "pairs": pairs,
        **_summary(pairs, rule),
        "expected_s": round(expected, 1),
        "run": {"measured_at": round(time.time()), "wall_s": round(announcer.elapsed_s, 1)},
    }
    validate(record, "runtime")
    return record


def load_settings() -> dict[str, Any]:
    """Return the workloads and the stopping rule; raises RecordError for settings that clash."""
    settings = read_record(SETTINGS, "runtime_settings")
    ids = [workload["id"] for workload in settings["workloads"]]
    if settings["max_pairs"] < settings["min_pairs"]:
        problem = f"max_pairs {settings['max_pairs']} is below min_pairs {settings['min_pairs']}"
    elif len(ids) != len(set(ids)):
        problem = "two workloads have one id"
    else:
        return settings
    raise RecordError(
        f"{SETTINGS.name}: {problem}", reason="runtime.settings", remedy=f"mend {SETTINGS.name}"
    )


def rule_of(settings: Mapping[str, Any]) -> Rule:
    """Return the stopping rule of some settings."""
    return Rule(
        confidence=settings["confidence"],
        min_pairs=settings["min_pairs"],
        max_pairs=settings["max_pairs"],
        limits=tuple(settings["limits"]),
    )


def expected_seconds(datasets: Sequence[Dataset], settings: Mapping[str, Any]) -> float:
    """Return how long the least number of pairs should take, from the number of households."""
    cost = settings["expected"]
    thousands = [dataset.size_of("household") / 1000 for dataset in datasets]
    fixed_s = len(datasets) * (cost["import_s"] + cost["fixed_s"])
    return float(settings["min_pairs"] * (fixed_s + cost["per_1000_households_s"] * sum(thousands)))


@cache
def machine() -> dict[str, Any]:
    """Return what bears on speed: processor, memory in GB (10^9), system, Python and numpy.

    `fingerprint` is the sha256 of the rest. No host name, no path.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    found = {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count() or 1,
        "memory_gb": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }
    return found | {"fingerprint": sha256_json(found)}


def current_fingerprint() -> str:
    """Return the fingerprint of this machine: a record with another one says nothing here."""
    return str(machine()["fingerprint"])


def _cpu_model() -> str:
    lines = _CPU_FILE.read_text().splitlines() if _CPU_FILE.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, named), "") or platform.processor() or platform.machine()


def _refuse_xdist() -> None:
    if XDIST_VARIABLE in os.environ:
        raise MeasureError(
            "runtimes are not measured beside other pytest-xdist workers",
            reason="runtime.xdist",
            remedy="measure before the workers start: mpgate measure FILE --only runtime",
        )


def _side(path: Path, settings: Mapping[str, Any]) -> Side:
    dataset = open_dataset(path)
    job = {
        # Not resolved: the engine reads the year and the format off the name that was judged.
        "path": str(dataset.path.absolute()),
        "layout": dataset.layout,
        "year": dataset.period,
        # As the engine session does: poverty thresholds need a county or the national geography.
        "spm": spm_settings(dataset),
        "sizes": {entity: dataset.size_of(entity) for entity in ENTITIES},
        "workloads": settings["workloads"],
        "memory_gb": memory_ceiling_gb(),
    }
    return Side(dataset, sha256_file(path), job)


def _require_one_year(sides: Mapping[str, Side]) -> None:
    years = [sides[name].dataset.period for name in NAMES]
    if len(set(years)) > 1:
        raise MeasureError(
            f"the candidate is for {years[0]}, the incumbent for {years[1]}: other workloads",
            reason="runtime.year",
            remedy="compare files of one year",
        )


def _pairs(
    sides: Mapping[str, Side],
    rule: Rule,
    settings: Mapping[str, Any],
    run: Run,
    announcer: Announcer,
) -> list[dict[str, Any]]:
    """Measure pair after pair until the rule says stop."""
    pairs: list[dict[str, Any]] = []
    announcer.tell(2 * rule.min_pairs)
    while not finished([pair["ratio"] for pair in pairs], rule):
        first = candidate_first(len(pairs))
        runs = 2 * max(rule.min_pairs, len(pairs) + 1)
        samples = {}
        for name in NAMES if first else NAMES[::-1]:
            samples[name] = _sample(sides[name], settings, run)
            announcer.count(runs)
        for side in sides.values():
            _require_unchanged(side)
        ratio = samples["candidate"]["total_s"] / samples["incumbent"]["total_s"]
        order = "candidate_first" if first else "incumbent_first"
        pairs.append({"order": order, **samples, "ratio": round(ratio, 6)})
    return pairs


def _sample(side: Side, settings: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Run a side once; return its seconds and its peak memory in GB."""
    with tempfile.TemporaryDirectory(prefix="mpgate-runtime-") as folder:
        timed = run(dict(side.job), Path(folder), None, settings["timeout_s"])
    wall, cpu = timed["workloads"], timed["workloads_cpu"]
    wanted = {LOAD} | {workload["id"] for workload in settings["workloads"]}
    total = round(sum(wall.values()), 3)
    if set(wall) != wanted or set(cpu) != wanted or total <= 0:
        raise MeasureError(
            f"the run of {side.dataset.path.name} timed {sorted(wall)}, in all {total:g} seconds",
            reason="runtime.times",
            remedy="report it with the file and the engine version",
        )
    return {
        "import_s": timed["import_s"],
        "workloads": wall,
        "workloads_cpu": cpu,
        "total_s": total,
        "cpu_s": round(sum(cpu.values()), 3),
        "peak_rss_gb": timed["peak_rss_gb"],
    }


def _require_unchanged(side: Side) -> None:
    if sha256_file(side.dataset.path) != side.sha256:
        raise MeasureError(
            f"{side.dataset.path.name} changed while its runtime was measured",
            reason="runtime.file_changed",
            remedy="keep both files as they are during a measurement, and measure again",
        )


def _summary(pairs: Sequence[Mapping[str, Any]], rule: Rule) -> dict[str, Any]:
    ratios = [pair["ratio"] for pair in pairs]
    found = interval(ratios, rule)
    return {
        "median_ratio": round(median(ratios), 6),
        "interval": asdict(found),
        "decisions": [
            {"limit": limit, "decision": decide(found, limit)} for limit in sorted(rule.limits)
        ],
        "peak_rss_gb": {name: max(pair[name]["peak_rss_gb"] for pair in pairs) for name in NAMES},
    }
