"""Assets, provenance and diagnostics of a frame as tables: what the engine needs not in the H5."""

from __future__ import annotations

import numpy as np
import pandas as pd
from microdf import MicroSeries

from builder.extensions.tables import Tables
from builder.fixed_spine.append import fixed_mask
from builder.fixed_spine.wealth import NET_WORTH, WealthList
from builder.frame import Frame
from schemas.errors import BuildError

PERSON_ASSETS = ("bank_account_assets", "stock_assets", "bond_assets")


def asset_tables(frame: Frame, wealth: WealthList) -> Tables:
    """Return assets per person and net worth per household, in dollars, as far as they are known.

    `net_worth_source` is `frame` for a column of the frame, else the id of the wealth list: then
    only the fixed records have a row. A table without a row is left out.
    """
    stored = {name: frame.columns[name] for name in PERSON_ASSETS if name in frame.columns}
    tables = {"household_net_worth": _net_worth(frame, wealth)}
    if stored:
        keys = {"person_id": "person_id", "household_id": "person_household_id"}
        ids = {name: frame.columns[column] for name, column in keys.items()}
        amounts = {name: values.astype(np.float64) for name, values in stored.items()}
        tables["person_assets"] = pd.DataFrame(ids | amounts)
    return {name: table for name, table in tables.items() if len(table)}


def _net_worth(frame: Frame, wealth: WealthList) -> pd.DataFrame:
    ids = frame.columns["household_id"]
    if NET_WORTH in frame.columns:
        known = np.ones(len(ids), dtype=bool)
        values, source = frame.columns[NET_WORTH].astype(np.float64), "frame"
    else:
        known = fixed_mask(frame)
        values = wealth.net_worth_of(frame.source_key[known].astype(np.int64))
        source = wealth.id
    table = pd.DataFrame({"household_id": ids[known], NET_WORTH: values})
    return table.assign(net_worth_source=source)


def provenance_tables(frame: Frame) -> Tables:
    """Return where each household came from: its source and its key there."""
    return {
        "household_provenance": pd.DataFrame(
            {
                "household_id": frame.columns["household_id"],
                "origin": frame.origin.astype(str),
                "source_key": frame.source_key.astype(str),
            }
        )
    }


def diagnostic_tables(frame: Frame, initial_weights: np.ndarray | None) -> Tables:
    """Return each household's weight before and after calibration, and both summed per origin.

    `initial_weights` (household length) is None where none is known: NULL in the table. Raises
    BuildError for another number of weights than households.
    """
    before = np.full(len(frame.weights), np.nan) if initial_weights is None else initial_weights
    if len(before) != len(frame.weights):
        raise BuildError(
            f"{len(before)} initial weights for {len(frame.weights)} households",
            reason="extensions.initial_weights",
            remedy="pass the weights that the same frame had before calibration",
        )
    households = pd.DataFrame(
        {
            "household_id": frame.columns["household_id"],
            "initial_weight": np.asarray(before, dtype=np.float64),
            "final_weight": frame.weights,
            "fixed": fixed_mask(frame).astype(np.int64),
        }
    )
    return {"household_weights": households, "origins": _origins(frame, households)}


def _origins(frame: Frame, households: pd.DataFrame) -> pd.DataFrame:
    """Return records and weighted households per origin, in the order of their names."""
    rows = []
    for origin in np.unique(frame.origin).tolist():
        table = households[frame.origin == origin]
        weighted = {
            f"{when}_households": _weighted_count(table[f"{when}_weight"].to_numpy())
            for when in ("initial", "final")
        }
        rows.append({"origin": origin, "records": len(table), **weighted})
    return pd.DataFrame(rows)


def _weighted_count(weights: np.ndarray) -> float:
    """Return how many households the records stand for; NaN where a weight is not known."""
    if np.isnan(weights).any():
        return float("nan")
    return float(MicroSeries(np.ones(len(weights)), weights=weights).sum())
