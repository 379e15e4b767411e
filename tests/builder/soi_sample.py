"""A made-up population and made-up size tables that it can meet, for the distribution donor."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Constraint, Target, load_targets
from builder.donors.soi_facts import SizeDonor, load_size_donor
from builder.frame import Frame
from schemas.dataset import GROUP_ENTITIES, id_name, membership_name

AGI = "adjusted_gross_income"
WAGES, INTEREST = "employment_income_before_lsr", "taxable_interest_income"
ORDINARY, QUALIFIED = "non_qualified_dividend_income", "qualified_dividend_income"
GAINS, PENSION = "long_term_capital_gains_before_response", "taxable_private_pension_income"
BANK, STOCK = "bank_account_assets", "stock_assets"
YIELDS = {"deposit_yield": 0.02, "dividend_yield": 0.05}

UNITS, WEIGHT = 3000, 100.0
LOW = (-np.inf, 1.0, 50_000.0, 100_000.0, 500_000.0)
RETURNS = (6_000.0, 150_000.0, 60_000.0, 70_000.0, 8_000.0)
TOTAL_AGI = (-5e7, 4e9, 4.4e9, 14e9, 10e9)
# Returns and dollars by band. Above 100,000 the lines add up to the AGI, less 3,000 a loss.
LINES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "wages": ((0, 0, 0, 63_000, 6_000), (0, 0, 0, 11e9, 4e9)),
    "interest": ((0, 0, 20_000, 40_000, 7_000), (0, 0, 2e7, 4e8, 1e9)),
    "dividends": ((0, 0, 9_000, 20_000, 6_000), (0, 0, 3e7, 6e8, 1.5e9)),
    "qualified": ((0, 0, 9_000, 20_000, 6_000), (0, 0, 1.5e7, 4.5e8, 1.2e9)),
    "gains": ((0, 4_000, 5_000, 20_000, 5_000), (0, 2e7, 5e7, 2.03e9, 3.503e9)),
    "losses": ((0, 0, 3_000, 10_000, 1_000), (0, 0, -3e7, -3e8, -4e7)),
}


def fact(group: str, aggregation: str, low: float, value: float) -> Target:
    """Return a published fact of one AGI band."""
    bound = Constraint(AGI, "<", 1) if np.isinf(low) else Constraint(AGI, ">=", low)
    return replace(
        _template(),
        target_id=f"{group}.{aggregation}.{low:g}",
        holdout_group=group,
        aggregation=aggregation,
        value=float(value),
        constraints=(bound,),
    )


@cache
def _template() -> Target:
    return load_targets()[0]


def facts(lines: dict[str, Any] = LINES) -> list[Target]:
    """Return the facts of all bands: returns, AGI, and both figures of every line."""
    found = []
    for band, low in enumerate(LOW):
        found.append(fact("returns", "count", low, RETURNS[band]))
        found.append(fact("agi", "sum", low, TOTAL_AGI[band]))
        for name, (returns, dollars) in lines.items():
            found.append(fact(name, "count", low, returns[band]))
            found.append(fact(name, "sum", low, dollars[band]))
    return found


def record(**changes: Any) -> dict[str, Any]:
    """Return the record of a donor with five lines."""
    line = {"sign": 1, "spread": 1.0}
    split = {"group": "qualified", "variable": QUALIFIED}
    wages = {"from_agi": 100_000, "placed": "earners", "shape": "own"}
    return {
        "schema": "size_donor",
        "schema_version": 1,
        "id": "made-up",
        "label": "made-up size tables",
        "returns_group": "returns",
        "agi_group": "agi",
        "ranked_above": 100_000,
        "passes": 3,
        "kept_income": {PENSION: 1.0},
        "sources": [{"title": "made up", "file": None}],
        "assets": {
            BANK: {"flow": [INTEREST], "yield": "deposit_yield"},
            STOCK: {"flow": [QUALIFIED, ORDINARY], "yield": "dividend_yield"},
        },
        "lines": [
            {**line, "id": "wages", "group": "wages", "variable": WAGES, **wages},
            {**line, "id": "interest", "group": "interest", "variable": INTEREST, "from_agi": 5e4},
            {
                **{**line, "id": "dividends", "group": "dividends", "variable": ORDINARY},
                **{"from_agi": 50_000, "split": split},
            },
            {**line, "id": "gains", "group": "gains", "variable": GAINS, "from_agi": 1},
            {
                **{**line, "id": "losses", "group": "losses", "variable": GAINS},
                **{"sign": -1, "spread": 0.0, "from_agi": 50_000},
            },
        ],
        **changes,
    }


def donor(folder: Path, **changes: Any) -> SizeDonor:
    """Return the donor of the record, fitted to the made-up facts."""
    return load_size_donor(facts(), set(), written(folder, **changes))


def written(folder: Path, **changes: Any) -> Path:
    """Write the record and return where it lies."""
    path = folder / "lines.json"
    path.write_text(json.dumps(record(**changes)))
    return path


def population(seed: int = 0, shared: int = 200) -> Frame:
    """Return 3,000 tax units of two persons, the first `shared` of them two to a household.

    Half of the partners earn; a tenth of the units lives on a pension alone.
    """
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(UNITS), 2)
    unit_number, homes = np.arange(UNITS), UNITS - shared // 2
    home = np.where(unit_number < shared, unit_number // 2, unit_number - shared // 2)
    columns: dict[str, np.ndarray] = {"person_id": np.arange(1, 2 * UNITS + 1)}
    for entity in GROUP_ENTITIES:
        group = home if entity == "household" else np.arange(UNITS)
        columns[id_name(entity)] = np.unique(group) + 1
        columns[membership_name(entity)] = group[unit] + 1
    head = np.arange(2 * UNITS) % 2 == 0
    earns = head | (random.random(2 * UNITS) < 0.5)
    retired = (random.random(UNITS) < 0.1)[unit]
    pay = np.rint(random.lognormal(10.3, 0.9, 2 * UNITS)) * (earns & ~retired)
    saves = random.random(2 * UNITS) < 0.3
    columns |= {
        "age": np.where(retired, 72.0, 40.0),
        "tax_unit_role_input": np.where(head, "HEAD", "SPOUSE"),
        "household_weight": np.full(homes, WEIGHT),
        WAGES: pay,
        PENSION: np.rint(random.lognormal(9.8, 0.6, 2 * UNITS)) * (retired & head),
        INTEREST: np.rint(random.lognormal(5, 2, 2 * UNITS)) * saves,
        ORDINARY: np.zeros(2 * UNITS),
        QUALIFIED: np.rint(random.lognormal(5, 1, 2 * UNITS)) * (saves & head),
        BANK: np.rint(random.lognormal(8, 1, 2 * UNITS)),
        STOCK: np.zeros(2 * UNITS),
    }
    keys = np.arange(homes) + 70_000
    return Frame(columns, 2024, np.full(homes, "psl-cps"), keys)


def agi(frame: Frame) -> np.ndarray:
    """Return the AGI of each tax unit, as far as these variables make it."""
    names = (WAGES, PENSION, INTEREST, ORDINARY, QUALIFIED, GAINS)
    person = sum(frame.columns.get(name, np.zeros(2 * UNITS)) for name in names)
    return frame.sum_to("tax_unit", np.asarray(person, dtype=np.float64))
