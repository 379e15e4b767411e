"""Read the wanted columns of a delimited file in chunks: numbers are numbers, or it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd

from builder.sources.errors import format_error

_CHUNK_ROWS = 100_000
_NOT_TEXT = (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError)
_HEADER_LINES = 2  # rows are counted from 1, and the first line is the header
Keep = Callable[[pd.DataFrame], "pd.Series[bool]"]


@dataclass(frozen=True)
class Wanted:
    """Which columns to read: `text` ones stay as written, all others are numbers."""

    numbers: tuple[str, ...]
    text: tuple[str, ...] = ()


def read_columns(
    stream: IO[bytes],
    name: str,
    wanted: Wanted,
    *,
    separator: str = ",",
    keep: Keep | None = None,
) -> pd.DataFrame:
    """Return the wanted columns of the rows that `keep` keeps; empty cells are missing values.

    Numbers are float64. Raises BuildError naming file and column for a column that is not there,
    a cell that is no finite number, and a file without rows or that is no delimited text.
    """
    columns = [*wanted.numbers, *wanted.text]
    with _text_errors(name):
        chunks = pd.read_csv(
            stream,
            sep=separator,
            usecols=lambda column: column in columns,
            dtype=dict.fromkeys(wanted.text, str),
            index_col=False,  # else cells past the header shift every column
            keep_default_na=False,
            na_values=[""],
            chunksize=_CHUNK_ROWS,
        )
        parts = [_part(chunk, name, wanted, keep) for chunk in chunks]
    return pd.concat(parts, ignore_index=True)[columns]


def _part(chunk: pd.DataFrame, name: str, wanted: Wanted, keep: Keep | None) -> pd.DataFrame:
    missing = [each for each in (*wanted.numbers, *wanted.text) if each not in chunk.columns]
    if missing:
        raise format_error(f"{name} has no column {', '.join(missing)}", "missing_column")
    if chunk.empty:
        raise format_error(f"{name} has no rows", "no_rows")
    part = chunk.assign(**{each: _numbers(chunk[each], name) for each in wanted.numbers})
    return part if keep is None else part[keep(part)]


def _numbers(column: pd.Series, name: str) -> pd.Series[float]:
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(str)
    values = pd.to_numeric(column, errors="coerce").astype(np.float64)
    wrong = column.notna() & ~np.isfinite(values)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise format_error(
            f"{name} line {int(column.index[row]) + _HEADER_LINES}: {column.name} is "
            f"{str(column.iloc[row])[:40]!r}, which is no number",
            "not_numeric",
        )
    return values


@contextmanager
def _text_errors(name: str) -> Iterator[None]:
    try:
        yield
    except _NOT_TEXT as error:
        raise format_error(f"{name} is no delimited text: {error}", "not_a_table") from error
