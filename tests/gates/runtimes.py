"""Runtime records of made-up pairs, for judging without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.engine.metadata import installed_versions
from benchmarks.runtime import machine
from schemas.records import validate


def runtime_of(
    ours: str, theirs: str, ratios: Sequence[float] = (1.0, 1.02, 0.98), spread: float = 0.05
) -> dict[str, Any]:
    """Return the runtime record of pairs with these ratios; the interval is their median +- spread.

    Its decisions are those of the policy's two limits.
    """
    middle = median(ratios)
    low, high = middle - spread, middle + spread
    sample = {
        "import_s": 30.0,
        "workloads": {"load": 1.0, "benefits": 9.0},
        "workloads_cpu": {"load": 1.0, "benefits": 9.0},
        "total_s": 10.0,
        "cpu_s": 10.0,
        "peak_rss_gb": 2.5,
    }
    record = {
        "schema": "runtime",
        "schema_version": 1,
        "candidate": {"label": "c.h5", "sha256": ours, "households": 102, "geography": "national"},
        "incumbent": {"id": "i", "sha256": theirs, "households": 102, "geography": "national"},
        "engine": installed_versions(),
        "machine": dict(machine()),
        "settings": {
            "confidence": 0.95,
            "left_out_of_ratio": ["import"],
            "limits": [1.25, 2.0],
            "max_pairs": 9,
            "min_pairs": 3,
            "sha256": "0" * 64,
            "workloads": [{"id": "benefits", "variables": ["snap"]}],
        },
        "pairs": [
            {"order": "candidate_first", "candidate": sample, "incumbent": sample, "ratio": ratio}
            for ratio in ratios
        ],
        "median_ratio": middle,
        "interval": {"low": low, "high": high, "confidence": 0.95},
        "decisions": [
            {"limit": limit, "decision": decided(low, high, limit)} for limit in (1.25, 2.0)
        ],
        "peak_rss_gb": {"candidate": 2.5, "incumbent": 2.25},
        "expected_s": 360.0,
        "run": {},
    }
    validate(record, "runtime")
    return record


def decided(low: float, high: float, limit: float) -> str:
    """Return what an interval says of a limit."""
    return "within" if high <= limit else "beyond" if low > limit else "undecided"
