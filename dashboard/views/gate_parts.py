"""What the difference of a gate is made of, and whether its parts add up to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboard.blocks import Block, Cell, Column, Link, Prose, Table
from dashboard.run_data import RunData, pointer
from dashboard.views.gate_charts import parts_chart
from dashboard.views.verdicts import RESULTS, GateRow

HELD_OUT = "loss.held_out"
_SHOWN = 20
_ROUNDING = 2.0  # dollars or bytes: a rounding of one on each side


def top_target(run: RunData, row: GateRow) -> str:
    """Return the target with the largest part; of a failing gate, one that makes it worse."""
    targets = _target_ids(run)
    parts = [(p["name"], p["value"]) for p in row.gate["contributors"] if p["name"] in targets]
    if row.id == HELD_OUT:
        parts = [(each["target_id"], each["contribution"]) for _, each in _held_out(run)]
    if row.status == "fail":
        parts = [part for part in parts if part[1] > 0] or parts
    return str(max(parts, key=lambda part: abs(part[1]))[0]) if parts else ""


def _held_out(run: RunData) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the held-out targets with their places in the loss record, the worst first."""
    every = enumerate(run.get("loss", "/targets") or ())
    held = [(place, each) for place, each in every if each["role"] == "held_out"]
    return sorted(held, key=lambda pair: (-pair[1]["contribution"], pair[0]))


def _target_ids(run: RunData) -> frozenset[str]:
    return frozenset(each["target_id"] for each in run.get("loss", "/targets") or ())


def parts_blocks(run: RunData, row: GateRow) -> Iterator[Block]:
    """Yield what the difference is made of: by contributor, by state, by decile."""
    gate, at = row.gate, pointer("gates", row.place)
    if row.id == HELD_OUT and (held := _held_out(run)):
        yield _held_out_table(run, held[:_SHOWN])
    elif not gate["contributors"]:
        yield Prose("The records name no contributors to this gate.")
    else:
        yield from _list(run, row, "Contributors", f"{at}/contributors", gate["contributors"])
    for name, parts in gate["breakdowns"].items():
        yield from _list(run, row, f"By {name}", f"{at}/breakdowns/{name}", parts)


def _held_out_table(run: RunData, held: Sequence[tuple[int, Mapping[str, Any]]]) -> Table:
    lines = tuple(
        (
            run.cell("loss", pointer("targets", place, "target_id"), link=_target_link(run, each)),
            run.cell("loss", pointer("targets", place, "holdout_group")),
            run.cell("loss", pointer("targets", place, "contribution"), "loss", signed=True),
        )
        for place, each in held
    )
    columns = (Column("Target"), Column("Held-out group"), Column("Part", numeric=True))
    note = (
        "Parts of the whole loss difference. The held-out loss is formed as if no other target "
        "existed, so they do not add up to its own difference."
    )
    return Table("Held-out targets, the worst first", columns, lines, note)


def _target_link(run: RunData, target: Mapping[str, Any]) -> Link:
    return Link("target", {"run": run.key, "target": target["target_id"]}, target["target_id"])


def _list(
    run: RunData, row: GateRow, title: str, at: str, parts: Sequence[Mapping[str, Any]]
) -> Iterator[Block]:
    """Yield one list of parts as a chart with its table, and whether it adds up."""
    targets = _target_ids(run)
    lines = []
    for place, part in enumerate(parts):
        name, value = part["name"], f"{at}/{place}/value"
        link = Link("target", {"run": run.key, "target": name}, name) if name in targets else None
        share = _share(part["value"], row.gate["delta"])
        lines.append(
            (
                run.cell(RESULTS, f"{at}/{place}/name", link=link),
                run.cell(RESULTS, value, row.part_unit, signed=True),
                run.derived(share, "share", "part / difference", signed=True),
            )
        )
    columns = (Column("Part"), Column("Of the difference", numeric=True))
    table = Table(title, (*columns, Column("Share", numeric=True)), tuple(lines))
    yield parts_chart(title, row, parts, table)
    yield _sum(run, row, title, parts)


def _share(part: float, delta: float | None) -> float | None:
    return part / delta if delta else None


def _sum(run: RunData, row: GateRow, title: str, parts: Sequence[Mapping[str, Any]]) -> Table:
    """Return the sum of the parts beside the difference, and whether they agree."""
    total, delta = math.fsum(part["value"] for part in parts), row.gate["delta"]
    size = math.fsum(abs(part["value"]) for part in parts)
    allowed = _ROUNDING if row.part_unit in ("dollars", "bytes") else 1e-9 * max(1.0, size)
    if delta is None:
        said = "No difference is recorded to hold them against."
    elif abs(total - delta) <= allowed:
        said = "The parts add up to the difference."
    else:
        said = "The parts do NOT add up to the difference: do not rely on them."
    lines = (
        (
            Cell("Sum of the parts"),
            run.derived(total, row.part_unit, "sum of the parts listed", signed=True),
        ),
        (
            Cell("Difference"),
            run.cell(RESULTS, f"/gates/{row.place}/delta", row.part_unit, signed=True),
        ),
    )
    columns = (Column("What"), Column("Value", numeric=True))
    return Table(f"{title}: do they add up?", columns, lines, said)
