"""The groups that a reform's effect is reported by: states, and deciles of baseline income."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from microdf import MicroSeries

from benchmarks.scoring.arrays import SimulatedArrays
from benchmarks.scoring.entities import EntityMap
from benchmarks.suite_benchmarks import NET_INCOME
from schemas.errors import MeasureError

REMAINDER = "not_itemised"
NEGATIVE_INCOME = "negative_income"
DECILES = tuple(str(number) for number in range(1, 11))
DECILE_GROUPS = (*DECILES, NEGATIVE_INCOME)
# Double precision keeps a sum of dollars to about 1e-15 of the largest total that enters it.
ROUNDING = 1e-14
# FIPS 5-2 codes; 72 is the one territory for which the engine has state rules.
STATES = {
    **{1: "AL", 2: "AK", 4: "AZ", 5: "AR", 6: "CA", 8: "CO", 9: "CT", 10: "DE", 11: "DC"},
    **{12: "FL", 13: "GA", 15: "HI", 16: "ID", 17: "IL", 18: "IN", 19: "IA", 20: "KS", 21: "KY"},
    **{22: "LA", 23: "ME", 24: "MD", 25: "MA", 26: "MI", 27: "MN", 28: "MS", 29: "MO", 30: "MT"},
    **{31: "NE", 32: "NV", 33: "NH", 34: "NJ", 35: "NM", 36: "NY", 37: "NC", 38: "ND", 39: "OH"},
    **{40: "OK", 41: "OR", 42: "PA", 44: "RI", 45: "SC", 46: "SD", 47: "TN", 48: "TX", 49: "UT"},
    **{50: "VT", 51: "VA", 53: "WA", 54: "WV", 55: "WI", 56: "WY", 72: "PR"},
}


@dataclass(frozen=True)
class Population:
    """Weights and groups of one file, grouped by its baseline.

    `weights` (households it stands for), `people_weights` (people it stands for), `states` (postal
    codes) and `deciles` (of `DECILE_GROUPS`) are household-length, `person_weights` person-length.
    """

    weights: np.ndarray
    people_weights: np.ndarray
    person_weights: np.ndarray
    states: np.ndarray
    deciles: np.ndarray


def output_values(simulated: SimulatedArrays, request: str) -> np.ndarray:
    """Return an output in double precision; raises MeasureError if absent or not finite."""
    if request not in simulated.arrays:
        raise MeasureError(
            f"the simulation holds no {request}",
            reason="measure.missing_output",
            remedy="simulate with the outputs that the suite requires",
        )
    values = np.asarray(simulated.arrays[request], dtype=np.float64)
    if not np.isfinite(values).all():
        raise MeasureError(
            f"{request} is not finite for some records",
            reason="measure.not_finite",
            remedy="mend the inputs of this variable in the measured file",
        )
    return values


def population_of(baseline: SimulatedArrays, weights: np.ndarray) -> Population:
    """Return the population of a baseline simulation and its household-length weights.

    Deciles are of household net income and hold equal numbers of people, households with a negative
    income left out as a group of their own (the rule of policyengine.py). Raises MeasureError where
    no household with a non-negative income has people and weight.
    """
    entities = EntityMap(baseline)
    rows = entities.household_rows("person")
    people = entities.to_household(np.ones(len(rows)), "person")
    people_weights = np.asarray(MicroSeries(people, weights=weights).weight())
    return Population(
        weights=weights,
        people_weights=people_weights,
        person_weights=weights[rows],
        states=state_codes(output_values(baseline, "state_fips")),
        deciles=_deciles(output_values(baseline, NET_INCOME), people_weights),
    )


def state_codes(fips: np.ndarray) -> np.ndarray:
    """Return postal codes of FIPS codes; a code of no state stays visible as `fips_NN`."""
    codes, rows = np.unique(fips.astype(np.int64), return_inverse=True)
    names = [STATES.get(code, f"fips_{code}") for code in codes.tolist()]
    return np.array(names, dtype=np.str_)[rows]


def group_sums(values: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Return the weighted total of `values` per group that has records."""
    # The weighted rows, then a plain sum: MicroSeries.groupby is slow, one series per group.
    sums = MicroSeries(values, weights=weights).weight().groupby(groups).sum()
    return {str(name): float(total) for name, total in sums.items()}


def adding_up(
    totals: Mapping[str, float], order: Iterable[str], delta: float, level: float
) -> list[dict[str, Any]]:
    """Return one item per group in `order`; they sum to `delta`.

    What the groups leave out becomes a last item, unless it is no more than rounding at `level`,
    the largest total (dollars) that entered the delta.
    """
    found: list[dict[str, Any]] = [
        {"name": name, "value": totals[name]} for name in order if name in totals
    ]
    rest = delta - math.fsum(each["value"] for each in found)
    if abs(rest) > ROUNDING * abs(level):
        found.append({"name": REMAINDER, "value": rest})
    return found


def _deciles(income: np.ndarray, people_weights: np.ndarray) -> np.ndarray:
    if not (people_weights[income >= 0] > 0).any():
        raise MeasureError(
            "no household with people and weight has a net income of zero or more",
            reason="measure.no_deciles",
            remedy="mend the incomes or the weights of the measured file",
        )
    ranks = MicroSeries(income, weights=people_weights).decile_rank(negatives_in_zero=True)
    names = np.array([NEGATIVE_INCOME, *DECILES])
    # A household that stands for nobody may rank at 0, below the first decile.
    return np.where(income < 0, NEGATIVE_INCOME, names[np.maximum(np.asarray(ranks, dtype=int), 1)])
