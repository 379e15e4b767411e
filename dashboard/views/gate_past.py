"""One gate over all indexed runs, in the order of judging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pandas as pd

from dashboard.blocks import Cell, Column, Link, Prose, Section, Source, Status, Table
from dashboard.run_data import RunData, pointer
from dashboard.units import shown, words
from dashboard.views.gate_charts import past_chart
from dashboard.views.published import moment, rows_of, text_of, told_apart
from dashboard.views.verdicts import RESULTS, GateRow

PAST = 100


def of_product(history: pd.DataFrame, runs: pd.DataFrame, product: str) -> pd.DataFrame:
    """Return the results of a gate in a product's runs: others share its id, but no limits."""
    return history[history["run"].isin(runs.loc[runs["product"] == product, "key"])]


def past_section(run: RunData, row: GateRow, history: pd.DataFrame) -> Section:
    """Return the gate's value in the runs of the index; `history` has the newest first."""
    title = "This gate over the runs"
    if history.empty:
        return Section(title, (Prose("No run of the index has judged this gate."),))
    past = rows_of(history.head(PAST).iloc[::-1])
    labels = told_apart(past, "run")
    lines = tuple(
        _past_line(each, label, row, run)
        for each, label in zip(reversed(past), reversed(labels), strict=True)
    )
    columns = (
        *map(Column, ("Run", "Judged", "Status")),
        *(Column(label, numeric=True) for label in ("Value", "Limit")),
    )
    note = "Runs may be held against different incumbents: see the page of all runs."
    if len(history) > PAST:
        note += f" The newest {PAST} of {len(history)} runs."
    table = Table(f"{row.id} by run, the newest first", columns, lines, note)
    points = [
        {
            "run": label,
            "value": float(each["value"]),
            "limit": number_of(each[f"limit_{row.stage}"]),
            "shown": each["run"] == run.key,
        }
        for each, label in zip(past, labels, strict=True)
        if number_of(each["value"]) is not None and text_of(each["unit"]) == row.gate["unit"]
    ]
    if not points:
        return Section(title, (table,))
    return Section(title, (past_chart(title, row.gate["unit"], points, table),))


def _past_line(each: Mapping[str, Any], label: str, row: GateRow, run: RunData) -> tuple[Cell, ...]:
    key, at = str(each["run"]), pointer("gates", int(each["position"]))
    link = Link("gate", {"run": key, "gate": row.id, "stage": row.stage}, label)
    status = text_of(each[f"status_{row.stage}"])
    unit = text_of(each["unit"])
    return (
        Cell(label, link=link, note="this run" if key == run.key else ""),
        Cell(moment(text_of(each["judged_at"]))),
        Cell(words(status), status=cast("Status", status) if status else None),
        indexed(each["value"], unit, Source(key, RESULTS, f"{at}/value")),
        indexed(
            each[f"limit_{row.stage}"],
            unit,
            Source(key, RESULTS, f"{at}/stages/{row.stage}/limit"),
        ),
    )


def indexed(value: Any, unit: str, source: Source) -> Cell:
    """Return a number of the index as a cell that names the record it was read from."""
    number = number_of(value)
    return Cell(shown(number, unit), number, source if number is not None else None)


def number_of(value: Any) -> float | None:
    """Return a number of the index; None where it holds none."""
    return float(value) if text_of(value) else None
