"""The product decision after judging: release track, or another modelling iteration, and why.

A verdict says whether a stage is passed; the decision says what to do next. Pure: gate results and
rules (decision.json) in, decision out. Source: issue "the build path", point 10.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gates.judging import PASSING
from schemas.canonical import sha256_json
from schemas.records import read_record

RULES = Path(__file__).parent / "decision.json"
MODELLING = "modelling"
DESELECTED = "deselected"
ITERATE, RELEASE, UNDECIDED = "another_modelling_iteration", "release_track", "undecided"
_FAILED = ("error", "fail")
_NAMED = 3  # gates named in the statement; all are in the reasons


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the validated rules; raises RecordError where they break their schema."""
    return read_record(RULES, "decision_rules")


def decide(
    results: Mapping[str, Any], rules: Mapping[str, Any], groups: Mapping[str, str]
) -> dict[str, Any]:
    """Return the `decision` block of gate results, for their stage.

    Looks at gates that block the stage: a modelling gate that failed or erred calls for another
    iteration; one that is unmeasured or deselected leaves it undecided; otherwise the candidate is
    on the release track, with the process gates that are still open. `groups` gives the group of
    each gate that blocks the stage, deselected ones included. A candidate that could not be judged
    at all (status `error`) is undecided: nothing is known of its model.
    """
    stage = results["stage"]
    reasons = sorted(_reasons(results, rules, groups), key=_rank)
    open_models = [each for each in reasons if each["kind"] == MODELLING]
    if results["status"] == "error":
        decision, open_models = UNDECIDED, []
    elif any(each["status"] in _FAILED for each in open_models):
        decision = ITERATE
        open_models = [each for each in open_models if each["status"] in _FAILED]
    else:
        decision = UNDECIDED if open_models else RELEASE
    return {
        "stage": stage,
        "decision": decision,
        "demonstration": results["demonstration"],
        "statement": _statement(decision, rules, results, open_models or reasons),
        "reasons": reasons,
        "rules_sha256": sha256_json(rules),
    }


def in_words(decision: Mapping[str, Any]) -> str:
    """Return the decision in one line."""
    return f"{decision['decision'].replace('_', ' ')}: {decision['statement']}"


def _reasons(
    results: Mapping[str, Any], rules: Mapping[str, Any], groups: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield the gates that block the stage and did not pass it."""
    for gate in results["gates"]:
        at = gate["stages"][results["stage"]]
        if at["blocking"] and at["status"] not in PASSING:
            said = (
                gate["message"] if at["margin"] is None else f"{gate['message']}; {at['message']}"
            )
            yield {
                **_heading(gate["id"], gate["group"], rules),
                "status": at["status"],
                "margin": at["margin"],
                "excess": _excess(at),
                "message": said,
            }
    for gate_id in results["deselected"]:
        if gate_id in groups:
            yield {
                **_heading(gate_id, groups[gate_id], rules),
                "status": DESELECTED,
                "margin": None,
                "excess": None,
                "message": "left out of this run",
            }


def _heading(gate_id: str, group: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the rules say of a gate; a group they don't name gets nobody to a release."""
    return {"gate": gate_id, "group": group, "kind": rules["groups"].get(group, MODELLING)}


def _excess(at: Mapping[str, Any]) -> float | None:
    """Return how far a failed gate is past its limit, as a fraction of the limit.

    None where the limit is 0, or where the gate failed for something else than its value.
    """
    if at["status"] != "fail" or not at["limit"] or at["margin"] > 0:
        return None
    return abs(float(at["margin"] / at["limit"]))


def _rank(reason: Mapping[str, Any]) -> tuple[bool, int, float, str]:
    """Put modelling first; then errors, failures, what is unmeasured; then the furthest past.

    A gate whose limit is 0 tolerates nothing: it comes before any that is a fraction past its own.
    """
    order = (*_FAILED, "unmeasured", DESELECTED).index(reason["status"])
    excess = math.inf if reason["excess"] is None else reason["excess"]
    return reason["kind"] != MODELLING, order, -excess, reason["gate"]


def _statement(
    decision: str,
    rules: Mapping[str, Any],
    results: Mapping[str, Any],
    named: Sequence[Mapping[str, Any]],
) -> str:
    """Return what the decision means, the gates behind it, and whether it can decide anything."""
    said = [rules["decisions"][decision]]
    if results["error"] is not None:
        said = [f"The candidate could not be judged: {results['error']['message']}"]
    elif named:
        gates = ", ".join(map(_named, named[:_NAMED]))
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        said.append(f"{'Left' if decision == RELEASE else 'Worst first'}: {gates}{more}.")
    if results["demonstration"]:
        said.append(
            f"A demonstration: {results['incumbent']['id']} is no incumbent to be released against."
        )
    return " ".join(said)


def _named(reason: Mapping[str, Any]) -> str:
    if reason["excess"] is None:
        return f"{reason['gate']} ({reason['status']})"
    return f"{reason['gate']} ({reason['excess']:.0%} past its limit)"
