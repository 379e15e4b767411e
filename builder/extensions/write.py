"""Write the relational extensions of a frame beside its H5: each loads without the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.capital_gains.lots import GAINS
from benchmarks.capital_gains.own_lots import EXTENSION as LOTS
from builder.extensions.household_tables import asset_tables, diagnostic_tables, provenance_tables
from builder.extensions.lots import load_lot_rule, lot_tables
from builder.extensions.tables import Tables, write_extension
from builder.fixed_spine.wealth import WealthList, load_wealth_list
from builder.frame import Frame

ASSETS, DIAGNOSTICS, PROVENANCE = "assets", "diagnostics", "provenance"


def write_extensions(
    frame: Frame,
    folder: Path,
    *,
    seed: int,
    wealth: WealthList | None = None,
    initial_weights: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Write lots, assets, diagnostics and provenance below `folder`; return the manifest entries.

    `frame` is what goes into the H5, final weights included. An extension without a row to hold
    (no gains column, no known assets) is not written. Same arguments, same bytes. `wealth` is the
    list that fixed records came from (default: the committed one); `initial_weights` are the
    weights before calibration. Raises BuildError for weights or ranks that don't fit the frame,
    RecordError where a file can't be written.
    """
    known = wealth if wealth is not None else load_wealth_list()
    extensions: dict[str, Tables] = {
        LOTS: lot_tables(frame, load_lot_rule(), seed=seed) if GAINS in frame.columns else {},
        ASSETS: asset_tables(frame, known),
        DIAGNOSTICS: diagnostic_tables(frame, initial_weights),
        PROVENANCE: provenance_tables(frame),
    }
    return [write_extension(folder, name, tables) for name, tables in extensions.items() if tables]
