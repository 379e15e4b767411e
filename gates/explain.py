"""Why a gate stands where it stands: finding, rule, limit, noise, and the parts of the difference.

Every list of parts adds up: wins + losses + rest = the difference that is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from gates.inputs import JudgeInputs
from gates.judges.parts import REST
from gates.policy import Gate
from schemas.errors import UsageError

TOP = 10
UNJUDGED = frozenset({"unmeasured", "not_applicable", "error"})
_BELOW_NATIONAL = frozenset({"state", "congressional_district", "local"})
Pairs = Sequence[tuple[str, float]]


def explanation(
    inputs: JudgeInputs, gate: Gate, result: Mapping[str, Any], stage: str
) -> dict[str, Any]:
    """Return everything known about one gate's result at a stage, as plain JSON values."""
    at = result["stages"][stage]
    same = ("title", "unit", "value", "candidate", "incumbent", "delta", "standard_error")
    return {
        "gate": gate.id,
        "stage": stage,
        "status": at["status"],
        "blocking": at["blocking"],
        "rule": f"{gate.clause}: {gate.doc}",
        "finding": result["message"],
        "verdict": at["message"],
        "limit": at["limit"],
        "margin": at["margin"],
        **{key: result[key] for key in (*same, "within_noise", "details", "exceptions", "remedy")},
        "parts": None if result["status"] in UNJUDGED else _parts(inputs, gate, result),
    }


def _parts(inputs: JudgeInputs, gate: Gate, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parts of the difference by target and by what is known of the targets."""
    what, pairs, targets = _in_full(inputs, gate, result)
    if not pairs:
        return None
    of = "target" if targets else "program" if result["breakdowns"] else "part"
    by = {of: ranked(pairs)}
    for name, parts in result["breakdowns"].items():
        by[name] = ranked([(part["name"], part["value"]) for part in parts])
    for name, label in _LABELS.items() if targets else ():
        by[name] = ranked(_grouped(pairs, targets, label))
    return {"of": what, "delta": sum(value for _, value in pairs), "by": by}


def _in_full(
    inputs: JudgeInputs, gate: Gate, result: Mapping[str, Any]
) -> tuple[str, Pairs, Mapping[str, Mapping[str, Any]]]:
    """Return what is explained, every contributor to it, and the targets by id.

    A held-out loss is formed as if no other row existed, so its rows are shown with their parts of
    the whole loss difference.
    """
    shown = [(part["name"], part["value"]) for part in result["contributors"]]
    if gate.judge not in ("loss", "family", "held_out", "aggregate"):
        return "difference", shown, {}
    record = inputs.loss()
    targets = {each["target_id"]: each for each in record["targets"]}
    if gate.judge == "held_out":
        held = [each for each in record["targets"] if each["role"] == "held_out"]
        pairs = [(each["target_id"], each["contribution"]) for each in held]
        return "the held-out targets' part of the whole loss difference", pairs, targets
    if gate.judge == "loss":
        block = record["losses"][gate.parameters["loss"]]
    elif gate.judge == "family":
        block = record["families"][gate.parameters["family"]]
    else:
        return "error difference", shown, targets
    full = [(part["name"], part["value"]) for part in block["contributors"]]
    known = any(name in targets for name, _ in full)
    return "loss difference", full, targets if known else {}


def _state(target: Mapping[str, Any]) -> str:
    """Return the state a target lies in: the first two digits of its geography code."""
    if target["geography_level"] in _BELOW_NATIONAL:
        return f"state {target['geography_id'][:2]}"
    return str(target["geography_level"])


_LABELS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "source": lambda target: target["source"] or "no source",
    "family": lambda target: target["family"],
    "state": _state,
}


def _grouped(
    pairs: Pairs,
    targets: Mapping[str, Mapping[str, Any]],
    label: Callable[[Mapping[str, Any]], str],
) -> Pairs:
    sums: dict[str, float] = {}
    for name, value in pairs:
        key = label(targets[name]) if name in targets else REST
        sums[key] = sums.get(key, 0.0) + value
    return list(sums.items())


def ranked(pairs: Pairs) -> dict[str, Any]:
    """Return the 10 largest wins and losses of the candidate and the sum of all the others.

    A win lowers the difference. Equal values are in order of their names.
    """
    named = [pair for pair in pairs if pair[0] != REST]
    wins = sorted((p for p in named if p[1] < 0), key=lambda p: (p[1], p[0]))[:TOP]
    losses = sorted((p for p in named if p[1] > 0), key=lambda p: (-p[1], p[0]))[:TOP]
    shown = {name for name, _ in (*wins, *losses)}
    left = [value for name, value in pairs if name not in shown]
    return {
        "wins": [{"name": name, "value": value} for name, value in wins],
        "losses": [{"name": name, "value": value} for name, value in losses],
        "rest": {"count": len(left), "value": sum(left)},
    }


def require_explainable(gate_id: str, known: Sequence[str]) -> None:
    """Raise UsageError, listing the ids, for a gate that the policy does not have."""
    if gate_id not in known:
        raise UsageError(
            f"there is no gate {gate_id!r} to explain",
            reason="usage.unknown_gate",
            remedy=f"use one of: {', '.join(known)}",
        )


def print_explanation(found: Mapping[str, Any], console: Console) -> None:
    """Print an explanation as text, one fact a line; nothing is cut."""
    lines = [
        f"{found['gate']}: {found['status']} at {found['stage']}: {found['title']}",
        f"  finding: {found['finding']}",
        f"  rule: {found['rule']}",
        f"  limit: {_number(found['limit'])} {found['unit']}, margin {_number(found['margin'])} "
        f"({found['verdict']})",
        f"  standard error: {_number(found['standard_error'])}{_noise(found['within_noise'])}",
        *(f"  - {detail}" for detail in found["details"]),
        *_part_lines(found["parts"]),
        f"  next: {found['remedy']}",
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _part_lines(parts: Mapping[str, Any] | None) -> list[str]:
    if parts is None:
        return ["  parts: none"]
    lines = [f"  {parts['of']} {_number(parts['delta'], sign=True)}"]
    for dimension, ranks in parts["by"].items():
        for kind in ("wins", "losses"):
            lines.append(f"  {kind} by {dimension}:{'' if ranks[kind] else ' none'}")
            lines += [f"    {_number(p['value'], sign=True)}  {p['name']}" for p in ranks[kind]]
        rest = ranks["rest"]
        lines.append(f"    {_number(rest['value'], sign=True)}  the rest ({rest['count']} more)")
    return lines


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "none"
    return f"{value:+,.6g}" if sign else f"{value:,.6g}"


def _noise(within: bool | None) -> str:
    if within is None:
        return ""
    return ", within noise" if within else ", beyond noise"
