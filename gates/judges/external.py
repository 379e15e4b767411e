"""External benchmark values: a supplied record of what others found, held against ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_external(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count the expected values of the gate's benchmarks that the candidate is not within.

    Without a supplied record nobody knows the values: `unmeasured`.
    """
    record = inputs.external()
    wanted = gate.parameters["benchmarks"]
    rows = [row for row in record["rows"] if row["benchmark"] in wanted]
    if not rows:
        raise NotJudged(
            "unmeasured",
            f"the supplied record holds no value of {', '.join(wanted)}",
            "supply a record of this benchmark with `--external FILE`",
        )
    off = [row for row in rows if not row["within"]]
    return Measurement(
        value=len(off),
        message="; ".join(map(_in_words, off[:3]))
        or f"{len(rows)} values of {record['source']} are within their tolerance",
        details=(
            f"source: {record['source']}, supplied by {record['supplied_by']} on "
            f"{record['supplied_on']}",
            *map(_in_words, rows),
        ),
        remedy="compare definition, year and population of the external benchmark" if off else "",
    )


def _in_words(row: Mapping[str, Any]) -> str:
    words = "within" if row["within"] else "outside"
    return (
        f"{row['benchmark']} {row['measure']}: {row['measured']:,.6g} against "
        f"{row['expected']:,.6g}, {words} its tolerance"
    )
