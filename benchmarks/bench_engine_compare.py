"""The engine comparison: our session timed whole, the plain script timed in part and scaled up."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.store import empty_cache
from benchmarks.bench_engine_plain import (
    BEST,
    LISTED,
    Arms,
    PlainRun,
    differing_outputs,
    ordered_outputs,
    out_of_time,
    plain_job,
    planned_runs,
    run_plain,
    scaled_seconds,
    settings,
    value_arms,
)
from benchmarks.engine.cache import load_arrays
from benchmarks.engine.child import Progress
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.together import simulate_arms
from benchmarks.runtime import machine
from benchmarks.scoring.arrays import SimulatedArrays
from schemas.dataset import Dataset
from schemas.errors import UsageError
from schemas.logical import dataset_hashes

VALUE, WHOLE = "value_reforms", "whole_suite"
# An optional run is started if the time left holds the longest run so far this many times.
MARGIN = 1.5
SHOWN_DIFFERENCES = 20
Told = Callable[[str], None]
Simulated = Mapping[str, Mapping[str, SimulatedArrays]]  # by file, then by arm id


@dataclass(frozen=True)
class Options:
    """How much is timed: the plain script's reforms, the best order or not, and minutes in all."""

    plain_reforms: int
    best_order: bool
    max_minutes: float


@dataclass(frozen=True)
class Tools:
    """What does the work and measures time, or stand-ins; the progress hears of pieces of work."""

    simulate_arms: Callable[..., Sequence[Mapping[str, SimulatedArrays]]] = simulate_arms
    run_plain: Callable[[dict[str, Any], Path, float], dict[str, float]] = run_plain
    clock: Callable[[], float] = time.perf_counter
    told: Told = lambda _: None
    progress: Progress | None = None


@dataclass(frozen=True)
class Session:
    """One timed run of our engine over some arms of all files, from an empty cache."""

    seconds: float
    found: Simulated


@dataclass(frozen=True)
class TimedPlain:
    """One timed run of the plain script, and which of its outputs differ from ours."""

    run: PlainRun
    figures: dict[str, float]
    differences: list[str]


def compare(
    datasets: Mapping[str, Dataset],
    arms: Arms,
    listed: Sequence[str],
    period: int,
    options: Options,
    tools: Tools,
) -> dict[str, Any]:
    """Return the figures of the comparison, its `plain_runs` and `our_runs`.

    `arms` are those of the whole suite per file; the value-only reforms are those of `period`.
    Seconds, ratios (plain over ours) and GB (10^9). Raises MeasureError where a simulation fails
    or the time runs out, UsageError where the files are equal but for their weights.
    """
    _require_different(datasets)
    deadline = tools.clock() + 60 * options.max_minutes
    chosen = {VALUE: {file: value_arms(each, period) for file, each in arms.items()}, WHOLE: arms}
    runs = planned_runs(chosen[VALUE], *_reform_names(options))
    sessions = {name: _time_session(datasets, each, tools, name) for name, each in chosen.items()}
    timed = _time_plain(datasets, runs, listed, sessions, deadline, tools)
    return {
        **_figures(chosen, sessions, timed),
        "households": {file: each.size_of("household") for file, each in datasets.items()},
        "engine": installed_versions(),
        "machine": machine(),
        "plain_runs": [_plain_row(each) for each in timed],
        "our_runs": [row for name, session in sessions.items() for row in _our_rows(name, session)],
    }


def piece_count(files: int, options: Options) -> int:
    """Return how many pieces of work `compare` tells of."""
    reforms, best = _reform_names(options)
    return 2 + files * (1 + len(reforms) + (1 + len(best) if best else 0))


def _reform_names(options: Options) -> tuple[list[str], list[str]]:
    names = settings()["plain_reforms"][: options.plain_reforms]
    return names, names[: settings()["best_order"]["reforms"]] if options.best_order else []


def _require_different(datasets: Mapping[str, Dataset]) -> None:
    inputs = {dataset_hashes(each).inputs_sha256 for each in datasets.values()}
    if len(inputs) < len(datasets):
        raise UsageError(
            "the files hold the same inputs, so our engine would simulate them once",
            reason="bench.same_inputs",
            remedy="compare on two files that differ in more than weights",
        )


