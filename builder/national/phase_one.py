"""Two-phase calibration: totals of the whole CPS frame that the small spine should keep.

The spine is a sample of a frame fifty times its size. Where no published figure speaks (children
by earnings, pensions by state), calibration to published totals drags the spine wherever sampling
error lets it; the frame's own totals hold it (Sarndal, Swensson and Wretman 1992, chapter 9).
Nothing here is a published target: only source amounts before any donor, in `phase_one.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

from builder.donors.soi_units import TaxUnits, tax_units
from builder.frame import Frame
from schemas.records import read_record

TABLES_FILE = Path(__file__).with_name("phase_one.json")
_STATES = 100  # FIPS codes are below


@dataclass(frozen=True)
class PhaseOne:
    """What each household adds (households x columns), with the name and table of each column."""

    matrix: csr_matrix
    names: tuple[str, ...]
    tables: tuple[str, ...]


def phase_one(frame: Frame, path: Path = TABLES_FILE) -> PhaseOne:
    """Return the columns of a frame; the same file gives the same columns for every frame."""
    record = read_record(path, "phase_one")
    units = tax_units(frame)
    codes = _Codes(units, record)
    blocks, names, tables = [], [], []
    for table in record["tables"]:
        cell, labels = codes.cells(table["by"])
        for what in table["of"]:
            for kind, values in codes.values(what):
                shape = (frame.size("household"), len(labels))
                blocks.append(csr_matrix((values, (units.household, cell)), shape=shape))
                names += [f"{what}.{kind}.{label}" for label in labels]
                tables += [f"{table['id']}.{what}.{kind}"] * len(labels)
    return PhaseOne(hstack(blocks).tocsr(), tuple(names), tuple(tables))


class _Codes:
    """Cells and values of the tax units of one frame."""

    def __init__(self, units: TaxUnits, record: Mapping[str, Any]) -> None:
        self._units = units
        self._record = record
        columns, unit = units.frame.columns, units.frame.row_of("tax_unit")
        role = columns["tax_unit_role_input"]
        child = (role == "DEPENDENT") & (columns["age"] < record["child_below_age"])
        size = len(units.weight)
        self._children = np.bincount(unit, weights=child, minlength=size).astype(np.int64)
        self._joint = np.bincount(unit, weights=role == "SPOUSE", minlength=size).astype(np.int64)
        self._earnings = units.total("employment_income_before_lsr") + np.maximum(
            units.total("self_employment_income_before_lsr"), 0
        )

    def cells(self, by: list[str]) -> tuple[np.ndarray, list[str]]:
        """Return each unit's cell number, and the label of every cell."""
        cell, labels = np.zeros(len(self._joint), dtype=np.int64), [""]
        for key in by:
            code, count = self._code(key)
            cell = cell * count + code
            labels = [f"{label}.{key}_{i}".lstrip(".") for label in labels for i in range(count)]
        return cell, labels

    def _code(self, key: str) -> tuple[np.ndarray, int]:
        most = int(self._record["most_children"])
        if key == "children":
            return np.minimum(self._children, most), most + 1
        if key == "joint":
            return np.minimum(self._joint, 1), 2
        if key == "state":
            state = self._units.frame.columns["state_fips"].astype(np.int64)
            return state[self._units.household], _STATES
        amounts = self._earnings if key == "earnings" else self._income()
        edges = self._record["bands"][key]
        return np.digitize(amounts, edges), len(edges) + 1

    def _income(self) -> np.ndarray:
        return self._units.weighted_sum(self._record["income"])

    def values(self, what: str) -> list[tuple[str, np.ndarray]]:
        """Return counts, and dollars where there are any, of what a table tells of."""
        if what == "units":
            return [("count", np.ones(len(self._joint)))]
        if what == "low_earners":
            low = (self._earnings > 0) & (self._earnings < self._record["low_earnings"])
            return [("count", low.astype(np.float64)), ("usd", np.where(low, self._earnings, 0.0))]
        amounts = self._units.total(what)
        return [("count", (amounts > 0).astype(np.float64)), ("usd", amounts)]
