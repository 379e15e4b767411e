"""Contract checks: each looks at one rule of a file and returns how much was checked and found.

Sources: what the loader raises on and what it silently accepts (policyengine-us 2.68.0), and the
incidents named in each docstring. A check never stops at the first violation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gates.contract.lists import ContractLists, contract_lists
from schemas.dataset import ENTITIES, GROUP_ENTITIES, REQUIRED_IDS, WEIGHT, Dataset
from schemas.dataset import id_name as id_of
from schemas.dataset import membership_name as member_of
from schemas.engine_metadata import rejected_on_load, variable_table

MAX_EXAMPLES = 20


@dataclass(frozen=True)
class Found:
    """What one check saw: how many things it looked at, and one line per violation."""

    checked: int
    violations: tuple[str, ...]
    count: int | None = None

    @property
    def total(self) -> int:
        """Return the number of violations, which may exceed the listed ones."""
        return len(self.violations) if self.count is None else self.count


@dataclass(frozen=True)
class Check:
    """A rule with its id, remedy and function; `severity` says how bad a breach is."""

    id: str
    severity: str
    remedy: str
    run: Callable[[Dataset], Found]


def ids_present(data: Dataset) -> Found:
    """All 11 id and membership arrays are stored (the loader raises without them)."""
    missing = tuple(name for name in REQUIRED_IDS if not data.has(name))
    return Found(len(REQUIRED_IDS), missing)


def ids_unique(data: Dataset) -> Found:
    """Ids are unique integers (the loader accepts duplicate person ids; incidents 14, 31)."""
    lines: list[str] = []
    names = [id_of(entity) for entity in ENTITIES if data.has(id_of(entity))]
    for name in names:
        values = data.read(name)
        if values.dtype.kind not in "iu":
            lines.append(f"{name} is {values.dtype}, not integer")
        repeated = len(values) - len(np.unique(values))
        if repeated:
            lines.append(f"{name} repeats {repeated} ids")
    return Found(len(names), tuple(lines))


def joins(data: Dataset) -> Found:
    """Memberships resolve, no group is empty, and groups nest in one household."""
    lines: list[str] = []
    households = data.read(member_of("household")) if data.has(member_of("household")) else None
    checked = 0
    for entity in GROUP_ENTITIES:
        if not (data.has(id_of(entity)) and data.has(member_of(entity))):
            continue
        checked += 1
        members, ids = data.read(member_of(entity)), data.read(id_of(entity))
        lines += _join_lines(entity, members, ids)
        if households is not None and len(households) == len(members):
            lines += _nesting_lines(entity, members, households)
    return Found(checked, tuple(lines))


def _join_lines(entity: str, members: np.ndarray, ids: np.ndarray) -> list[str]:
    unresolved = int((~np.isin(members, ids)).sum())
    empty = int((~np.isin(ids, members)).sum())
    lines = [f"{unresolved} persons point at no {entity}"] if unresolved else []
    return lines + ([f"{empty} records of {entity} have no person"] if empty else [])


def _nesting_lines(entity: str, members: np.ndarray, households: np.ndarray) -> list[str]:
    pairs = np.unique(np.stack([members, households]), axis=1)
    split = pairs.shape[1] - len(np.unique(members))
    return [f"{split} records of {entity} span households"] if split else []


def lengths(data: Dataset) -> Found:
    """Every variable has the length of its entity (incident 22: hourly wage)."""
    lines: list[str] = []
    for name in data.variables:
        entity = data.entity_of(name)
        if entity is None or not data.has(name) or not data.has(id_of(entity)):
            continue
        length, wanted = data.header(name).length, data.size_of(entity)
        if length != wanted:
            lines.append(f"{name} has {length} values for {wanted} records of {entity}")
    return Found(len(data.variables), tuple(lines))


def periods(data: Dataset) -> Found:
    """Every variable has exactly the file's period key (incident 7; empty groups: incident 2)."""
    wanted = (str(data.period),)
    lines = [
        f"{name} has {', '.join(found) or 'no period'} instead of {data.period}"
        for name in data.variables
        if (found := data.periods_of(name)) != wanted
    ]
    return Found(len(data.variables), tuple(lines))


def weights(data: Dataset) -> Found:
    """Weights are present, finite, non-negative and sum to 100-200 million households."""
    if not data.has(WEIGHT):
        return Found(1, (f"{WEIGHT} is absent: every household would count as one",))
    values = data.read(WEIGHT)
    if values.dtype.kind not in "fiu":
        return Found(1, (f"{WEIGHT} is {values.dtype}, not a number",))
    low, high = contract_lists().weight_sum_band
    total = float(values.sum(dtype=np.float64))
    lines = []
    if not np.isfinite(values).all():
        lines.append(f"{WEIGHT} is not finite in {int((~np.isfinite(values)).sum())} households")
    if (values < 0).any():
        lines.append(f"{WEIGHT} is negative in {int((values < 0).sum())} households")
    if not low <= total <= high:
        lines.append(f"{WEIGHT} sums to {total:,.0f}, outside {low:,.0f} to {high:,.0f}")
    return Found(len(values), tuple(lines))


def derived_weights(data: Dataset) -> Found:
    """Only the household weight is stored (incident 14: wrong entity weights)."""
    names = tuple(n for n in data.variables if n.endswith("_weight") and n != WEIGHT)
    return Found(len(data.variables), names)


