"""Donor imputation: each target's values for the recipients, one target after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from builder.donors.features import (
    Records,
    placed,
    predictor_table,
    records_of,
    target_values,
)
from builder.donors.forest import TargetModel, fit_target, stable_number
from builder.donors.report import TargetResult, donor_report
from builder.donors.spec import DonorSpec
from builder.donors.support import DonorTable, checked_donors, in_universe, stretch_factors
from builder.embedded.hashing import draw
from builder.frame import Frame

Progress = Callable[[str, int, int], None]
_SIGN, _QUANTILE = 0, 1


@dataclass(frozen=True)
class _Recipients:
    """The records, their predictors (all records), and hash keys that name each for good."""

    records: Records
    predictors: pd.DataFrame
    keys: tuple[np.ndarray | int, ...]


def impute(
    frame: Frame,
    donors: pd.DataFrame,
    spec: DonorSpec,
    *,
    seed: int,
    exclude_keys: Collection[object] = frozenset(),
    progress: Progress | None = None,
) -> tuple[Frame, dict[str, Any]]:
    """Return the frame with the spec's targets imputed, and the report (schema `donor_report`).

    `donors` has a row per record of the spec's entity: predictors, targets, `weight`, and where
    known `source_key` and `source`; a donor whose source_key is in `exclude_keys` is refused.
    A record's draws hang on its household's origin and source key, its head's place in it, the
    seeds and the target alone. Values stay inside the donors' range, unless the spec
    extrapolates. Raises BuildError; the frame given is never changed.
    """
    table = checked_donors(donors, spec, exclude_keys)
    recipients = _recipients(frame, spec, seed)
    values = {name: target_values(recipients.records, name) for name in spec.targets}
    chosen = _chosen(recipients, spec, values)
    results = []
    for number, name in enumerate(spec.targets):
        if progress:
            progress(f"{spec.id}: {name}", number, len(spec.targets))
        used = [*spec.predictors, *(spec.targets[:number] if spec.chained else ())]
        model = _fit(table, used, name, spec, seed)
        rows = chosen[name]
        known = recipients.predictors[list(spec.predictors)].assign(**values)[used][rows]
        imputed = _drawn(model, known, recipients, rows, name)
        imputed = imputed * stretch_factors(spec, recipients.predictors[rows], table)
        values[name] = values[name].copy()
        values[name][rows] = imputed
        results.append(TargetResult(name, rows, values[name][rows], model))
    if progress:
        progress(f"{spec.id}: imputed", len(spec.targets), len(spec.targets))
    columns = {
        name: placed(recipients.records, name, values[name], chosen[name], spec.allocation)
        for name in spec.targets
    }
    report = donor_report(
        spec, table, recipients.records, recipients.predictors, results, seed, len(exclude_keys)
    )
    return frame.with_columns(columns), report


def _recipients(frame: Frame, spec: DonorSpec, seed: int) -> _Recipients:
    records = records_of(frame, spec.entity)
    predictors = predictor_table(records, spec.needed_predictors, spec.totals)
    origin = as_integers(frame.origin)[records.household]
    household = as_integers(frame.source_key)[records.household]
    keys = (seed, spec.draw_seed, origin, household, records.place())
    return _Recipients(records, predictors, keys)


def as_integers(values: np.ndarray) -> np.ndarray:
    """Return whole numbers as they are, and any other key as a stable number from its text."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    names, place = np.unique(values.astype(str), return_inverse=True)
    return np.array([stable_number(name) for name in names], dtype=np.int64)[place]


def _chosen(
    recipients: _Recipients, spec: DonorSpec, values: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return per target the mask of the records that receive it."""
    inside = in_universe(recipients.predictors, spec.universe)
    if spec.origins is not None:
        origin = recipients.records.frame.origin[recipients.records.household]
        inside &= np.isin(origin.astype(str), spec.origins)
    return {
        name: inside & (values[name] == 0) if spec.only_absent else inside for name in spec.targets
    }


def _fit(table: DonorTable, used: list[str], name: str, spec: DonorSpec, seed: int) -> TargetModel:
    return fit_target(
        table.data[used].to_numpy(),
        table.data[name].to_numpy(),
        table.weights,
        spec,
        stable_number(seed, spec.draw_seed, spec.id, name),
    )


def _drawn(
    model: TargetModel,
    known: pd.DataFrame,
    recipients: _Recipients,
    rows: np.ndarray,
    name: str,
) -> np.ndarray:
    if not rows.any():
        return np.empty(0)
    target = stable_number(name)
    draws = [draw(*recipients.keys, target, kind)[rows] for kind in (_SIGN, _QUANTILE)]
    return model.draw(known.to_numpy(), *draws)
