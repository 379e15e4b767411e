"""The report of one donor imputation (schema `donor_report`): donors and recipients compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from microdf import MicroSeries

from builder.donors.features import Records
from builder.donors.forest import TargetModel
from builder.donors.spec import METHOD, DonorSpec
from builder.donors.support import DonorTable, outside_range, stretch_factors
from schemas.records import validate

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_PACKAGES = ("quantile-forest", "scikit-learn")


@dataclass(frozen=True)
class TargetResult:
    """A target's recipients (mask over the records), their values, and the model used."""

    name: str
    rows: np.ndarray
    values: np.ndarray
    model: TargetModel


def donor_report(
    spec: DonorSpec,
    table: DonorTable,
    records: Records,
    predictors: pd.DataFrame,
    results: Sequence[TargetResult],
    seed: int,
    excluded_keys: int,
) -> dict[str, Any]:
    """Return the validated report: donors used, supports, and weighted figures on both sides."""
    ranges = table.ranges([*spec.predictors, *spec.targets])
    received = np.any([result.rows for result in results], axis=0)
    stretched = stretch_factors(spec, predictors, table) > 1
    report = {
        "schema": "donor_report",
        "schema_version": 1,
        "spec": spec.id,
        "entity": spec.entity,
        "method": {
            "name": METHOD,
            "packages": {name: version(name) for name in _PACKAGES},
            "sign_model": asdict(spec.sign_model),
            "forest": asdict(spec.forest),
            "chained": spec.chained,
            "allocation": spec.allocation,
        },
        "seed": seed,
        "draw_seed": spec.draw_seed,
        "donors": {
            "id": spec.donor,
            "sources": list(table.sources),
            "records": table.records,
            "used": len(table.data),
            "without_weight": table.without_weight,
            "outside_universe": table.outside_universe,
        },
        "excluded_donors": {"keys": excluded_keys, "found": 0},
        "recipients": {"records": records.size, "imputed": int(received.sum())},
        "support": {
            "extrapolates": spec.support.extrapolates,
            "extrapolated_records": int((stretched & received).sum()),
            "predictors": [
                _predictor(name, ranges[name], predictors[name].to_numpy()[received])
                for name in spec.predictors
            ],
        },
        "targets": [_target(result, table, records, ranges[result.name]) for result in results],
    }
    validate(report, "donor_report")
    return report


def _predictor(name: str, bounds: tuple[float, float], values: np.ndarray) -> dict[str, Any]:
    outside = int(outside_range(values, bounds).sum())
    return {
        "name": name,
        "donor_range": list(bounds),
        "outside": outside,
        "outside_share": outside / len(values) if len(values) else 0.0,
    }


def _target(
    result: TargetResult, table: DonorTable, records: Records, bounds: tuple[float, float]
) -> dict[str, Any]:
    donor_values = table.data[result.name].to_numpy()
    signs = np.sign(donor_values)
    return {
        "name": result.name,
        "donor_range": list(bounds),
        "donors_by_sign": {
            "negative": int((signs < 0).sum()),
            "zero": int((signs == 0).sum()),
            "positive": int((signs > 0).sum()),
        },
        "forests": sum(each.forest is not None for each in result.model.magnitudes.values()),
        "imputed": int(result.rows.sum()),
        "outside_donor_range": int(outside_range(result.values, bounds).sum()),
        "donors": weighted_figures(donor_values, table.weights),
        "recipients": weighted_figures(result.values, records.weights[result.rows]),
    }


def weighted_figures(values: np.ndarray, weights: np.ndarray) -> dict[str, Any] | None:
    """Return weighted shares by sign, mean and quantiles; None where nothing has weight."""
    if not (weights > 0).any():
        return None
    series = MicroSeries(values, weights=weights)
    return {
        "share_nonzero": _mean(values != 0, weights),
        "share_negative": _mean(values < 0, weights),
        "mean": float(series.mean()),
        "quantiles": {f"{level:g}": float(series.quantile(level)) for level in QUANTILES},
        "minimum": float(values.min()),
        "maximum": float(values.max()),
    }


def _mean(flags: np.ndarray, weights: np.ndarray) -> float:
    return float(MicroSeries(flags.astype(np.float64), weights=weights).mean())
