"""The runtime part of the measuring step: timed on this machine, or the reason why not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from baselines.store import baseline_path
from benchmarks.engine.child import Progress
from benchmarks.loader_smoke import MACHINE_LIMITS
from benchmarks.runtime import XDIST_VARIABLE, current_fingerprint, measure_runtime
from gates.gathering import Gathering
from schemas.errors import MpgateError

RuntimeMode = Literal["measure", "off", "workers", "never"]
_NO_RUNTIME = {
    "never": ("runtime is measured anew for every judging", "leave `--measure never` out"),
    "off": ("`--no-runtime` was given", "leave `--no-runtime` out"),
    "workers": ("runtimes are never measured beside xdist workers", "run without -n"),
}
_RUNTIME_LIMITS = MACHINE_LIMITS | {"runtime.xdist"}


def add_runtime(
    found: Gathering,
    candidate: Path,
    incumbent_id: str,
    runtime: RuntimeMode,
    progress: Progress | None,
) -> None:
    """Add the runtime record, or why there is none; a file without evidence is not timed."""
    if (why := _no_runtime(found, runtime)) is not None:
        found.miss("runtime", "unmeasured", *why)
    else:
        _measure(found, candidate, incumbent_id, progress)


def _no_runtime(found: Gathering, runtime: RuntimeMode) -> tuple[str, str] | None:
    """Return why no runtime is measured and what to do about it; None where it is."""
    if runtime == "measure" and XDIST_VARIABLE in os.environ:
        runtime = "workers"
    if runtime in _NO_RUNTIME:
        return _NO_RUNTIME[runtime]
    if "evidence" not in found.records:
        why = found.absent["evidence"]
        return f"no runtime without evidence: {why['message']}", why["remedy"]
    return None


def _measure(
    found: Gathering, candidate: Path, incumbent_id: str, progress: Progress | None
) -> None:
    """Measure both sides on this machine, a candidate that is the incumbent too."""
    try:
        incumbent = baseline_path(incumbent_id)
        if incumbent is None:
            found.miss(
                "runtime",
                "unmeasured",
                f"the file of {incumbent_id} is not here, and runtime needs both sides",
                f"run `mpgate baseline fetch {incumbent_id}` (`--from FILE` takes a local copy)",
            )
            return
        record = measure_runtime(candidate, incumbent, incumbent_id=incumbent_id, progress=progress)
    except MpgateError as error:
        found.fail("runtime", error, _RUNTIME_LIMITS)
        return
    if record["machine"]["fingerprint"] != current_fingerprint():
        found.miss(
            "runtime",
            "unmeasured",
            "these runtimes were measured on another machine",
            "measure the runtime on this one",
        )
        return
    found.records["runtime"] = record