def finite(data: Dataset) -> Found:
    """No value is NaN or infinite (the loader accepts infinities; incident 9)."""
    lines: list[str] = []
    names = [n for n in data.variables if data.has(n) and data.header(n).dtype.kind == "f"]
    for name in names:
        bad = int((~np.isfinite(data.read(name))).sum())
        if bad:
            lines.append(f"{name} is NaN or infinite in {bad} records")
    return Found(len(names), tuple(lines))


def booleans(data: Dataset) -> Found:
    """Booleans are 0 or 1 (the loader reads 2 and 0.3 as true)."""
    names = _of_type(data, "bool")
    lines: list[str] = []
    for name in names:
        values = data.read(name)
        outside = int((~np.isin(values, (0, 1))).sum())
        if outside:
            lines.append(f"{name} is neither 0 nor 1 in {outside} records")
    return Found(len(names), tuple(lines))


def enums(data: Dataset) -> Found:
    """Enum values are members by name, or an index in the domain (incidents 8, 22)."""
    names = _of_type(data, "Enum")
    lines: list[str] = []
    for name in names:
        members = variable_table()[name].enum or ()
        values = data.read(name)
        if values.dtype.kind == "U":
            outside = set(np.unique(values).tolist()) - set(members)
        elif values.dtype.kind in "iu":
            outside = {v for v in np.unique(values).tolist() if not 0 <= v < len(members)}
        else:
            outside = {str(values.dtype)}
        if outside:
            lines.append(f"{name} has {sorted(map(str, outside))[:3]}, not in its domain")
    return Found(len(names), tuple(lines))


def _of_type(data: Dataset, value_type: str) -> list[str]:
    table = variable_table()
    return [
        n
        for n in data.variables
        if n in table and table[n].value_type == value_type and data.has(n)
    ]


def states(data: Dataset) -> Found:
    """state_fips is in the domain and all 51 are present (missing: everybody in California)."""
    if not data.has("state_fips"):
        return Found(1, ("state_fips is absent: everybody would live in California",))
    present = set(np.unique(data.read("state_fips")).tolist())
    wanted = set(contract_lists().state_fips)
    lines = [f"state_fips {value} is no state" for value in sorted(present - wanted)]
    lines += [f"state_fips {value} has no household" for value in sorted(wanted - present)]
    return Found(len(wanted), tuple(lines))


def rejected_names(data: Dataset) -> Found:
    """No variable the loader refuses is stored."""
    return Found(len(data.variables), tuple(sorted(rejected_on_load() & set(data.variables))))


def computed_names(data: Dataset) -> Found:
    """No variable the engine computes is stored: it would override the formula."""
    table, allowed = variable_table(), set(contract_lists().allowed_computed)
    names = tuple(
        n for n in data.variables if n in table and table[n].computed and n not in allowed
    )
    return Found(len(data.variables), names)


def unknown_names(data: Dataset) -> Found:
    """No unknown or source-diagnostic variable is stored (the loader ignores them in silence)."""
    lists, table = contract_lists(), variable_table()
    bad = tuple(n for n in data.variables if n not in table or _is_forbidden(n, lists))
    return Found(len(data.variables), bad)


def _is_forbidden(name: str, lists: ContractLists) -> bool:
    return (
        name in lists.forbidden_names
        or name.startswith(lists.forbidden_prefixes)
        or name.endswith(lists.forbidden_suffixes)
    )


def take_up(data: Dataset) -> Found:
    """Take-up flags are stored (an absent flag means 100 % take-up; incident 15)."""
    required = contract_lists().required_take_up
    return Found(len(required), tuple(name for name in required if not data.has(name)))


def wages(data: Dataset) -> Found:
    """Wages are stored and populated for a plausible share of persons (incidents 1, 2)."""
    lists = contract_lists()
    name = next((n for n in lists.wage_variables if data.has(n)), None)
    if name is None:
        return Found(1, (f"none of {', '.join(lists.wage_variables)} is stored",))
    share = float(np.count_nonzero(data.read(name)) / max(data.header(name).length, 1))
    if share >= lists.wage_nonzero_share_floor:
        return Found(1, ())
    return Found(1, (f"{name} is non-zero for only {share:.2%} of persons",))


CHECKS = (
    Check("ids.present", "critical", "store the 11 id and membership arrays", ids_present),
    Check("ids.unique", "critical", "renumber the ids as unique integers", ids_unique),
    Check("joins", "critical", "mend the memberships where the file is built", joins),
    Check("lengths", "critical", "store each variable at its own entity", lengths),
    Check("periods", "critical", "store every variable once, for the file's year", periods),
    Check("weights", "critical", "store household_weight as calibrated", weights),
    Check("weights.derived", "critical", "leave derived weights out", derived_weights),
    Check("values.finite", "critical", "mend the values where they are made", finite),
    Check("values.booleans", "critical", "store booleans as 0 and 1", booleans),
    Check("values.enums", "critical", "store member names of the enum", enums),
    Check("geography.states", "critical", "assign every household one of the 51 states", states),
    Check("names.rejected", "critical", "leave SPM results out of the file", rejected_names),
    Check("names.computed", "critical", "store the inputs of the formula instead", computed_names),
    Check("names.unknown", "warning", "leave unknown and diagnostic names out", unknown_names),
    Check("take_up", "critical", "store a take-up flag for each program", take_up),
    Check("wages", "critical", "store wages under their behavioural leaf name", wages),
)
