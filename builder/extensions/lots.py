"""Capital-gains lots of a file's own: a seeded rule splits each person's long-term gain.

The table is the published one that `benchmarks.capital_gains.lots_table` reads. Rule and source:
`own_lots_v1.json`. The lots are synthetic: they are consistent with the gains, not evidence.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.capital_gains.lots import GAINS
from benchmarks.capital_gains.lots_table import FORMAT_VERSION, METADATA, TABLE
from builder.embedded.hashing import draw
from builder.extensions.tables import Tables
from builder.frame import Frame
from schemas.errors import BuildError
from schemas.records import read_record

RULE_FILE = Path(__file__).parent / "own_lots_v1.json"
SCHEMA = "own_lot_rule"
_SHARE, _YEARS, _PART, _SALE = range(1, 5)  # what a draw is for
_TIME_STEPS = 10_000  # of a year: times have four decimals
_SUM = 1e-12


def load_lot_rule(path: Path | str = RULE_FILE) -> dict[str, Any]:
    """Return the validated rule; BuildError for probabilities that don't sum to 1."""
    rule = read_record(path, SCHEMA)
    total = sum(each["probability"] for each in rule["years_held"])
    sizes = [each["from_dollars"] for each in rule["lots_by_size"]]
    if abs(total - 1) > _SUM or sizes != sorted(set(sizes)) or sizes[0] != 0:
        raise BuildError(
            f"{rule['id']}: probabilities sum to {total}, sizes are {sizes}",
            reason="extensions.lot_rule",
            remedy="let the probabilities sum to 1 and the sizes rise from 0",
        )
    return rule


def lot_tables(frame: Frame, rule: dict[str, Any], *, seed: int) -> Tables:
    """Return the lots table of a frame and its metadata table; lots sum to each person's gain.

    Gains are taken as float32, as the file and the engine hold them. The draws depend on seed,
    person id and lot only.
    """
    metadata = {
        "format_version": FORMAT_VERSION,
        "tax_year": frame.period,
        "source_gain_column": GAINS,
        "rule": rule["id"],
        "seed": seed,
    }
    texts = [json.dumps(value) for value in metadata.values()]
    return {
        TABLE: _lots(frame, rule, seed),
        METADATA: pd.DataFrame({"key": list(metadata), "value": texts}),
    }


def _lots(frame: Frame, rule: dict[str, Any], seed: int) -> pd.DataFrame:
    gains = frame.columns[GAINS].astype(np.float32).astype(np.float64)
    person, index = _lots_of_persons(gains, rule)
    ids = frame.columns["person_id"][person].astype(np.int64)
    gain = _split(gains, person, index, draw(seed, ids, index, _SHARE), rule["least_share_ratio"])
    held = _holding(rule, draw(seed, ids, index, _YEARS), draw(seed, ids, index, _PART))
    sold = frame.period + _part_of_year(draw(seed, ids, index, _SALE))
    basis = _basis(gain, held, rule["annual_growth"])
    return pd.DataFrame(
        {
            "lot_id": np.arange(1, len(person) + 1),
            "person_id": ids,
            "tax_unit_id": frame.columns["person_tax_unit_id"][person],
            "household_id": frame.columns["person_household_id"][person],
            "tax_year": np.full(len(person), frame.period),
            "lot_index": index,
            "sale_time": sold,
            "holding_period": held,
            "purchase_time": np.round(sold - held, 4),
            "sale_proceeds": basis + gain,
            "basis": basis,
            "gain_or_loss": gain,
            "asset_type": np.full(len(person), rule["asset_type"]),
            "is_gain_lot": (gain > 0).astype(np.int64),
        }
    )


def _lots_of_persons(gains: np.ndarray, rule: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the person row of every lot and its number there; a gain of zero has no lots."""
    sizes = [each["from_dollars"] for each in rule["lots_by_size"]]
    lots = np.array([each["lots"] for each in rule["lots_by_size"]])
    having = np.flatnonzero(gains)
    count = lots[np.searchsorted(sizes, np.abs(gains[having]), side="right") - 1]
    first = np.cumsum(count) - count
    return np.repeat(having, count), np.arange(count.sum()) - np.repeat(first, count)


def _split(
    gains: np.ndarray, person: np.ndarray, index: np.ndarray, drawn: np.ndarray, least: float
) -> np.ndarray:
    """Return the gain of every lot: in cents, the person's last one takes what is left."""
    size = least + (1 - least) * drawn
    total = np.bincount(person, weights=size, minlength=len(gains))
    lot: np.ndarray = np.round(gains[person] * size / total[person], 2)
    last = np.append(index[1:] == 0, True)[: len(index)]
    others = np.bincount(person[~last], weights=lot[~last], minlength=len(gains))
    lot[last] = (gains - others)[person[last]]
    return lot


def _holding(rule: dict[str, Any], drawn: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return years held: whole years by their probabilities, and a part of one."""
    rows = rule["years_held"]
    bounds = np.cumsum([each["probability"] for each in rows])[:-1]
    years = np.array([each["years"] for each in rows])
    return np.asarray(years[np.searchsorted(bounds, drawn, side="right")] + _part_of_year(part))


def _part_of_year(drawn: np.ndarray) -> np.ndarray:
    return np.asarray(np.floor(drawn * _TIME_STEPS) / _TIME_STEPS)


def _basis(gain: np.ndarray, held: np.ndarray, growth: dict[str, float]) -> np.ndarray:
    """Return the purchase price (cents, rounded up: no loss exceeds it) by steady growth."""
    rate = np.where(gain > 0, growth["gains"], growth["losses"])
    return np.asarray(np.ceil(100 * gain / ((1 + rate) ** held - 1)) / 100)
