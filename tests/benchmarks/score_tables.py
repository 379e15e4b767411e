"""Tables of per-target figures, as somebody publishes them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NEEDED = ("target_name", "target", "candidate", "incumbent")
Cells = Sequence[Any]


def write(path: Path, rows: Sequence[Cells], columns: Sequence[str] = NEEDED) -> Path:
    """Write a CSV of the given columns and rows."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path
