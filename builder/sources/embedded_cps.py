"""The embedded source as a provider: the CPS file inside the installed `taxcalc`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from builder.embedded.mapping import load_mapping
from builder.embedded.provider import WEIGHT, read_source
from builder.sources.cache import verified_copy
from builder.sources.catalog import Entry
from builder.sources.protocol import Absent, Acquired, Progress, SourceData, SourceFile

_PACKAGE = "taxcalc"


@dataclass(frozen=True)
class EmbeddedCps:
    """Tax units of the CPS ASECs 2013-2015; needs no network and no cache."""

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
        """Return the package's files; Absent without the package, BuildError for other bytes."""
        if find_spec(_PACKAGE) is None:
            return Absent(
                self.id,
                "source.not_installed",
                f"the package {_PACKAGE} is not installed",
                'install the builder extra: pip install "microdata-release-gate[builder]"',
            )
        return Acquired(self.id, tuple(self._file(each.name) for each in self.entry.files))

    def _file(self, name: str) -> SourceFile:
        with as_file(files(_PACKAGE) / name) as path:
            return verified_copy(self.entry.file(name), path)

    def read(self, acquired: Acquired) -> SourceData:  # noqa: ARG002
        """Return tax units in taxcalc's own column names, as the embedded build reads them."""
        mapping = load_mapping()
        source = read_source(mapping.period, mapping.base_period)
        return SourceData({"tax_unit": source.units}, WEIGHT, self.entry.load_semantics())
