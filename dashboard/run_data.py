"""One run as its records say it: the only thing that a view-model of a single run is given.

A shown number is made by `RunData.cell`, which looks the value up by its JSON pointer: text, value
and source cannot come apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.blocks import Cell, Link, Source
from dashboard.units import NOTHING, shown

GATING_LOSS = "broad_relative_v1"  # as in the policy
# name: schema of the record
RECORDS: Mapping[str, str] = {
    "gate_results": "gate_results",
    "policy": "policy",
    "bundle_check": "bundle_check",
    "seal": "verdict_seal",
    "bundle": "bundle",
    "candidate_manifest": "candidate_manifest",
    "sources": "source_report",
    "stages": "build_stages",
    "environment": "environment",
    "calibration": "calibration_report",
    "judge_inputs": "judge_inputs",
    "baseline": "baseline_manifest",
    "suite": "benchmark_manifest",
    "evidence": "evidence",
    "incumbent_evidence": "evidence",
    "loss": "loss_record",
    "runtime": "runtime",
    "storage": "storage",
    "contract": "contract_findings",
    "loader": "loader_smoke",
    "external": "external_comparison",
    "cross_engine": "cross_engine",
}


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path of keys and places."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def resolve(record: Any, at: str) -> Any:
    """Return what stands at a JSON pointer; raises KeyError or IndexError where nothing does."""
    for part in at.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        record = record[int(key)] if isinstance(record, list) else record[key]
    return record


@dataclass(frozen=True)
class RunData:
    """A run that was indexed: its key, where it stands, its records, and what it lacks.

    `state` is `sealed` or `unsealed`. `records` are by the names of RECORDS; `absent` says of each
    other why it is not there. `row` is its row of the index.
    """

    key: str
    run_id: str
    product: str
    state: str
    records: Mapping[str, Mapping[str, Any]]
    absent: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)

    def has(self, record: str, at: str = "") -> bool:
        """Decide whether a record, or something not null at a pointer in it, is there."""
        return self.get(record, at) is not None

    def get(self, record: str, at: str = "") -> Any:
        """Return what stands at a pointer in a record; None where it or the record is absent."""
        try:
            return resolve(self.records[record], at)
        except (KeyError, IndexError, TypeError, ValueError):
            return None

    def why_absent(self, record: str) -> str:
        """Return in words why a record is not there."""
        return self.absent.get(record, f"this run has no {record} record")

    def cell(
        self,
        record: str,
        at: str,
        unit: str = "",
        *,
        signed: bool = False,
        link: Link | None = None,
        note: str = "",
    ) -> Cell:
        """Return the value at a pointer as a cell with its source; a dash where nothing is.

        Numbers are written in `unit` (see `dashboard.units.shown`), anything else as it is.
        """
        value = self.get(record, at)
        if value is None:
            return Cell(NOTHING, note=note, link=link)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = shown(value, unit, signed=signed) if number else str(value)
        raw = value if number else str(value)
        return Cell(text, raw, Source(self.key, record, at), link=link, note=note)

    def derived(self, value: float | None, unit: str, rule: str, *, signed: bool = False) -> Cell:
        """Return a number that no record holds as it is, with the rule that makes it."""
        return Cell(shown(value, unit, signed=signed), value, rule=rule)
