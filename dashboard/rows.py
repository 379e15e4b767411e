"""What the index keeps of one run: rows of its tables, each value as a record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from dashboard.run_data import GATING_LOSS, RunData
from dashboard.run_reader import Reading

TEXT, WHOLE, REAL, FLAG = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN"
_ARROW = {TEXT: pa.string(), WHOLE: pa.int64(), REAL: pa.float64(), FLAG: pa.bool_()}
STATUSES = ("pass", "fail", "error", "unmeasured", "waived", "not_applicable")
_MEASURES = ("limit", "margin")
PE_LOCAL = "pe_local_relative_v1"

# column of the table runs: its type, the record, the JSON pointer in it
_FIGURES: Mapping[str, tuple[str, str, str]] = {
    "candidate_sha256": (TEXT, "gate_results", "/candidate/sha256"),
    "candidate_label": (TEXT, "gate_results", "/candidate/label"),
    "incumbent_id": (TEXT, "gate_results", "/incumbent/id"),
    "incumbent_label": (TEXT, "gate_results", "/incumbent/label"),
    "release_eligible": (FLAG, "gate_results", "/incumbent/release_eligible"),
    "demonstration": (FLAG, "gate_results", "/demonstration"),
    "stage": (TEXT, "gate_results", "/stage"),
    "verdict_beta": (TEXT, "gate_results", "/verdicts/beta/verdict"),
    "verdict_default": (TEXT, "gate_results", "/verdicts/default/verdict"),
    "verdict_number": (WHOLE, "seal", "/number"),
    "judged_at": (TEXT, "gate_results", "/run/judged_at"),
    "bundle_digest": (TEXT, "bundle", "/digest"),
    "signed_off_by": (TEXT, "seal", "/signed_off_by"),
    "engine": (TEXT, "gate_results", "/engine/policyengine_us"),
    "suite_id": (TEXT, "evidence", "/suite/id"),
    "suite_sha256": (TEXT, "evidence", "/suite/sha256"),
    "households": (WHOLE, "evidence", "/counts/household"),
    "positive_weights": (WHOLE, "evidence", "/weights/positive"),
    "kish_ess": (REAL, "evidence", "/weights/kish_ess"),
    "ess_share": (REAL, "evidence", "/weights/ess_share"),
    "top_1pct_share": (REAL, "evidence", "/weights/top_1pct_share"),
    "h5_bytes": (WHOLE, "gate_results", "/candidate/size_bytes"),
    "incumbent_h5_bytes": (WHOLE, "incumbent_evidence", "/subject/size_bytes"),
    "broad_candidate": (REAL, "loss", f"/losses/{GATING_LOSS}/candidate"),
    "broad_incumbent": (REAL, "loss", f"/losses/{GATING_LOSS}/incumbent"),
    "held_out_candidate": (REAL, "loss", f"/losses/{GATING_LOSS}/held_out/candidate"),
    "held_out_incumbent": (REAL, "loss", f"/losses/{GATING_LOSS}/held_out/incumbent"),
    "pe_local_candidate": (REAL, "loss", f"/losses/{PE_LOCAL}/candidate"),
    "pe_local_incumbent": (REAL, "loss", f"/losses/{PE_LOCAL}/incumbent"),
    "wins": (WHOLE, "loss", "/wins"),
    "losses": (WHOLE, "loss", "/losses_count"),
    "ties": (WHOLE, "loss", "/ties"),
    "runtime_ratio": (REAL, "runtime", "/median_ratio"),
    "runtime_low": (REAL, "runtime", "/interval/low"),
    "runtime_high": (REAL, "runtime", "/interval/high"),
    "peak_rss_gb": (REAL, "runtime", "/peak_rss_gb/candidate"),
}
_IDENTITY = dict.fromkeys(("key", "folder", "run_id", "product", "state", "reason"), TEXT)
_HIDDEN: Mapping[str, str] = {"root": TEXT, "fingerprint": TEXT, "content": TEXT, "newest": REAL}
_SIDES = dict.fromkeys(("candidate", "incumbent"), REAL)
_TARGET: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "target_id",
            "family",
            "source",
            "scope",
            "entity",
            "unit",
            "geography_level",
            "geography_id",
            "holdout_group",
            "role",
        ),
        TEXT,
    ),
    "target": REAL,
    **_SIDES,
    **dict.fromkeys(("candidate_error", "incumbent_error", "contribution"), REAL),
    "winner": TEXT,
}
TARGET_COLUMNS = tuple(_TARGET)
RUN_COLUMNS = (*_IDENTITY, *_FIGURES, *(f"gates_{status}" for status in STATUSES))
# every table of the index that holds rows of runs
TABLES: Mapping[str, Mapping[str, str]] = {
    "runs": {
        **_IDENTITY,
        **{name: kind for name, (kind, _, _) in _FIGURES.items()},
        **{f"gates_{status}": WHOLE for status in STATUSES},
        **_HIDDEN,
    },
    "gates": {
        **dict.fromkeys(("run", "gate"), TEXT),
        "position": WHOLE,
        **dict.fromkeys(("title", "group", "status_beta", "status_default"), TEXT),
        **dict.fromkeys(("blocking_beta", "blocking_default"), FLAG),
        **dict.fromkeys(
            ("value", "limit_beta", "limit_default", "margin_beta", "margin_default"), REAL
        ),
        "unit": TEXT,
    },
    "targets": {"run": TEXT, "position": WHOLE, **_TARGET},
    "benchmarks": {"run": TEXT, "position": WHOLE, "benchmark": TEXT, "measure": TEXT, **_SIDES},
}
Columns = dict[str, list[Any]]


def tables_of(reading: Reading, fingerprint: str) -> dict[str, pa.Table]:
    """Return a run's rows by table; a run that cannot be shown has its row in `runs` alone.

    Raises OverflowError, ValueError or pyarrow's errors for values that no column can hold.
    """
    found = {"runs": _as_columns([_run_row(reading, fingerprint)], "runs")}
    if (run := reading.data) is not None:
        found["gates"] = _as_columns(_gate_rows(run), "gates")
        found["targets"] = _target_columns(run)
        found["benchmarks"] = _as_columns(_benchmark_rows(run), "benchmarks")
    return {name: _table(name, columns) for name, columns in found.items()}


def _table(name: str, columns: Columns) -> pa.Table:
    return pa.table(
        {column: pa.array(columns[column], _ARROW[kind]) for column, kind in TABLES[name].items()}
    )


def _as_columns(rows: list[dict[str, Any]], table: str) -> Columns:
    return {column: [row.get(column) for row in rows] for column in TABLES[table]}


def _typed(value: Any, kind: str) -> Any:
    """Return a value as its column holds it; what is of another type is no value."""
    if kind == TEXT:
        return value if isinstance(value, str) else None
    if kind == FLAG:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if kind == WHOLE else float(value)


def _run_row(reading: Reading, fingerprint: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": reading.place.key,
        "folder": _text(reading.place.folder),
        "run_id": reading.run_id,
        "product": reading.product,
        "state": reading.state,
        "reason": reading.reason or None,
        "root": _text(str(reading.place.root)),
        "fingerprint": fingerprint,
        "content": reading.content,
    }
    if (run := reading.data) is not None:
        for name, (kind, record, at) in _FIGURES.items():
            row[name] = _typed(run.get(record, at), kind)
        held = [gate["status"] for gate in run.get("gate_results", "/gates")]
        row.update({f"gates_{status}": held.count(status) for status in STATUSES})
        row["newest"] = _seconds(row["judged_at"])
    return row


def _text(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()


def _seconds(moment: str | None) -> float | None:
    """Return a moment as seconds since 1970, taken as UTC where it names no zone."""
    try:
        parsed = datetime.fromisoformat(moment or "")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _gate_rows(run: RunData) -> list[dict[str, Any]]:
    return [
        {
            "run": run.key,
            "gate": gate["id"],
            "position": position,
            "title": gate["title"],
            "group": gate["group"],
            "value": _typed(gate["value"], REAL),
            "unit": gate["unit"],
            **{
                f"{name}_{stage}": _typed(each[name], REAL) if name in _MEASURES else each[name]
                for stage, each in gate["stages"].items()
                for name in ("status", "blocking", *_MEASURES)
            },
        }
        for position, gate in enumerate(run.get("gate_results", "/gates"))
    ]


def _target_columns(run: RunData) -> Columns:
    """Go by columns: there are thousands of rows for each run."""
    targets = run.get("loss", "/targets") or []
    columns: Columns = {"run": [run.key] * len(targets), "position": list(range(len(targets)))}
    for name, kind in _TARGET.items():
        if kind == REAL:
            columns[name] = [float(each[name]) for each in targets]
        else:
            columns[name] = [each[name] for each in targets]
    return columns


def _benchmark_rows(run: RunData) -> list[dict[str, Any]]:
    """Return what each reform changes on either file, by measure, in dollars or persons."""
    theirs = {
        each["id"]: each["delta"] for each in run.get("incumbent_evidence", "/benchmarks") or []
    }
    rows = [
        {
            "run": run.key,
            "benchmark": each["id"],
            "measure": measure,
            "candidate": float(value),
            "incumbent": _typed(theirs.get(each["id"], {}).get(measure), REAL),
        }
        for each in run.get("evidence", "/benchmarks") or []
        for measure, value in each["delta"].items()
    ]
    return [{**row, "position": position} for position, row in enumerate(rows)]
