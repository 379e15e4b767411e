"""Distribution donor: amounts drawn from published SOI size distributions, no microdata.

Serves where no microdata donor is on the machine: the CPS has no capital gains and loses most of
the interest, dividends and business income at the top. It is fitted to published figures of train
groups only (returns and dollars by AGI), is labelled as such in the manifest, and carries no joint
structure but AGI and what the recipient reported itself.

Above `ranked_above` dollars tax units enter AGI bands by their weighted rank, so that each band
holds the published number of returns; below, by their own dollars. In a band the published number
of returns has a line: those that reported it first, then by a hash. Dollars are lognormal inside
the band and add up to the published total; ranked units keep the AGI of their rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from builder.donors.soi_facts import Bands, Line, SizeDonor, Split
from builder.donors.soi_report import size_donor_report
from builder.donors.soi_units import TaxUnits, tax_units
from builder.embedded.hashing import draw
from builder.frame import Frame

_FIT_STEPS = 40
_LEAST_SHARE = 0.02  # of a unit's AGI that its lines make at least, whatever it keeps
_COMMON, _FIRST_LINE = 100, 101  # hash streams: one shared by all lines (wealth), one per line


@dataclass(frozen=True)
class _Placed:
    """Band of each tax unit, and the AGI that ranked ones get (nan: not ranked)."""

    band: np.ndarray
    level: np.ndarray


def impute_sizes(
    frame: Frame, donor: SizeDonor, yields: dict[str, float]
) -> tuple[Frame, dict[str, Any]]:
    """Return the frame with the donor's lines in place, and a report of what it changed.

    `yields` are the constants that turn a flow into a stock (per year). Dollars are whole.
    """
    units = tax_units(frame)
    own = {line.variable: units.total(line.variable) for line in donor.lines}
    own |= {n: units.total(n) for n in _splits(donor)}
    kept = units.weighted_sum(donor.kept_income)
    amounts, drawn = dict(own), np.zeros((0, 0))
    for _ in range(donor.passes):  # bands follow from AGI, AGI from what the bands give
        placed = _place(kept + np.sum(list(amounts.values()), axis=0), units, donor)
        drawn = _drawn(units, donor, own, kept, placed)
        amounts = _combined(drawn, donor, own, placed)
    changed = _columns(units, donor, own, amounts, yields)
    made = {line.id: values for line, values in zip(donor.lines, drawn, strict=True)}
    ranked = int((~np.isnan(placed.level)).sum())
    return frame.with_columns(changed), size_donor_report(donor, units, made, own, ranked)


def _splits(donor: SizeDonor) -> set[str]:
    return {line.split.variable for line in donor.lines if line.split}


def _place(agi: np.ndarray, units: TaxUnits, donor: SizeDonor) -> _Placed:
    """Put tax units into bands: by rank from the top above `ranked_above`, below by dollars."""
    bands, weight = donor.bands, units.weight
    first = int(np.searchsorted(bands.low, donor.ranked_above))
    order = np.lexsort((units.key, -agi))  # ties by key, whatever the order of the records
    middle = np.cumsum(weight[order]) - weight[order] / 2
    ends = np.cumsum(bands.returns[first:][::-1])
    from_top = np.searchsorted(ends, middle, side="right")
    ranked = from_top < len(ends)
    band = np.minimum(np.searchsorted(bands.low, agi, side="right") - 1, first - 1)
    band[order[ranked]] = len(bands.low) - 1 - from_top[ranked]
    level = np.full(len(agi), np.nan)
    for each in range(first, len(bands.low)):
        inside = order[ranked][band[order[ranked]] == each]
        level[inside] = _levels(bands, each, weight[inside])
    return _Placed(band, level)


def _levels(bands: Bands, band: int, weight: np.ndarray) -> np.ndarray:
    """Return the AGI of a band's units, highest first, with the published mean of the band."""
    low, high = bands.low[band], bands.high()[band]
    mean = bands.agi[band] / bands.returns[band]
    if not len(weight):
        return np.zeros(0)
    below = 1 - (np.cumsum(weight) - weight / 2) / weight.sum()
    if np.isinf(high):
        excess = low * (1 - below) ** (-(mean - low) / mean) - low
    else:
        share = (mean - low) / (high - low)
        excess = (high - low) * below ** (1 / share - 1)
    fitted = excess * (mean - low) * weight.sum() / (excess @ weight)
    return np.asarray(low + np.minimum(fitted, 0.999 * (high - low)))


def _drawn(
    units: TaxUnits,
    donor: SizeDonor,
    own: dict[str, np.ndarray],
    kept: np.ndarray,
    placed: _Placed,
) -> np.ndarray:
    """Return signed dollars, lines x tax units; a unit has a profit or a loss, never both."""
    drawn = np.zeros((len(donor.lines), len(kept)))
    taken: dict[str, np.ndarray] = {}
    for index, line in enumerate(donor.lines):
        reported = np.maximum(line.sign * _own_of(line, own), 0)
        free = ~taken.get(line.variable, np.zeros(len(kept), dtype=bool))
        drawn[index] = line.sign * _draw(line, index, units, reported, free, placed)
        taken[line.variable] = ~free | (drawn[index] != 0)
    return _fitted(drawn, donor, units.weight, kept, placed)


