"""Parts of a loss difference: by target, and by a key that every row has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

REST = "all other targets"


def contributors(
    names: Sequence[str], values: np.ndarray, largest: int | None = None
) -> list[dict[str, Any]]:
    """Return the parts of a difference, the largest absolute part first; they sum to it.

    With `largest`, that many and one entry for all the others.
    """
    pairs = zip(names, values.tolist(), strict=True)
    ranked = sorted(pairs, key=lambda pair: (-abs(pair[1]), pair[0]))
    if largest is not None and len(ranked) > largest:
        rest = math.fsum(value for _, value in ranked[largest:])
        ranked = [*ranked[:largest], (REST, rest)]
    return [{"name": name, "value": value} for name, value in ranked]


def by_key(
    keys: Sequence[str], candidate: np.ndarray, incumbent: np.ndarray, differences: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Return mean errors, part of the difference and row count per key, keys sorted.

    `candidate` and `incumbent` are errors, `differences` the rows' differences of terms.
    """
    groups: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(key, []).append(i)
    return {
        key: {
            "candidate": math.fsum(candidate[index]) / len(index),
            "incumbent": math.fsum(incumbent[index]) / len(index),
            "delta": math.fsum(differences[index]),
            "targets": len(index),
        }
        for key, index in sorted(groups.items())
    }
