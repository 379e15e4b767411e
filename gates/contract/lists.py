"""The lists and bands of the contract: data, read once and refused if unknown keys appear."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.records import read_record

LISTS = Path(__file__).parent / "lists.json"


@dataclass(frozen=True)
class ContractLists:
    """Names and bands; `weight_sum_band` is in households, shares are of persons."""

    weight_sum_band: tuple[float, float]
    state_fips: tuple[int, ...]
    required_take_up: tuple[str, ...]
    wage_variables: tuple[str, ...]
    wage_nonzero_share_floor: float
    allowed_computed: tuple[str, ...]
    forbidden_names: tuple[str, ...]
    forbidden_prefixes: tuple[str, ...]
    forbidden_suffixes: tuple[str, ...]


@cache
def contract_lists() -> ContractLists:
    """Return the lists of the national contract."""
    record = read_record(LISTS, "contract_lists")
    low, high = record["weight_sum_band"]
    return ContractLists(
        weight_sum_band=(low, high),
        state_fips=tuple(record["state_fips"]),
        required_take_up=tuple(record["required_take_up"]),
        wage_variables=tuple(record["wage_variables"]),
        wage_nonzero_share_floor=record["wage_nonzero_share_floor"],
        allowed_computed=tuple(record["allowed_computed"]),
        forbidden_names=tuple(record["forbidden_names"]),
        forbidden_prefixes=tuple(record["forbidden_prefixes"]),
        forbidden_suffixes=tuple(record["forbidden_suffixes"]),
    )
