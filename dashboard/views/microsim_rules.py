"""How the gate of a benchmark judges: its tolerance in words, and what its status rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dashboard.blocks import Cell
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, shown, words
from dashboard.views.lookup import GATES, gate_at, gate_status, place_of
from dashboard.views.verdicts import COMPARED

# The measures that the plan judges, as the gates name them.
JUDGED = {"fiscal": "Budget", "household_net_income": "Household net income"}
BLUNT = "non-discriminating: the tolerance is larger than the incumbent's whole effect"
_WHICH = {"max": "whichever is larger", "min": "whichever is smaller"}
# A message that says no more than value and limit beside it do: "7.5e+09 is more than 5e+09".
_PLAIN = re.compile(rf"\S+{COMPARED.pattern}\S+")


def measure_of(run: RunData, name: str) -> Mapping[str, str]:
    """Return a measure's title and unit; its name where the suite does not describe it."""
    found: Mapping[str, str] | None = run.get("suite", pointer("measures", name))
    return found or {"title": words(name), "unit": "usd"}


def gate_of(benchmark: str, measure: str) -> str:
    """Return the id of the gate that judges a measure of a benchmark."""
    return f"benchmark.{benchmark}.{measure}"


def tolerance_words(run: RunData, gate: str, stage: str, unit: str = "usd") -> str:
    """Return how a gate's limit is formed, from the policy that judged; empty where none says."""
    place = place_of(run.get("policy", "/gates"), gate)
    if place is None:
        return ""
    limit = run.get("policy", pointer("gates", place, "stages", stage, "limit"))
    if limit is None:
        return ""
    parts = []
    if limit["relative"] is not None:
        parts.append(f"{shown(limit['relative'], 'share')} of the incumbent's effect")
    if limit["absolute"] is not None:
        parts.append(shown(limit["absolute"], unit))
    which = f", {_WHICH[limit['combine']]}" if len(parts) > 1 else ""
    return " or ".join(parts) + which


def tolerance_of_all(run: RunData, gates: Iterable[str], stage: str) -> str:
    """Return the tolerance that all these gates share as a sentence."""
    found = {tolerance_words(run, gate, stage) for gate in gates} - {""}
    if len(found) == 1:
        return f"Tolerance: {found.pop()} (plan: Microsimulation benchmarks)."
    return "Tolerances differ by gate." if found else "No policy on record states the tolerance."


def is_blunt(run: RunData, gate: str, stage: str) -> bool:
    """Decide whether a gate's limit is larger than the incumbent's whole effect, as its judge does.

    A candidate can miss such an effect altogether and pass. False where nothing was judged.
    """
    at = gate_at(run, gate)
    limit = run.get(GATES, f"{at}/stages/{stage}/limit")
    effect = run.get(GATES, f"{at}/incumbent")
    return limit is not None and effect is not None and limit > abs(effect)


def explained_status(run: RunData, gate: str, stage: str) -> Cell:
    """Return a gate's status; its small print says what value and limit beside it do not show."""
    status, at = gate_status(run, gate, stage), gate_at(run, gate, "stages", stage, "message")
    said = str(run.get(GATES, at)) if at else ""
    if status.status == "pass":
        return replace(status, note=BLUNT if is_blunt(run, gate, stage) else "")
    return replace(status, note="" if _PLAIN.fullmatch(said) else said)


def relative(run: RunData, delta: Cell, incumbent: Cell) -> Cell:
    """Return a difference as a share of the size of the incumbent's effect; a dash without one."""
    known = isinstance(delta.raw, int | float) and isinstance(incumbent.raw, int | float)
    if not known or not incumbent.raw:
        return Cell(NOTHING)
    share = float(delta.raw or 0) / abs(float(incumbent.raw))
    return run.derived(share, "share", "difference / size of the incumbent's effect", signed=True)
