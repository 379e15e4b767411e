"""Deterministic draws: a number in [0, 1) from keys, the same on every machine."""

from __future__ import annotations

import numpy as np

_MASK_SHIFT = np.uint64(11)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def draw(*keys: np.ndarray | int) -> np.ndarray:
    """Return one float64 in [0, 1) per row of the integer `keys` (SplitMix64 finaliser)."""
    state = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mix(state ^ np.asarray(key, dtype=np.int64).astype(np.uint64))
    unit: np.ndarray = (state >> _MASK_SHIFT).astype(np.float64) / float(1 << 53)
    return unit


def _mix(state: np.ndarray) -> np.ndarray:
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return np.asarray(state ^ (state >> np.uint64(31)))
