"""Faults of measured figures: no file check sees them, the gates of the measured records do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gates.policy import Policy, load_policy

Records = dict[str, Any]
Spoil = Callable[[Records], None]
GROUPS = ("benchmark", "runtime", "size")


@dataclass(frozen=True)
class RecordFault:
    """One mutation of sound records, and the gate that must fail for it.

    `incidents` are numbers of the incident list.
    """

    id: str
    gate: str
    what: str
    spoil: Spoil
    incidents: tuple[int, ...] = ()


def spoiled(records: Records, fault: RecordFault) -> Records:
    """Return a copy of the records with the fault in it."""
    changed = copy.deepcopy(records)
    fault.spoil(changed)
    return changed


def _entry(records: Records, benchmark: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in records["evidence"]["benchmarks"] if each["id"] == benchmark
    )
    return found


def _moved(benchmark: str, output: str, change: Callable[[float], float]) -> Spoil:
    """Change an effect and all its parts alike, so that only the effect is wrong."""

    def spoil(records: Records) -> None:
        entry = _entry(records, benchmark)
        before = entry["delta"][output]
        after = change(before)
        entry["delta"][output] = after
        for key in ("contributors", "by_state", "by_decile"):
            for part in entry[key][output]:
                part["value"] *= after / before

    return spoil


def _unpaid(records: Records) -> None:
    identity = _entry(records, "per-person-transfer")["identity"]
    identity["measured"] *= 1 - 1e-5


def _slowed(records: Records) -> None:
    runtime = records["runtime"]
    for pair in runtime["pairs"]:
        pair["ratio"] = 1.4
    runtime.update(median_ratio=1.4, interval={"low": 1.35, "high": 1.45, "confidence": 0.95})
    runtime["decisions"][0]["decision"] = "beyond"


def _swollen(records: Records) -> None:
    h5 = records["storage"]["h5"]
    h5["stored_bytes"] = 2 * records["baseline"]["pins"]["h5_size_bytes"] + 1


def _declared(records: Records) -> None:
    records["storage"]["extensions"].append(
        {
            "id": "lots",
            "file": "lots.sqlite",
            "format": "sqlite",
            "stored_bytes": 2 * records["baseline"]["pins"]["h5_size_bytes"],
            "separately_loadable": False,
            "reason": "lots.sqlite does not lie beside run.h5",
            "tables": [],
        }
    )


def _benchmark_faults(policy: Policy) -> list[RecordFault]:
    """Return for each gated effect: one that vanished, one too large, one of the wrong sign."""
    faults = []
    for gate in (gate for gate in policy.gates if gate.judge == "benchmark_delta"):
        name, output = gate.parameters["benchmark"], gate.parameters["output"]
        kinds: tuple[tuple[str, str, Callable[[float], float], tuple[int, ...]], ...] = (
            ("none", "the reform moves nothing", lambda effect: effect * 1e-9, (30,)),
            ("large", "the effect is half as large again", lambda effect: effect * 1.5, ()),
            ("sign", "the effect has the wrong sign", lambda effect: -effect, ()),
        )
        faults += [
            RecordFault(
                f"{name}-{output}-{kind}", gate.id, what, _moved(name, output, change), numbers
            )
            for kind, what, change, numbers in kinds
        ]
    return faults


FAULTS = (
    *_benchmark_faults(load_policy()),
    RecordFault(
        "transfer-unpaid",
        "benchmark.per-person-transfer.identity",
        "one person in 100,000 is not paid",
        _unpaid,
    ),
    RecordFault("runtime-slowed", "runtime.median", "every run takes 1.4 times as long", _slowed),
    RecordFault("size-swollen", "size.h5", "one byte more than twice the incumbent", _swollen),
    RecordFault("size-declared", "size.h5", "an extension is declared, but not there", _declared),
)
