"""What this room's commands print: tables, JSON, and one clear line for a typed error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from schemas.canonical import canonical_bytes
from schemas.errors import MpgateError

EXIT_MISMATCH = 1
EXIT_ERROR = 3


@contextmanager
def reported(as_json: bool, *, mismatches: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn a typed error into one clear line (or a JSON object) and leave.

    Exit code 1 where the reason of the error is among `mismatches`, else 3.
    """
    try:
        yield
    except MpgateError as error:
        if as_json:
            print_json({"error": error.message, "reason": error.reason, "remedy": error.remedy})
        else:
            typer.echo(str(error), err=True)
        code = EXIT_MISMATCH if error.reason in mismatches else EXIT_ERROR
        raise typer.Exit(code) from error


def console() -> Console:
    """Return a console as wide as the terminal, or 200 columns where there is none."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def print_json(record: dict[str, Any]) -> None:
    """Print a record in canonical form on standard output."""
    typer.echo(canonical_bytes(record).decode(), nl=False)
