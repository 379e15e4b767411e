"""Policies: every gate of a product with its limits, read from data and refused if unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from schemas.canonical import sha256_json
from schemas.errors import RecordError
from schemas.records import read_record

POLICY_DIR = Path(__file__).parent / "policy"
STAGES = ("beta", "default")
Stage = Literal["beta", "default"]
EXCEPTIONS_JUDGE = "exceptions"


@dataclass(frozen=True)
class Limit:
    """How far a value may go: relative to a reference, absolute, or the larger of both."""

    relative: float | None
    absolute: float | None
    combine: str
    direction: str

    def bound(self, reference: float | None) -> float:
        """Return the limit in the gate's unit; `reference` is the incumbent's magnitude."""
        parts = [] if self.absolute is None else [self.absolute]
        if self.relative is not None and reference is not None:
            parts.append(self.relative * abs(reference))
        if not parts:
            raise RecordError(
                "a limit has neither an absolute part nor a reference for its relative part",
                reason="policy.limit",
                remedy="give the limit an absolute part, or judge it against an incumbent",
            )
        return max(parts) if self.combine == "max" else min(parts)

    def holds(self, value: float, reference: float | None) -> bool:
        """Decide whether `value` is inside the limit."""
        bound = self.bound(reference)
        if self.direction == "less_than":
            return value < bound
        if self.direction == "at_least":
            return value >= bound
        if self.direction == "within":
            return abs(value) <= bound
        return value <= bound


@dataclass(frozen=True)
class Gate:
    """One gate of a policy; `limits` and `blocking` are per stage.

    `exceptions` are the kinds of record that may waive it, up to `exceptions_up_to`. `peers` are
    all gates of the policy by id; only the gate that judges the exception records has them.
    """

    id: str
    title: str
    group: str
    clause: str
    judge: str
    unit: str
    doc: str
    parameters: Mapping[str, Any]
    unmeasured_reason: str
    limits: Mapping[str, Limit | None]
    blocking: Mapping[str, bool]
    exceptions: tuple[str, ...] = ()
    exceptions_up_to: float | None = None
    peers: Mapping[str, Gate] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Policy:
    """All gates of one product, in order, with the hash of the policy data."""

    id: str
    product: str
    suite: str
    sha256: str
    gates: tuple[Gate, ...]

    def gate(self, gate_id: str) -> Gate:
        """Return one gate; raises RecordError naming the known ids."""
        for gate in self.gates:
            if gate.id == gate_id:
                return gate
        raise RecordError(
            f"the policy {self.id} has no gate {gate_id!r}",
            reason="policy.unknown_gate",
            remedy=f"use one of: {', '.join(gate.id for gate in self.gates)}",
        )


def load_policy(policy_id: str = "national", directory: Path = POLICY_DIR) -> Policy:
    """Return a validated policy; raises RecordError for unknown keys or repeated gate ids."""
    record = read_record(directory / f"{policy_id}.json", "policy")
    gates = tuple(_gate(entry) for entry in record["gates"])
    ids = [gate.id for gate in gates]
    repeated = sorted({gate_id for gate_id in ids if ids.count(gate_id) > 1})
    if repeated:
        raise RecordError(
            f"the policy {policy_id} lists {', '.join(repeated)} more than once",
            reason="policy.repeated_gate",
            remedy="give every gate its own id",
        )
    _require_upper_limits(gates)
    peers = {gate.id: gate for gate in gates}
    gates = tuple(
        replace(gate, peers=peers) if gate.judge == EXCEPTIONS_JUDGE else gate for gate in gates
    )
    return Policy(record["id"], record["product"], record["suite"], sha256_json(record), gates)


def _require_upper_limits(gates: tuple[Gate, ...]) -> None:
    """Refuse exceptions where a larger value is not worse: a bound is an upper one."""
    for gate in gates:
        directions = {limit.direction for limit in gate.limits.values() if limit}
        if gate.exceptions and directions - {"no_more_than", "less_than"}:
            raise RecordError(
                f"{gate.id} accepts exceptions, but its limit is not an upper one",
                reason="policy.exceptions",
                remedy="accept exceptions only at gates with no_more_than or less_than",
            )


def _gate(entry: Mapping[str, Any]) -> Gate:
    stages = entry["stages"]
    return Gate(
        id=entry["id"],
        title=entry["title"],
        group=entry["group"],
        clause=entry["clause"],
        judge=entry["judge"],
        unit=entry["unit"],
        doc=entry["doc"],
        parameters=entry.get("parameters", {}),
        unmeasured_reason=entry.get("unmeasured_reason", ""),
        limits={s: Limit(**stages[s]["limit"]) if "limit" in stages[s] else None for s in STAGES},
        blocking={stage: stages[stage]["blocking"] for stage in STAGES},
        exceptions=tuple(entry.get("exceptions", ())),
        exceptions_up_to=entry.get("exceptions_up_to"),
    )
