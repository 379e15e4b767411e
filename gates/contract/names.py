"""Names: what the loader refuses, what it would compute, ignore, or should never have been sent."""

from __future__ import annotations

from gates.contract.lists import contract_lists
from gates.contract.model import Examined, Found
from schemas.dataset import WEIGHT
from schemas.engine_metadata import rejected_on_load, variable_table


def rejected(file: Examined) -> Found:
    """No variable the loader refuses is stored (SPM results; read from the engine's own list)."""
    names = file.data.variables
    return Found(len(names), tuple(sorted(rejected_on_load() & set(names))))


def computed(file: Examined) -> Found:
    """No variable the engine computes is stored: it would override the formula.

    Names with a rule of their own (rejected ones, derived weights) are reported there.
    """
    table = variable_table()
    elsewhere = rejected_on_load() | contract_lists().allowed_computed
    names = [n for n in file.data.variables if n in table and table[n].computed]
    bad = tuple(n for n in names if n not in elsewhere and not _is_derived_weight(n))
    return Found(len(file.data.variables), bad)


def derived_weights(file: Examined) -> Found:
    """Only the household weight is stored (incident 14: wrong entity weights)."""
    names = tuple(n for n in file.data.variables if _is_derived_weight(n))
    return Found(len(file.data.variables), names)


def _is_derived_weight(name: str) -> bool:
    return name.endswith("_weight") and name != WEIGHT


def unknown(file: Examined) -> Found:
    """No variable is stored that the engine does not know (the loader ignores it in silence)."""
    table, allowed = variable_table(), contract_lists().allowed_unknown
    bad = tuple(
        n
        for n in file.data.variables
        if n not in table
        and n not in allowed
        and not _is_forbidden(n)
        and not _is_derived_weight(n)
    )
    return Found(len(file.data.variables), bad)


def forbidden(file: Examined) -> Found:
    """No source-diagnostic name is stored: exact names, prefixes and suffixes of the contract."""
    bad = tuple(n for n in file.data.variables if _is_forbidden(n))
    return Found(len(file.data.variables), bad)


def _is_forbidden(name: str) -> bool:
    lists = contract_lists()
    return (
        name in lists.forbidden_names
        or name.startswith(lists.forbidden_prefixes)
        or name.endswith(lists.forbidden_suffixes)
    )
