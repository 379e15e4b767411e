"""What SOI publishes by size of adjusted gross income, read from the project's own target facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target
from schemas.errors import BuildError
from schemas.records import read_record

LINES_FILE = Path(__file__).with_name("soi_lines.json")
_AGI = "adjusted_gross_income"


@dataclass(frozen=True)
class Bands:
    """AGI bands, lowest first: lower bounds (dollars, -inf first), returns, and their total AGI."""

    low: np.ndarray
    returns: np.ndarray
    agi: np.ndarray

    def high(self) -> np.ndarray:
        """Return the upper bound of each band, inf last."""
        return np.append(self.low[1:], np.inf)


@dataclass(frozen=True)
class Split:
    """The part of a line that is another variable: its dollars in each band."""

    variable: str
    amounts: np.ndarray


@dataclass(frozen=True)
class Line:
    """One published line per band: how many returns have it and their dollars (never negative).

    `applies` says in which bands it is drawn. `sign` is -1 for a loss.
    """

    id: str
    variable: str
    sign: int
    spread: float
    applies: np.ndarray
    own_shape: bool
    to_earners: bool
    returns: np.ndarray
    amounts: np.ndarray
    split: Split | None


@dataclass(frozen=True)
class SizeDonor:
    """All lines with their bands, the incomes that are kept, and how assets follow from flows."""

    id: str
    label: str
    bands: Bands
    lines: tuple[Line, ...]
    kept_income: Mapping[str, float]
    ranked_above: float
    passes: int
    assets: Mapping[str, Mapping[str, Any]]
    groups: tuple[str, ...]


def load_size_donor(
    targets: Sequence[Target], held_out: set[str], path: Path = LINES_FILE
) -> SizeDonor:
    """Return the donor on the given facts.

    Raises BuildError for a group that is held out (fitting a donor to it would spend it), that has
    no facts, or whose bands are not those of the returns.
    """
    record = read_record(path, "size_donor")
    tables = _Tables(targets, held_out)
    low = tables.bands(record["returns_group"])
    returns = tables.counts(record["returns_group"], low)
    agi = tables.amounts(record["agi_group"], low)
    lines = tuple(_line(entry, tables, low) for entry in record["lines"])
    return SizeDonor(
        id=record["id"],
        label=record["label"],
        bands=Bands(low, returns, agi),
        lines=lines,
        kept_income=record["kept_income"],
        ranked_above=float(record["ranked_above"]),
        passes=int(record["passes"]),
        assets=record["assets"],
        groups=tuple(sorted(tables.used)),
    )


def _line(entry: Mapping[str, Any], tables: _Tables, low: np.ndarray) -> Line:
    returns = tables.counts(entry["group"], low)
    if "each" in entry:
        amounts = returns * abs(float(entry["each"]))
    else:
        amounts = np.abs(tables.amounts(entry["group"], low))
    if "less_group" in entry:
        returns = np.maximum(returns - tables.counts(entry["less_group"], low), 0)
        amounts = np.maximum(amounts - np.abs(tables.amounts(entry["less_group"], low)), 0)
    split = entry.get("split")
    return Line(
        id=entry["id"],
        variable=entry["variable"],
        sign=int(entry["sign"]),
        spread=float(entry["spread"]),
        applies=low >= entry["from_agi"],
        own_shape=entry.get("shape") == "own",
        to_earners=entry.get("placed") == "earners",
        returns=returns,
        amounts=amounts,
        split=split and Split(split["variable"], tables.amounts(split["group"], low)),
    )


class _Tables:
    """Facts by group: {lower AGI bound: value}, dollars and returns apart."""

    def __init__(self, targets: Sequence[Target], held_out: set[str]) -> None:
        self._targets = targets
        self._held_out = held_out
        self.used: set[str] = set()

    def bands(self, group: str) -> np.ndarray:
        return np.array(sorted(self._facts(group, "count")))

    def counts(self, group: str, low: np.ndarray) -> np.ndarray:
        return self._on_bands(group, "count", low)

    def amounts(self, group: str, low: np.ndarray) -> np.ndarray:
        return self._on_bands(group, "sum", low)

    def _on_bands(self, group: str, aggregation: str, low: np.ndarray) -> np.ndarray:
        facts = self._facts(group, aggregation)
        strange = sorted(set(facts) - set(low))
        if strange:
            raise BuildError(
                f"{group} has AGI bands from {strange}, which the returns have not",
                reason="donor.bands",
                remedy="use groups of the same table in builder/donors/soi_lines.json",
            )
        return np.array([facts.get(bound, 0.0) for bound in low])

    def _facts(self, group: str, aggregation: str) -> dict[float, float]:
        if group in self._held_out:
            raise BuildError(
                f"the suite holds out {group}: a donor fitted to it would spend it",
                reason="donor.held_out_group",
                remedy="take the line out of builder/donors/soi_lines.json",
            )
        self.used.add(group)
        found = {
            _lower_bound(target): target.value
            for target in self._targets
            if target.holdout_group == group and target.aggregation == aggregation
        }
        if not found:
            raise BuildError(
                f"no {aggregation} facts of group {group} are in the registry",
                reason="donor.no_facts",
                remedy="name a group of `mpgate targets list` in builder/donors/soi_lines.json",
            )
        return found


def _lower_bound(target: Target) -> float:
    bounds = [c.value for c in target.constraints if (c.variable, c.operator) == (_AGI, ">=")]
    return float(str(bounds[0])) if bounds else -np.inf
