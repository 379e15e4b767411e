"""Lots of long-term capital gains, and the gain that is left when their basis is indexed.

A lot is an asset that was bought in one year and sold in another. Most datasets hold no lots, so
one deterministic generator is applied to every dataset: what differs between two results is then
the data, not the lots. Source of the rule: policyengine-us draft #8427 (adjustment = basis x
(price ratio - 1), for assets held longer than a minimum, capped at the gain).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.capital_gains.prices import Prices, load_prices
from schemas.errors import MeasureError, RecordError
from schemas.records import read_record

GAINS = "long_term_capital_gains_before_response"
SCHEMA = "lot_generator"
# A person's lots sum to the person's gain: the tolerances of the published lots table.
ABSOLUTE, RELATIVE = 1e-5, 1e-9
_SHARES_SUM = 1e-12
_LARGEST = float(np.finfo(np.float32).max)  # the engine holds amounts as float32
_ROOM = Path(__file__).parent


@dataclass(frozen=True)
class Lots:
    """Lots sold in one year: arrays of one length, in no particular order.

    `person` is the row of the person in the dataset; `gain` (proceeds less basis, negative for a
    loss) and `basis` (purchase price) are nominal dollars; `years_held` may hold fractions.
    """

    person: np.ndarray
    gain: np.ndarray
    basis: np.ndarray
    years_held: np.ndarray
    purchase_year: np.ndarray
    sale_year: int


@dataclass(frozen=True)
class Generator:
    """How a gain is split: `shares` (sum 1) by `years_held`, and the nominal growth of a lot."""

    years_held: np.ndarray
    shares: np.ndarray
    gain_growth: float
    loss_growth: float


def load_generator(name: str) -> Generator:
    """Return the committed settings `name`; raises RecordError if absent, invalid or unbalanced."""
    record = read_record(_ROOM / f"{name}.json", SCHEMA)
    years = np.array([each["years_held"] for each in record["lots"]], dtype=np.int64)
    shares = np.array([each["share"] for each in record["lots"]], dtype=np.float64)
    if abs(shares.sum() - 1) > _SHARES_SUM:
        raise RecordError(
            f"{name}: the shares of its lots sum to {shares.sum()}, not 1",
            reason="capital_gains.shares",
            remedy="mend $.lots[*].share",
        )
    growth = record["annual_growth"]
    return Generator(years, shares, growth["gains"], growth["losses"])


def generate_lots(gains: np.ndarray, year: int, settings: Generator) -> Lots:
    """Return lots sold in `year` that sum to each person's gain (person length, dollars).

    A person's lots depend on nothing but the person's own gain: no id, row, weight or dataset. A
    lot grew at the same nominal rate every year, so basis = gain / ((1 + growth)^years - 1); a
    loss lot shrank, and its basis exceeds its proceeds. A gain of zero has no lots.
    Raises MeasureError for gains that aren't finite dollars.
    """
    dollars = _dollars(gains)
    person = np.flatnonzero(dollars)
    lot_gains = np.outer(dollars[person], settings.shares)
    growth = np.where(lot_gains > 0, settings.gain_growth, settings.loss_growth)
    years = np.broadcast_to(settings.years_held, lot_gains.shape)
    basis = lot_gains / ((1 + growth) ** years - 1)
    held = years.ravel().astype(np.float64)
    rows = np.repeat(person, settings.shares.size)
    return Lots(rows, lot_gains.ravel(), basis.ravel(), held, year - years.ravel(), year)


def unbalanced_persons(lots: Lots, gains: np.ndarray) -> np.ndarray:
    """Return the rows of persons whose lots don't sum to their gain (person length, dollars)."""
    total = np.bincount(lots.person, weights=lots.gain, minlength=gains.size)
    return np.flatnonzero(~np.isclose(total, gains, rtol=RELATIVE, atol=ABSOLUTE))


def indexed_gains(
    gains: np.ndarray,
    lots: Lots,
    prices: Prices,
    *,
    minimum_years_held: float,
    floor_at_zero: bool = True,
) -> np.ndarray:
    """Return each person's gain after indexing (person length, dollars, float64).

    A lot sold at a gain and held longer than `minimum_years_held` loses basis x (price ratio - 1)
    of it, never less than zero, and with `floor_at_zero` never more than its gain. Losses stay,
    and so does, to the last bit, the gain of a person without such a lot.
    Raises MeasureError for lots that don't sum to the gains, and for years without a price.
    """
    dollars = _dollars(gains)
    _check_balance(lots, dollars)
    indexed = np.flatnonzero((lots.gain > 0) & (lots.years_held > minimum_years_held))
    ratio = prices.at(np.array([lots.sale_year])) / prices.at(lots.purchase_year[indexed])
    reduction = lots.basis[indexed] * np.maximum(ratio - 1, 0)
    if floor_at_zero:
        reduction = np.minimum(reduction, lots.gain[indexed])
    return dollars - np.bincount(lots.person[indexed], weights=reduction, minlength=dollars.size)


def capital_gains_arm_inputs(
    gains: np.ndarray, year: int, indexing: Mapping[str, Any], lots: Lots | None = None
) -> dict[str, np.ndarray]:
    """Return the person-length input that the reform arm replaces: indexed gains of `year`.

    `indexing` is the suite entry's: `minimum_years_held`, `floor_at_zero`, `prices`, `generator`.
    With `lots` (a candidate's own) the generator isn't used. Raises MeasureError for gains or lots
    that don't fit and for years without a price, RecordError for an unknown series or generator.
    """
    own = lots
    if own is None:
        own = generate_lots(gains, year, load_generator(indexing["generator"]))
    if own.sale_year != year:
        raise MeasureError(
            f"the lots were sold in {own.sale_year}, the benchmark is of {year}",
            reason="capital_gains.year",
            remedy=f"pass the lots of {year}",
        )
    result = indexed_gains(
        gains,
        own,
        load_prices(indexing["prices"]),
        minimum_years_held=indexing["minimum_years_held"],
        floor_at_zero=indexing["floor_at_zero"],
    )
    return {GAINS: result}


def _dollars(gains: np.ndarray) -> np.ndarray:
    """Return gains as float64; MeasureError unless they are one row of finite dollars."""
    dollars = np.asarray(gains, dtype=np.float64)
    if dollars.ndim != 1:
        raise _refused(f"{GAINS} has {dollars.ndim} dimensions, not one row per person")
    wrong = np.flatnonzero(~(np.abs(dollars) <= _LARGEST))
    if wrong.size:
        raise _refused(f"{GAINS} of person row {wrong[0]} is {dollars[wrong[0]]}")
    return dollars


def _check_balance(lots: Lots, gains: np.ndarray) -> None:
    if lots.person.size and not 0 <= lots.person.min() <= lots.person.max() < gains.size:
        raise _refused(f"the lots name a person outside the {gains.size} rows of the file")
    wrong = unbalanced_persons(lots, gains)
    if wrong.size:
        raise _refused(
            f"the lots of {wrong.size} persons (first: row {wrong[0]}) don't sum to their {GAINS}"
        )


def _refused(message: str) -> MeasureError:
    return MeasureError(
        message,
        reason="capital_gains.lots",
        remedy=f"mend {GAINS} in the file, or make the lots of this very file",
    )
