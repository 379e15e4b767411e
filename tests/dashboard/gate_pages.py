"""The gate page of a varied sample run, and its gates and charts as tests look at them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sample_reading import gates_frame

from dashboard.blocks import Chart, Page, walk
from dashboard.run_data import RunData
from dashboard.views.gate import gate_page

RESULTS = "gate_results"


def page(run: RunData, gate: str, stage: str = "default", *others: RunData) -> Page:
    return gate_page(run, gate, gates_frame([run, *others], gate), stage=stage)


def gate_of(run: RunData, gate: str) -> tuple[int, dict[str, Any]]:
    gates = run.records[RESULTS]["gates"]
    return next((place, each) for place, each in enumerate(gates) if each["id"] == gate)


def changed(run: RunData, gate: str, key: str = "varied", **changes: Any) -> RunData:
    """Return a run with fields of one gate changed, under another key if asked for."""
    records = copy.deepcopy(dict(run.records))
    place, found = gate_of(run, gate)
    records[RESULTS]["gates"][place] = {**found, **changes}
    return replace(run, key=run.key if key == "varied" else key, run_id=key, records=records)


def charts(page: Page) -> dict[str, dict[str, Any]]:
    found = (each for each in walk(page.blocks) if isinstance(each, Chart))
    return {each.title: each.chart.to_dict() for each in found}


def values(chart: Mapping[str, Any]) -> list[dict[str, Any]]:
    (rows,) = chart["datasets"].values()
    found: list[dict[str, Any]] = json.loads(json.dumps(rows))
    return found
