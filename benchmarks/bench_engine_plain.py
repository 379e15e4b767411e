"""The plain side of the engine comparison: which simulations are timed, and how they scale up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.engine.subject import spm_settings
from schemas.dataset import Dataset
from schemas.errors import MeasureError, UsageError
from schemas.records import read_record

if TYPE_CHECKING:
    from benchmarks.engine.arms import Arm

SETTINGS = Path(__file__).with_name("bench_engine.json")
SCRIPT = "benchmarks.plain_script"
FIGURES = ("import_s", "construct_s", "calculate_s", "total_s", "peak_rss_gb")
LISTED, BEST = "listed", "best"
_PROJECT = Path(__file__).parents[1]
_TAIL_LINES = 6
Arms = Mapping[str, Sequence["Arm"]]  # by file: "candidate", "incumbent"


@dataclass(frozen=True)
class PlainRun:
    """One simulation of the plain script: a file, an arm and an order of outputs.

    An `optional` run only makes the mean reform time steadier; it may be left out.
    """

    file: str
    arm: Arm
    order: str
    optional: bool = False


@cache
def settings() -> dict[str, Any]:
    """Return what is timed and the published goals; raises RecordError for an unknown key."""
    return read_record(SETTINGS, "bench_engine_settings")


def is_baseline(arm: Arm) -> bool:
    """Decide whether an arm is the law as it stands on the file as it is."""
    return not arm.reform and not arm.inputs


def value_arms(arms: Sequence[Arm], period: int) -> list[Arm]:
    """Return the arms of `period` whose reforms change parameter values only, and its baseline.

    Left out: replaced inputs, and parameters that turn structural reforms on (settings).
    """
    return [
        arm
        for arm in arms
        if arm.period == period and not arm.inputs and not any(map(_structural, arm.reform or ()))
    ]


def _structural(path: str) -> bool:
    found = settings()["structural_parameters"]
    value_only = path.startswith(tuple(found["value_only"]))
    return path.startswith(tuple(found["prefixes"])) and not value_only


def planned_runs(arms: Arms, reforms: Sequence[str], best_reforms: Sequence[str]) -> list[PlainRun]:
    """Return the runs in the order they are made.

    Needed: for the first file the baseline and the first reform as listed, then the best order on
    `best_reforms` (empty: not at all). Optional: the same for the other files, then the further
    `reforms` of all. Raises UsageError where an id is no reform of `arms`.
    """
    runs: list[PlainRun] = []
    for place, (file, each) in enumerate(arms.items()):
        orders = [(LISTED, reforms[:1]), *([(BEST, best_reforms)] if best_reforms else ())]
        for order, names in orders:
            chosen = [_baseline(each), *(_named(each, name) for name in names)]
            runs += [PlainRun(file, arm, order, optional=place > 0) for arm in chosen]
    for name in reforms[1:]:
        runs += [
            PlainRun(file, _named(each, name), LISTED, optional=True) for file, each in arms.items()
        ]
    return runs


def _baseline(arms: Sequence[Arm]) -> Arm:
    return next(arm for arm in arms if is_baseline(arm))


def _named(arms: Sequence[Arm], name: str) -> Arm:
    reforms = {arm.id: arm for arm in arms if not is_baseline(arm)}
    if name not in reforms:
        raise UsageError(
            f"{name} is no value-only reform of the suite",
            reason="bench.unknown_reform",
            remedy=f"name in {SETTINGS.name} some of: {', '.join(sorted(reforms))}",
        )
    return reforms[name]


def ordered_outputs(arm: Arm, order: str, listed: Sequence[str]) -> list[str]:
    """Return what the script calculates: the outputs that every reform is compared on, as listed.

    In the baseline too: what ours calculates there beside them, for the targets, is not asked of
    the script. In the best order the variables of the settings come first, asked for or not.
    """
    outputs = [name for name in listed if name in arm.outputs]
    first = settings()["best_order"]["first"] if order == BEST else []
    return [*first, *(name for name in outputs if name not in first)]


def plain_job(
    dataset: Dataset, run: PlainRun, listed: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Return the job of one run, with any replaced inputs written to `folder`."""
    inputs = folder / "inputs.npz" if run.arm.inputs else None
    if inputs is not None:
        np.savez(inputs, allow_pickle=False, **(run.arm.inputs or {}))
    tables = dataset.layout == "entity_tables"
    return {
        "dataset": str(dataset.path.absolute()),
        "reform": run.arm.reform,
        "period": run.arm.period,
        "outputs": ordered_outputs(run.arm, run.order, listed),
        "inputs": None if inputs is None else str(inputs),
        # The engine refuses a file without counties unless it is told so.
        "spm": spm_settings(dataset),
        "dataset_end_year": max(dataset.period, run.arm.period) if tables else None,
        "save": str(folder / "arrays.npz"),
    }


