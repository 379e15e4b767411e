"""What a verdict, a gate and a clause of the plan are called, the same on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard.blocks import Cell, Notice, Status, Tone
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.lookup import gate_link

RESULTS = "gate_results"
STAGES = ("default", "beta")
PASSING = frozenset({"pass", "waived", "not_applicable"})
DEMONSTRATION = "a demonstration: this incumbent is no release-eligible baseline"
# groups of the policy in the plan's words
GROUPS: Mapping[str, str] = {
    "baseline": "Pinned baseline",
    "contract": "Schema compatibility",
    "targets": "Provenance of the targets",
    "loss": "Target loss",
    "family": "Protected target families",
    "aggregate": "High-salience aggregates",
    "exceptions": "Waivers and explanations",
    "benchmark": "Microsimulation benchmarks",
    "runtime": "Runtime",
    "size": "Artifact size",
    "artifacts": "Artifacts",
    "release": "Release contract",
    "cross_engine": "Check by a second tax engine",
}
# the national release gates, in the plan's order
CLAUSES = (
    "Pinned baseline",
    "Schema compatibility",
    "Target loss",
    "Protected target families",
    "High-salience aggregates",
    "Microsimulation benchmarks",
    "Runtime",
    "Artifact size",
    "Artifacts",
    "Release contract",
)
_CLAUSE = re.compile(r"National release gates, ([^;]+)")
_DIFFERENCES = frozenset({"loss", "family", "aggregate"})
_SHORT = 12


@dataclass(frozen=True)
class GateRow:
    """One gate of a run at a stage: its place in the record, and what stands there."""

    place: int
    gate: Mapping[str, Any]
    stage: str

    @property
    def id(self) -> str:
        """The gate's id."""
        return str(self.gate["id"])

    @property
    def at(self) -> Mapping[str, Any]:
        """Status, limit, margin and message at the stage."""
        found: Mapping[str, Any] = self.gate["stages"][self.stage]
        return found

    @property
    def status(self) -> Status:
        """The status at the stage."""
        found: Status = self.at["status"]
        return found

    @property
    def blocks(self) -> bool:
        """Whether the gate blocks the stage and does not pass it."""
        return bool(self.at["blocking"]) and self.status not in PASSING

    @property
    def compares_errors(self) -> bool:
        """Whether the value is an error less the incumbent's: above 0 is worse."""
        return self.gate["group"] in _DIFFERENCES and self.gate["unit"] != "dollars"

    @property
    def part_unit(self) -> str:
        """Unit of both sides, of their difference and of its parts; the value may be a ratio."""
        if self.gate["group"] == "size":
            return "bytes"
        if self.gate["group"] in ("cross_engine", "benchmark"):
            return "dollars"
        return str(self.gate["unit"])


def gate_rows(run: RunData, stage: str) -> list[GateRow]:
    """Return every gate of a run at a stage, in the order of the policy."""
    gates = run.get(RESULTS, "/gates") or []
    return [GateRow(place, gate, stage) for place, gate in enumerate(gates)]


def gate_row(run: RunData, gate: str, stage: str) -> GateRow | None:
    """Return one gate of a run at a stage; None where the run did not judge it."""
    return next((row for row in gate_rows(run, stage) if row.id == gate), None)


def other_stage(stage: str) -> str:
    """Return the stage that was not chosen."""
    return next(each for each in STAGES if each != stage)


def group_title(group: str) -> str:
    """Return a group of gates in the plan's words."""
    return GROUPS.get(group, group.replace("_", " "))


def clause_of(gate: Mapping[str, Any]) -> str:
    """Return which of the plan's national release gates a gate is part of; empty: of none."""
    found = _CLAUSE.search(gate["clause"])
    return found.group(1).strip() if found and found.group(1).strip() in CLAUSES else ""


def gate_value(run: RunData, row: GateRow) -> Cell:
    """Return the measured value; a difference of errors has its sign."""
    at = pointer("gates", row.place, "value")
    return run.cell(RESULTS, at, row.gate["unit"], signed=row.compares_errors)


def gate_limit(run: RunData, row: GateRow) -> Cell:
    """Return the limit of the stage."""
    at = pointer("gates", row.place, "stages", row.stage, "limit")
    return run.cell(RESULTS, at, row.gate["unit"])


def gate_margin(run: RunData, row: GateRow) -> Cell:
    """Return how much is left to the limit; below 0 it is passed."""
    at = pointer("gates", row.place, "stages", row.stage, "margin")
    return run.cell(RESULTS, at, row.gate["unit"], signed=True)


