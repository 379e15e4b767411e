"""Two runs target by target, paired on the target: errors, and parts of the loss difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Download,
    Figure,
    Figures,
    Notice,
    Prose,
    Section,
    Table,
)
from dashboard.run_data import RunData
from dashboard.views.compare_facts import AGAINST_INCUMBENT, OF_TARGETS, Pair
from dashboard.views.empty import lacking
from dashboard.views.target_filters import (
    PER_PAGE,
    ROLES,
    asked,
    file_name,
    holding,
    id_cell,
    on_page,
    page_links,
    page_of,
    target_cell,
    target_frame,
    word_cell,
)

_TITLE = "Target by target"
_OF_TARGET = ("family", "source", "geography_id", "unit")  # as B states them
_OF_RUN = (
    "role", "target", "candidate", "incumbent", "candidate_error", "incumbent_error",
    "contribution", "winner",
)  # fmt: skip
_COLUMNS = (
    Column("Target"),
    Column("Family"),
    Column("Role", hint="held-out targets may not be calibrated to"),
    Column("Error A", numeric=True, hint="of A's candidate, relative to the target"),
    Column("Error B", numeric=True, hint="of B's candidate, relative to the target"),
    Column("Change of error", numeric=True, hint="B - A; - is better"),
    Column("Part of A's loss difference", numeric=True),
    Column("Part of B's loss difference", numeric=True),
    Column("Change of part", numeric=True, hint="B - A; - is better"),
)


def targets_section(pair: Pair, params: Mapping[str, str], search: str, page: int) -> Section:
    """Return the targets that both runs compare; `params` name the page in its links."""
    absent = [run for run in (pair.a, pair.b) if not run.has("loss", "/targets")]
    if absent:
        return Section(_TITLE, tuple(lacking(run, "loss", "The targets") for run in absent))
    return Section(_TITLE, tuple(_blocks(pair, params, search, page)))


def paired_targets(pair: Pair) -> pd.DataFrame:
    """Return the targets of both runs: both places in the records, errors, parts, changes.

    The largest movers come first: by the part of the loss difference where these are comparable,
    else by the error, else by name. A change that is not comparable is left out.
    """
    ours, theirs = _side(pair.a, ()), _side(pair.b, _OF_TARGET)
    both = ours.merge(theirs, on="target_id", suffixes=("_a", "_b"))
    by = None
    if not pair.differs(OF_TARGETS):
        by = "change_of_error"
        both[by] = both["candidate_error_b"] - both["candidate_error_a"]
    if not pair.differs(AGAINST_INCUMBENT):
        by = "change_of_part"
        both[by] = both["contribution_b"] - both["contribution_a"]
    if by is None:
        return both.sort_values("target_id", ignore_index=True)
    order = both[by].abs().sort_values(ascending=False, kind="stable").index
    return both.loc[order].reset_index(drop=True)


def _side(run: RunData, kept: tuple[str, ...]) -> pd.DataFrame:
    """Return what a pair needs of a run's targets, each once."""
    frame = target_frame(run)[["target_id", *kept, *_OF_RUN]]
    return frame.rename_axis("place").reset_index().drop_duplicates("target_id")


def _blocks(pair: Pair, params: Mapping[str, str], search: str, page: int) -> Iterator[Block]:
    both = paired_targets(pair)
    yield from _notices(pair)
    yield Figures(tuple(_figures(pair, both)))
    rows = both[holding(both["target_id"], search)]
    shown, pages = page_of(len(rows), page)
    wanted = {"search": search} if search.strip() else {}
    found = f"{len(rows):,} of {len(both):,} paired targets{asked(wanted)}"
    yield Prose(f"{found}. Page {shown} of {pages}.")
    yield Table(
        "Paired targets, the largest movers first",
        _COLUMNS,
        tuple(
            _row(pair, int(places[0]), int(places[1]))
            for places in on_page(rows, shown)[["place_a", "place_b"]].to_numpy()
        ),
    )
    yield from page_links("compare", {**params, **wanted}, shown, pages)
    name = file_name(f"compare-{pair.a.run_id}-with", pair.b, wanted)
    file = rows.drop(columns=["place_a", "place_b"])
    yield Download(f"These {len(rows):,} paired targets as CSV", name, file)
    yield from _alone(pair, set(both["target_id"]))


