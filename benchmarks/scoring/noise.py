"""Sampling noise of differences: a seeded household bootstrap on the contribution matrices.

Each replicate draws as many households as the file has, with replacement, each side on its own
stream because candidate and incumbent are independent samples. Two draws on different seeds are
made; the standard errors use both, and how far the two agree is recorded. Kept list, scales and
groups stay those of the headline. LOSSES.md says what this overstates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scoring import kernel
from benchmarks.scoring.pair import Households, PairDraws

METHOD = "household_bootstrap"
REPLICATES = 2000
SEEDS = (20241231, 20250630)
BOUND = 2.0
_STREAMS = {"candidate": 1, "incumbent": 2}
_CHUNK_CELLS = 1 << 19


@dataclass(frozen=True)
class Drawn:
    """Replicate estimates of one file: replicates x kept rows, and one array per measure."""

    rows: np.ndarray
    measures: Mapping[str, np.ndarray]


Key = tuple[str, str]
Statistic = Callable[[Drawn, Drawn], np.ndarray]


@dataclass(frozen=True)
class Figure:
    """A record with its `delta`, and how a replicate forms that difference.

    `statistic` is None where nothing is compared; `measure` names what it needs beyond targets.
    """

    record: dict[str, Any]
    statistic: Statistic | None
    measure: str | None = None

    def noted(self, error: float | None) -> dict[str, Any]:
        """Return the record with its standard error and whether the difference is inside it."""
        within = None if error is None else abs(self.record["delta"]) <= BOUND * error
        return {**self.record, "standard_error": error, "within_noise": within}


@dataclass(frozen=True)
class StandardError:
    """The pooled standard error, and the two draws' difference relative to it (0.1 is 10 %)."""

    value: float
    agreement: float


def standard_errors(
    draws: PairDraws | None,
    figures: Mapping[Key, Figure],
    *,
    replicates: int = REPLICATES,
    seeds: tuple[int, int] = SEEDS,
) -> dict[Key, StandardError]:
    """Return the standard error of every figure's delta that can be drawn, by figure key.

    Empty without draws; 0 throughout where both sides are one file. `replicates` is per seed.
    """
    if draws is None:
        return {}
    wanted = {key: each.statistic for key, each in figures.items() if _drawable(each, draws)}
    if draws.same:
        return dict.fromkeys(wanted, StandardError(0.0, 0.0))
    first, second = (_replicates(draws, wanted, replicates, seed) for seed in seeds)
    return {key: _pooled(first[key], second[key]) for key in wanted}


def noise_record(
    reason: str | None, agreement: Mapping[str, float], *, replicates: int = REPLICATES
) -> dict[str, Any]:
    """Return the noise block: how the standard errors were made, or the reason for none."""
    if reason is not None:
        blank = dict.fromkeys(("method", "replicates", "seeds", "agreement"))
        return {**blank, "reason": reason}
    return {
        "method": METHOD,
        "replicates": replicates,
        "seeds": list(SEEDS),
        "agreement": dict(agreement),
        "reason": None,
    }


def _drawable(figure: Figure, draws: PairDraws) -> bool:
    needed = figure.measure
    return figure.statistic is not None and (needed is None or needed in draws.measures)


def _replicates(
    draws: PairDraws, wanted: Mapping[Key, Statistic | None], replicates: int, seed: int
) -> dict[Key, np.ndarray]:
    """Return `replicates` values of every statistic, drawn on one seed."""
    found: dict[Key, list[np.ndarray]] = {key: [] for key in wanted}
    chunks = _chunks(draws, replicates)
    sides = (
        _drawn(draws.candidate, draws.measures, chunks, (seed, _STREAMS["candidate"])),
        _drawn(draws.incumbent, draws.measures, chunks, (seed, _STREAMS["incumbent"])),
    )
    for candidate, incumbent in zip(*sides, strict=True):
        for key, statistic in wanted.items():
            if statistic is not None:
                found[key].append(statistic(candidate, incumbent))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _chunks(draws: PairDraws, replicates: int) -> list[int]:
    """Return how many replicates to form at a time, so that no array exceeds some megabytes."""
    widest = max(*draws.candidate.matrix.shape, *draws.incumbent.matrix.shape)
    size = max(1, _CHUNK_CELLS // widest)
    return [min(size, replicates - start) for start in range(0, replicates, size)]


def _drawn(
    side: Households, measures: tuple[str, ...], chunks: list[int], entropy: tuple[int, int]
) -> Iterator[Drawn]:
    """Yield the replicate estimates of one side, a chunk of replicates at a time."""
    random = np.random.default_rng(entropy)
    for count in chunks:
        times = _multiplicities(random, count, side.matrix.shape[0])
        values = kernel.replicate_estimates(side.matrix, side.weights, times)
        rows = values[:, : values.shape[1] - len(measures)]
        extra = values[:, values.shape[1] - len(measures) :]
        yield Drawn(rows, dict(zip(measures, extra.T, strict=True)))


def _multiplicities(random: np.random.Generator, count: int, households: int) -> np.ndarray:
    """Return how often each household is drawn (count x households); each row sums to all."""
    chosen = random.integers(0, households, size=(count, households))
    chosen += np.arange(count)[:, None] * households
    counted = np.bincount(chosen.ravel(), minlength=count * households)
    return counted.reshape(count, households)


def _pooled(first: np.ndarray, second: np.ndarray) -> StandardError:
    one, two = float(np.std(first, ddof=1)), float(np.std(second, ddof=1))
    value = float(np.std(np.concatenate([first, second]), ddof=1))
    return StandardError(value, abs(one - two) / value if value else 0.0)
