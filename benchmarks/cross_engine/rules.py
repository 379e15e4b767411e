"""What is compared and how, as data: inputs, taxes, harmonising steps and scope (rules.json)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from schemas.records import read_record

RULES = Path(__file__).parent / "rules.json"
ROLES = ("is_tax_unit_head", "is_tax_unit_spouse", "is_tax_unit_dependent")
FILING_STATUS = "filing_status"
AGE = "age"


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the validated rules; raises RecordError where they break their schema."""
    return read_record(RULES, "cross_engine_rules")


def terms(rules: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every term of the rules: engine variables summed over some of a unit's persons."""
    yield from rules["inputs"]
    for step in rules["steps"]:
        yield from step["inputs"]
    for part in rules["scope"]:
        yield from part["terms"]
    for figure in (*rules["taxes"], *rules["components"]):
        yield from figure["engine"]


def engine_outputs(rules: Mapping[str, Any]) -> list[str]:
    """Return the engine variables that the rules read, sorted."""
    named = {name for term in terms(rules) for name in (*term["variables"], *term.get("less", ()))}
    return sorted(named | {*ROLES, FILING_STATUS, AGE})


def other_outputs(rules: Mapping[str, Any]) -> list[str]:
    """Return the Tax-Calculator variables that the rules read, sorted."""
    figures = (*rules["taxes"], *rules["components"])
    return sorted({name for figure in figures for name in figure["other"]})
