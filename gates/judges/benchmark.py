"""Microsimulation benchmarks: a reform's effect on the candidate against the incumbent's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judges.benchmark_parts import ROUNDING, breakdowns, by_program, in_billions, largest_of
from gates.judging import Measurement
from gates.policy import Gate

_REMEDY = "look at the programs, states and deciles listed as parts, or file an explanation record"
# a waiver never covers an effect that cannot be one of the reform
_REMEDY_IMPLAUSIBLE = "look for the inputs that the reform reads: missing, empty or of a wrong sign"
_SIGNS = {"positive": 1, "negative": -1, "any": 0}


def judge_benchmark_delta(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure |candidate's effect - incumbent's effect| in dollars, with its contributors.

    An incumbent effect below the suite's floor makes the comparison unmeasured. A candidate effect
    below it, or of the wrong sign, fails: a file without assets scores exactly $0 on SSI (incident
    30). Parts by program, state or decile that do not sum to an effect are an error.
    """
    output = gate.parameters["output"]
    measured, sound = inputs.evidence(), inputs.incumbent_evidence()
    frozen = entry_of(inputs.record("suite"), gate, "the suite")
    ours = entry_of(measured, gate, "the candidate's evidence")
    theirs = entry_of(sound, gate, "the incumbent's evidence")
    candidate, incumbent = ours["delta"][output], theirs["delta"][output]
    if vacuous := _below_floor(theirs, frozen["non_vacuity_floor"]):
        raise NotJudged(
            "unmeasured",
            f"the reform hardly moves the incumbent: {vacuous}",
            "compare with an incumbent on which this reform has an effect",
        )
    parts = breakdowns(ours, theirs, output)
    proportion = tuple(_proportion(gate, candidate - incumbent, incumbent))
    implausible = _implausible(ours, frozen)
    remedy = _REMEDY_IMPLAUSIBLE if implausible else _REMEDY
    effect = f"effect {in_billions(candidate)} against {in_billions(incumbent)} bn dollars"
    return Measurement(
        value=abs(candidate - incumbent),
        reference=incumbent,
        candidate=candidate,
        incumbent=incumbent,
        delta=candidate - incumbent,
        contributors=by_program(ours, theirs, output),
        breakdowns=parts,
        message=f"{effect}; non-discriminating" if len(proportion) > 1 else effect,
        details=(*proportion, *(largest_of(name, pairs) for name, pairs in parts.items())),
        remedy=remedy if implausible or candidate != incumbent else "",
        failure=implausible,
    )


def entry_of(record: Mapping[str, Any], gate: Gate, where: str) -> Mapping[str, Any]:
    """Return the gate's benchmark in a suite or evidence; raises NotJudged where it is absent."""
    wanted = gate.parameters["benchmark"]
    for entry in record["benchmarks"]:
        if entry["id"] == wanted:
            found: Mapping[str, Any] = entry
            return found
    raise NotJudged("unmeasured", f"{where} holds no {wanted}", "measure with the frozen suite")


def _implausible(entry: Mapping[str, Any], frozen: Mapping[str, Any]) -> str:
    """Return why an effect cannot be one of this reform, in words; empty if it can."""
    vacuous = _below_floor(entry, frozen["non_vacuity_floor"])
    wrong = _wrong_sign(entry, frozen["sign"])
    found = [f"vacuous: {vacuous}" if vacuous else "", f"wrong sign: {wrong}" if wrong else ""]
    return "; ".join(each for each in found if each)


def _below_floor(entry: Mapping[str, Any], floors: Mapping[str, float]) -> str:
    """Return which effects are below their non-vacuity floor, in words; empty if none is."""
    low = [
        f"{name} moves by {entry['delta'][name]:,.0f}, below the floor of {floor:,.0f}"
        for name, floor in floors.items()
        if abs(entry["delta"][name]) < floor
    ]
    return "; ".join(low)


def _wrong_sign(entry: Mapping[str, Any], signs: Mapping[str, str]) -> str:
    """Return which effects go against the suite's sign beyond rounding; empty if none does."""
    against = [
        f"{name} moves by {entry['delta'][name]:+,.0f}, expected {sign}"
        for name, sign in signs.items()
        if entry["delta"][name] * _SIGNS[sign] < -ROUNDING
    ]
    return "; ".join(against)


def _proportion(gate: Gate, delta: float, incumbent: float) -> Iterator[str]:
    """Yield whether the tolerance could tell the two apart; where not, the relative-only line."""
    limit = gate.limits["default"]
    if limit is None:
        return
    bound, effect = limit.bound(incumbent), abs(incumbent)
    if bound <= effect:
        yield "discriminating: the tolerance is no larger than the incumbent's effect"
        return
    yield (
        f"non-discriminating: the tolerance of {bound / 1e9:,.3f} bn is more than the incumbent's "
        f"whole effect of {effect / 1e9:,.3f} bn dollars"
    )
    if not effect or limit.relative is None:
        yield "relative only: the incumbent's effect is 0" if not effect else "relative only: none"
        return
    share = abs(delta) / effect
    words = "within" if share <= limit.relative else "not within"
    yield (
        f"relative only: the difference is {share:.2%} of the incumbent's effect, "
        f"{words} {limit.relative:.0%}"
    )
