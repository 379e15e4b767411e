"""Replay a published table: per-target figures of two datasets become the loss record, without H5.

Nothing is guessed from a name but the published convention that `nation/` opens the national
block, and the state that a label plainly opens with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.targets import Target, load_targets
from benchmarks.scoring.losses import NATIONAL, LossRow, loss_definitions, loss_row
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.record import loss_record
from benchmarks.scoring.scheme import HELD_OUT, TRAIN, Scheme
from benchmarks.scoring.table_file import (
    SIDES,
    Table,
    TableRow,
    bad_row,
    read_table,
    refused,
    table_format,
)
from benchmarks.suite import Suite, load_suite

__all__ = ["NO_HOUSEHOLDS", "Table", "TableRow", "read_table", "table_record", "widened"]
# What a row is that no suite holds, and what it has no word for.
UNDECLARED, OTHER, NO_ROLE = "undeclared", "other", "none"
# "state/CA/..." and "US06/...": the labels that open with their state.
_STATE_LABEL = re.compile(r"(?:state/([A-Z]{2})|(?:\d{7})?US(\d{2}))/")
NO_HOUSEHOLDS = "a table carries no household records"


def table_record(path: Path | str) -> dict[str, Any]:
    """Return the loss record of a table; raises MeasureError as `read_table`, or with no row left.

    Names that are target ids of ours take block, unit, family and role from the registry and the
    default suite, and may not contradict them; the target's figure is the table's. Other rows
    have the family they declare and no role, so that none of them is called trained or held out.
    """
    table, suite = read_table(path), load_suite()
    facts = {target.target_id: target for target in load_targets()}
    _require_no_pole(table.rows)
    reasons = {row.name: _drop_reason(row) for row in table.rows}
    kept = [row for row in table.rows if not reasons[row.name]]
    if not kept:
        raise refused(f"no row of {table.label} has a target and both estimates", "empty")
    rows = [_loss_row(row, facts.get(row.name), suite) for row in kept]
    figures = np.array([[row.candidate, row.incumbent] for row in kept], dtype=np.float64)
    return loss_record(
        Pair(rows, figures[:, 0], figures[:, 1], no_draws=NO_HOUSEHOLDS),
        widened(suite.scheme, _declared(kept, facts)),
        candidate={"label": f"{table.label}: candidate", "sha256": None},
        incumbent={"label": f"{table.label}: incumbent", "sha256": None},
        source={"kind": "table", "sha256": table.sha256},
        dropped=[{"target_id": name, "reason": why} for name, why in reasons.items() if why],
    )


def _require_no_pole(rows: Sequence[TableRow]) -> None:
    for name, definition in loss_definitions().items():
        shift = definition.parameters.get("shift")
        for row in rows:
            if shift is not None and row.target == -shift:
                raise bad_row(row.number, f"target is {row.target:g}, where {name} is undefined")


def _drop_reason(row: TableRow) -> str:
    tolerance = loss_definitions()["native_ecps_v1"].parameters["zero_tolerance"]
    if abs(row.target) <= tolerance:
        return f"zero: within {tolerance:g} of it, where a relative error is undefined"
    return "; ".join(f"no estimate of the {s}" for s in SIDES if getattr(row, s) is None)


def _loss_row(row: TableRow, fact: Target | None, suite: Suite) -> LossRow:
    if fact is not None:
        _require_agreement(row, fact)
        held = {group for each in suite.scheme.held_out for group in each.groups}
        role = HELD_OUT if fact.holdout_group in held else TRAIN
        return replace(loss_row(fact, role), value=row.target)
    level, place = _geography(row)
    return LossRow(
        target_id=row.name,
        value=row.target,
        unit=row.unit or OTHER,
        family=row.family or UNDECLARED,
        geography_level=level,
        geography_id=place,
        source="",
        holdout_group="",
        variable="",
        domain="",
        role=NO_ROLE,
        scope="",
        entity="",
        national=_is_national(row),
    )


def _require_agreement(row: TableRow, fact: Target) -> None:
    """Refuse a word that contradicts the registry: units and families are never re-declared."""
    stated = {
        "unit": (row.unit, fact.unit),
        "family": (row.family, fact.family),
        "scope": (
            row.scope and str(_is_national(row)),
            str(fact.geography_level == NATIONAL),
        ),
    }
    for column, (said, known) in stated.items():
        if said and said != known:
            raise bad_row(
                row.number,
                f"{column} is {getattr(row, column)}, but {row.name} is a registered target of "
                f"{fact.geography_level} scope, unit {fact.unit}, family {fact.family}",
            )


def _is_national(row: TableRow) -> bool:
    """Decide the block: by the scope column where it says something, else by the prefix."""
    if row.scope:
        return bool(row.scope == table_format()["national_scope"])
    return row.name.startswith(table_format()["national_prefix"])


def _geography(row: TableRow) -> tuple[str, str]:
    """Return level and id: the national ones, or as the scope column and the label state them."""
    if _is_national(row):
        return NATIONAL, "US"
    state = _STATE_LABEL.match(row.name)
    level = row.scope or ("state" if state else OTHER)
    return level, (state[1] or state[2]) if state else OTHER


def _declared(rows: Iterable[TableRow], facts: Mapping[str, Target]) -> dict[str, list[str]]:
    """Return the foreign names by the family that their rows declare."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.name not in facts:
            found.setdefault(row.family, []).append(row.name)
    return found


def widened(scheme: Scheme, declared: Mapping[str, Sequence[str]]) -> Scheme:
    """Return a scheme whose protected families hold foreign targets that declare them as well.

    `declared` gives target ids by declared family; membership is that word, whole, and nothing is
    matched inside a name. A family judged by a measure takes none: it has no published figure.
    """
    families = tuple(
        each
        if each.measure
        else replace(each, targets=(*each.targets, *declared.get(each.name, ())))
        for each in scheme.families
    )
    return replace(scheme, families=families)
