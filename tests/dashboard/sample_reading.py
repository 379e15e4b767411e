"""A sample run read back as the index reads it, with the rows that the index keeps of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from dashboard.discovery import Place
from dashboard.rows import RUN_COLUMNS, TABLES, tables_of
from dashboard.run_data import RunData
from dashboard.run_reader import Reading, read_run

_ROOT = Path("/runs")


def read_sample(root: Path, name: str) -> RunData:
    """Return a run folder's records and its row; the key does not depend on where it lies."""
    key = hashlib.sha256(f"sample\0{name}".encode()).hexdigest()[:12]
    run = replace(read_run(root, name), key=key)
    row = _table(run, "runs").iloc[0].astype(object)
    known = {column: row[column] for column in RUN_COLUMNS}
    return replace(
        run, row={at: None if pd.isna(each) else plain(each) for at, each in known.items()}
    )


def _table(run: RunData, name: str) -> pd.DataFrame:
    reading = Reading(Place(_ROOT, run.run_id), run.state, run.run_id, "", run.product, run)
    frame: pd.DataFrame = tables_of(reading, "")[name].to_pandas()
    if name == "runs":
        frame["key"] = run.key
    return frame


def runs_frame(runs: Sequence[RunData]) -> pd.DataFrame:
    """Return the index's table of these runs, newest first."""
    rows = pd.DataFrame([dict(run.row) for run in runs], columns=list(RUN_COLUMNS))
    return rows.sort_values("judged_at", ascending=False, ignore_index=True)


def gates_frame(runs: Sequence[RunData], gate: str | None = None) -> pd.DataFrame:
    """Return the index's table of the gates of these runs, of one gate if it is named."""
    frames = [_gates(run) for run in runs]
    found = pd.concat(frames, ignore_index=True)
    return found if gate is None else found[found["gate"] == gate].reset_index(drop=True)


def _gates(run: RunData) -> pd.DataFrame:
    frame = _table(run, "gates")[list(TABLES["gates"])]
    return frame.assign(judged_at=run.get("gate_results", "/run/judged_at"), run_id=run.run_id)


def targets_frame(run: RunData) -> pd.DataFrame:
    """Return the index's table of the targets of a run."""
    return _table(run, "targets").drop(columns=["run", "position"])


def plain(value: Any) -> Any:
    """Return a value of a row as plain Python, as it stands in JSON."""
    return value.item() if hasattr(value, "item") else value
