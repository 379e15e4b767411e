"""What a contract check is: one rule, the file it looks at, and what it found there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from schemas.dataset import Dataset
from schemas.engine_metadata import variable_table

MAX_EXAMPLES = 20


@dataclass(frozen=True)
class Found:
    """What one check saw: how many things it looked at, and one line per violation.

    `count` is the number of violations where only some are listed. `not_applicable` says why the
    rule does not apply to this file, `unmeasured` why it could not be looked at.
    """

    checked: int
    violations: tuple[str, ...]
    count: int | None = None
    not_applicable: str = ""
    unmeasured: str = ""

    @property
    def total(self) -> int:
        """Return the number of violations, which may exceed the listed ones."""
        return len(self.violations) if self.count is None else self.count


class Examined:
    """The file under examination, and what is known of the incumbent's inputs.

    `incumbent` is an `input_profile` record, the reason (text) why the named incumbent has none,
    or None where no incumbent was named.
    """

    def __init__(self, data: Dataset, incumbent: Mapping[str, Any] | str | None = None) -> None:
        """Hold the open file and the incumbent's profile."""
        self.data = data
        self.incumbent = incumbent
        self._kept: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per file: several checks share one look."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @cached_property
    def known(self) -> list[str]:
        """Return the stored variables that the engine knows, for the file's own period."""
        table = variable_table()
        return [name for name in self.data.variables if name in table and self.data.has(name)]

    def of_type(self, *value_types: str) -> list[str]:
        """Return the known stored variables of the given engine value types."""
        table = variable_table()
        return [name for name in self.known if table[name].value_type in value_types]

    def numbers(self, name: str) -> np.ndarray | None:
        """Return a stored numeric array, or None where it is absent or no number."""
        if not self.data.has(name) or self.data.header(name).dtype.kind not in "biuf":
            return None
        return self.data.read(name)


@dataclass(frozen=True)
class Check:
    """A rule with its id, remedy and function; `severity` says how bad a breach is."""

    id: str
    severity: str
    remedy: str
    run: Callable[[Examined], Found]
