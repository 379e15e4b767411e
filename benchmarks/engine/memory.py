"""Memory of this process and its forked children, and a watch that acts above a ceiling."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_INTERVAL_S = 0.3
_TICKS_PER_FAMILY = 10


def peak_rss_gb() -> float:
    """Return the highest resident memory of this process so far, in GB (10^9 bytes).

    VmHWM where the system has it: `ru_maxrss` of a child starts at its parent's peak on Linux.
    """
    status = _PROC / "self/status"
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def family_gb(pid: int | None = None) -> float:
    """Return the memory now of a process and all its descendants, in GB; 0 where unknown.

    Pages that forked processes still share are counted once (proportional set size).
    """
    pid = os.getpid() if pid is None else pid
    try:
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0.0  # gone meanwhile, or a system without this file
    own = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0")
    return int(own.split()[1]) * 1024 / 1e9 + sum(map(family_gb, _children(pid)))


def _children(pid: int) -> list[int]:
    try:
        found = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found]


class MemoryWatch:
    """Follows the memory of this process and its descendants; `peak_gb` is the highest seen."""

    def __init__(self, limit_gb: float, exceeded: Callable[[float], None]) -> None:
        """Call `exceeded(peak)` from a background thread once the peak passes `limit_gb`."""
        self._family_peak = 0.0
        self._limit_gb, self._exceeded = limit_gb, exceeded
        threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()

    @property
    def peak_gb(self) -> float:
        """Return the highest memory so far in GB (10^9 bytes)."""
        return max(self._family_peak, peak_rss_gb())

    def _watch(self) -> None:
        ticks = 0
        while self.peak_gb <= self._limit_gb:
            time.sleep(_INTERVAL_S)
            ticks += 1
            # Alone, the peak of this process says it all; adding up shared pages takes 0.1 s.
            if ticks % _TICKS_PER_FAMILY == 0 and _children(os.getpid()):
                self._family_peak = max(self._family_peak, family_gb())
        self._exceeded(self.peak_gb)


def keep_all_objects() -> None:
    """Stop looking for garbage cycles in a process that ends with its work.

    The parameter tree is millions of objects that stay: looking through them again and again took
    a fifth of a simulation and half of an incremental reform.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def end_with_parent() -> None:
    """Let a forked child end when its parent does: a killed parent leaves nothing running."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
