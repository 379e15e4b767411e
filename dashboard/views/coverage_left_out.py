"""What judges nothing, or in part: held-out, excluded and dropped targets, with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from dashboard.blocks import Block, Cell, Column, Download, Section, Table
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.empty import lacking
from dashboard.views.lookup import short
from dashboard.views.target_filters import PER_PAGE, file_name


def left_out_sections(run: RunData, frame: pd.DataFrame) -> tuple[Section, ...]:
    """Return what was held out, excluded and not compared, and what the targets are pinned to."""
    return (
        Section("Held-out sets", tuple(_held_out(run, frame))),
        Section("Targets that the suite leaves out", _excluded(run), open=False),
        Section("Targets that were not compared", tuple(_dropped(run)), open=False),
        Section("Where the targets come from", (_registry(run),)),
    )


def _held_out(run: RunData, frame: pd.DataFrame) -> Iterator[Block]:
    sets = run.get("suite", "/held_out")
    if sets is None:
        yield lacking(run, "suite", "The held-out sets and their reasons")
    else:
        groups = frame["holdout_group"]
        rows = tuple(
            _set_row(run, place, int(groups.isin(each["groups"]).sum()))
            for place, each in enumerate(sets)
        )
        yield Table("Held-out sets of the suite, and why", _SET_COLUMNS, rows)
    if run.has("loss", "/held_out/groups"):
        yield _held_out_groups(run)


_SET_COLUMNS = (
    Column("Set"),
    Column("Kind"),
    Column("Groups", numeric=True),
    Column("Compared targets", numeric=True),
    Column("Reason"),
)


def _set_row(run: RunData, place: int, targets: int) -> tuple[Cell, ...]:
    at = ("held_out", place)
    kind = run.cell("suite", pointer(*at, "kind"))
    groups = run.get("suite", pointer(*at, "groups"))
    return (
        run.cell("suite", pointer(*at, "id"), note=", ".join(groups)),
        Cell(words(kind.text), kind.raw, kind.source),
        run.derived(len(groups), "", "number of groups of this set"),
        run.derived(targets, "", "number of targets whose group is in this set"),
        run.cell("suite", pointer(*at, "reason")),
    )


def _held_out_groups(run: RunData) -> Table:
    rows = []
    for place in range(len(run.get("loss", "/held_out/groups"))):
        at = ("held_out", "groups", place)
        rows.append(
            (
                run.cell("loss", pointer(*at, "group")),
                run.cell("loss", pointer(*at, "set")),
                run.cell("loss", pointer(*at, "targets")),
                *(run.cell("loss", pointer(*at, side), "loss") for side in _SIDES),
                run.cell("loss", pointer(*at, "delta"), "loss", signed=True),
            )
        )
    columns = (
        Column("Group"),
        Column("Set"),
        Column("Targets", numeric=True),
        Column("Mean error, candidate", numeric=True, hint="squared relative error, capped"),
        Column("Mean error, incumbent", numeric=True, hint="squared relative error, capped"),
        Column("Difference", numeric=True, hint="candidate - incumbent; + is worse"),
    )
    return Table("Held-out groups, the candidate's worst first", columns, tuple(rows))


_SIDES = ("candidate", "incumbent")


def _excluded(run: RunData) -> tuple[Block, ...]:
    excluded = run.get("suite", "/excluded_targets")
    if excluded is None:
        return (lacking(run, "suite", "The targets that the suite leaves out"),)
    rows = tuple(_excluded_row(run, place, each) for place, each in enumerate(excluded))
    columns = (Column("Target or group"), Column("Which"), Column("Reason"))
    return (Table("Left out by the suite before any candidate is judged", columns, rows),)


def _excluded_row(run: RunData, place: int, each: Mapping[str, Any]) -> tuple[Cell, ...]:
    field = "target_id" if "target_id" in each else "holdout_group"
    at = pointer("excluded_targets", place, field)
    which = "one target" if field == "target_id" else "a whole group"
    reason = run.cell("suite", pointer("excluded_targets", place, "reason"))
    return run.cell("suite", at), Cell(which), reason


def _dropped(run: RunData) -> Iterator[Block]:
    """Yield how many targets were not compared for which reason, the first, and all as a file."""
    dropped = run.get("loss", "/dropped") or []
    reasons = Counter(each["reason"] for each in dropped)
    if len(reasons) > 1:
        rows = tuple(
            (Cell(why), _times(run, count)) for why, count in reasons.most_common(PER_PAGE)
        )
        columns = (Column("Reason"), Column("Targets", numeric=True))
        yield Table("Reasons, the most frequent first", columns, rows)
    yield Table(
        "Targets of the suite that were not compared, and why",
        (Column("Target"), Column("Reason")),
        tuple(_dropped_row(run, place) for place in range(min(len(dropped), PER_PAGE))),
        note="A target is compared only where both files have an estimate of it."
        + (f" {left:,} more are in the file." if (left := len(dropped) - PER_PAGE) > 0 else ""),
    )
    if dropped:
        frame = pd.DataFrame(dropped, columns=["target_id", "reason"])
        name = file_name("targets-not-compared", run, {})
        yield Download(f"All {len(dropped):,} targets not compared, as CSV", name, frame)


def _dropped_row(run: RunData, place: int) -> tuple[Cell, ...]:
    fields = ("target_id", "reason")
    target, reason = (run.cell("loss", pointer("dropped", place, field)) for field in fields)
    return target, reason


def _times(run: RunData, count: int) -> Cell:
    return run.derived(count, "", "number of entries in dropped with this reason")


def _registry(run: RunData) -> Table:
    rows = (
        (Cell("Target registry"), run.cell("suite", "/targets/registry")),
        (Cell("Hash of its targets"), short(run.cell("suite", "/targets/sha256"))),
        (Cell("Target database"), run.cell("loss", "/target_db/id")),
        (Cell("Hash of the database"), short(run.cell("loss", "/target_db/sha256"))),
        (Cell("Suite"), run.cell("loss", "/suite/id")),
        (Cell("Hash of the suite"), short(run.cell("loss", "/suite/sha256"))),
        (Cell("Hash of the compared ids"), short(run.cell("loss", "/kept/sha256"))),
    )
    return Table("What the targets are pinned to", (Column("What"), Column("Stated")), rows)
