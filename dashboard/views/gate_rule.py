"""The rule of one gate in the user's words, from the policy that judged it."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.blocks import Cell, Column, Table
from dashboard.run_data import RunData
from dashboard.units import shown
from dashboard.views.verdicts import COMPARED, RESULTS, GateRow, gate_limit

# what a broken rule is told by: the rule
_BROKEN: Mapping[str, str] = {"more than": "no more than", "less than": "at least"}
_DIRECTIONS: Mapping[str, str] = {
    "no_more_than": "no more than",
    "less_than": "below",
    "within": "within",
    "at_least": "at least",
}


def rule_table(run: RunData, row: GateRow) -> Table:
    """Return the rule in words: what must hold, how the limit is formed, by which clause."""
    place = _policy_place(run, row.id)
    lines = (
        (Cell("What must hold"), run.cell(RESULTS, f"/gates/{row.place}/title")),
        (Cell("In full"), run.cell("policy", f"/gates/{place}/doc", note=_unkept(run))),
        (Cell("Clause"), run.cell(RESULTS, f"/gates/{row.place}/clause")),
        (Cell("Unit"), run.cell(RESULTS, f"/gates/{row.place}/unit")),
        (Cell("Rule of the limit"), Cell(_rule_of_limit(run, row, place))),
        (Cell(f"Limit at stage {row.stage}"), gate_limit(run, row)),
    )
    return Table("The rule", (Column("What"), Column("In words")), lines)


def _unkept(run: RunData) -> str:
    """Return why the policy's own words are not to be had; empty where they are."""
    return "" if run.has("policy") else run.why_absent("policy")


def _policy_place(run: RunData, gate: str) -> int:
    """Return the place of a gate in the policy that judged it; -1 where the policy is not there."""
    gates = run.get("policy", "/gates") or []
    return next((place for place, each in enumerate(gates) if each["id"] == gate), -1)


def _rule_of_limit(run: RunData, row: GateRow, place: int) -> str:
    """Return how the limit of the stage is formed, from the policy, else from the finding."""
    limit = run.get("policy", f"/gates/{place}/stages/{row.stage}/limit")
    if limit is None:
        found = COMPARED.search(row.at["message"])
        if not found:
            return "The records of this run do not state it."
        return f"The value must be {_BROKEN.get(found.group(1), found.group(1))} the limit."
    unit = row.gate["unit"]
    parts = []
    if limit["relative"] is not None:
        times = "" if limit["relative"] == 1 else f"{limit['relative']:.6g} times "
        parts.append(f"{times}the figure it is held against")
    if limit["absolute"] is not None:
        parts.append(shown(limit["absolute"], unit))
    which = {"max": "whichever is larger", "min": "whichever is smaller"}[limit["combine"]]
    formed = " or ".join(parts) + (f", {which}" if len(parts) > 1 else "")
    return f"The value must be {_DIRECTIONS[limit['direction']]} {formed}."
