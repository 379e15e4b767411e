"""The order in which an engine process evaluates: found in a traced run, frozen, regenerable.

For each formula that opens simulation branches, everything its branches run that doesn't itself
need that formula is evaluated first, in the main simulation, and the branch inherits it; then the
formula itself, as an outermost calculation: core keeps the result of a formula that changes its own
branch only there, and would otherwise run it, and all that needs it, for every output.
Results do not depend on the order, the number of formula runs does (DESIGN section 6).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.engine.trace import CallTrace, Pair
from schemas.canonical import atomic_write, canonical_bytes, sha256_json
from schemas.engine_metadata import DEFAULT_ENGINE
from schemas.errors import MeasureError

PLAN_DIR = Path(__file__).parent / "plans"


def plan_path(version: str = DEFAULT_ENGINE) -> Path:
    """Return where the plan of an engine version is frozen."""
    return PLAN_DIR / f"policyengine_us-{version}.json"


@cache
def load_plan(version: str = DEFAULT_ENGINE) -> dict[str, Any]:
    """Return {"engine", "outputs", "steps"}; raises MeasureError for an engine without a plan."""
    path = plan_path(version)
    if not path.is_file():
        raise MeasureError(
            f"no evaluation plan is frozen for policyengine-us {version}",
            reason="engine.no_plan",
            remedy=f"find one with find_plan, or use policyengine-us {DEFAULT_ENGINE}",
        )
    plan: dict[str, Any] = json.loads(path.read_text())
    return plan


def planned_steps(outputs: Sequence[str], year: int, version: str = DEFAULT_ENGINE) -> list[str]:
    """Return the requests to evaluate before `outputs`; none where no output opens a branch."""
    plan = load_plan(version)
    asked = {request.partition("@")[0] for request in outputs}
    if not asked & set(plan["outputs"]):
        return []
    return [step.format(year=year) for step in plan["steps"]]


def plan_sha256(version: str = DEFAULT_ENGINE) -> str:
    """Return the identity of a frozen plan."""
    return sha256_json(load_plan(version))


def find_plan(path: Path | str, outputs: Sequence[str]) -> dict[str, Any]:
    """Return the plan derived from one traced, unplanned engine run on `path` (nothing is frozen).

    `outputs` are the requests a benchmark run makes; raises MeasureError as `simulate` does.
    """
    from benchmarks.engine.session import run_traced

    plan: dict[str, Any] = run_traced(Path(path), outputs)
    return plan


def freeze_plan(path: Path | str, outputs: Sequence[str], version: str = DEFAULT_ENGINE) -> Path:
    """Find a plan and write it to its frozen place, which is returned."""
    target = plan_path(version)
    atomic_write(target, canonical_bytes(find_plan(path, outputs)))
    load_plan.cache_clear()
    return target


def derive_plan(trace: CallTrace, outputs: Sequence[str], year: int) -> dict[str, Any]:
    """Return outputs that open branches, and the steps to evaluate before them."""
    reach = _Reach(trace)
    steps: list[Pair] = []
    seen: set[Pair] = set()

    def prepare(origin: Pair) -> None:
        seen.add(origin)
        shared = [p for p in trace.branched[origin] if p in trace.finished]
        candidates = sorted(
            (p for p in shared if origin not in reach.of(p)), key=trace.finished.__getitem__
        )
        inner = set().union(*(reach.of(p) - {p} for p in candidates))
        for root in (p for p in candidates if p not in inner and p not in steps):
            for other in sorted(reach.of(root) & trace.branched.keys() - seen):
                prepare(other)
            if root not in steps:
                steps.append(root)
        steps.append(origin)

    for origin in sorted(trace.branched, key=lambda p: trace.finished.get(p, 0)):
        if origin not in seen:
            prepare(origin)
    opening = {p[0] for p in trace.calls if reach.of(p) & trace.branched.keys()}
    return {
        "outputs": sorted({o.partition("@")[0] for o in outputs} & opening),
        "steps": [_relative(pair, year) for pair in steps],
    }


def _relative(pair: Pair, year: int) -> str:
    """Return a request with the year left open: `ssi@{year}-01`, `ctc@{year}`."""
    name, period = pair
    return f"{name}@{period.replace(str(year), '{year}')}"


class _Reach:
    """Everything a (variable, period) needs inside the main simulation, itself included."""

    def __init__(self, trace: CallTrace) -> None:
        self._calls = trace.calls
        self._known: dict[Pair, set[Pair]] = {}

    def of(self, pair: Pair) -> set[Pair]:
        """Return the closure of `pair` over the recorded calls."""
        if pair not in self._known:
            found = {pair}
            pending = [pair]
            while pending:
                fresh = self._calls.get(pending.pop(), set()) - found
                found |= fresh
                pending.extend(fresh)
            self._known[pair] = found
        return self._known[pair]
