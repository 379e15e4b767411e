"""What a stage costs: wall time, CPU, peak memory of the process family, largest scratch."""

from __future__ import annotations

import resource
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil

from benchmarks.engine.memory import family_gb, peak_rss_gb
from builder.stages.disk import folder_bytes

_INTERVAL_S = 0.1
# Adding up shared pages of a large family takes 0.1 s: spend no more than a tenth on looking.
_REST = 9


class Profile:
    """Measures a block of code; the figures are there once it has ended.

    `wall_s`; `cpu_s` of this process and of the children it has waited for; `peak_rss_bytes` of
    this process and all its descendants, sampled, pages that they share counted once, and exact
    where this process alone reached its highest so far; `scratch_bytes`, largest seen.
    """

    def __init__(self, scratch: Path) -> None:
        """Watch the size of the folder `scratch` too."""
        self.wall_s = self.cpu_s = 0.0
        self.peak_rss_bytes = self.scratch_bytes = 0
        self._scratch = scratch
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stage-profile", daemon=True)

    def __enter__(self) -> Profile:
        """Start measuring."""
        self._highest_before = peak_rss_gb()
        self._sample()
        self._wall, self._cpu = time.perf_counter(), _cpu_s()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop measuring and work out the figures."""
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = _cpu_s() - self._cpu
        self._ended.set()
        self._thread.join()
        self._sample()
        highest = peak_rss_gb()
        if highest > self._highest_before:
            self.peak_rss_bytes = max(self.peak_rss_bytes, round(highest * 1e9))

    def _watch(self) -> None:
        spent = 0.0
        while not self._ended.wait(max(_INTERVAL_S, _REST * spent)):
            started = time.thread_time()
            self._sample()
            spent = time.thread_time() - started

    def _sample(self) -> None:
        self.peak_rss_bytes = max(self.peak_rss_bytes, _family_bytes())
        self.scratch_bytes = max(self.scratch_bytes, folder_bytes(self._scratch))


def _family_bytes() -> int:
    process = psutil.Process()
    own: int = process.memory_info().rss
    return max(own, round(family_gb() * 1e9)) if process.children() else own


def _cpu_s() -> float:
    """Return the CPU seconds so far, user and system, of this process and of ended children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
