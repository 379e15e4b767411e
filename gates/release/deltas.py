"""Target deltas: the loss record's targets as a table that needs no program to be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "target_id",
    "family",
    "geography_level",
    "geography_id",
    "unit",
    "target",
    "candidate",
    "incumbent",
    "candidate_error",
    "incumbent_error",
    "contribution",
    "winner",
)
HEADER = (*COLUMNS[:5], "held_out", *COLUMNS[5:])


def target_deltas(loss: Mapping[str, Any]) -> bytes:
    """Return one CSV row per target that was compared, as UTF-8.

    Target and estimates are in `unit`, errors relative as in the loss record; `held_out` is 1 or 0;
    `contribution` is the target's part of the difference of the gating loss.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    for each in loss["targets"]:
        held_out = int(each["role"] == "held_out")
        row = [each[name] for name in COLUMNS]
        table.writerow([*row[:5], held_out, *row[5:]])
    return text.getvalue().encode()
