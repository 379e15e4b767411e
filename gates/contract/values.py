"""Values of single columns: kinds, domains, finite, varying, and no pile-up at the top."""

from __future__ import annotations

import numpy as np

from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import REQUIRED_IDS, WEIGHT
from schemas.engine_metadata import variable_table

# numpy kinds in which the loader reads each engine type without guessing.
_KINDS = {"float": "fiu", "int": "iu", "bool": "biuf", "Enum": "SUOiu", "str": "SUO", "date": "SUO"}

_NO_TEXT = ("", "nan", "NaN", "None", "<NA>")  # what pandas and numpy write for a missing text


def finite(file: Examined) -> Found:
    """No value is NaN, infinite or a missing text (the loader accepts infinities; incident 9)."""
    data = file.data
    lines: list[str] = []
    names = [
        (name, period)
        for name in data.variables
        for period in data.periods_of(name)
        if data.header(name, period).dtype.kind == "f"
    ]
    for name, period in names:
        bad = int((~np.isfinite(data.read(name, period))).sum())
        if bad:
            lines.append(f"{name} is NaN or infinite in {bad} records")
    texts = [name for name in file.of_type("str") if data.read(name).dtype.kind == "U"]
    for name in texts:
        bad = int(np.isin(data.read(name), _NO_TEXT).sum())
        if bad:
            lines.append(f"{name} is an empty text or NaN in {bad} records")
    return Found(len(names) + len(texts), tuple(lines))


def dtypes(file: Examined) -> Found:
    """Every variable is stored in a kind of number or text that fits its engine type.

    The loader parses numeric text in silence and refuses others (incidents 11, 20).
    """
    table = variable_table()
    lines: list[str] = []
    for name in file.known:
        dtype, value_type = file.data.header(name).dtype, table[name].value_type
        if dtype.kind not in _KINDS.get(value_type, "") and name not in REQUIRED_IDS:
            lines.append(f"{name} is stored as {dtype}, the engine wants {value_type}")
    return Found(len(file.known), tuple(lines))


def booleans(file: Examined) -> Found:
    """Booleans are 0 or 1 (the loader reads 2 and 0.3 as true)."""
    names = file.of_type("bool")
    lines: list[str] = []
    for name in names:
        values = file.numbers(name)
        outside = 0 if values is None else int((~np.isin(values, (0, 1))).sum())
        if outside:
            lines.append(f"{name} is neither 0 nor 1 in {outside} records")
    return Found(len(names), tuple(lines))


def enums(file: Examined) -> Found:
    """Enum values are members by name, or an index in the domain (incidents 8, 22)."""
    names = file.of_type("Enum")
    lines: list[str] = []
    for name in names:
        members = variable_table()[name].enum or ()
        values = np.unique(file.data.read(name))
        if values.dtype.kind == "U":
            outside = sorted(set(values.tolist()) - set(members))
        elif values.dtype.kind in "iu":
            outside = [str(v) for v in values.tolist() if not 0 <= v < len(members)]
        else:
            continue
        if outside:
            lines.append(f"{name} has {outside[:3]}, not in its domain")
    return Found(len(names), tuple(lines))


def constant(file: Examined) -> Found:
    """No input has one value for everybody (incident 24: one immigration status for all).

    A column of defaults says nothing and hides that it was never built; an enum that is the
    engine's default in nearly all records says as little.
    """
    allowed = {*contract_lists().may_be_constant, WEIGHT}
    names = [n for n in file.known if n not in allowed and n not in REQUIRED_IDS]
    lines: list[str] = []
    for name in names:
        values = file.data.read(name)
        if len(values) > 1 and (values == values[0]).all():
            lines.append(f"{name} is {values[0]} for all {len(values)} records")
        elif (other := _share_beside_default(name, values)) < contract_lists().enum_share_floor:
            lines.append(f"{name} is another value than its default in only {other:.2%} of records")
    return Found(len(names), tuple(lines))


def _share_beside_default(name: str, values: np.ndarray) -> float:
    """Return the share of records (unweighted) of an enum that are not its default; others: 1."""
    info = variable_table()[name]
    if not info.enum or not len(values) or values.dtype.kind not in "Uiu":
        return 1.0
    default = info.default if values.dtype.kind == "U" else info.enum.index(str(info.default))
    return float(np.count_nonzero(values != default)) / len(values)


def top_tail(file: Examined) -> Found:
    """No money amount piles up at its largest value (incidents 21, 30: capped incomes).

    Counts records, unweighted: the share of non-zero records that hold the very maximum.
    """
    rule = contract_lists().top_tail
    left_out = {*rule.capped_by_law, WEIGHT, *REQUIRED_IDS}
    names = [name for name in file.of_type("float") if name not in left_out]
    lines: list[str] = []
    checked = 0
    for name in names:
        values = file.numbers(name)
        if values is None or not len(values):
            continue
        checked += 1
        carriers = int(np.count_nonzero(values))
        top = int((values == values.max()).sum()) if values.max() > rule.from_dollars else 0
        if top >= rule.least_records and top > rule.share * carriers:
            lines.append(f"{name}: {top} of {carriers} non-zero records hold {values.max():,.0f}")
    return Found(checked, tuple(lines))
