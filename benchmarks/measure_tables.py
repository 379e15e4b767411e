"""Tables of a measurement for the terminal, and a candidate's reforms beside an incumbent's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from benchmarks.suite import load_suite

COMPARED = ("fiscal", "household_net_income")


def summary_table(record: Mapping[str, Any]) -> Table:
    """Return counts and weight diagnostics of an evidence record."""
    table = Table(title=f"{record['subject']['label']}, suite {record['suite']['id']}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for entity, count in record["counts"].items():
        table.add_row(f"{entity} records", f"{count:,}")
    for name, value in record["weights"].items():
        table.add_row(f"weights: {name}", f"{value:,.4g}")
    return table


def target_table(record: Mapping[str, Any]) -> Table:
    """Return every estimate of an evidence record beside the published figure."""
    table = Table(title="Estimates against published figures")
    for heading in ("target", "estimate", "published", "error"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    published = {each.target_id: each.value for each in load_suite(record["suite"]["id"]).targets}
    for row in record["targets"]:
        value, estimate = published[row["target_id"]], row["estimate"]
        error = f"{(estimate - value) / abs(value):+.1%}"
        table.add_row(row["target_id"], f"{estimate:,.4g}", f"{value:,.4g}", error)
    return table


def benchmark_rows(
    record: Mapping[str, Any], incumbent: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return per benchmark the effects in dollars (+ = the government, or households, gain).

    `incumbent` and `difference` are None without an incumbent.
    """
    theirs = {each["id"]: each["delta"] for each in (incumbent or {}).get("benchmarks", ())}
    rows = []
    for benchmark in record["benchmarks"]:
        for name in COMPARED:
            ours = benchmark["delta"][name]
            their = theirs[benchmark["id"]][name] if theirs else None
            rows.append(
                {
                    "benchmark": benchmark["id"],
                    "measure": name,
                    "method": benchmark["method"],
                    "candidate": ours,
                    "incumbent": their,
                    "difference": None if their is None else ours - their,
                }
            )
    return rows


def benchmark_table(record: Mapping[str, Any], incumbent: Mapping[str, Any] | None) -> Table:
    """Return the table of `benchmark_rows`, in billions of dollars."""
    table = Table(title="Reforms, billions of dollars (+ = the government, or households, gain)")
    for heading in ("benchmark", "measure", "candidate", "incumbent", "difference", "method"):
        left = heading in ("benchmark", "measure", "method")
        table.add_column(heading, justify="left" if left else "right")
    for row in benchmark_rows(record, incumbent):
        figures = (row[name] for name in ("candidate", "incumbent", "difference"))
        told = ("" if value is None else f"{value / 1e9:+,.3f}" for value in figures)
        table.add_row(row["benchmark"], row["measure"], *told, row["method"])
    return table


def runtime_table(record: Mapping[str, Any]) -> Table:
    """Return the pairs of a runtime record: seconds of the fixed workloads on both sides."""
    interval = record["interval"]
    table = Table(
        title=f"Runtime: median ratio {record['median_ratio']:.3f}, interval "
        f"{interval['low']:.3f} to {interval['high']:.3f}"
    )
    for heading in ("pair", "candidate s", "incumbent s", "ratio"):
        table.add_column(heading, justify="right")
    for place, pair in enumerate(record["pairs"], start=1):
        seconds = (pair[side]["total_s"] for side in ("candidate", "incumbent"))
        table.add_row(str(place), *(f"{each:.1f}" for each in seconds), f"{pair['ratio']:.3f}")
    return table
