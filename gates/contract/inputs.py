"""Inputs: weights, take-up, wages, and what the incumbent populates must not be empty."""

from __future__ import annotations

import numpy as np

from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import WEIGHT
from schemas.engine_metadata import variable_table

_NO_WEIGHT = f"{WEIGHT} is not stored as a number (weights.present)"


def weights_present(file: Examined) -> Found:
    """household_weight is stored as a number (absent: every household counts as one)."""
    if not file.data.has(WEIGHT):
        return Found(1, (f"{WEIGHT} is absent: every household would count as one",))
    dtype = file.data.header(WEIGHT).dtype
    wrong = () if dtype.kind in "fiu" else (f"{WEIGHT} is {dtype}, not a number",)
    return Found(1, wrong)


def weights_nonnegative(file: Examined) -> Found:
    """No household weight is negative (the loader accepts them)."""
    values = file.numbers(WEIGHT)
    if values is None:
        return Found(0, (), unmeasured=_NO_WEIGHT)
    negative = int((values < 0).sum())
    lines = (f"{WEIGHT} is negative in {negative} households",) if negative else ()
    return Found(len(values), lines)


def weights_total(file: Examined) -> Found:
    """Household weights sum to 100-200 million households (upload validator of us-data)."""
    values = file.numbers(WEIGHT)
    if values is None:
        return Found(0, (), unmeasured=_NO_WEIGHT)
    low, high = contract_lists().weight_sum_band
    total = float(values.sum(dtype=np.float64))
    if not np.isfinite(total) or low <= total <= high:  # values.finite reports the former
        return Found(len(values), ())
    return Found(len(values), (f"{WEIGHT} sums to {total:,.0f}, not {low:,.0f} to {high:,.0f}",))


def take_up(file: Examined) -> Found:
    """Take-up flags are stored (an absent flag means 100 % take-up; incident 15)."""
    required = contract_lists().required_take_up
    return Found(len(required), tuple(name for name in required if not file.data.has(name)))


def wages(file: Examined) -> Found:
    """Wages are stored at their behavioural leaf and populated (incidents 1, 2)."""
    lists = contract_lists()
    name = lists.wage_variable
    values = file.numbers(name)
    if values is None:
        return Found(1, (f"{name} is not stored as a number",))
    share = file.data.nonzero_share(name)
    if share >= lists.wage_nonzero_share_floor:
        return Found(1, ())
    return Found(1, (f"{name} is non-zero for only {share:.2%} of persons",))


def parity(file: Examined) -> Found:
    """Inputs that the incumbent populates are populated here too (incidents 1, 2, 30).

    Shares are of records, unweighted: a weighting scheme cannot hide an empty input.
    """
    if file.incumbent is None:
        return Found(0, (), not_applicable="no incumbent was named to compare the inputs with")
    if isinstance(file.incumbent, str):
        return Found(0, (), unmeasured=file.incumbent)
    table = variable_table()
    required = [each for each in file.incumbent["inputs"] if each["name"] in table]
    lines: list[str] = []
    for each in required:
        name, theirs = each["name"], each["nonzero_share"]
        if not file.data.has(name):
            lines.append(f"{name} is absent, the incumbent has it in {theirs:.2%} of records")
        elif _too_rare(ours := file.data.nonzero_share(name), len(file.data.read(name)), theirs):
            lines.append(f"{name} is non-zero in {ours:.2%} of records, incumbent {theirs:.2%}")
    return Found(len(required), tuple(lines))


def _too_rare(share: float, records: int, incumbent_share: float) -> bool:
    """Decide whether an input is empty, or far rarer than chance makes it in a file this long."""
    rule = contract_lists().parity
    if incumbent_share * records < rule.least_records:
        return incumbent_share > 0 and share == 0
    return share < rule.share_of_incumbent * incumbent_share
