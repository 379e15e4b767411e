"""Runs the worker as a child process: messages in, typed failures out, nothing left running."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.errors import MeasureError

Progress = Callable[[str, int, int], None]
Listener = Callable[[dict[str, Any]], None]
WORKER = "benchmarks.engine.worker"
_PROJECT = Path(__file__).parents[2]
_TAIL_LINES = 6


def run_child(
    job: dict[str, Any],
    folder: Path,
    progress: Progress | None,
    timeout_s: float,
    worker: str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run `job` with its files under `folder`; return the meta the worker wrote.

    Adds `arrays_out` and `meta_out` to the job. `worker` names another module to run than the
    engine's worker; `finished` gets the messages about arms that are done while others run.
    Raises MeasureError on refusal, failure, timeout.
    """
    job["arrays_out"] = str(folder / "arrays.npz")
    job["meta_out"] = str(folder / "meta.json")
    (folder / "job.json").write_text(json.dumps(job))
    errors = folder / "stderr.txt"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", worker or WORKER, str(folder / "job.json")],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=_PROJECT,
            text=True,
        )
    refusal, timed_out = _follow(process, progress, listener, timeout_s)
    if timed_out:
        raise _timed_out(job, timeout_s)
    if refusal is not None:
        raise _refused(job, refusal)
    if process.returncode != 0:
        raise _failed(job, process.returncode, errors)
    meta: dict[str, Any] = json.loads(Path(job["meta_out"]).read_text())
    return meta


def _follow(
    process: subprocess.Popen[str],
    progress: Progress | None,
    listener: Listener | None,
    timeout_s: float,
) -> tuple[dict[str, Any] | None, bool]:
    """Read messages until the child ends; return its refusal if any, and whether time ran out."""
    expired = threading.Event()

    def stop() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(timeout_s, stop)
    timer.start()
    refusal: dict[str, Any] | None = None
    try:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message["stage"] == "error":
                refusal = message
            elif listener is not None:
                listener(message)
            elif progress is not None:
                progress(message["stage"], message["done"], message["total"])
        process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    return refusal, expired.is_set()


def _timed_out(job: dict[str, Any], timeout_s: float) -> MeasureError:
    return MeasureError(
        f"the simulation of {Path(job['path']).name} ran past {timeout_s:g} seconds",
        reason="engine.timeout",
        remedy="use a smaller file or a longer timeout",
    )


def _refused(job: dict[str, Any], message: dict[str, Any]) -> MeasureError:
    """Return the error for what the worker itself refused."""
    name, reason = Path(job["path"]).name, message["reason"]
    if reason == "engine.memory":
        text = (
            f"the simulation of {name} passed {message['limit_gb']:g} GB of memory "
            f"({message['used_gb']:g} GB) and was stopped"
        )
        return MeasureError(
            text,
            reason=reason,
            remedy="raise the ceiling with MPGATE_MEMORY_GB=12, or thin the file",
        )
    if reason == "engine.unknown_parameter":
        paths = ", ".join(message["parameters"])
        return MeasureError(
            f"the engine has no parameter {paths}",
            reason=reason,
            remedy="correct the path in the reform; lists are written name[0].amount",
        )
    if reason == "engine.weights_read":
        return MeasureError(
            f"a formula read the weights of {name}, which are of several files",
            reason=reason,
            remedy="simulate the files apart",
        )
    return MeasureError(
        f"the engine loaded {message['loaded']}, {name} holds {message['file']}",
        reason=reason,
        remedy="check the ids and the layout of the file",
    )


def _failed(job: dict[str, Any], code: int, errors: Path) -> MeasureError:
    if code < 0:
        return MeasureError(
            f"the engine was killed by signal {-code} on {Path(job['path']).name}",
            reason="engine.killed",
            remedy="free memory (the system kills what it cannot hold) and measure again",
        )
    lines = errors.read_text(errors="replace").strip().splitlines()
    tail = " | ".join(line.strip() for line in lines[-_TAIL_LINES:])
    return MeasureError(
        f"the engine failed on {Path(job['path']).name} (exit {code}): {tail or 'no message'}",
        reason="engine.failed",
        remedy="mend the file or the reform as the engine's message says",
    )
