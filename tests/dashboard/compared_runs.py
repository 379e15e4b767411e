"""Two runs with every record that a comparison reads, alike but for a target and a few figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from compared_targets import loss_of, run_of, some_targets

from dashboard.run_data import RunData

TARGETS = some_targets(120)
FIRST = loss_of(TARGETS, seed=1)
SECOND = loss_of(TARGETS, seed=1, bad={30: 1.9})
ENGINE = {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"}
STATUSES = {
    "contract.values.finite": ("contract", "violations", 0.0),
    "loss.broad": ("loss", "loss", -0.02),
    "family.ssi": ("family", "mean squared relative error", 0.1),
    "benchmark.ctc.fiscal": ("benchmark", "dollars", 1e9),
    "runtime.median": ("runtime", "ratio", 1.1),
    "size.h5": ("size", "ratio", 0.9),
}


def gate(name: str, value: float | None, status: str = "pass") -> dict[str, Any]:
    group, unit, _ = STATUSES[name]
    at = {"status": status, "blocking": True, "limit": 1.0, "margin": 0.5, "message": "m"}
    return {
        "id": name,
        "title": f"Title {name}",
        "group": group,
        "unit": unit,
        "value": value,
        "stages": {"beta": {**at, "limit": 2.0}, "default": at},
    }


def results(*changed: dict[str, Any], policy: str = "p" * 64) -> dict[str, Any]:
    gates = {name: gate(name, value) for name, (_, _, value) in STATUSES.items()}
    gates |= {each["id"]: each for each in changed}
    return {
        "incumbent": {"sha256": "d" * 64},
        "policy": {"sha256": policy},
        "engine": ENGINE,
        "gates": list(gates.values()),
    }


def evidence(scale: float = 1.0, **other: Any) -> dict[str, Any]:
    return {
        "engine": ENGINE,
        "suite": {"sha256": "b" * 64},
        "subject": {"size_bytes": int(1e6 * scale)},
        "counts": {"household": int(4000 * scale), "tax_unit": 5000},
        "weights": {"kish_ess": 2000.0 * scale, "ess_share": 0.5, "positive": 3900},
        "benchmarks": [
            {"id": name, "delta": {"fiscal": 1e9 * scale, "household_net_income": -1e9 * scale}}
            for name in ("ctc", "eitc")
        ],
        **other,
    }


def runtime(ratio: float) -> dict[str, Any]:
    return {
        "median_ratio": ratio,
        "peak_rss_gb": {"candidate": 3.0, "incumbent": 2.0},
        "settings": {"sha256": "s" * 64},
    }


RUN_A = run_of(FIRST, "a" * 12, gate_results=results(), evidence=evidence(), runtime=runtime(1.1))
RUN_B = run_of(
    SECOND,
    "b" * 12,
    gate_results=results(gate("loss.broad", 0.03, "fail"), gate("size.h5", 1.2)),
    evidence=evidence(1.5),
    runtime=runtime(1.3),
)


def but(run: RunData, record: str, **fields: Any) -> RunData:
    """Return a run whose record has other fields."""
    return replace(run, records={**run.records, record: {**run.records[record], **fields}})


def without(run: RunData, *records: str) -> RunData:
    kept = {name: each for name, each in run.records.items() if name not in records}
    return replace(run, records=kept)
