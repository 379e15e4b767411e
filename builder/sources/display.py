"""Show the transfers of sources on a console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import TaskID

from baselines.transfer import download_progress
from builder.sources.protocol import Progress


@contextmanager
def shown_on(console: Console) -> Iterator[Progress]:
    """Give a progress that draws one bar per file on the console while the block runs."""
    tasks: dict[str, TaskID] = {}
    with download_progress(console) as display:

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = display.add_task(name, total=total)
            display.update(tasks[name], completed=done, total=total)

        yield report
