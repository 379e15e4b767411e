"""Where households live: states, the population of each, and counties of the 2020 vintage."""

from __future__ import annotations

import numpy as np

from baselines.targets import state_population
from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import WEIGHT, id_name, membership_name
from schemas.engine_metadata import counties

STATE, COUNTY = "state_fips", "county_fips"
# Codes that begin with the state's two digits, and how long they are.
STATE_DIGITS = {COUNTY: 5, "tract_geoid": 11, "block_geoid": 15, "congressional_district_geoid": 4}
_NO_STATE = f"{STATE} is not stored as one whole number per household (geography.states, lengths)"


def states(file: Examined) -> Found:
    """state_fips holds codes of the 51 states only (a missing one puts everybody in California)."""
    values = file.numbers(STATE)
    if values is None:
        return Found(1, (f"{STATE} is absent or no number: everybody would live in California",))
    strangers, counts = np.unique(
        values[~np.isin(values, contract_lists().state_fips)], return_counts=True
    )
    pairs = zip(strangers.tolist(), counts.tolist(), strict=True)
    lines = tuple(f"{STATE} {value} is no state ({count} households)" for value, count in pairs)
    return Found(len(values), lines)


def complete(file: Examined) -> Found:
    """All 51 states have households (incident 13: empty areas)."""
    values = file.numbers(STATE)
    wanted = contract_lists().state_fips
    if values is None:
        return Found(0, (), unmeasured=_NO_STATE)
    missing = sorted(set(wanted) - set(np.unique(values).tolist()))
    return Found(len(wanted), tuple(f"state {value} has no household" for value in missing))


def population(file: Examined) -> Found:
    """Each state's weighted persons are within a factor of the published population.

    Incident 17: weights of whole states crushed to about zero. Accuracy is the target loss's task;
    a state without any household is reported by `complete` alone.
    """
    persons = _persons_by_state(file)
    if persons is None:
        return Found(0, (), unmeasured=f"{STATE}, {WEIGHT} or the households are not sound")
    low, high = contract_lists().state_population_band
    lines = []
    for state, published in state_population().items():
        found = persons.get(state)
        if found is not None and not low * published <= found <= high * published:
            lines.append(f"state {state} has {found:,.0f} persons, published {published:,.0f}")
    return Found(len(state_population()), tuple(lines))


def _persons_by_state(file: Examined) -> dict[int, float] | None:
    from microdf import MicroSeries  # slow to import, and only weighted figures need it

    needed = (id_name("household"), membership_name("household"), STATE, WEIGHT)
    arrays = [file.numbers(name) for name in needed]
    if any(each is None for each in arrays):
        return None
    ids, members, state, weights = (np.asarray(each) for each in arrays)
    sound = 0 < len(ids) == len(state) == len(weights) and np.isfinite(weights).all()
    if not sound:
        return None
    unique, sizes = np.unique(members, return_counts=True)
    persons = dict(zip(unique.tolist(), sizes.tolist(), strict=True))
    in_household = np.array([persons.get(each, 0) for each in ids.tolist()], dtype=float)
    totals = MicroSeries(in_household, weights=weights).groupby(state).sum()
    return {int(key): float(value) for key, value in totals.items()}


def county_format(file: Examined) -> Found:
    """county_fips is text of five digits (incident 11: integers break poverty and DC)."""
    values = _counties(file)
    if values is None:
        return _no_county()
    if values.dtype.kind != "U":
        return Found(len(values), (f"{COUNTY} is stored as {values.dtype}, not as text",))
    bad = [each for each in np.unique(values).tolist() if not _is_five_digits(each)]
    return Found(len(values), tuple(f"{COUNTY} {each!r} is not five digits" for each in bad))


def county_vintage(file: Examined) -> Found:
    """county_fips is a county of 2020 (incidents 10, 11: planning regions of Connecticut)."""
    values = _counties(file)
    if values is None:
        return _no_county()
    known = counties()
    codes = [each for each in np.unique(_as_digits(values, 5)).tolist() if _is_five_digits(each)]
    lines = tuple(f"{COUNTY} {each} is no county of 2020" for each in codes if each not in known)
    return Found(len(values), lines)


def county_state(file: Examined) -> Found:
    """County, tract, block and congressional district lie in the household's state.

    Incidents 13 and 16: files built with another geography than their weights.
    """
    stored = {name: digits for name, digits in STATE_DIGITS.items() if file.data.has(name)}
    if not stored:
        return Found(0, (), not_applicable="no county, tract, block or district is stored")
    state = file.numbers(STATE)
    if state is None or state.dtype.kind == "f":
        return Found(0, (), unmeasured=_NO_STATE)
    lines: list[str] = []
    for name, digits in stored.items():
        codes = file.data.read(name)
        if len(codes) == len(state):
            lines += [
                f"{name} {code} in state {number}"
                for code, number in _outside(codes, digits, state)
            ]
    return Found(len(state), tuple(lines))


def _outside(codes: np.ndarray, digits: int, state: np.ndarray) -> list[tuple[str, str]]:
    """Return each code of the right length whose first two digits are not those of its state."""
    text = _as_digits(codes, digits)
    whole = np.char.str_len(text) == digits
    pairs = set(zip(text[whole].tolist(), state[whole].astype(str).tolist(), strict=True))
    return [
        (code, number)
        for code, number in sorted(pairs)
        if code.isdigit() and code[:2] != number.zfill(2)
    ]


def _counties(file: Examined) -> np.ndarray | None:
    return file.data.read(COUNTY) if file.data.has(COUNTY) else None


def _no_county() -> Found:
    reason = f"{COUNTY} is not stored: poverty uses the national geography"
    return Found(0, (), not_applicable=reason)


def _as_digits(codes: np.ndarray, digits: int) -> np.ndarray:
    """Return codes as text; integer codes get their leading zero back."""
    text = codes.astype(str)
    return text if codes.dtype.kind == "U" else np.char.zfill(text, digits)


def _is_five_digits(code: str) -> bool:
    return len(code) == 5 and code.isascii() and code.isdigit()
