"""The published tables of an acquired source, read by what its semantics ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from builder.sources.archive import open_member
from builder.sources.catalog import Entry
from builder.sources.derive import Variable, derived, needed_columns
from builder.sources.errors import format_error
from builder.sources.protocol import Acquired
from builder.sources.tables import Keep, Wanted, read_columns


@dataclass(frozen=True)
class RawSource:
    """One acquired source before its own rules: published columns by table."""

    entry: Entry
    acquired: Acquired
    semantics: Mapping[str, Any]

    def variables(self, entity: str) -> list[Variable]:
        """Return the variables of an entity that the semantics derive from published columns."""
        declared = self.semantics["variables"]
        return [each for each in declared if each["entity"] == entity and "from" in each]

    def read(
        self,
        table: str,
        *,
        entities: tuple[str, ...] = (),
        keys: tuple[str, ...] = (),
        text: tuple[str, ...] = (),
        keep: Keep | None = None,
    ) -> pd.DataFrame:
        """Return a published table: its keys and all that the declared variables are made from.

        `entities` are those whose variables this table carries (default: its own).
        """
        carried = [each for name in entities or (table,) for each in self.variables(name)]
        numbers = dict.fromkeys((*keys, *needed_columns(carried)))
        weight = self.semantics["weight"]
        if weight and weight["entity"] == table:
            numbers[weight["variable"]] = None
        wanted = Wanted(tuple(each for each in numbers if each not in text), text)
        place = self.entry.table(table)
        parts = []
        for name in place.members or (place.file,):
            with self._stream(place.file, name if place.members else None) as stream:
                label = f"{place.file}/{name}" if place.members else name
                parts.append(
                    read_columns(stream, label, wanted, separator=place.separator, keep=keep)
                )
        rows = pd.concat(parts, ignore_index=True)
        if rows.empty:
            raise format_error(f"{self.label(table)} has no row to use", "no_rows")
        return rows

    @contextmanager
    def _stream(self, file: str, member: str | None) -> Iterator[IO[bytes]]:
        path: Path = self.acquired.path(file)
        if member is None:
            with path.open("rb") as stream:
                yield stream
        else:
            limit = self.entry.file(file).largest_member_bytes
            with open_member(path, member, limit) as stream:
                yield stream

    def label(self, table: str) -> str:
        """Return the name that errors give to a table: its members in its file."""
        place = self.entry.table(table)
        return f"{place.file}/{'+'.join(place.members)}" if place.members else place.file

    def derive(self, entity: str, raw: pd.DataFrame, table: str | None = None) -> pd.DataFrame:
        """Return the declared variables of an entity from a published table."""
        return derived(raw, self.variables(entity), self.label(table or entity))

    def weights(self, raw: pd.DataFrame) -> pd.Series:
        """Return the declared weights in units of the population.

        Raises BuildError for weights that are empty, negative, or all zero.
        """
        declared = self.semantics["weight"]
        weights: pd.Series[float] = raw[declared["variable"]] / declared.get("divisor", 1)
        where = f"{self.label(declared['entity'])}: {declared['variable']}"
        if weights.isna().any() or (weights < 0).any():
            raise format_error(f"{where} is empty or negative somewhere", "bad_weight")
        if not (weights > 0).any():
            raise format_error(f"{where} is zero in every row", "bad_weight")
        return weights

    def check_known(self, children: pd.Series, parents: pd.Series, what: str) -> None:
        """Refuse rows whose parent is not in the parent's table, or whose parent is there twice."""
        if parents.duplicated().any():
            raise format_error(f"{self.entry.id}: a key of the {what} occurs twice", "key_twice")
        orphans = ~children.isin(parents)
        if orphans.any():
            raise format_error(
                f"{self.entry.id}: {int(orphans.sum()):,} rows have no {what} "
                f"({children[orphans].iloc[0]} is the first)",
                "orphans",
            )
