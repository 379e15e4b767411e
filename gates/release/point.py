"""Pointing at a run: which sealed verdict of a product readiness is judged of from now on.

A blocked run may be the current candidate: it is what is judged, not what is released. What the
verdict says stands in the entry. Publication and rollback are not decided here.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gates.release.verify import problems, verify
from gates.results import RESULTS
from schemas.bundle import is_safe_path, read_known
from schemas.errors import UsageError
from schemas.pointer import (
    POINTERS,
    PointerError,
    next_pointer,
    pointer_path,
    read_pointer,
    write_pointer,
)

NAME_LIMIT, REASON_LIMIT = 100, 500
REFUSED = "pointer.refused"


def point(root: Path, run: Path, *, by: str, reason: str) -> dict[str, Any]:
    """Make a run the current candidate of its product and return the pointer record.

    The entry names the run's latest sealed verdict; earlier entries are kept. Two writers wait for
    each other. Raises PointerError for a run outside the root, one that is not intact and complete
    with a valid verdict, the verdict that is current already, and a pointer record that was edited;
    BundleError where nothing is sealed; UsageError for a name or reason that is no line of text.
    """
    said = {
        "pointed_by": _line(by, "--by", NAME_LIMIT),
        "reason": _line(reason, "--reason", REASON_LIMIT),
    }
    folder = _below(root, run)
    product, found = _judged(root / folder)
    with _alone(root, product):
        record = read_pointer(root, product)
        current = record["entries"][-1] if record else None
        if current and current["verdict_digest"] == found["verdict_digest"]:
            raise PointerError(
                f"verdict {current['verdict_number']} of {current['run']} is the current candidate "
                f"of {product} already",
                reason="pointer.same",
                remedy="nothing is to be done; judge the run anew to point at another verdict",
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {**found, **said, "run": folder, "pointed_at": now}
        pointed = next_pointer(record, product, entry)
        write_pointer(root, pointed)
    return pointed


def _line(text: str, option: str, limit: int) -> str:
    """Return a text that may stand in the record: one line, not blank, no control characters."""
    line = text.strip()
    if not line or len(line) > limit or not line.isprintable():
        raise UsageError(
            f"{option} is no line of 1 to {limit} printable characters",
            reason="usage.point",
            remedy=f"give {option} as one line of plain text, for example --by 'Jane Doe'",
        )
    return line


def _below(root: Path, run: Path) -> str:
    """Return the run's folder relative to the root, links resolved."""
    root, run = root.resolve(), run.resolve()
    folder = run.relative_to(root).as_posix() if run.is_relative_to(root) else "."
    if not is_safe_path(folder) or folder.split("/")[0] == POINTERS:
        raise PointerError(
            f"{run.name} is no run folder below {root.name}: nobody who reads the records there "
            "would find it",
            reason="pointer.outside",
            remedy="name its root with `--root`, or move the run below it under a plain name",
        )
    return folder


def _judged(run: Path) -> tuple[str, dict[str, Any]]:
    """Return the product of a run, and what the latest verdict's entry says of bundle and verdict.

    Everything is held against its seal first.
    """
    found = verify(run)
    if wrong := problems(found):
        raise PointerError(
            f"{run.name} is not intact and complete: {'; '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
            reason=REFUSED,
            remedy=f"see all of it with `mpgate bundle verify {run.name}`, and restore the run "
            "from a copy or build it again",
        )
    if not found["verdicts"]:
        raise PointerError(
            f"{run.name} has no sealed verdict",
            reason="pointer.unjudged",
            remedy=f"judge it with `mpgate bundle judge {run.name}`",
        )
    latest = found["verdicts"][-1]
    results = read_known(run / latest["name"] / RESULTS, "gate_results")
    return _product(run, found, results), _entry(found, latest["seal"], results)


def _product(run: Path, found: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    product: str = found["layer_one"]["product"]
    if results["product"] != product:
        raise PointerError(
            f"{run.name} is a run of {product}, and its verdict is by the rules of "
            f"{results['product']}",
            reason="pointer.product",
            remedy=f"judge it by the policy of {product}",
        )
    return product


def _entry(
    found: Mapping[str, Any], seal: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Any]:
    layer = found["layer_one"]
    return {
        "run_id": layer["run_id"],
        "bundle_digest": layer["digest"],
        "verdict_number": seal["number"],
        "verdict_digest": seal["digest"],
        "candidate_sha256": seal["candidate_sha256"],
        "incumbent": {key: results["incumbent"][key] for key in ("id", "sha256")},
        "stage": seal["stage"],
        "verdict": seal["verdict"],
        "demonstration": results["demonstration"],
    }


@contextmanager
def _alone(root: Path, product: str) -> Iterator[None]:
    """Keep other writers of this pointer out; the lock goes with the process that holds it."""
    path = pointer_path(root, product)
    try:
        if path.parent.is_symlink():
            raise OSError(f"{POINTERS} is a link")
        path.parent.mkdir(exist_ok=True)
        handle = path.with_name(f".{product}.lock").open("a")
    except OSError as error:
        raise PointerError(
            f"the pointer of {product} can't be written: {error.strerror or error}",
            reason="pointer.unwritable",
            remedy=f"make {POINTERS} below the root a folder that you may write to",
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
