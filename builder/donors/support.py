"""What a donor can speak for: its table checked, its ranges, and recipients outside of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from builder.donors.spec import Bounds, DonorSpec
from schemas.errors import BuildError

WEIGHT = "weight"
SOURCE_KEY = "source_key"
SOURCE = "source"
Range = tuple[float, float]


@dataclass(frozen=True)
class DonorTable:
    """Donors that may be used, in an order of their own, and how many were left out and why."""

    data: pd.DataFrame
    records: int
    without_weight: int
    outside_universe: int
    sources: tuple[str, ...]

    @property
    def weights(self) -> np.ndarray:
        """Return the donors' weights, all above zero."""
        return self.data[WEIGHT].to_numpy(dtype=np.float64)

    def ranges(self, names: Collection[str]) -> dict[str, Range]:
        """Return least and largest donor value per column."""
        return {
            name: (float(self.data[name].min()), float(self.data[name].max())) for name in names
        }


def checked_donors(
    donors: pd.DataFrame, spec: DonorSpec, exclude_keys: Collection[object]
) -> DonorTable:
    """Return the usable donors: inside the universe, weight above zero.

    The rows are put into the order of their content, so that the order they came in is without
    effect. Raises BuildError for absent columns, values or weights that are not finite, negative
    weights or none above zero, a donor whose source_key is excluded, fewer donors than the spec's
    minimum, a value outside a declared range, or a target that is zero for every donor.
    """
    needed = [*spec.needed_predictors, *spec.targets]
    _check_columns(donors, [*needed, WEIGHT], spec)
    _check_excluded(donors, exclude_keys, spec)
    data = donors[[*needed, WEIGHT]].astype(np.float64)
    _check_finite(data, spec)
    _check_weights(data[WEIGHT], spec)
    weighty = data[WEIGHT] > 0
    inside = weighty & in_universe(data, spec.universe)
    usable = data[inside].sort_values([*needed, WEIGHT], kind="stable").reset_index(drop=True)
    _check_usable(usable, spec)
    named = donors[SOURCE].astype(str).unique() if SOURCE in donors else [spec.donor]
    outside = int((weighty & ~inside).sum())
    return DonorTable(usable, len(data), int((~weighty).sum()), outside, tuple(sorted(named)))


def in_universe(table: pd.DataFrame, universe: Bounds) -> np.ndarray:
    """Decide per record whether every bounded predictor is within its bounds, ends included."""
    inside = np.ones(len(table), dtype=bool)
    for name, (low, high) in universe.items():
        values = table[name].to_numpy()
        inside &= (values >= (-np.inf if low is None else low)) & (
            values <= (np.inf if high is None else high)
        )
    return inside


def outside_range(values: np.ndarray, bounds: Range) -> np.ndarray:
    """Decide per recipient whether a predictor is below or above every donor's."""
    return np.asarray((values < bounds[0]) | (values > bounds[1]))


def stretch_factors(spec: DonorSpec, predictors: pd.DataFrame, donors: DonorTable) -> np.ndarray:
    """Return by how much a recipient's values are raised: 1 unless the spec extrapolates.

    Beyond the donors' largest `scale_by` predictor, values grow in proportion to it.
    """
    name = spec.support.scale_by
    if not spec.support.extrapolates or name is None:
        return np.ones(len(predictors))
    largest = donors.ranges([name])[name][1]
    values = predictors[name].to_numpy()
    return np.asarray(np.maximum(values / largest, 1.0) if largest > 0 else np.ones(len(values)))


def _check_columns(donors: pd.DataFrame, needed: list[str], spec: DonorSpec) -> None:
    missing = sorted(set(needed) - set(donors.columns))
    if missing:
        raise _refused(
            spec,
            f"has no column {', '.join(missing)}",
            "donor_columns",
            "read the source again with these columns, or take them out of the spec",
        )


def _check_excluded(
    donors: pd.DataFrame, exclude_keys: Collection[object], spec: DonorSpec
) -> None:
    if not len(exclude_keys):
        return
    _check_columns(donors, [SOURCE_KEY], spec)
    # as text: a frame of several sources holds even whole-number keys as text
    keys = donors[SOURCE_KEY].astype(str)
    found = keys[keys.isin({str(key) for key in exclude_keys})].drop_duplicates()
    if len(found):
        some = ", ".join(found.iloc[:3])
        raise _refused(
            spec,
            f"has {len(found)} excluded households among its records ({some}, ...)",
            "donor_excluded",
            "make the donor table without them: an incumbent's household is never a donor",
        )


def _check_finite(data: pd.DataFrame, spec: DonorSpec) -> None:
    counts = {name: int((~np.isfinite(data[name].to_numpy())).sum()) for name in data}
    named = ", ".join(f"{name} ({count})" for name, count in counts.items() if count)
    if named:
        raise _refused(
            spec,
            f"has values that are not finite: {named}",
            "donor_not_finite",
            "mend the source's missing codes when it is read",
        )


def _check_weights(weights: pd.Series, spec: DonorSpec) -> None:
    if (weights < 0).any() or not (weights > 0).any():
        raise _refused(
            spec,
            "has negative weights" if (weights < 0).any() else "has no weight above zero",
            "donor_weights",
            "check which of the source's columns is the weight",
        )


def _check_usable(usable: pd.DataFrame, spec: DonorSpec) -> None:
    if len(usable) < spec.minimum_donors:
        raise _refused(
            spec,
            f"has {len(usable)} usable records, {spec.minimum_donors} are the minimum",
            "donor_too_few",
            "get the whole source, or widen the spec's universe",
        )
    for name, (low, high) in spec.support.ranges.items():
        least, most = usable[name].min(), usable[name].max()
        if least < low or most > high:
            raise _refused(
                spec,
                f"has {name} from {least:g} to {most:g}, declared are {low:g} to {high:g}",
                "donor_range",
                "check the unit and sign of the column, or mend the declared range",
            )
    empty = [name for name in spec.targets if not usable[name].any()]
    if empty:
        raise _refused(
            spec,
            f"is zero for every record in {', '.join(empty)}",
            "donor_all_zero",
            "check how the source is read, or drop the target from the spec",
        )


def _refused(spec: DonorSpec, problem: str, reason: str, remedy: str) -> BuildError:
    return BuildError(
        f"donor {spec.donor} for spec {spec.id} {problem}",
        reason=f"builder.{reason}",
        remedy=remedy,
    )
