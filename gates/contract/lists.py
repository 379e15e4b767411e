"""The lists and bands of the contract: data, read once and refused if unknown keys appear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.records import read_record

LISTS = Path(__file__).parent / "lists.json"


@dataclass(frozen=True)
class TopTail:
    """When a pile-up at the largest value is a cap: share of non-zero records, dollars."""

    share: float
    least_records: int
    from_dollars: float
    capped_by_law: frozenset[str]


@dataclass(frozen=True)
class Parity:
    """How far below the incumbent's share of populated records an input may fall."""

    share_of_incumbent: float
    least_records: int


@dataclass(frozen=True)
class ContractLists:
    """Names and bands; `weight_sum_band` is in households, shares are of records."""

    period: int
    weight_sum_band: tuple[float, float]
    state_fips: tuple[int, ...]
    state_population_band: tuple[float, float]
    required_take_up: tuple[str, ...]
    wage_variable: str
    wage_nonzero_share_floor: float
    enum_share_floor: float
    largest_amount: float
    parity: Parity
    top_tail: TopTail
    may_be_constant: frozenset[str]
    allowed_computed: frozenset[str]
    allowed_unknown: frozenset[str]
    forbidden_names: frozenset[str]
    forbidden_prefixes: tuple[str, ...]
    forbidden_suffixes: tuple[str, ...]


@cache
def contract_lists() -> ContractLists:
    """Return the lists of the national contract."""
    record = read_record(LISTS, "contract_lists")
    tail = record["top_tail"]
    return ContractLists(
        period=record["period"],
        weight_sum_band=_pair(record["weight_sum_band"]),
        state_fips=tuple(record["state_fips"]),
        state_population_band=_pair(record["state_population_band"]),
        required_take_up=tuple(record["required_take_up"]),
        wage_variable=record["wage_variable"],
        wage_nonzero_share_floor=record["wage_nonzero_share_floor"],
        enum_share_floor=record["enum_share_floor"],
        largest_amount=record["largest_amount"],
        parity=Parity(**record["parity"]),
        top_tail=TopTail(**tail | {"capped_by_law": _names(tail["capped_by_law"])}),
        may_be_constant=_names(record["may_be_constant"]),
        allowed_computed=_names(record["allowed_computed"]),
        allowed_unknown=_names(record["allowed_unknown"]),
        forbidden_names=frozenset(record["forbidden_names"]),
        forbidden_prefixes=tuple(record["forbidden_prefixes"]),
        forbidden_suffixes=tuple(record["forbidden_suffixes"]),
    )


def _pair(band: list[float]) -> tuple[float, float]:
    low, high = band
    return low, high


def _names(entries: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(entry["name"] for entry in entries)