def _time_session(datasets: Mapping[str, Dataset], arms: Arms, tools: Tools, name: str) -> Session:
    tools.told(f"ours: {name.replace('_', ' ')}")
    paths, wanted = [each.path for each in datasets.values()], [arms[file] for file in datasets]
    with empty_cache():
        started = tools.clock()
        found = tools.simulate_arms(paths, wanted, progress=tools.progress)
        seconds = tools.clock() - started
    return Session(seconds, dict(zip(datasets, found, strict=True)))


def _time_plain(
    datasets: Mapping[str, Dataset],
    runs: Sequence[PlainRun],
    listed: Sequence[str],
    sessions: Mapping[str, Session],
    deadline: float,
    tools: Tools,
) -> list[TimedPlain]:
    timed: list[TimedPlain] = []
    for run in runs:
        left = deadline - tools.clock()
        if left <= 0 and not run.optional:
            raise out_of_time()
        if run.optional and left < MARGIN * max(each.figures["total_s"] for each in timed):
            continue
        tools.told(f"plain script, {run.order} order: {run.file} {run.arm.id}")
        with tempfile.TemporaryDirectory(prefix="mpgate-bench-") as folder:
            job = plain_job(datasets[run.file], run, listed, Path(folder))
            figures = tools.run_plain(job, Path(folder), left)
            plain = load_arrays(Path(job["save"]))
        differences = [
            f"{name}: {run.file} {run.arm.id} ({run.order} order): {output}"
            for name, session in sessions.items()
            for output in differing_outputs(
                ordered_outputs(run.arm, LISTED, listed),
                session.found[run.file][run.arm.id].arrays,
                plain,
            )
        ]
        timed.append(TimedPlain(run, figures, differences))
    return timed


def _figures(
    chosen: Mapping[str, Arms], sessions: Mapping[str, Session], timed: Sequence[TimedPlain]
) -> dict[str, Any]:
    seconds = [(each.run, each.figures["total_s"]) for each in timed]
    counts = {order: sum(run.order == order for run, _ in seconds) for order in (LISTED, BEST)}
    plain = {name: scaled_seconds(seconds, LISTED, arms) for name, arms in chosen.items()}
    best = {
        name: scaled_seconds(seconds, BEST, arms) if counts[BEST] else None
        for name, arms in chosen.items()
    }
    ours = {name: session.seconds for name, session in sessions.items()}
    differences = [line for each in timed for line in each.differences]
    return {
        "speedup": _ratio(plain, ours, VALUE),
        "speedup_whole_suite": _ratio(plain, ours, WHOLE),
        "speedup_vs_best_order": _ratio(best, ours, VALUE),
        "speedup_whole_suite_vs_best_order": _ratio(best, ours, WHOLE),
        "plain_s": round(plain[VALUE], 1),
        "ours_s": round(ours[VALUE], 1),
        "plain_whole_suite_s": round(plain[WHOLE], 1),
        "ours_whole_suite_s": round(ours[WHOLE], 1),
        "peak_rss_gb": _peak(sessions),
        "plain_peak_rss_gb": max(each.figures["peak_rss_gb"] for each in timed),
        "outputs_equal": not differences,
        "differing_outputs": {"count": len(differences), "first": differences[:SHOWN_DIFFERENCES]},
        "timed_runs": {
            **counts,
            **{name: sum(map(len, arms.values())) for name, arms in chosen.items()},
        },
    }


def _ratio(plain: Mapping[str, float | None], ours: Mapping[str, float], name: str) -> float | None:
    seconds = plain[name]
    return None if seconds is None else round(seconds / ours[name], 2)


def _peak(sessions: Mapping[str, Session]) -> float | None:
    """Return the highest resident memory that any process of ours told of, in GB."""
    metas = [
        simulated.meta
        for session in sessions.values()
        for arms in session.found.values()
        for simulated in arms.values()
    ]
    told = (float(meta["peak_rss_gb"]) for meta in metas if "peak_rss_gb" in meta)
    return max(told, default=None)


def _plain_row(timed: TimedPlain) -> dict[str, Any]:
    run = timed.run
    return {"file": run.file, "arm": run.arm.id, "order": run.order, **timed.figures}


def _our_rows(name: str, session: Session) -> Iterator[dict[str, Any]]:
    """Give per simulation its method, peak memory and every time its meta tells of."""
    for file, arms in session.found.items():
        for arm, simulated in arms.items():
            meta = simulated.meta
            times = {key: meta[key] for key in sorted(meta) if key.endswith("_s")}
            times |= {key: meta[key] for key in ("method", "peak_rss_gb") if key in meta}
            yield {"session": name, "file": file, "arm": arm, **times}
