"""A rich progress display in the shape huggingface_hub reports transfers to."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


def download_progress(console: Console) -> Progress:
    """Return a transfer display: name, bar, bytes done, bytes per second."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
    )


def reporter_class(progress: Progress) -> type:
    """Return a class with the tqdm calls huggingface_hub 2.x makes, drawn by `progress`."""

    class Reporter:
        def __init__(
            self, *, desc: str = "", total: float | None = None, initial: int = 0, **_: Any
        ) -> None:
            self._task = progress.add_task(desc, total=total, completed=initial)
            self._total = total
            self.n: float = initial

        @property
        def total(self) -> float | None:
            return self._total

        @total.setter
        def total(self, value: float | None) -> None:
            self._total = value
            progress.update(self._task, total=value)

        def update(self, count: float = 1) -> None:
            self.n += count
            progress.advance(self._task, count)

        def set_postfix_str(self, text: str = "", refresh: bool = True) -> None:
            """Accept the speed huggingface_hub formats; the display computes its own."""

        def refresh(self) -> None:
            progress.refresh()

        def close(self) -> None:
            progress.stop_task(self._task)

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            self.close()

    return Reporter