def _own_of(line: Line, own: dict[str, np.ndarray]) -> np.ndarray:
    return own[line.variable] + (own[line.split.variable] if line.split else 0.0)


def _applies(line: Line, placed: _Placed) -> np.ndarray:
    """Return the tax units whose band the line is drawn in."""
    return np.asarray(line.applies[placed.band])


def _draw(
    line: Line,
    index: int,
    units: TaxUnits,
    reported: np.ndarray,
    free: np.ndarray,
    placed: _Placed,
) -> np.ndarray:
    """Return one line's dollars (tax-unit length, not negative) that meet each band's facts."""
    amounts = np.zeros(len(free))
    score = draw(units.key, _COMMON) + draw(units.key, _FIRST_LINE + index)
    order = np.lexsort((-score, -reported))
    for band in np.flatnonzero(line.applies):
        rows = order[(placed.band[order] == band) & free[order]]
        if line.returns[band] <= 0 or not len(rows):
            continue
        middle = np.cumsum(units.weight[rows]) - units.weight[rows] / 2
        chosen = middle < line.returns[band]
        chosen[0] |= line.returns[band] > units.weight[rows[0]] / 4
        rows, place = rows[chosen], middle[chosen] / line.returns[band]
        if not len(rows):
            continue
        shape = np.exp(line.spread * ndtri(np.clip(1 - place, 0.001, 0.999)))
        if line.own_shape:
            typical = np.median(reported[rows]) or 1.0
            shape = np.where(reported[rows] > 0, reported[rows], typical * shape)
        amounts[rows] = shape * line.amounts[band] / (shape @ units.weight[rows])
    return amounts


def _fitted(
    drawn: np.ndarray,
    donor: SizeDonor,
    weight: np.ndarray,
    kept: np.ndarray,
    placed: _Placed,
) -> np.ndarray:
    """Scale ranked units' lines in turn to the AGI of each unit and to the dollars of each line.

    The unit comes last: bands keep their number of returns, lines come near their totals.
    """
    rows = np.flatnonzero(~np.isnan(placed.level))
    part, level = drawn[:, rows], placed.level[rows]
    gains = np.array([line.sign > 0 for line in donor.lines])
    negative = part[~gains].sum(axis=0)
    need = np.maximum(level - kept[rows] - negative, _LEAST_SHARE * level)
    bare = part[gains].sum(axis=0) <= 0
    part[int(np.flatnonzero(gains)[0]), bare] = need[bare]
    positive = part[gains]
    wanted = np.array([line.amounts for line, g in zip(donor.lines, gains, strict=True) if g])
    band, count = placed.band[rows], len(donor.bands.low)
    for _ in range(_FIT_STEPS):
        for line, goal in zip(positive, wanted, strict=True):
            have = np.bincount(band, weights=line * weight[rows], minlength=count)
            line *= np.divide(goal, have, out=np.ones(count), where=(have > 0) & (goal > 0))[band]
        positive *= need / positive.sum(axis=0)
    part[gains] = positive
    drawn[:, rows] = part
    return drawn


def _combined(
    drawn: np.ndarray, donor: SizeDonor, own: dict[str, np.ndarray], placed: _Placed
) -> dict[str, np.ndarray]:
    """Return dollars per variable: drawn where a line applies, else what the unit had."""
    amounts = {name: values.copy() for name, values in own.items()}
    for variable in {line.variable for line in donor.lines}:
        index = [i for i, line in enumerate(donor.lines) if line.variable == variable]
        line = donor.lines[index[0]]
        applies = _applies(line, placed)
        total = drawn[index].sum(axis=0)
        share = np.zeros(len(total))
        if line.split:
            share = _share_of(line.split, line)[placed.band]
            amounts[line.split.variable][applies] = (total * share)[applies]
        amounts[variable][applies] = (total * (1 - share))[applies]
    return amounts


def _share_of(split: Split, line: Line) -> np.ndarray:
    """Return the part of a line's dollars that the split takes, per band."""
    share = np.zeros(len(line.amounts))
    np.divide(split.amounts, line.amounts, out=share, where=line.amounts > 0)
    return np.minimum(share, 1.0)


def _columns(
    units: TaxUnits,
    donor: SizeDonor,
    own: dict[str, np.ndarray],
    amounts: dict[str, np.ndarray],
    yields: dict[str, float],
) -> dict[str, np.ndarray]:
    """Return the person columns, in whole dollars; units without a change keep their persons'."""
    earners = {line.variable for line in donor.lines if line.to_earners}
    changed: dict[str, np.ndarray] = {}
    unit = units.frame.row_of("tax_unit")
    for name, values in amounts.items():
        before = units.frame.columns.get(name, np.zeros(units.frame.size("person")))
        placed = units.to_earners(values, name) if name in earners else units.to_heads(values)
        moved = (values != own[name])[unit]
        changed[name] = np.where(moved, np.rint(placed), before).astype(np.float32)
    for asset, rule in donor.assets.items():
        flow = sum(changed[name] for name in rule["flow"])
        moved = np.any([(amounts[n] != own[n])[unit] for n in rule["flow"]], axis=0)
        stock = np.rint(flow / yields[rule["yield"]])
        changed[asset] = np.where(moved, stock, units.frame.columns[asset]).astype(np.float32)
    return changed
