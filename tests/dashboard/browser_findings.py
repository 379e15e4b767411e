"""What was found wrong on the pages that a browser visited, by kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from browser_records import Records
from browser_visits import Visitor, rule_problems

KINDS = {
    "errors": "console and page errors",
    "titles": "pages whose title does not name them",
    "values": "values that are not those of the records",
    "loose": "numbers without a source or a rule",
    "rules": "rules of accessibility and escaping that are broken",
    "absent": "pages without a value of the run that they are about",
    "hosts": "hosts that were asked",
}
_SHOWN = 40


@dataclass
class Findings:
    """The problems of each kind, and how many values were held against records."""

    values: int = 0
    _problems: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def look(
        self, visitor: Visitor, records: Records, where: str, name: str = "", run: str = ""
    ) -> None:
        """Look at the page that the visitor is on.

        `name` must be in its title, and values of `run` on it.
        """
        seen = visitor.probe()
        wrong = {
            "errors": visitor.new_complaints(),
            "titles": [] if seen["title"] and name in seen["title"] else [repr(seen["title"])],
            "values": records.problems(seen["sources"]),
            "loose": seen["loose"],
            "rules": rule_problems(seen),
            "absent": [seen["heading"]] if run and not _is_about(seen, run) else [],
        }
        for kind, problems in wrong.items():
            self._problems[kind] += [f"{where}: {each}" for each in problems]
        self.values += len(seen["sources"])

    def end(self, visitor: Visitor, allowed: Collection[str]) -> None:
        """Note which hosts were asked beside the allowed ones, and close the tab."""
        self._problems["hosts"] = sorted(visitor.hosts - set(allowed))
        visitor.close()

    def of(self, kind: str) -> list[str]:
        """Return the problems of a kind, each once."""
        return list(dict.fromkeys(self._problems[kind]))

    def report(self, kind: str) -> str:
        """Return the problems of a kind, the first ones in words."""
        problems = self.of(kind)
        return "\n".join([f"{len(problems)} {KINDS[kind]}:", *problems[:_SHOWN]])


def _is_about(seen: Mapping[str, Any], run: str) -> bool:
    return any(each["source"].startswith(f"{run}|") for each in seen["sources"])
