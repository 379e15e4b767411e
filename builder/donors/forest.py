"""One target's model: which sign, then how much, from weighted forests and a given draw.

Quantile regression forests: Meinshausen (2006), by the package quantile-forest. Weights enter as
bootstrap probabilities (scikit-learn 1.9), and so reach the leaves that quantiles are read from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from builder.donors.spec import DonorSpec, ForestSettings
from builder.extras import library

if TYPE_CHECKING:
    from quantile_forest import RandomForestQuantileRegressor
    from sklearn.ensemble import RandomForestClassifier

_CHUNK = 4096
_STATES = 1 << 32  # scikit-learn takes 32 bits
SIGNS = (-1, 0, 1)


@dataclass(frozen=True)
class Magnitude:
    """The amounts of one sign: a forest, or, where donors are too few to split, their quantiles.

    `values` are the donors' amounts in ascending order, `reached` the weight share up to each.
    """

    forest: RandomForestQuantileRegressor | None
    values: np.ndarray
    reached: np.ndarray
    levels: int

    def at(self, predictors: np.ndarray, quantile: np.ndarray) -> np.ndarray:
        """Return the conditional quantile of each row, `quantile` in [0, 1)."""
        if self.forest is None:
            place = np.searchsorted(self.reached, quantile, side="right")
            return np.asarray(self.values[np.minimum(place, len(self.values) - 1)])
        level = np.floor(quantile * self.levels).astype(np.int64)
        grid = [(k + 0.5) / self.levels for k in range(self.levels)]
        result = np.empty(len(predictors))
        for start in range(0, len(predictors), _CHUNK):
            part = slice(start, start + _CHUNK)
            answers = self.forest.predict(predictors[part], quantiles=grid, weighted_leaves=True)
            answers = answers.reshape(-1, self.levels)
            result[part] = np.take_along_axis(answers, level[part, None], axis=1)[:, 0]
        return result


@dataclass(frozen=True)
class TargetModel:
    """A target's model: the classifier of signs (None where donors have one), and amounts."""

    classifier: RandomForestClassifier | None
    signs: tuple[int, ...]
    magnitudes: dict[int, Magnitude]

    def sign_shares(self, predictors: np.ndarray) -> np.ndarray:
        """Return the probability of each of `signs` per row (rows, signs)."""
        if self.classifier is None:
            return np.ones((len(predictors), 1))
        return np.asarray(self.classifier.predict_proba(predictors))

    def draw(
        self, predictors: np.ndarray, sign_draw: np.ndarray, quantile: np.ndarray
    ) -> np.ndarray:
        """Return one value per row: the sign that `sign_draw` falls on, at its `quantile`."""
        reached = np.cumsum(self.sign_shares(predictors), axis=1)
        place = np.minimum((sign_draw[:, None] >= reached).sum(axis=1), len(self.signs) - 1)
        sign = np.array(self.signs)[place]
        values = np.zeros(len(predictors))
        for each, magnitude in self.magnitudes.items():
            rows = sign == each
            if rows.any():
                values[rows] = each * magnitude.at(predictors[rows], quantile[rows])
        return values


def fit_target(
    predictors: np.ndarray, values: np.ndarray, weights: np.ndarray, spec: DonorSpec, seed: int
) -> TargetModel:
    """Return the model of a target: classifier of its signs, and a forest per sign but zero.

    `predictors` (donors, predictors), `values` and `weights` (donors,), weights above zero.
    """
    state = seed % _STATES
    signs = np.sign(values).astype(np.int64)
    present = tuple(int(sign) for sign in np.unique(signs))
    classifier = None
    if len(present) > 1:
        settings = spec.sign_model
        classifier = (
            library("sklearn.ensemble")
            .RandomForestClassifier(
                n_estimators=settings.trees,
                min_samples_leaf=settings.min_samples_leaf,
                max_samples=min(settings.samples_per_tree, len(values)),
                n_jobs=-1,
                random_state=state,
            )
            .fit(predictors, signs, sample_weight=weights)
        )
        # threads add the trees' shares up in any order: one keeps the last bit
        classifier.set_params(n_jobs=1)
    magnitudes = {}
    for sign in present:
        rows = signs == sign
        if sign:
            amounts = np.abs(values[rows])
            magnitudes[sign] = _fit_magnitude(
                predictors[rows], amounts, weights[rows], spec.forest, state
            )
    return TargetModel(classifier, present, magnitudes)


def _fit_magnitude(
    predictors: np.ndarray,
    amounts: np.ndarray,
    weights: np.ndarray,
    settings: ForestSettings,
    state: int,
) -> Magnitude:
    order = np.argsort(amounts, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    forest = None
    if len(amounts) >= 2 * settings.min_samples_leaf and amounts.min() < amounts.max():
        forest = (
            library("quantile_forest")
            .RandomForestQuantileRegressor(
                n_estimators=settings.trees,
                min_samples_leaf=settings.min_samples_leaf,
                max_samples_leaf=settings.max_samples_leaf,
                max_samples=min(settings.samples_per_tree, len(amounts)),
                n_jobs=-1,
                random_state=state,
            )
            .fit(predictors, amounts, sample_weight=weights)
        )
    return Magnitude(forest, amounts[order], reached, settings.quantile_levels)


def stable_number(*parts: object) -> int:
    """Return a 63-bit number from the text of its parts: the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