def _alone(pair: Pair, paired: set[str]) -> Iterator[Section]:
    """Yield the targets that only one run compares, and what the other says of them."""
    rows: list[tuple[Cell, ...]] = []
    file: list[dict[str, str]] = []
    for label, run, other in (("A", pair.a, pair.b), ("B", pair.b, pair.a)):
        dropped = {
            each["target_id"]: each["reason"] for each in other.get("loss", "/dropped") or ()
        }
        for place, each in enumerate(run.get("loss", "/targets")):
            if (name := each["target_id"]) in paired:
                continue
            why = dropped.get(name, "the other run's record does not name it")
            file.append({"target_id": name, "only_in": label, "reason": why})
            if len(rows) < PER_PAGE:
                rows.append((id_cell(run, place), Cell(label), Cell(why)))
    if not file:
        return
    left = len(file) - len(rows)
    table = Table(
        "Targets that only one run compares",
        (Column("Target"), Column("Only in"), Column("Why not in the other")),
        tuple(rows),
        note=f"{left:,} more are in the file." if left else "",
    )
    name = file_name(f"only-one-of-{pair.a.run_id}-and", pair.b, {})
    whole = Download(f"All {len(file):,} targets of one run only, as CSV", name, pd.DataFrame(file))
    yield Section("Targets that only one run compares", (table, whole), open=False)


def _notices(pair: Pair) -> Iterator[Notice]:
    if why := pair.differs(OF_TARGETS):
        yield Notice("warning", f"Errors are not subtracted: {why}.")
    if why := pair.differs(AGAINST_INCUMBENT):
        yield Notice("warning", f"Parts of the loss difference are not subtracted: {why}.")


def _figures(pair: Pair, both: pd.DataFrame) -> Iterator[Figure]:
    count = pair.b.derived
    yield Figure("Paired targets", count(len(both), "", "targets that both runs compare"))
    for label, run in (("A", pair.a), ("B", pair.b)):
        alone = len(run.get("loss", "/targets")) - len(both)
        cell = count(alone, "", f"targets that only {label} compares")
        yield Figure(f"Only in {label}", cell)
    if "change_of_error" in both:
        change = both["change_of_error"]
        for label, hits in (
            ("Improved", change < 0),
            ("Worsened", change > 0),
            ("Unchanged", change == 0),
        ):
            rule = f"paired targets by the sign of error B - error A: {label.lower()}"
            yield Figure(label, count(int(hits.sum()), "", rule))


def _row(pair: Pair, a: int, b: int) -> tuple[Cell, ...]:
    error_a, error_b = (
        target_cell(run, place, "candidate_error", unit="share")
        for run, place in ((pair.a, a), (pair.b, b))
    )
    part_a, part_b = (
        target_cell(run, place, "contribution", signed=True, unit="loss")
        for run, place in ((pair.a, a), (pair.b, b))
    )
    return (
        id_cell(pair.b, b),
        word_cell(pair.b, b, "family"),
        _role(pair, a, b),
        error_a,
        error_b,
        pair.change(error_a, error_b, "share", OF_TARGETS),
        part_a,
        part_b,
        pair.change(part_a, part_b, "loss", AGAINST_INCUMBENT),
    )


def _role(pair: Pair, a: int, b: int) -> Cell:
    """Return the role of a target; where the runs' suites hold out others, that of each."""
    ours, theirs = word_cell(pair.a, a, "role", ROLES), word_cell(pair.b, b, "role", ROLES)
    if ours.raw == theirs.raw:
        return theirs
    return Cell(f"A: {ours.text}, B: {theirs.text}", rule="role in A, role in B")
