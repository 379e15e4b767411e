"""Effects that a person supplies for a suite's benchmarks, and how measured ones compare.

A benchmark whose figures were never published names the record it waits for (`external_record`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.suite import Suite
from schemas.errors import MeasureError, RecordError
from schemas.records import read_record


def load_external(path: Path | str, suite: Suite) -> dict[str, Any]:
    """Return the validated record of supplied effects (reform minus baseline) for a suite.

    Raises RecordError where it breaks its schema, where no benchmark of the suite waits for it, or
    where a value names a benchmark, measure or unit that does not fit.
    """
    record = read_record(path, "external_benchmark")
    for problem, remedy in _problems(record, suite):
        raise RecordError(
            f"{Path(path).name}: {problem}", reason="external.inconsistent", remedy=remedy
        )
    return record


def compare_external(
    record: Mapping[str, Any], evidence: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return one row per supplied value, in its order, in the unit of its measure.

    Rows hold benchmark, measure, expected, measured (the evidence's delta), difference (measured
    less expected) and within: |difference| <= max(relative x |expected|, absolute). Raises
    MeasureError where the evidence holds no such effect.
    """
    return [_row(value, _delta(value, evidence)) for value in record["values"]]


def _row(value: Mapping[str, Any], measured: float) -> dict[str, Any]:
    expected, tolerance = value["value"], value["tolerance"]
    allowed = max(tolerance["relative"] * abs(expected), tolerance["absolute"])
    return {
        "benchmark": value["benchmark"],
        "measure": value["measure"],
        "expected": expected,
        "measured": measured,
        "difference": measured - expected,
        "within": abs(measured - expected) <= allowed,
    }


def _delta(value: Mapping[str, Any], evidence: Mapping[str, Any]) -> float:
    for entry in evidence["benchmarks"]:
        if entry["id"] == value["benchmark"] and value["measure"] in entry["delta"]:
            return float(entry["delta"][value["measure"]])
    raise MeasureError(
        f"the evidence holds no {value['measure']} of {value['benchmark']}",
        reason="external.not_measured",
        remedy="measure the file with the suite that the external record was checked against",
    )


def _problems(record: Mapping[str, Any], suite: Suite) -> Iterator[tuple[str, str]]:
    """Yield what does not fit the suite, and what to do about it."""
    waiting: dict[str, dict[str, Mapping[str, Any]]] = {}
    for each in suite.benchmarks:
        if "external_record" in each:
            waiting.setdefault(each["external_record"]["id"], {})[each["id"]] = each
    if record["id"] not in waiting:
        yield (
            f"no benchmark of {suite.id} waits for the record {record['id']}",
            f"give it one of these ids: {', '.join(sorted(waiting)) or '(none)'}",
        )
        return
    counts = Counter((each["benchmark"], each["measure"]) for each in record["values"])
    for (benchmark, measure), count in counts.items():
        if count > 1:
            yield f"gives {measure} of {benchmark} {count} times", "keep one value of each"
    for each in record["values"]:
        yield from _value_problems(each, waiting[record["id"]], suite)


def _value_problems(
    value: Mapping[str, Any], waiting: Mapping[str, Mapping[str, Any]], suite: Suite
) -> Iterator[tuple[str, str]]:
    benchmark, measure = value["benchmark"], value["measure"]
    if benchmark not in waiting:
        yield (
            f"gives a value for {benchmark}, which does not wait for this record",
            f"use one of: {', '.join(waiting)}",
        )
        return
    outputs = waiting[benchmark]["outputs"]
    if measure not in outputs:
        yield (
            f"gives {measure}, which is no output of {benchmark}",
            f"use one of: {', '.join(outputs)}",
        )
        return
    unit = suite.measures[measure]["unit"]
    if value["unit"] != unit:
        yield f"gives {measure} in {value['unit']}", f"give it in {unit}"
