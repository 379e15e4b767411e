"""Runs work in forked children, which start from all that this process already holds.

A child changes its own copy and ends: nothing has to be put back, and memory it doesn't touch is
shared. At most a given number run at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

from benchmarks.engine.memory import end_with_parent

Work = Callable[[], None]


class Forks:
    """Children of this process; a failure of one ends the others."""

    def __init__(self) -> None:
        """Start with no child."""
        self._running: set[int] = set()

    def start(self, work: Work) -> None:
        """Run `work` in a child now."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _run_and_exit(work)
        self._running.add(pid)

    def run(self, works: Sequence[Work], at_once: int) -> None:
        """Run all of `works`, in order, with at most `at_once` children in all; wait for the end.

        Exits with the code of a child that failed.
        """
        for work in works:
            while len(self._running) >= max(at_once, 1):
                self._wait()
            self.start(work)
        while self._running:
            self._wait()

    def _wait(self) -> None:
        pid, status = os.wait()
        self._running.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            for other in self._running:
                os.kill(other, 9)
            # A child that a signal ended is told as such: the parent's own code would hide it.
            if code < 0:
                os.kill(os.getpid(), -code)
            os._exit(code)


def _run_and_exit(work: Work) -> None:
    code = 1
    try:
        end_with_parent()
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
