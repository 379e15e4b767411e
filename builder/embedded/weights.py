"""Household weights raked to published population and households, with bounded factors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import load_targets
from builder.embedded.population import Population
from schemas.errors import BuildError
from schemas.records import read_record

CONTROLS_FILE = Path(__file__).parent / "controls.json"
_TOP_AGE = 200
_MAX_STEPS = 200


@dataclass(frozen=True)
class Controls:
    """Column names, household x control counts, and the published values they must sum to."""

    names: tuple[str, ...]
    counts: np.ndarray
    values: np.ndarray


@cache
def load_controls() -> dict[str, Any]:
    """Return the validated control record."""
    return read_record(CONTROLS_FILE, "population_controls")


@cache
def published_population() -> tuple[dict[tuple[int, int], float], dict[int, float]]:
    """Return persons by national age bin and by state FIPS (ACS S0101, both sexes, 2024)."""
    prefix = load_controls()["persons"]["target_prefix"]
    ages: dict[tuple[int, int], float] = {}
    states: dict[int, float] = {}
    for target in load_targets():
        if not target.target_id.startswith(prefix):
            continue
        bounds = {c.operator: c.value for c in target.constraints if c.variable == "age"}
        others = [c for c in target.constraints if c.variable not in ("age", "state_fips")]
        if others or not bounds:
            continue
        if target.geography_level == "national":
            low, high = _number(bounds.get(">=", 0)), _number(bounds.get("<", _TOP_AGE))
            ages[(low, high)] = target.value
        else:
            fips = next(_number(c.value) for c in target.constraints if c.variable == "state_fips")
            states[fips] = states.get(fips, 0.0) + target.value
    return ages, states


def _number(value: object) -> int:
    if isinstance(value, int | float):
        return int(value)
    raise BuildError(
        f"a population target is bounded by {value!r}, not a number",
        reason="builder.controls",
        remedy="mend the target facts",
    )


def household_controls(people: Population, fips: np.ndarray) -> Controls:
    """Return persons per household by age band and by state, and ones for the household count."""
    ages, states = published_population()
    record = load_controls()
    household = people.persons["household"].to_numpy()
    age = people.persons["age"].to_numpy()
    size = people.sizes["household"]
    names, values = ["households"], [float(record["households"]["value"])]
    columns: list[np.ndarray] = [np.ones(size)]
    for low, high in record["age_bands"]:
        top = _TOP_AGE if high is None else high
        inside = (age >= low) & (age < top)
        names.append(f"age {low} to {top}")
        columns.append(np.bincount(household, weights=inside.astype(float), minlength=size))
        values.append(sum(v for (a, b), v in ages.items() if a >= low and b <= top))
    persons = np.bincount(household, minlength=size)
    for code, value in sorted(states.items()):
        names.append(f"state {code}")
        columns.append(np.where(fips == code, persons, 0).astype(np.float64))
        values.append(value)
    return Controls(tuple(names), np.column_stack(columns), np.array(values))


def rake(initial: np.ndarray, controls: Controls) -> np.ndarray:
    """Return weights that meet the controls, each within the bounds times its scaled initial one.

    Logit calibration (Deville and Sarndal 1992, method 4): bounded factors around 1. Raises
    BuildError when the controls cannot be met inside the bounds.
    """
    record = load_controls()
    lower, upper = record["weight_ratio"]["lower"], record["weight_ratio"]["upper"]
    start = initial * (controls.values[0] / initial.sum())
    design = controls.counts / controls.values
    steepness = (upper - lower) / ((1 - lower) * (upper - 1))
    dual = np.zeros(design.shape[1])
    for _ in range(_MAX_STEPS):
        tilt = np.exp(np.clip(steepness * (design @ dual), -50, 50))
        base = (upper - 1) + (1 - lower) * tilt
        factor = (lower * (upper - 1) + upper * (1 - lower) * tilt) / base
        gap = 1 - design.T @ (start * factor)
        if np.abs(gap).max() < record["tolerance"]:
            return np.asarray(np.round(start * factor, 2))
        slope = (factor - lower) * (upper - factor) / (upper - lower) * steepness
        jacobian = design.T @ (design * (start * slope)[:, None])
        step = np.linalg.lstsq(jacobian, gap, rcond=1e-12)[0]
        largest = np.abs(design @ step).max()
        dual = dual + step * min(1.0, 1.0 / largest if largest else 1.0)
    worst = int(np.abs(gap).argmax())
    raise BuildError(
        f"raking misses {controls.names[worst]} by {gap[worst]:.1%} inside the weight bounds",
        reason="builder.raking",
        remedy="widen weight_ratio in builder/embedded/controls.json or sample more households",
    )
