"""Microsimulation benchmarks: a reform's effect on the candidate against the incumbent's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_benchmark_delta(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure |candidate's effect - incumbent's effect| in dollars, with its contributors.

    An incumbent effect below the suite's floor makes the comparison unmeasured; a candidate effect
    below it fails: a file without assets scores exactly $0 on SSI (incident 30).
    """
    output = gate.parameters["output"]
    measured, sound = inputs.evidence(), inputs.incumbent_evidence()
    floors = _entry(inputs.record("suite"), gate, "the suite")["non_vacuity_floor"]
    ours = _entry(measured, gate, "the candidate's evidence")
    theirs = _entry(sound, gate, "the incumbent's evidence")
    candidate, incumbent = ours["delta"][output], theirs["delta"][output]
    if vacuous := _below_floor(theirs, floors):
        raise NotJudged(
            "unmeasured",
            f"the reform hardly moves the incumbent: {vacuous}",
            "compare with an incumbent on which this reform has an effect",
        )
    vacuous = _below_floor(ours, floors)
    return Measurement(
        value=abs(candidate - incumbent),
        reference=incumbent,
        candidate=candidate,
        incumbent=incumbent,
        delta=candidate - incumbent,
        contributors=_difference(ours, theirs, output),
        message=f"effect {candidate / 1e9:+,.3f} bn against {incumbent / 1e9:+,.3f} bn dollars",
        details=(_discrimination(incumbent),),
        remedy="look at the programs listed as contributors",
        failure=f"vacuous: {vacuous}" if vacuous else "",
    )


def _below_floor(entry: Mapping[str, Any], floors: Mapping[str, float]) -> str:
    """Return which effects are below their non-vacuity floor, in words; empty if none is."""
    low = [
        f"{name} moves by {entry['delta'][name]:,.0f}, below the floor of {floor:,.0f}"
        for name, floor in floors.items()
        if abs(entry["delta"][name]) < floor
    ]
    return "; ".join(low)


def _entry(record: Mapping[str, Any], gate: Gate, where: str) -> Mapping[str, Any]:
    wanted = gate.parameters["benchmark"]
    for entry in record["benchmarks"]:
        if entry["id"] == wanted:
            found: Mapping[str, Any] = entry
            return found
    raise NotJudged("unmeasured", f"{where} holds no {wanted}", "measure with the frozen suite")


def _difference(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], output: str
) -> tuple[tuple[str, float], ...]:
    """Return per program the candidate's part minus the incumbent's; they sum to the delta."""
    parts: dict[str, float] = {}
    for sign, side in ((1, ours), (-1, theirs)):
        for part in side["contributors"].get(output, []):
            parts[part["name"]] = parts.get(part["name"], 0.0) + sign * part["value"]
    return tuple(sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0])))


def _discrimination(incumbent: float) -> str:
    if abs(incumbent) < 5e9:
        return "non-discriminating: $5 billion is more than the incumbent's whole effect"
    return "discriminating: the tolerance is smaller than the incumbent's effect"