def gate_status(run: RunData, row: GateRow) -> Cell:
    """Return the status of the stage, in words and as a mark."""
    cell = run.cell(RESULTS, pointer("gates", row.place, "stages", row.stage, "status"))
    return replace(cell, text=words(row.status), status=row.status)


def gate_name(run: RunData, row: GateRow) -> Cell:
    """Return the gate's title, linked to its page, with its id below."""
    at, link = pointer("gates", row.place, "title"), gate_link(run, row.id, row.stage)
    return run.cell(RESULTS, at, link=link, note=row.id)


def gate_noise(row: GateRow) -> Cell:
    """Return whether the difference is inside two standard errors, in words."""
    words = {True: "within noise", False: "beyond noise", None: "noise not measured"}
    return Cell(words[row.gate["within_noise"]])


def short(cell: Cell) -> Cell:
    """Return the cell of a hash with its first 12 digits shown; the whole one stays behind it."""
    return replace(cell, text=cell.text[:_SHORT]) if cell.raw is not None else cell


def verdict_words(run: RunData, stage: str) -> str:
    """Return the verdict of a stage in words; a demonstration is never called ready."""
    found = run.get(RESULTS, pointer("verdicts", stage))
    said = _verdict(found["verdict"], len(found["blocking"]))
    return f"{_demoted(said)} ({DEMONSTRATION})" if run.get(RESULTS, "/demonstration") else said


def _verdict(verdict: str, count: int) -> str:
    gates = "1 blocking gate" if count == 1 else f"{count} blocking gates"
    if verdict == "blocked":
        return f"blocked: {gates} {'does' if count == 1 else 'do'} not pass"
    if verdict == "incomplete":
        return f"incomplete: {gates} {'is' if count == 1 else 'are'} not measured"
    if verdict == "partial":
        return "partial: gates were left out of this run, so it decides nothing"
    return "ready: every blocking gate passes"


def _demoted(said: str) -> str:
    return said.removeprefix("ready: ")


def listed_verdict(verdict: str, *, demonstration: bool) -> str:
    """Return the verdict of a listed run in a word or two; a demonstration is never ready."""
    if not demonstration:
        return verdict or "not judged"
    said = "every blocking gate passes" if verdict == "ready" else verdict
    return f"demonstration: {said or 'not judged'}"


def verdict_notice(run: RunData, stage: str) -> Notice:
    """Return the verdict of a stage as a statement that must not be overlooked."""
    verdict = run.get(RESULTS, pointer("verdicts", stage, "verdict"))
    tones: Mapping[str, Tone] = {"blocked": "bad", "ready": "good"}
    tone = tones.get(verdict, "warning")
    if run.get(RESULTS, "/demonstration") and tone == "good":
        tone = "warning"
    return Notice(tone, f"Stage {stage}: {verdict_words(run, stage)}.")


def past_limit(row: GateRow) -> float | None:
    """Return how far a failed gate is past its limit, as a fraction of the limit.

    None where the limit is 0, where the gate failed for another reason than its value, and where
    it did not fail.
    """
    limit, margin = row.at["limit"], row.at["margin"]
    if row.status != "fail" or not limit or margin is None or margin > 0:
        return None
    return abs(float(margin) / float(limit))


def left_to_limit(row: GateRow) -> float | None:
    """Return how much of a positive limit a passing gate has left; None for any other gate."""
    limit, margin = row.at["limit"], row.at["margin"]
    if row.status != "pass" or margin is None or limit is None or limit <= 0:
        return None
    return abs(float(margin) / float(limit))


def worst_first(rows: list[GateRow]) -> list[GateRow]:
    """Return the gates that block, worst first.

    Errors, then failures, then what is unmeasured; failures by how far they are past the limit,
    as a fraction of it. A limit of 0 tolerates nothing and comes first.
    """
    order = {"error": 0, "fail": 1}

    def rank(row: GateRow) -> tuple[int, float, int]:
        excess = past_limit(row)
        return order.get(row.status, 2), -(float("inf") if excess is None else excess), row.place

    return sorted((row for row in rows if row.blocks), key=rank)


def by_group(rows: list[GateRow]) -> Iterator[tuple[str, list[GateRow]]]:
    """Yield the title and the gates of every group, in the order of the policy."""
    for group in dict.fromkeys(row.gate["group"] for row in rows):
        yield group_title(group), [row for row in rows if row.gate["group"] == group]
