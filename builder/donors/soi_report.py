"""What the distribution donor changed: dollars and returns per line, published and made."""

from __future__ import annotations

from typing import Any

import numpy as np
from microdf import MicroSeries

from builder.donors.soi_facts import Line, SizeDonor
from builder.donors.soi_units import TaxUnits


def size_donor_report(
    donor: SizeDonor,
    units: TaxUnits,
    made: dict[str, np.ndarray],
    own: dict[str, np.ndarray],
    ranked: int,
) -> dict[str, Any]:
    """Return the `size_donor_report` record; dollars and returns are weighted, before calibration.

    `made` holds dollars per line id, `own` per variable before the donor (both tax-unit length).
    """
    changed = np.any([values != 0 for values in made.values()], axis=0)
    return {
        "schema": "size_donor_report",
        "schema_version": 1,
        "id": donor.id,
        "label": donor.label,
        "groups": list(donor.groups),
        "tax_units": len(units.weight),
        "ranked_tax_units": ranked,
        "imputed_tax_units": int(changed.sum()),
        "lines": [_line(line, made[line.id], own[line.variable], units) for line in donor.lines],
    }


def _line(line: Line, made: np.ndarray, own: np.ndarray, units: TaxUnits) -> dict[str, Any]:
    reported = MicroSeries((own * line.sign > 0).astype(float), weights=units.weight)
    return {
        "id": line.id,
        "variable": line.variable,
        "published": {
            "returns": float(line.returns[line.applies].sum()),
            "usd": float(line.sign * line.amounts[line.applies].sum()),
        },
        "made": {
            "returns": float(
                MicroSeries((made != 0).astype(float), weights=units.weight).sum(),
            ),
            "usd": float(MicroSeries(made, weights=units.weight).sum()),
        },
        "reported_before": {"returns": float(reported.sum())},
    }
