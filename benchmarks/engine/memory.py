"""Resident memory of this process: its peak, and a watch that acts above a ceiling."""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")
_INTERVAL_S = 0.2


def peak_rss_gb() -> float:
    """Return the highest resident memory so far, in GB (10^9 bytes).

    VmHWM where the system has it: `ru_maxrss` of a child starts at its parent's peak on Linux.
    """
    if _STATUS.is_file():
        fields = dict(
            line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line
        )
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def watch_memory(limit_gb: float, exceeded: Callable[[float], None]) -> None:
    """Call `exceeded(peak)` from a background thread once the peak passes `limit_gb`."""

    def watch() -> None:
        while (peak := peak_rss_gb()) <= limit_gb:
            time.sleep(_INTERVAL_S)
        exceeded(peak)

    threading.Thread(target=watch, name="memory-watch", daemon=True).start()
