"""The readiness page of one sample run, and runs with changed gates, for tests of its parts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sample_reading import runs_frame

from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.readiness import readiness_page


def page(run: RunData, stage: str = "default", previous: RunData | None = None) -> Page:
    return readiness_page(
        run,
        product="mp-national",
        stage=stage,
        pointer=None,
        previous=previous,
        runs=runs_frame([run]),
    )


def changed(run: RunData, **gates: Mapping[str, Any]) -> RunData:
    """Return a run with gates changed at stage default, by id with `_` for `.`."""
    records = copy.deepcopy(dict(run.records))
    for gate in records["gate_results"]["gates"]:
        if (change := gates.get(gate["id"].replace(".", "_"))) is not None:
            gate["stages"]["default"] |= {k: v for k, v in change.items() if k != "value"}
            gate["value"] = change.get("value", gate["value"])
    return replace(run, records=records)


def with_results(run: RunData, **changes: Any) -> RunData:
    records = {**run.records, "gate_results": {**run.records["gate_results"], **changes}}
    return replace(run, records=records)


def passing(run: RunData) -> RunData:
    """Return a run of which every gate passes stage default."""
    gates = run.records["gate_results"]["gates"]
    return changed(run, **{each["id"].replace(".", "_"): {"status": "pass"} for each in gates})
