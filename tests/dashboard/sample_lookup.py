"""What tests look up in the records of a sample run, change there, and leave out of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dashboard.run_data import RunData

CTC = "ctc-arpa"


def entry(run: RunData, record: str, benchmark: str) -> dict[str, Any]:
    return next(each for each in run.records[record]["benchmarks"] if each["id"] == benchmark)


def gate(run: RunData, name: str) -> dict[str, Any]:
    return next(each for each in run.records["gate_results"]["gates"] if each["id"] == name)


def without(run: RunData, *names: str) -> RunData:
    kept = {name: record for name, record in run.records.items() if name not in names}
    return replace(run, records=kept, absent=dict.fromkeys(names, "it was left out"))
