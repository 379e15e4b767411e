"""Which candidate is published: the pointer record, its history, and what to do without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from dashboard.blocks import Block, Cell, Column, Link, Links, Notice, Section, Table
from dashboard.run_data import RunData
from dashboard.views.empty import INDEX, no_run_of
from dashboard.views.verdicts import STAGES, listed_verdict
from schemas.bundle import digest_of

POINT = "mpgate release point RUN --by NAME --reason TEXT"
LISTED = 50
_IN_WORDS = "in the words of whoever published it"
_HASH = 12


def pointer_notices(
    pointer: Mapping[str, Any] | None, problem: str, *, is_current: bool, loaded: bool
) -> Iterator[Block]:
    """Yield what must be known before any verdict: which candidate this is, or that none is it."""
    if problem:
        said = f"Something is wrong with the published pointer: {problem}."
        yield Notice("bad", said, "" if loaded else POINT)
    elif not pointer:
        said = "No candidate is published: nobody has said yet which run is the current candidate."
        yield Notice("empty", f"{said} A run that passes is not published by that:", POINT)
    elif not loaded:
        entry = pointer["entries"][-1]
        said = f"The published candidate is the run {entry['run_id']} in {entry['run']}"
        yield Notice("bad", f"{said}, which the index does not hold or cannot read.", INDEX)
    if loaded and not is_current:
        yield Notice("warning", "This is not the published candidate, but a run chosen by hand.")
        if pointer:
            yield Links((Link("readiness", {}, "Show the published candidate"),))


def judged_again(pointer: Mapping[str, Any] | None, run: RunData) -> Iterator[Notice]:
    """Yield that another verdict than the shown one was published: a run is judged more than once.

    `run` is the published one; of every run the newest verdict is read. A verdict that was
    only signed off since is still the published one.
    """
    if not pointer or not run.has("seal"):
        return
    entry, shown = pointer["entries"][-1], run.records["seal"]
    unsigned = digest_of({**shown, "signed_off_by": None, "signed_off_on": None})
    if entry["verdict_digest"] in (shown["digest"], unsigned):
        return
    was = listed_verdict(entry["verdict"], demonstration=bool(entry["demonstration"]))
    said = f"verdict {entry['verdict_number']} (stage {entry['stage']}: {was}) was published"
    yield Notice(
        "warning",
        f"This run was judged again since: {said}, and verdict {shown['number']} is shown. "
        "To publish that one:",
        POINT,
    )


def published_by(pointer: Mapping[str, Any] | None) -> tuple[tuple[Cell, ...], ...]:
    """Return by which entry of the pointer a candidate is current: who, when and why."""
    if not pointer or not pointer["entries"]:
        return ()
    entry = pointer["entries"][-1]
    said = f"{entry['pointed_by']}, {entry['pointed_at']}"
    note = f"entry {entry['number']} of the pointer"
    return (
        (Cell("Published by"), Cell(said, note=note)),
        (Cell("Reason"), Cell(entry["reason"], rule=_IN_WORDS)),
    )


def pointer_history(pointer: Mapping[str, Any] | None, runs: pd.DataFrame) -> Iterator[Block]:
    """Yield the folded history of the pointer, the newest entry first."""
    if not pointer:
        return
    columns = (
        "Entry",
        "Run",
        "Published by",
        "When",
        "Reason",
        "Verdict",
        "Candidate",
        "Incumbent",
    )
    rows = tuple(_entry(entry, runs) for entry in reversed(pointer["entries"]))
    table = Table("Every candidate that was published", tuple(map(Column, columns)), rows)
    yield Section("History of the published candidate", (table,), open=False)


def _entry(entry: Mapping[str, Any], runs: pd.DataFrame) -> tuple[Cell, ...]:
    verdict = listed_verdict(entry["verdict"], demonstration=bool(entry["demonstration"]))
    incumbent = entry["incumbent"]
    return (
        Cell(str(entry["number"])),
        Cell(entry["run_id"], link=_run_link(entry, runs), note=entry["run"]),
        Cell(entry["pointed_by"]),
        Cell(entry["pointed_at"]),
        Cell(entry["reason"], rule=_IN_WORDS),
        Cell(verdict, note=f"stage {entry['stage']}, verdict {entry['verdict_number']}"),
        Cell(_hash(entry["candidate_sha256"]), entry["candidate_sha256"]),
        Cell(str(incumbent["id"]), note=_hash(incumbent["sha256"])),
    )


def _run_link(entry: Mapping[str, Any], runs: pd.DataFrame) -> Link | None:
    """Return the link to the indexed run with the sealed content that an entry names."""
    found = runs if runs.empty else runs[runs["bundle_digest"] == entry["bundle_digest"]]
    if found.empty:
        return None
    return Link("readiness", {"run": str(found.iloc[0]["key"])}, entry["run_id"])


def _hash(value: Any) -> str:
    return str(value)[:_HASH] if value else "none"


def runs_to_choose(runs: pd.DataFrame, product: str) -> Block:
    """Return the newest judged runs of a product to choose from; none is preferred."""
    judged = runs
    if not runs.empty:
        judged = runs[(runs["product"] == product) & runs["state"].isin(("sealed", "unsealed"))]
    if judged.empty:
        return no_run_of(product)
    columns = ("Run", "State", "Judged", "Verdict for beta", "Verdict for default", "Folder")
    rows = tuple(_choice(row) for row in rows_of(judged.head(LISTED)))
    left = len(judged) - len(rows)
    note = f"{left} older runs are on the page of all runs." if left else ""
    return Table(f"Runs of {product} to choose from", tuple(map(Column, columns)), rows, note)


def _choice(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    demonstration = flag(row["demonstration"])
    return (
        Cell(text_of(row["run_id"]), link=run_link(row)),
        Cell(text_of(row["state"])),
        Cell(moment(text_of(row["judged_at"]))),
        *(
            Cell(listed_verdict(text_of(row[f"verdict_{each}"]), demonstration=demonstration))
            for each in STAGES
        ),
        Cell(text_of(row["folder"])),
    )


def broken_runs(runs: pd.DataFrame, product: str) -> Iterator[Block]:
    """Yield the folded list of broken runs, each with its reason.

    A run too broken to tell its product is listed for every product.
    """
    if runs.empty:
        return
    mine = (runs["product"] == product) | runs["product"].isna() | (runs["product"] == "")
    broken = runs[(runs["state"] == "broken") & mine]
    if broken.empty:
        return
    rows = tuple(
        (Cell(text_of(row["folder"])), Cell(text_of(row["reason"]) or "no reason is known"))
        for row in rows_of(broken.head(LISTED))
    )
    note = "" if len(rows) == len(broken) else f"The first {len(rows)} of {len(broken)}."
    table = Table("Runs that cannot be shown", (Column("Folder"), Column("Reason")), rows, note)
    said = "1 broken run" if len(broken) == 1 else f"{len(broken)} broken runs"
    yield Section(f"{said}, left out of everything above", (table,), open=False)


def run_link(row: Mapping[str, Any], page: str = "readiness") -> Link:
    """Return the link from a row of the index to a page of its run."""
    return Link(page, {"run": str(row["key"])}, text_of(row["run_id"]))


def told_apart(rows: Sequence[Mapping[str, Any]], key: str = "key") -> list[str]:
    """Return the id of every run; where several have the same, with the start of their keys."""
    ids = [text_of(row["run_id"]) for row in rows]
    keys = [str(row[key])[:4] for row in rows]
    return [
        run_id if ids.count(run_id) == 1 else f"{run_id} ({start})"
        for run_id, start in zip(ids, keys, strict=True)
    ]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame of the index by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def text_of(value: Any) -> str:
    """Return a text of the index; empty where it holds nothing."""
    return "" if value is None or value is pd.NA or value != value else str(value)


def moment(stamp: str) -> str:
    """Return a time of the records to the minute, which breaks between day and hour; UTC stays so.

    What is no such time is returned as it is.
    """
    try:
        found = datetime.fromisoformat(stamp).astimezone(UTC)
    except (OverflowError, ValueError):
        return stamp
    return f"{found:%Y-%m-%d %H:%M} UTC"


def flag(value: Any) -> bool:
    """Return a yes or no of the index; what is not known is no."""
    return text_of(value).lower() in ("true", "1", "1.0")
