"""The cross-engine part of the measuring step: taxes by a second engine, or why there are none."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cross_engine import cached_cross_engine, measure_cross_engine
from benchmarks.engine.child import Progress
from benchmarks.loader_smoke import MACHINE_LIMITS
from gates.gathering import Gathering
from schemas.errors import MpgateError

_NAME = "cross_engine"
_LIMITS = MACHINE_LIMITS | {"cross_engine.no_taxcalc"}


def add_cross_engine(
    found: Gathering, candidate: Path, sha256: str, *, measure: bool, progress: Progress | None
) -> None:
    """Add the cross-engine record; a file without evidence is not put to a second engine.

    Without `measure` only a record that was made before is used.
    """
    if "evidence" not in found.records:
        found.absent[_NAME] = found.absent["evidence"]
        return
    try:
        if measure:
            found.records[_NAME] = measure_cross_engine(candidate, progress=progress)
        elif (cached := cached_cross_engine(sha256)) is not None:
            found.records[_NAME] = cached
        else:
            found.miss(
                _NAME,
                "unmeasured",
                "the second engine never calculated this file",
                "leave `--measure never` out",
            )
    except MpgateError as error:
        found.fail(_NAME, error, _LIMITS)
