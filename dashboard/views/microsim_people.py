"""Who gains, who loses and who is poor, reform by reform, on candidate and incumbent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dashboard.blocks import Cell, Column, Link, Section, Table
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.lookup import POINTS, Side, sides

_GAIN = ("gain_less_than_5pct", "gain_more_than_5pct")
_LOSE = ("lose_less_than_5pct", "lose_more_than_5pct")


def people(run: RunData) -> Section:
    """Return the shares of people who gain and lose, and the change of poverty, of every reform."""
    rows = tuple(_row(run, entry) for entry in run.get("suite", "/benchmarks"))
    of = "Share of all people whose household"
    poor = "Change of the SPM poverty rate of all people, in percentage points."
    columns = [Column("Reform")]
    for label, hint in (
        ("Gain", f"{of} gains more than 0.1 % of its net income."),
        ("Lose", f"{of} loses more than 0.1 % of its net income."),
        ("Poverty", poor),
    ):
        columns += [Column(f"{label}, {side}", True, hint) for side in ("candidate", "incumbent")]
    note = "The page of each reform has the classes of change, ages, deciles and inequality."
    table = Table("Who gains, who loses, and poverty", tuple(columns), rows, note)
    return Section("Winners, losers and poverty", (table,))


def _row(run: RunData, entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    pair = sides(run, entry["id"])
    page = Link("microsim", {"run": run.key, "benchmark": entry["id"]}, entry["id"])
    return (
        Cell(entry["id"], link=page, note=entry["title"]),
        *_shares(run, pair, _GAIN),
        *_shares(run, pair, _LOSE),
        *(_poverty(run, side) for side in pair),
    )


def _shares(run: RunData, pair: Sequence[Side], classes: Sequence[str]) -> Iterator[Cell]:
    for side in pair:
        found = [side.get("report", "winners_losers", "all", each) for each in classes]
        known = all(each is not None for each in found)
        rule = f"{' + '.join(classes)} of all people"
        yield run.derived(math.fsum(found), "share", rule) if known else Cell(NOTHING)


def _poverty(run: RunData, side: Side) -> Cell:
    at = ("report", "poverty", "spm", "all")
    change = side.get(*at, "change")
    if change is None:
        return replace(Cell(NOTHING), note=side.get(*at, "reason") or "")
    rule = "100 * (reform - baseline), both as shares"
    return run.derived(100 * change, POINTS, rule, signed=True)
