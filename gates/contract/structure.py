"""Layout, periods, lengths, ids and joins: may the arrays of a file be put together at all?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import ENTITIES, GROUP_ENTITIES, REQUIRED_IDS
from schemas.dataset import id_name as id_of
from schemas.dataset import membership_name as member_of

INDEPENDENT_MINOR = ("is_spm_independent_minor_role", "is_household_head", "is_household_spouse")


def root(file: Examined) -> Found:
    """Only variable groups, or entity tables and `_time_period`, lie at the root.

    The loader reads a file whose first key is a bare array as one without periods.
    """
    return Found(len(file.data.variables), file.data.irregular)


def tables(file: Examined) -> Found:
    """Every column is stored once and in the table of its own entity (the loader may guess)."""
    if file.data.layout != "entity_tables":
        return Found(0, (), not_applicable="the file has no entity tables")
    return Found(len(file.data.variables), file.data.misplaced)


def file_name(file: Examined) -> Found:
    """The path does not change how the loader reads the file.

    `cps_2023` in it forces the year 2023; what does not end in `.h5` is read as CSV or refused.
    """
    path = str(file.data.path.absolute())
    lines = []
    if "cps_2023" in path:
        lines.append("the path holds cps_2023: the loader would read the file as 2023")
    if file.data.path.suffix != ".h5":
        lines.append("the name does not end in .h5: the loader would not read the file as HDF5")
    return Found(1, tuple(lines))


def periods(file: Examined) -> Found:
    """Every variable has exactly the file's period key (incident 7; empty groups: incident 2).

    The alphabetically first key decides format and default period for the loader.
    """
    data = file.data
    wanted = (str(data.period),)
    lines = [
        f"{name} has {', '.join(found) or 'no period'} instead of {data.period}"
        for name in data.variables
        if (found := data.periods_of(name)) != wanted
    ]
    first = data.variables[0] if data.variables else ""
    if lines and lines[0].startswith(f"{first} has "):
        lines[0] += "; it is the first key, so the loader takes this as the period of the file"
    return Found(len(data.variables), tuple(lines))


def declared_period(file: Examined) -> Found:
    """The file's year is the contract's year (incident 7: a 2023 file used as 2024)."""
    period, wanted = file.data.period, contract_lists().period
    if period == wanted:
        return Found(1, ())
    return Found(1, (f"the file declares {period or 'no year'}, the contract is for {wanted}",))


def lengths(file: Examined) -> Found:
    """Every variable has the length of its entity (incident 22: hourly wage)."""
    data = file.data
    lines: list[str] = []
    checked = 0
    for name in data.variables:
        entity = data.entity_of(name)
        if entity is None or not data.has(name) or not data.has(id_of(entity)):
            continue
        checked += 1
        length, wanted = data.header(name).length, data.size_of(entity)
        if length != wanted:
            lines.append(f"{name} has {length} values for {wanted} records of {entity}")
    return Found(checked, tuple(lines))


def ids_present(file: Examined) -> Found:
    """All 11 id and membership arrays are stored (the loader raises without them)."""
    missing = tuple(name for name in REQUIRED_IDS if not file.data.has(name))
    return Found(len(REQUIRED_IDS), missing)


def ids_integer(file: Examined) -> Found:
    """Ids and memberships are integers (incident 31: ids averaged when mapped)."""
    names = [name for name in REQUIRED_IDS if file.data.has(name)]
    kinds = {name: file.data.header(name).dtype for name in names}
    lines = tuple(
        f"{n} is {dtype}, not integer" for n, dtype in kinds.items() if dtype.kind not in "iu"
    )
    return Found(len(names), lines)


def ids_unique(file: Examined) -> Found:
    """The ids of all six entities are unique (duplicate person ids load; incident 14)."""
    lines: list[str] = []
    names = [id_of(entity) for entity in ENTITIES if file.data.has(id_of(entity))]
    for name in names:
        values = file.data.read(name)
        repeated = len(values) - len(np.unique(values))
        if repeated:
            lines.append(f"{name} repeats {repeated} ids")
    return Found(len(names), tuple(lines))


def joins_resolve(file: Examined) -> Found:
    """Every person's memberships point at a stored group."""
    lines: list[str] = []
    pairs = list(_joins(file))
    for entity, members, ids in pairs:
        unresolved = int((~np.isin(members, ids)).sum())
        if unresolved:
            lines.append(f"{unresolved} persons point at no {entity}")
    return Found(len(pairs), tuple(lines))


def joins_empty(file: Examined) -> Found:
    """No group is without persons (the loader accepts empty households)."""
    lines: list[str] = []
    pairs = list(_joins(file))
    for entity, members, ids in pairs:
        empty = int((~np.isin(ids, members)).sum())
        if empty:
            lines.append(f"{empty} records of {entity} have no person")
    return Found(len(pairs), tuple(lines))


def joins_nested(file: Examined) -> Found:
    """Tax units, SPM units, families and marital units lie in one household each."""
    lines: list[str] = []
    found = {entity: members for entity, members, _ in _joins(file)}
    households = found.pop("household", None)
    for entity, members in found.items():
        if households is None or len(members) != len(households):
            continue
        _, groups = np.unique(members, return_inverse=True)
        _, homes = np.unique(households, return_inverse=True)
        pairs = np.unique(groups.astype(np.int64) * (homes.max(initial=0) + 1) + homes)
        split = len(pairs) - (groups.max(initial=-1) + 1)
        if split:
            lines.append(f"{split} records of {entity} span households")
    return Found(len(found), tuple(lines))


def spm_adults(file: Examined) -> Found:
    """Every SPM unit has an adult, else the engine raises when poverty is computed.

    Rule of the engine: 18 or older, or 15 or older in an independent role.
    """
    age = file.numbers("age")
    pairs = {entity: (members, ids) for entity, members, ids in _joins(file)}
    if age is None or "spm_unit" not in pairs or len(age) != len(pairs["spm_unit"][0]):
        return Found(0, (), unmeasured="age or the SPM units are not stored soundly")
    members, ids = pairs["spm_unit"]
    adult = age >= 18
    for name in INDEPENDENT_MINOR:
        role = file.numbers(name)
        if role is not None and len(role) == len(age):
            adult |= (age >= 15) & (role != 0)
    without = np.setdiff1d(ids, members[adult])
    lines = tuple(f"SPM unit {unit} has no adult" for unit in without[:20].tolist())
    return Found(len(ids), lines, len(without))


def _joins(file: Examined) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (entity, person-length memberships, ids) of every group that has both."""
    for entity in GROUP_ENTITIES:
        if file.data.has(id_of(entity)) and file.data.has(member_of(entity)):
            yield entity, file.data.read(member_of(entity)), file.data.read(id_of(entity))
