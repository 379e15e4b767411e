"""The list of the wealthiest units, and the rules that give them income: read from facts.

Facts and their sources: `forbes_400_2024.json`. Units are known by rank; nothing else of a person
is kept but net worth and state of residence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.dataset import WEIGHT
from schemas.engine_metadata import rejected_on_load, variable_table
from schemas.errors import BuildError
from schemas.records import read_record

FACTS = Path(__file__).parent / "forbes_400_2024.json"
SCHEMA = "wealth_list"
NO_STATE = 0
STATE, NET_WORTH = "state_fips", "net_worth"
OF_THE_UNIT = (STATE, NET_WORTH, WEIGHT)  # what each unit has of its own
Constant = bool | float | str


@dataclass(frozen=True)
class WealthList:
    """Units by rank: `net_worth` in dollars, `state_fips` 0 where the source states none.

    `income` and `holdings` are dollars per dollar of net worth by engine input; `values` are the
    inputs that every unit has alike.
    """

    id: str
    as_of: str
    rank: np.ndarray
    net_worth: np.ndarray
    state_fips: np.ndarray
    income: Mapping[str, float]
    holdings: Mapping[str, float]
    values: Mapping[str, Constant]

    def net_worth_of(self, ranks: np.ndarray) -> np.ndarray:
        """Return the net worth of ranks (dollars, same length); BuildError for an unknown rank."""
        place = np.minimum(np.searchsorted(self.rank, ranks), len(self.rank) - 1)
        unknown = np.asarray(ranks)[self.rank[place] != ranks]
        if len(unknown):
            raise BuildError(
                f"{self.id} has no rank {unknown[0]}",
                reason="fixed_spine.unknown_rank",
                remedy="use the list that the fixed records were appended from",
            )
        return np.asarray(self.net_worth[place])


def load_wealth_list(path: Path | str = FACTS) -> WealthList:
    """Return the validated list of a facts file.

    The shares of the reported income are scaled to one. Raises RecordError for a record that
    breaks its schema and BuildError for one that contradicts itself or names no engine input.
    """
    record = read_record(path, SCHEMA)
    units = record["units"]
    rank = np.array([each["rank"] for each in units], dtype=np.int64)
    net_worth = np.array([each["net_worth"] for each in units], dtype=np.float64)
    states = np.array([each["state_fips"] or NO_STATE for each in units], dtype=np.int64)
    _check_units(record, rank, net_worth)
    _check_inputs(record)
    holdings = {each["variable"]: float(each["ratio"]) for each in record["per_net_worth"]}
    values = {each["variable"]: each["value"] for each in record["values"]}
    return WealthList(
        record["id"], record["as_of"], rank, net_worth, states, _income(record), holdings, values
    )


def _income(record: Mapping[str, Any]) -> dict[str, float]:
    rows = record["composition"]
    total = sum(each["percent"] for each in rows)
    level = record["reported_income"]["per_net_worth"]
    return {each["variable"]: float(level * each["percent"] / total) for each in rows}


def _check_units(record: Mapping[str, Any], rank: np.ndarray, net_worth: np.ndarray) -> None:
    """Refuse ranks out of order or beyond the list, and totals that the coverage denies."""
    coverage = record["coverage"]
    wrong = None
    if np.any(np.diff(rank) <= 0) or np.any(np.diff(net_worth) > 0):
        wrong = "its units are not in the order of rank and net worth"
    elif rank[-1] > coverage["listed"]:
        wrong = f"rank {rank[-1]} is beyond the {coverage['listed']} that it lists"
    elif len(rank) != coverage["stored"] or net_worth.sum() != coverage["stored_net_worth"]:
        wrong = "its coverage states another number of units or another total net worth"
    if wrong is not None:
        raise _contradiction(record, wrong)


def _check_inputs(record: Mapping[str, Any]) -> None:
    """Refuse a variable that is given twice or is no yearly input of the engine."""
    lists = (record["composition"], record["per_net_worth"], record["values"])
    names = [each["variable"] for rows in lists for each in rows]
    twice = [name for name in (*names, *OF_THE_UNIT) if (*names, *OF_THE_UNIT).count(name) > 1]
    if twice:
        raise _contradiction(record, f"{twice[0]} is given twice")
    table = variable_table()
    for name in names:
        info = table.get(name)
        if info is None or info.computed or info.period != "year" or name in rejected_on_load():
            raise _contradiction(record, f"{name} is no yearly input of the engine")


def _contradiction(record: Mapping[str, Any], what: str) -> BuildError:
    return BuildError(
        f"the wealth list {record['id']} can't be used: {what}",
        reason="fixed_spine.list",
        remedy="mend the facts file from its source",
    )