def run_plain(job: dict[str, Any], folder: Path, timeout_s: float) -> dict[str, float]:
    """Run the plain script in a fresh process; return its seconds and peak memory (GB).

    Raises MeasureError where it fails, says nothing usable or runs past `timeout_s`.
    """
    file = folder / "job.json"
    file.write_text(json.dumps(job))
    try:
        done = subprocess.run(
            [sys.executable, "-m", SCRIPT, str(file)],
            cwd=_PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise out_of_time() from error
    name = Path(job["dataset"]).name
    if done.returncode:
        tail = " | ".join(line.strip() for line in done.stderr.strip().splitlines()[-_TAIL_LINES:])
        raise _failed(f"failed on {name} (exit {done.returncode}): {tail or 'no message'}")
    try:
        found = json.loads(done.stdout.strip().splitlines()[-1])
        return {figure: float(found[figure]) for figure in FIGURES}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise _failed(f"printed no figures for {name}") from error


def _failed(what: str) -> MeasureError:
    return MeasureError(
        f"the plain script {what}",
        reason="bench.plain_failed",
        remedy="mend the file or the reform as the message says; -9 means killed, for want of "
        "memory as a rule",
    )


def out_of_time() -> MeasureError:
    """Return the error for a comparison that could not time what it needs."""
    return MeasureError(
        "the time ran out before the plain script was timed on a baseline and a reform per file",
        reason="bench.time",
        remedy="allow more with --max-minutes, or take --plain-reforms 1 --skip-best-order",
    )


def scaled_seconds(timed: Sequence[tuple[PlainRun, float]], order: str, arms: Arms) -> float:
    """Return what the script would take for all `arms`, in seconds, from the runs in one order.

    Per file: mean baseline time x its baselines + mean reform time x its other arms. A baseline of
    another year and a structural reform count as if they took as long as those timed, and a file
    for which the time was too short as if it took as long as the other.
    """

    def mean(file: str, baseline: bool) -> float:
        alike = [
            (run.file, seconds)
            for run, seconds in timed
            if (run.order, is_baseline(run.arm)) == (order, baseline)
        ]
        own = [seconds for name, seconds in alike if name == file]
        return fmean(own or [seconds for _, seconds in alike])

    total = 0.0
    for file, each in arms.items():
        baselines = sum(map(is_baseline, each))
        total += mean(file, True) * baselines + mean(file, False) * (len(each) - baselines)
    return total


def differing_outputs(
    asked: Sequence[str], ours: Mapping[str, np.ndarray], plain: Mapping[str, np.ndarray]
) -> list[str]:
    """Return the outputs that are absent or not equal in kind and every row (NaN equals NaN)."""
    return [
        name
        for name in asked
        if name not in ours or name not in plain or not _equal(ours[name], plain[name])
    ]


def _equal(ours: np.ndarray, plain: np.ndarray) -> bool:
    same_kind = ours.dtype.kind == plain.dtype.kind
    return same_kind and np.array_equal(ours, plain, equal_nan=ours.dtype.kind == "f")
