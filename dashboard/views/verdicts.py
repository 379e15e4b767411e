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
STAGES = ("beta", "default")  # in the order in which a candidate passes them
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
# how a finding reads that only holds the value against the limit
COMPARED = re.compile(
    r" is (?:not )?(below|no more than|more than|within|at least|less than) ",
)
_DIFFERENCES = frozenset({"loss", "family", "aggregate"})


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
    def own_reason(self) -> str:
        """Why the gate does not pass the stage, where that is not its value; else empty.

        A reform that hardly moves the candidate fails however near the value is to the incumbent's,
        and a limit inside the interval of the runtime decides nothing.
        """
        said = str(self.at["message"])
        told = self.status in PASSING or COMPARED.search(said) or said == self.gate["message"]
        return "" if told else said

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


def gate_finding(run: RunData, row: GateRow) -> Cell:
    """Return why a gate stands as it does, and below it what is known of it and what to do."""
    at, remedy = pointer("gates", row.place), str(row.gate["remedy"])
    if not row.own_reason:
        return run.cell(RESULTS, f"{at}/message", note=remedy)
    note = f"{row.gate['message']}; {remedy}"
    return run.cell(RESULTS, f"{at}/stages/{row.stage}/message", note=note)


def gate_exceptions(run: RunData, row: GateRow) -> Iterator[tuple[Cell, Cell]]:
    """Yield the id of every record that waives or explains a failure, and who answers for it."""
    at, details = pointer("gates", row.place), row.gate["details"]
    for place, each in enumerate(row.gate["exceptions"]):
        said = (n for n, text in enumerate(details) if f" {each}: " in text)
        yield (
            run.cell(RESULTS, f"{at}/exceptions/{place}"),
            run.cell(RESULTS, f"{at}/details/{next(said, len(details))}"),
        )


def gate_noise(row: GateRow) -> Cell:
    """Return whether the difference is inside two standard errors, in words."""
    words = {True: "within noise", False: "beyond noise", None: "noise not measured"}
    return Cell(words[row.gate["within_noise"]])


def verdict_words(run: RunData, stage: str) -> str:
    """Return the verdict of a stage in words; a demonstration is never called ready."""
    found = run.get(RESULTS, pointer("verdicts", stage))
    said = _verdict(found["verdict"], len(found["blocking"]), _waived(run, stage))
    return f"{_demoted(said)} ({DEMONSTRATION})" if run.get(RESULTS, "/demonstration") else said


def _waived(run: RunData, stage: str) -> int:
    """Return how many blocking gates pass the stage by an exception record only."""
    rows = gate_rows(run, stage)
    return sum(row.status == "waived" and bool(row.at["blocking"]) for row in rows)


def _verdict(verdict: str, count: int, waived: int) -> str:
    gates = "1 blocking gate" if count == 1 else f"{count} blocking gates"
    if verdict == "blocked":
        return f"blocked: {gates} {'does' if count == 1 else 'do'} not pass"
    if verdict == "incomplete":
        return f"incomplete: {gates} {'is' if count == 1 else 'are'} not measured"
    if verdict == "partial":
        return "partial: gates were left out of this run, so it decides nothing"
    return f"ready: every blocking gate passes{f', {waived} of them waived' if waived else ''}"


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

    Errors, then failures, then what is unmeasured; failures by how far they are past the limit, as
    a fraction of it. A limit of 0 tolerates nothing, and what fails whatever its value is at no
    distance from passing: both come first, group by group, the largest breach of a group first.
    """
    order, groups = {"error": 0, "fail": 1}, list(dict.fromkeys(row.gate["group"] for row in rows))

    def rank(row: GateRow) -> tuple[int, float, int, float, int]:
        excess, margin = past_limit(row), row.at["margin"] or 0.0
        first = float("inf") if excess is None else excess
        group = groups.index(row.gate["group"])
        return order.get(row.status, 2), -first, group, min(0.0, margin), row.place

    return sorted((row for row in rows if row.blocks), key=rank)


def by_group(rows: list[GateRow]) -> Iterator[tuple[str, list[GateRow]]]:
    """Yield the title and the gates of every group, in the order of the policy."""
    for group in dict.fromkeys(row.gate["group"] for row in rows):
        yield group_title(group), [row for row in rows if row.gate["group"] == group]
