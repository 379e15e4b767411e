"""The pointers of all roots: which run is the current candidate of a product, and which was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.run_files import MAX_BYTES
from dashboard.store import PointerRow
from schemas.errors import MpgateError
from schemas.pointer import pointer_path, products, read_pointer


@dataclass(frozen=True)
class Standing:
    """What the pointer of a product says, as far as the index bears it out.

    `record` is the pointer record as read; `current` and `previous` are keys of indexed runs that
    are what was pointed at; `problem` says in words what is wrong.
    """

    record: Mapping[str, Any] | None = None
    current: str | None = None
    previous: str | None = None
    problem: str = ""


def pointer_rows(roots: Sequence[Path]) -> tuple[PointerRow, ...]:
    """Return the pointer of every product below every root, in order of product and root."""
    found = (_row(root, product) for product in sorted(products()) for root in sorted(roots))
    return tuple(row for row in found if row is not None)


def _row(root: Path, product: str) -> PointerRow | None:
    path = pointer_path(root, product)
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            return PointerRow(product, str(root), None, f"{path.name} is too large for a pointer")
        record = read_pointer(root, product)
    except (MpgateError, OSError, RecursionError, ValueError) as error:
        return PointerRow(product, str(root), None, str(error))
    return None if record is None else PointerRow(product, str(root), json.dumps(record), None)


def standings(rows: Sequence[PointerRow], runs: Sequence[Mapping[str, Any]]) -> dict[str, Standing]:
    """Return the standing of every product that has a pointer, sound or not.

    `runs` are rows of the index. Of several roots, the newest pointer counts, and the problem says
    so. A run that is broken, or no longer what was pointed at, is not named.
    """
    placed = {(run["root"], run["folder"]): run for run in runs}
    by_product: dict[str, list[PointerRow]] = {}
    for row in rows:
        by_product.setdefault(row.product, []).append(row)
    return {product: _standing(found, placed) for product, found in by_product.items()}


def _standing(
    rows: Sequence[PointerRow], placed: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Standing:
    problems = [row.problem for row in rows if row.problem]
    sound = [(row.root, json.loads(row.record)) for row in rows if row.record]
    if not sound:
        return Standing(problem="; ".join(problems))
    if len(sound) > 1:
        problems.append(f"{len(sound)} roots have a pointer for this product: the newest is shown")
    root, record = max(sound, key=lambda each: (each[1]["entries"][-1]["pointed_at"], each[0]))
    keys: list[str | None] = []
    for place, entry in zip(("current", "previous"), reversed(record["entries"]), strict=False):
        run = placed.get((root, entry["run"]))
        wrong = next(_doubts(entry, run), None)
        keys.append(None if run is None or wrong else str(run["key"]))
        if wrong:
            problems.append(f"the {place} candidate {entry['run']}: {wrong}")
    current, previous = (*keys, None, None)[:2]
    return Standing(record, current, previous, "; ".join(problems))


def _doubts(entry: Mapping[str, Any], run: Mapping[str, Any] | None) -> Iterator[str]:
    if run is None:
        yield "no run of that name is in the index"
    elif run["state"] == "broken":
        yield f"the run is broken: {run['reason']}"
    elif (run["bundle_digest"], run["candidate_sha256"]) != (
        entry["bundle_digest"],
        entry["candidate_sha256"],
    ):
        yield "the run was changed since it was published"
