"""Each named loss of a pair: whole, train, held out, and split into parts that add up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.scoring.losses import LossRow, PreparedLoss, loss_definitions, prepare
from benchmarks.scoring.noise import Drawn, Figure
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.parts import by_key, contributors
from benchmarks.scoring.scheme import HELD_OUT, TRAIN

# Contributors listed one by one where a loss does not gate.
LISTED = 20
TOP = 10
_KEYS: dict[str, Callable[[LossRow], str]] = {
    "by_family": lambda row: row.family,
    "by_source": lambda row: row.source,
    "by_geography": lambda row: row.geography_id,
}


@dataclass(frozen=True)
class LossFigure:
    """One loss on the rows of a pair that it keeps; errors and terms are formed once."""

    pair: Pair
    prepared: PreparedLoss

    @cached_property
    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors (kept rows) of candidate and incumbent."""
        pair = self.pair
        return self.prepared.errors(pair.candidate), self.prepared.errors(pair.incumbent)

    @cached_property
    def terms(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the terms (kept rows) of candidate and incumbent; each side sums to its loss."""
        share = self.prepared.formed.share
        return self.errors[0] * share, self.errors[1] * share

    @cached_property
    def differences(self) -> np.ndarray:
        """Return candidate - incumbent of the terms (kept rows): the parts of the delta."""
        return np.asarray(self.terms[0] - self.terms[1])

    def sides(self) -> dict[str, float]:
        """Return the loss of both sides."""
        return {"candidate": math.fsum(self.terms[0]), "incumbent": math.fsum(self.terms[1])}

    def top_10_share(self) -> dict[str, float]:
        """Return the share of each side's loss that its ten largest rows carry; 0 at no loss."""
        found = {}
        for name, terms in zip(("candidate", "incumbent"), self.terms, strict=True):
            total = math.fsum(terms)
            found[name] = math.fsum(np.sort(terms)[::-1][:TOP]) / total if total else 0.0
        return found

    def spread(self, kept: np.ndarray) -> np.ndarray:
        """Return figures of kept rows at row length, 0 for the rows this loss drops."""
        found = np.zeros(len(self.pair.rows))
        found[self.prepared.kept] = kept
        return found

    def spread_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors of candidate and incumbent at row length."""
        return self.spread(self.errors[0]), self.spread(self.errors[1])

    def whole(self) -> Figure:
        """Return the loss on all rows with its parts and contributors."""
        definition, rows = self.prepared.definition, self.pair.rows_at(self.prepared.kept)
        names = [row.target_id for row in rows]
        dropped = {row.target_id for row in self.pair.rows} - set(names)
        record: dict[str, Any] = {
            "definition_sha256": definition.sha256,
            **self.sides(),
            "delta": math.fsum(self.differences),
            "top_10_share": self.top_10_share(),
            "contributors": contributors(
                names, self.differences, None if definition.gating else LISTED
            ),
            "dropped": sorted(dropped),
        }
        for name, key in _KEYS.items():
            keys = [key(row) for row in rows]
            record[name] = by_key(keys, *self.errors, self.differences)
        return Figure(record, self._statistic(np.arange(len(self.pair.rows))))

    def train(self) -> dict[str, float] | None:
        """Return the loss of the train rows alone; None without any."""
        found = self._of_role(TRAIN)[0]
        return None if found is None else found.sides()

    def held_out(self) -> Figure | None:
        """Return the loss of the held-out rows alone; None without any."""
        found, index = self._of_role(HELD_OUT)
        if found is None:
            return None
        record = {**found.sides(), "delta": math.fsum(found.differences)}
        return Figure(record, found._statistic(index))

    def _of_role(self, role: str) -> tuple[LossFigure | None, np.ndarray]:
        """Return this loss formed on the rows of one role as if there were no others."""
        index = self.pair.index(lambda row: row.role == role)
        pair = self.pair
        part = Pair(pair.rows_at(index), pair.candidate[index], pair.incumbent[index])
        prepared = prepare(self.prepared.definition, part.rows)
        return (None if prepared is None else LossFigure(part, prepared)), index

    def _statistic(self, index: np.ndarray) -> Callable[[Drawn, Drawn], np.ndarray]:
        losses = self.prepared.losses
        return lambda c, i: losses(c.rows[:, index]) - losses(i.rows[:, index])


def loss_figures(pair: Pair) -> dict[str, LossFigure]:
    """Return every loss by name; one that drops all rows is undefined and left out."""
    prepared = {name: prepare(each, pair.rows) for name, each in loss_definitions().items()}
    return {name: LossFigure(pair, each) for name, each in prepared.items() if each is not None}
