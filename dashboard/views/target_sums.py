"""What a part of the targets amounts to: won, lost and tied, its share of the loss, its extremes.

Every table by source, family or place is made of the same rows, so that each adds up to its last.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from dashboard.blocks import Cell, Column
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING
from dashboard.views.target_filters import id_cell

_ERROR = "squared relative error, capped"
_WINNERS = ("candidate", "incumbent", "tie")


@dataclass
class Tally:
    """Winners of some targets, and the places of those with the largest loss and the largest win.

    A place is None where no target raises, or lowers, the loss difference.
    """

    winners: Counter[str] = field(default_factory=Counter)
    worst: int | None = None
    best: int | None = None
    _most: float = 0.0
    _least: float = 0.0

    def add(self, place: int, winner: str, part: float) -> None:
        """Count one target with its part of the loss difference."""
        self.winners[winner] += 1
        if part > self._most:
            self._most, self.worst = part, place
        elif part < self._least:
            self._least, self.best = part, place


@dataclass(frozen=True)
class Part:
    """Targets that stand together: their name, the record's keys that they are under, their tally.

    `at` is the path of the record's parts, as in losses, broad_relative_v1, by_source.
    """

    name: Cell
    at: tuple[str, ...]
    keys: tuple[str, ...]
    tally: Tally


def tallies(rows: pd.DataFrame, keys: Iterable[str]) -> Mapping[str, Tally]:
    """Return the tally of each key; `keys` are those of the rows. An unknown key has an empty one.

    One pass over all rows: a page has some eighty parts.
    """
    found: defaultdict[str, Tally] = defaultdict(Tally)
    columns = (rows.index, rows["winner"], rows["contribution"])
    for key, *row in zip(keys, *(each.tolist() for each in columns), strict=True):
        found[key].add(*row)
    return found


def part_columns(label: str) -> tuple[Column, ...]:
    """Return the columns of a table of parts; the first names them."""
    return (
        Column(label),
        Column("Targets", numeric=True),
        Column("Won", numeric=True, hint="targets where the candidate is closer"),
        Column("Lost", numeric=True, hint="targets where the incumbent is closer"),
        Column("Tied", numeric=True, hint="targets that both miss by the same"),
        Column("Mean error, candidate", numeric=True, hint=_ERROR),
        Column("Mean error, incumbent", numeric=True, hint=_ERROR),
        Column("Part of the loss difference", numeric=True, hint="adds up; + is worse"),
        Column("Largest loss", hint="target that raises the difference most"),
        Column("Largest win", hint="target that lowers the difference most"),
    )


def counted(run: RunData, frame: pd.DataFrame, loss: str) -> pd.DataFrame:
    """Return the targets that a loss keeps: it may leave out some of those compared."""
    dropped = run.get("loss", pointer("losses", loss, "dropped")) or ()
    return frame[~frame["target_id"].isin(dropped)] if dropped else frame


def part_row(run: RunData, part: Part) -> tuple[Cell, ...]:
    """Return the row of a part; one without targets has a nought and dashes."""
    dash = Cell(NOTHING)
    if not part.keys:
        return part.name, run.derived(0, "", "number of targets in this place"), *(dash,) * 8
    targets, ours, theirs, delta = _figures(run, part)
    won = (_won(run, part.tally, winner, "of this part ") for winner in _WINNERS)
    ends = (_extreme(run, place) for place in (part.tally.worst, part.tally.best))
    return part.name, targets, *won, ours, theirs, delta, *ends


def total_row(run: RunData, name: str, rows: pd.DataFrame, loss: str) -> tuple[Cell, ...]:
    """Return the last row, over all the targets that a loss keeps."""
    dash = Cell(NOTHING)
    if len(rows) == run.get("loss", "/kept/count"):
        counts = [run.cell("loss", at) for at in ("/kept/count", "/wins", "/losses_count", "/ties")]
    else:
        counts = [run.derived(len(rows), "", "number of targets that this loss keeps")]
        every = tallies(rows, [name] * len(rows))[name]
        counts += [_won(run, every, winner, "that this loss keeps ") for winner in _WINNERS]
    delta = run.cell("loss", pointer("losses", loss, "delta"), "loss", signed=True)
    return Cell(name), *counts, dash, dash, delta, dash, dash


def _figures(run: RunData, part: Part) -> tuple[Cell, Cell, Cell, Cell]:
    """Return targets, both mean errors and the difference: of the record, or formed from it."""
    if len(part.keys) == 1:
        at = (*part.at, part.keys[0])
        return (
            run.cell("loss", pointer(*at, "targets")),
            run.cell("loss", pointer(*at, "candidate"), "loss"),
            run.cell("loss", pointer(*at, "incumbent"), "loss"),
            run.cell("loss", pointer(*at, "delta"), "loss", signed=True),
        )
    each = [run.get("loss", pointer(*part.at, key)) for key in part.keys]
    rule = f"sum over the parts {part.at[-1]} that lie in {part.name.text}"
    mean = f"mean over the parts {part.at[-1]} that lie in {part.name.text}, weighted by targets"
    targets = sum(found["targets"] for found in each)
    errors = (
        math.fsum(found[side] * found["targets"] for found in each) / max(targets, 1)
        for side in ("candidate", "incumbent")
    )
    ours, theirs = (run.derived(error, "loss", mean) for error in errors)
    delta = math.fsum(found["delta"] for found in each)
    return (
        run.derived(targets, "", rule),
        ours,
        theirs,
        run.derived(delta, "loss", rule, signed=True),
    )


def _won(run: RunData, tally: Tally, winner: str, which: str) -> Cell:
    said = "that both miss by the same" if winner == "tie" else f"whose winner is the {winner}"
    return run.derived(tally.winners[winner], "", f"targets {which}{said}")


def _extreme(run: RunData, place: int | None) -> Cell:
    return Cell(NOTHING) if place is None else id_cell(run, place, mark=True)
