"""What this room's commands print: JSON, and one clear line for a typed error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from schemas.canonical import canonical_bytes
from schemas.errors import MpgateError

DEFAULT_ROOT = Path("runs")
EXIT_ERROR = 3


@contextmanager
def reported(as_json: bool = False) -> Iterator[None]:
    """Turn a typed error into one line, or a JSON object, and exit code 3."""
    try:
        yield
    except MpgateError as error:
        if as_json:
            print_json({"error": error.message, "reason": error.reason, "remedy": error.remedy})
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_ERROR) from error


def print_json(record: Mapping[str, Any]) -> None:
    """Print a record in canonical form on standard output."""
    typer.echo(canonical_bytes(record).decode(), nl=False)
