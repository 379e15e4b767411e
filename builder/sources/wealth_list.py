"""The list of the wealthiest units as a provider: a facts file with its date and source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from builder.fixed_spine.wealth import FACTS, load_wealth_list
from builder.sources.catalog import Entry
from builder.sources.protocol import Absent, Acquired, Progress, SourceData, SourceFile
from schemas.canonical import sha256_file


@dataclass(frozen=True)
class WealthListSource:
    """The facts file committed with the builder: the commit pins it, and its hash is reported."""

    entry: Entry

    @property
    def id(self) -> str:
        """Return the id of the source."""
        return self.entry.id

    def acquire(
        self,
        cache: Path,  # noqa: ARG002
        *,
        offline: bool,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> Acquired | Absent:
        """Return the facts file, which needs no network and no cache."""
        declared = self.entry.file(FACTS.name)
        sha256, size = sha256_file(FACTS), FACTS.stat().st_size
        return Acquired(self.id, (SourceFile(declared.name, declared.url, sha256, size, FACTS),))

    def read(self, acquired: Acquired) -> SourceData:
        """Return one household per listed unit; RecordError or BuildError for a list that is not
        valid. None has a weight: each stands for itself alone."""
        units = load_wealth_list(acquired.path(FACTS.name))
        columns = {
            "rank": units.rank,
            "net_worth": units.net_worth,
            "state_fips": units.state_fips,
        }
        return SourceData({"household": pd.DataFrame(columns)}, None, self.entry.load_semantics())
