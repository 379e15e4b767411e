"""The mapping table: which source column becomes which engine input, read from `mapping.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from schemas.engine_metadata import rejected_on_load, variable_table
from schemas.errors import BuildError
from schemas.records import read_record

MAPPING_FILE = Path(__file__).parent / "mapping.json"


@dataclass(frozen=True)
class Row:
    """One mapping: source columns (less others) to variables of an entity, or the reason why not.

    `growth` names the taxcalc factor that ages dollars from the base year; `growth_losses` the
    one for negative amounts; `divide_by` a constant (a yield) that turns a flow into a stock.
    """

    columns: tuple[str, ...]
    less: tuple[str, ...]
    variables: tuple[str, ...]
    entity: str | None
    unit: str
    universe: str
    allocation: str
    growth: str | None
    rule: str | None
    reason: str | None
    growth_losses: str | None = None
    divide_by: str | None = None


@dataclass(frozen=True)
class Mapping:
    """All rows, the years they span, and the constants with their values."""

    period: int
    base_period: int
    rows: tuple[Row, ...]
    constants: dict[str, float]

    def variables(self) -> frozenset[str]:
        """Return every engine input that some row produces."""
        return frozenset(name for row in self.rows for name in row.variables)


@cache
def load_mapping(path: Path = MAPPING_FILE) -> Mapping:
    """Return the validated mapping; raises BuildError for a variable that is no engine input."""
    record = read_record(path, "source_mapping")
    rows = tuple(_row(entry) for entry in record["rows"])
    for row in rows:
        _check_inputs(row)
    constants = {name: float(entry["value"]) for name, entry in record["constants"].items()}
    return Mapping(int(record["period"]), int(record["base_period"]), rows, constants)


def _row(entry: dict[str, Any]) -> Row:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Row(**fields)


def _check_inputs(row: Row) -> None:
    table = variable_table()
    for name in row.variables:
        info = table.get(name)
        if info is None or info.computed or name in rejected_on_load():
            problem = "is no input of the engine"
        elif info.entity != row.entity or info.period != "year":
            problem = f"is a {info.period} variable of the {info.entity}"
        else:
            continue
        raise BuildError(
            f"the mapping of {' '.join(row.columns)}: {name} {problem}",
            reason="builder.mapping_not_an_input",
            remedy="mend the row in builder/embedded/mapping.json",
        )


def aged_amount(
    row: Row, units: pd.DataFrame, growth: dict[str, float], constants: dict[str, float]
) -> np.ndarray:
    """Return the row's dollars per tax unit in the mapping's period, not yet rounded."""
    raw = units[list(row.columns)].sum(axis=1) - units[list(row.less)].sum(axis=1)
    amount: np.ndarray = raw.to_numpy(dtype=np.float64)
    gains = growth[row.growth] if row.growth else 1.0
    losses = growth[row.growth_losses] if row.growth_losses else gains
    amount = np.where(amount >= 0, amount * gains, amount * losses)
    return amount / constants[row.divide_by] if row.divide_by else amount
