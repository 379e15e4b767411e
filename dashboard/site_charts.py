"""The charts of a static site, drawn by other processes while its pages are made.

They take most of the time of an export, and the renderer keeps the interpreter while it draws.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, cast

from dashboard.blocks import Chart, Page, Table, walk
from dashboard.errors import DashboardError
from dashboard.svg import chart_svg

WORKERS = min(4, os.cpu_count() or 1)  # each holds some 250 MB
_NO_TABLE = Table("", (), ())
_Drawn = tuple[str, str]  # the SVG, or what is wrong


@dataclass(frozen=True)
class _Specified:
    """A chart as its specification, which passes between processes."""

    spec: dict[str, Any]

    def to_dict(self, **_: bool) -> dict[str, Any]:
        return self.spec


class Drawing:
    """Charts that are being drawn: begun with their page, and asked for when it is written."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        """Draw by the processes of a pool; `drawing` is what callers use."""
        self._pool = pool
        self._begun: dict[str, Future[_Drawn]] = {}  # by all that is drawn: many charts are alike
        self._keys: dict[int, str] = {}

    def begin(self, page: Page) -> None:
        """Begin to draw the charts of a page, which has to last until they are asked for."""
        for block in walk(page.blocks):
            if isinstance(block, Chart):
                drawn = (block.title, block.description, block.chart.to_dict(validate=False))
                key = self._keys[id(block)] = json.dumps(drawn, sort_keys=True)
                if key not in self._begun:
                    self._begun[key] = self._pool.submit(_draw, *drawn)

    def svg(self, chart: Chart) -> str:
        """Return a chart that was begun as SVG; raises DashboardError where it can't be drawn."""
        drawn, problem = self._begun[self._keys[id(chart)]].result()
        if problem:
            raise DashboardError(problem, reason="export.chart", remedy="mend the chart")
        return drawn


@contextmanager
def drawing(workers: int = WORKERS) -> Iterator[Drawing]:
    """Give a drawing whose processes end with it; started anew, not forked, as DuckDB has threads.

    Interrupting is for the process that exports, which then ends the others. Raises DashboardError
    where one of them was ended from outside.
    """
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield Drawing(pool)
    except BrokenProcessPool as error:
        raise DashboardError(
            "a process that drew charts was ended from outside",
            reason="export.worker",
            remedy="make memory free and export again",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _draw(title: str, description: str, spec: dict[str, Any]) -> _Drawn:
    """Draw a chart in a process of its own; errors with a remedy don't pass between processes."""
    try:
        return chart_svg(Chart(title, description, cast("Any", _Specified(spec)), _NO_TABLE)), ""
    except DashboardError as error:
        return "", error.message
