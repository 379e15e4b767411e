"""Weight diagnostics of one file, through MicroSeries."""

from __future__ import annotations

import math

import numpy as np
from microdf import MicroSeries

from schemas.dataset import ENTITIES, WEIGHT, Dataset, id_name, membership_name
from schemas.errors import MeasureError

# Denser at the heavy end, which is where files differ.
_CURVE_POINTS = (0.001, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 11)))


def household_weights(dataset: Dataset) -> np.ndarray:
    """Return the shipped household weights in file row order; raises MeasureError if unusable."""
    values = dataset.read(WEIGHT).astype(np.float64)
    if len(values) != dataset.size_of("household"):
        problem = f"{len(values)} weights for {dataset.size_of('household')} households"
    elif not np.isfinite(values).all() or (values < 0).any():
        problem = "some household weights are negative or not finite"
    elif not (values > 0).any():
        problem = "no household has a positive weight"
    else:
        return values
    raise MeasureError(
        f"{dataset.path.name}: {problem}",
        reason="measure.weights",
        remedy=f"store one finite, non-negative {WEIGHT} per household",
    )


def record_counts(dataset: Dataset) -> dict[str, int]:
    """Return the number of records per entity."""
    return {entity: dataset.size_of(entity) for entity in ENTITIES}


def weight_diagnostics(dataset: Dataset) -> dict[str, float | int]:
    """Return sums, Kish ESS and concentration of the household weights.

    ESS = (sum w)^2 / sum w^2; the top share is that of the heaviest 1 % of households (rounded
    up); max_to_mean is against all households, those of weight zero included.
    """
    weights = household_weights(dataset)
    total = _total(weights)
    ess = total**2 / float(MicroSeries(weights, weights=weights).sum())
    heaviest = np.sort(weights)[::-1][: math.ceil(len(weights) / 100)]
    return {
        "household_sum": total,
        "person_sum": _total(_person_weights(dataset, weights)),
        "positive": int((weights > 0).sum()),
        "kish_ess": ess,
        "ess_share": ess / len(weights),
        "top_1pct_share": _total(heaviest) / total,
        "max_to_mean": float(heaviest[0]) / (total / len(weights)),
    }


def weight_curve(dataset: Dataset) -> list[dict[str, float]]:
    """Return what share of all weight the heaviest households carry, by their share of all.

    Households of weight zero count; the number of households at each point is rounded up.
    """
    heaviest = np.sort(household_weights(dataset))[::-1]
    total = _total(heaviest)
    # 0.07 * 100 is a little more than 7
    counts = (math.ceil(round(len(heaviest) * share, 6)) for share in _CURVE_POINTS)
    return [
        {"households": share, "weight": _total(heaviest[:count]) / total}
        for share, count in zip(_CURVE_POINTS, counts, strict=True)
    ]


def _total(weights: np.ndarray) -> float:
    return float(MicroSeries(np.ones(len(weights)), weights=weights).sum())


def _person_weights(dataset: Dataset, weights: np.ndarray) -> np.ndarray:
    """Return each person's household weight, joined by household id."""
    ids = dataset.read(id_name("household"))
    wanted = dataset.read(membership_name("household"))
    order = np.argsort(ids, kind="stable")
    rows = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    found = order[rows]
    if not np.array_equal(ids[found], wanted):
        raise MeasureError(
            f"{dataset.path.name}: some persons name a household that is not in the file",
            reason="measure.join",
            remedy=f"mend {membership_name('household')}; `mpgate contract` lists the records",
        )
    return np.asarray(weights[found])
