"""Bring the contributions of both files into the order of the kept targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.scoring.kernel import estimates
from benchmarks.scoring.pair import NO_CONTRIBUTIONS, Households, PairDraws
from schemas.errors import MeasureError

MEASURE = "measure:"
# Contributions are kept in single precision: how far their sum may be from the estimate, as a
# share of the sum of absolute contributions (losses and gains cancel in a net figure).
_AGREE = 1e-6


class ContributionsLike(Protocol):
    """What is read of one file's contributions; columns are target ids, then `measure:NAME`."""

    @property
    def matrix(self) -> csr_matrix: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def weights(self) -> np.ndarray: ...

    def sha256(self) -> str:
        """Return the hash of matrix, columns and weights."""
        ...


def align_draws(
    ids: Sequence[str],
    measured: tuple[np.ndarray, np.ndarray],
    contributions: tuple[ContributionsLike | None, ContributionsLike | None],
) -> tuple[PairDraws | None, str]:
    """Return the households of both sides in the order of `ids`, or None and the reason.

    Measures are those that both sides hold. Raises MeasureError where the contributions do not
    give the estimates in `measured` (target order): they are then of another file.
    """
    candidate, incumbent = contributions
    if candidate is None or incumbent is None:
        return None, _absent(candidate, incumbent)
    for name, side in (("candidate", candidate), ("incumbent", incumbent)):
        lacking = set(ids) - set(side.columns)
        if lacking:
            return None, f"the {name}'s contributions lack {len(lacking)} of the kept targets"
    theirs = set(incumbent.columns)
    measures = [each for each in candidate.columns if each.startswith(MEASURE) and each in theirs]
    sides = [_households(each, [*ids, *measures]) for each in (candidate, incumbent)]
    _require_same_file("candidate", sides[0], measured[0])
    _require_same_file("incumbent", sides[1], measured[1])
    names = tuple(each.removeprefix(MEASURE) for each in measures)
    same = candidate.sha256() == incumbent.sha256()
    return PairDraws(sides[0], sides[1], names, same), NO_CONTRIBUTIONS


def _absent(candidate: ContributionsLike | None, incumbent: ContributionsLike | None) -> str:
    if candidate is None and incumbent is None:
        return NO_CONTRIBUTIONS
    side = "candidate" if candidate is None else "incumbent"
    return f"the {side}'s household contributions are not at hand: measure that file again"


def _households(side: ContributionsLike, wanted: Sequence[str]) -> Households:
    position = {name: i for i, name in enumerate(side.columns)}
    columns = np.array([position[name] for name in wanted], dtype=np.int64)
    return Households(csr_matrix(side.matrix[:, columns], dtype=np.float64), side.weights)


def _require_same_file(name: str, side: Households, expected: np.ndarray) -> None:
    matrix = side.matrix[:, : len(expected)]
    missed = np.abs(estimates(matrix, side.weights) - expected)
    if (missed <= _AGREE * (estimates(abs(matrix), side.weights) + 1)).all():
        return
    raise MeasureError(
        f"the {name}'s contributions do not give its estimates: they are of another file",
        reason="noise.contributions",
        remedy=f"measure the {name} again, so that both come from one simulation",
    )
