"""What the targets cover of what each product needs: by family and geography level, with reasons.

The needed cells are data (`coverage.json`). A cell counts places, so that a level with half of its
states is partial, never covered.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from baselines.targets.checks import incomplete
from baselines.targets.indices import is_not_uprated
from baselines.targets.registry import TARGETS_FOLDER
from baselines.targets.target import Target
from schemas.records import read_record

COVERAGE_FILE = "coverage.json"
NO_REASON = "no reason is recorded"
COVERED, PARTIAL, MISSING = "covered", "partial", "missing"
ANY_LEVEL = "any"

Cell = tuple[str, str]


@cache
def requirements() -> Mapping[str, Any]:
    """Return the needed cells by product, and why some have no rows."""
    return read_record(TARGETS_FOLDER / COVERAGE_FILE, "target_coverage")


def products() -> tuple[str, ...]:
    """Return the products that have requirements."""
    return tuple(sorted(requirements()["products"]))


def product_cells(product: str) -> set[Cell]:
    """Return the (family, geography level) cells that a product needs."""
    return {
        (cell["family"], cell["level"]) for cell in requirements()["products"][product]["cells"]
    }


def coverage_report(targets: Sequence[Target], product: str) -> dict[str, Any]:
    """Return what `targets` cover of a product's cells, and which of its rows lack provenance.

    `cells` has each needed cell with rows, places and status; `incomplete` the rows without
    source, scope or entity; `not_uprated` the rows of another year that no index fits.
    """
    needed = requirements()["products"][product]
    wanted = product_cells(product)
    mine = [each for each in targets if (each.family, each.geography_level) in wanted]
    rows, places = _held(mine)
    cells = [_cell(cell, rows, places) for cell in needed["cells"]]
    return {
        "product": product,
        "title": needed["title"],
        "rows": len(mine),
        "cells": cells,
        "counts": {
            status: sum(cell["status"] == status for cell in cells)
            for status in (COVERED, PARTIAL, MISSING)
        },
        "complete": len(mine) - len(incomplete_rows(mine)),
        "incomplete": incomplete_rows(mine),
        "not_uprated": _not_uprated(mine),
        "uprated_by": dict(
            sorted(Counter(each.uprated.index for each in mine if each.uprated).items())
        ),
        "outside": len(targets) - len(mine),
    }


def incomplete_rows(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Return the rows that don't state source, scope and entity, with what they lack."""
    return [
        {"target_id": each.target_id, "lacks": lacks}
        for each in targets
        if (lacks := incomplete(each))
    ]


def _held(targets: Sequence[Target]) -> tuple[Counter[Cell], dict[Cell, set[str]]]:
    rows: Counter[Cell] = Counter()
    places: dict[Cell, set[str]] = defaultdict(set)
    for each in targets:
        cell = (each.family, each.geography_level)
        rows[cell] += 1
        places[cell].add(each.geography_id)
    return rows, places


def _cell(
    cell: Mapping[str, Any], rows: Mapping[Cell, int], places: Mapping[Cell, set[str]]
) -> dict[str, Any]:
    key = (cell["family"], cell["level"])
    held = len(places.get(key, ()))
    status = COVERED if held >= cell["places"] else PARTIAL if held else MISSING
    return {
        "family": cell["family"],
        "level": cell["level"],
        "why": cell["why"],
        "rows": rows.get(key, 0),
        "places": held,
        "places_needed": cell["places"],
        "status": status,
        "reason": None if status == COVERED else _reason(*key),
    }


def _reason(family: str, level: str) -> str:
    """Return why a cell has no rows: the family's own reason first, then the level's."""
    for each in requirements()["missing"]:
        if each["family"] in (family, ANY_LEVEL) and each["level"] in (level, ANY_LEVEL):
            return str(each["reason"])
    return NO_REASON


def _not_uprated(targets: Sequence[Target]) -> dict[str, Any]:
    standing = [each for each in targets if is_not_uprated(each)]
    by_concept = Counter(f"{each.concept} {each.source_period}" for each in standing)
    return {
        "reason": "no index fits",
        "rows": len(standing),
        "by_concept": dict(sorted(by_concept.items())),
    }
