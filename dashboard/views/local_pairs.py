"""A local product against a local incumbent: the run that compares them, and its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from dashboard.blocks import Cell
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING, words
from dashboard.views.lookup import difference

PRODUCTS = ("mp-local-rich", "mp-local-fast")
INCUMBENTS = {"pe-local-small-l0": "PE small-L0", "pe-local-big-l0": "PE big-L0"}
OBJECTIVE = "pe_local_relative_v1"
LEVELS = {
    "state": "states",
    "congressional_district": "congressional districts",
    "local": "smaller places",
}
Sides = tuple[Cell, Cell]
_ADD = "add targets of this level to the suite, then measure again"
_BUILD = {
    product: f"no builder of {product} exists yet: the national one is mpgate build national"
    for product in PRODUCTS
}
_LOCAL_PINS = ("objective", "target_subset_sha256", "weight_files")
# What every comparison must record of the incumbent (plan: Local release gates).
PLAN_PINS = (
    "artifact path or package id, source commit, weight files, target database path and sha256, "
    "objective definition, exact target subset"
)
READABLE = ("sealed", "unsealed")
_SIDES = ("candidate", "incumbent")
_NONE = (Cell(NOTHING), Cell(NOTHING))


@dataclass(frozen=True)
class Pair:
    """A product and an incumbent; `run` is the newest run that compares them, None without any.

    `built` says that some run of the product is there, whatever it compares with.
    """

    product: str
    incumbent: str
    run: RunData | None
    built: bool

    @property
    def title(self) -> str:
        """The comparison in words."""
        return f"{self.product} against {INCUMBENTS[self.incumbent]}"


def pairs_of(candidates: Sequence[RunData]) -> tuple[Pair, ...]:
    """Return the four comparisons that the plan asks for, each with its newest judged run."""
    found = []
    for product in PRODUCTS:
        ours = [run for run in candidates if run.product == product]
        for incumbent in INCUMBENTS:
            fitting = [run for run in ours if incumbent_of(run) == incumbent]
            newest = max(fitting, key=judged_at, default=None)
            found.append(Pair(product, incumbent, newest, built=bool(ours)))
    return tuple(found)


def wanted(runs: pd.DataFrame) -> list[str]:
    """Return the keys of the local runs to load: the newest of every comparison, then the others.

    `runs` is the index, newest first. Broken runs are left out.
    """
    if runs.empty:
        return []
    local = runs[runs["product"].isin(PRODUCTS) & runs["state"].isin(READABLE)]
    counted = local[local["incumbent_id"].isin(INCUMBENTS)]
    newest = counted.drop_duplicates(["product", "incumbent_id"])["key"]
    return list(dict.fromkeys([*newest, *local["key"]]))


def incumbent_of(run: RunData) -> str:
    """Return the id of the incumbent that a run compares with; empty where no record says."""
    found = run.get("baseline", "/id") or run.get("gate_results", "/incumbent/id")
    return str(found or "")


def judged_at(run: RunData) -> str:
    """Return when a run was judged, ISO; empty for one that was not."""
    return str(run.get("gate_results", "/run/judged_at") or "")


def loss_sides(run: RunData | None, loss: str, part: str = "") -> Sides:
    """Return a loss of candidate and incumbent; `part` is empty or `held_out`."""
    if run is None:
        return _NONE
    at = ("losses", loss, *([part] if part else []))
    ours, theirs = (run.cell("loss", pointer(*at, side), "loss") for side in _SIDES)
    return ours, theirs


def local_places(run: RunData) -> dict[str, str]:
    """Return the geographies below the nation that the gating loss has rows of: id to level."""
    kept = run.get("loss", pointer("losses", GATING_LOSS, "by_geography")) or {}
    levels = {
        each["geography_id"]: each["geography_level"] for each in run.get("loss", "/targets") or ()
    }
    return {place: levels[place] for place in kept if levels.get(place) in LEVELS}


def local_sides(run: RunData | None, level: str = "") -> Sides:
    """Return the local loss: the mean gating error of the rows below the nation, or at one level.

    Each row counts once, unlike in the broad loss, where groups count alike.
    """
    if run is None:
        return _NONE
    places = [each for each, at in local_places(run).items() if level in ("", at)]
    parts = [
        run.get("loss", pointer("losses", GATING_LOSS, "by_geography", each)) for each in places
    ]
    rows = sum(part["targets"] for part in parts)
    if not rows:
        return _NONE
    what = LEVELS[level] if level else "places below the nation"
    rule = f"mean gating error of all rows of {what}: by_geography, weighted by targets"
    ours, theirs = (
        run.derived(math.fsum(part[side] * part["targets"] for part in parts) / rows, "loss", rule)
        for side in _SIDES
    )
    return ours, theirs


def measures(run: RunData | None) -> Iterator[tuple[str, Sides]]:
    """Yield every loss that the plan compares local products by, with both sides."""
    yield "Broad loss", loss_sides(run, GATING_LOSS)
    yield "Local loss, all places below the nation", local_sides(run)
    for level, label in LEVELS.items():
        yield f"Local loss, {label}", local_sides(run, level)
    yield "PE's own objective", loss_sides(run, OBJECTIVE)
    yield "Held-out loss", loss_sides(run, GATING_LOSS, "held_out")


def lead_of(run: RunData | None, sides: Sides) -> Cell:
    """Return candidate less incumbent of a loss; below 0 is better.

    Of a loss whose record says that the difference is within its noise, the small print says so.
    """
    if run is None:
        return Cell(NOTHING)
    lead, source = difference(run, *sides, "loss"), sides[0].source
    of_loss = source.pointer.removesuffix("/candidate") if source else ""
    noisy = bool(of_loss) and run.get("loss", f"{of_loss}/within_noise") is True
    return replace(lead, note="within noise") if noisy else lead


def missing_of(pair: Pair) -> Iterator[tuple[str, str]]:
    """Yield what a comparison lacks: the item, and what to run for it."""
    run, judge = pair.run, f"mpgate bundle judge RUN --incumbent {pair.incumbent}"
    pin = f"fill the pins of {pair.incumbent} in the register of baselines"
    if run is None and pair.built:
        again = f"the same candidate in a run folder of its own, then: {judge}"
        yield f"a run of {pair.product} against {pair.incumbent}", again
    elif run is None:
        yield f"a run folder of {pair.product} (candidate H5 and manifest)", _BUILD[pair.product]
    if run is None or not run.has("baseline"):
        yield f"baseline record of {pair.incumbent}: {PLAN_PINS}", f"{pin}, then: {judge}"
    else:
        unknown = unknown_pins(run)
        if unknown:
            yield f"pins of {pair.incumbent}: {', '.join(unknown)}", pin
    if run is None or not run.has("loss"):
        yield "loss record: broad loss, local loss, PE's own objective, held-out loss", judge
    else:
        for item, sides in measures(run):
            if sides[0].raw is None:
                yield f"{item}: the loss record has no such targets", _ADD
    if run is None or not run.has("runtime"):
        yield "runtime record: seconds and memory of both files", judge
    for record, what in (("evidence", "candidate"), ("incumbent_evidence", "incumbent")):
        if run is None or not run.has(record):
            yield f"{words(record)} record: estimates and benchmark effects of the {what}", judge
    if run is None or not run.has("gate_results"):
        yield "gate results: the verdict", judge


def unknown_pins(run: RunData) -> list[str]:
    """Return the names of the incumbent's pins that are unknown, the local ones included."""
    pins = run.get("baseline", "/pins") or {}
    local = run.get("baseline", "/local") or dict.fromkeys(_LOCAL_PINS)
    found = [words(name) for name, value in pins.items() if value is None]
    return found + [f"local {words(name)}" for name in _LOCAL_PINS if not local.get(name)]
