"""Frozen suites: which targets, measures and reforms a dataset is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.targets import Target, load_targets
from benchmarks.scoring.kernel import required_outputs
from schemas.canonical import sha256_json
from schemas.errors import UsageError
from schemas.records import read_record

SUITE_FOLDER = Path(__file__).parent / "suites"
DEFAULT_SUITE = "us_national_2024"


@dataclass(frozen=True)
class Suite:
    """One benchmark manifest with its sha256 and its targets, in manifest order."""

    record: Mapping[str, Any]
    sha256: str
    targets: tuple[Target, ...]

    @property
    def id(self) -> str:
        """Return the id, which is also the file name."""
        return str(self.record["id"])

    @property
    def benchmarks(self) -> list[dict[str, Any]]:
        """Return the reforms in manifest order."""
        return list(self.record["benchmarks"])

    @property
    def measures(self) -> dict[str, dict[str, Any]]:
        """Return the measures (weighted totals in dollars or persons) by name."""
        return dict(self.record["measures"])

    def roles(self) -> dict[str, str]:
        """Return `calibrated` or `held_out` per target id."""
        return {each["target_id"]: each["role"] for each in self.record["targets"]}

    def targets_of(self, role: str) -> list[Target]:
        """Return the targets of one role: what a builder may calibrate to, or may not."""
        roles = self.roles()
        return [target for target in self.targets if roles[target.target_id] == role]


def suite_ids() -> list[str]:
    """Return the ids of the suites in the repository."""
    return sorted(path.stem for path in SUITE_FOLDER.glob("*.json"))


def load_suite(suite_id: str = DEFAULT_SUITE) -> Suite:
    """Return a validated suite; raises UsageError for an unknown id, naming the known ones."""
    if suite_id not in suite_ids():
        raise UsageError(
            f"no suite is called {suite_id!r}",
            reason="suite.unknown",
            remedy=f"use one of: {', '.join(suite_ids())}",
        )
    record = read_record(SUITE_FOLDER / f"{suite_id}.json", "benchmark_manifest")
    targets = load_targets([each["target_id"] for each in record["targets"]])
    return Suite(record=record, sha256=sha256_json(record), targets=tuple(targets))


def required_baseline_outputs(suite: Suite) -> list[str]:
    """Return the sorted output requests of the one baseline simulation.

    Builder and measuring ask for exactly these, so that both share the cached simulation.
    """
    measured = {each for name in suite.measures for each in measure_outputs(suite, name)}
    return sorted(measured | set(required_outputs(suite.targets)))


def required_reform_outputs(suite: Suite) -> list[str]:
    """Return the sorted output requests of every reform's simulation.

    One list for all reforms, so that they share one evaluation plan.
    """
    names = {name for benchmark in suite.benchmarks for name in benchmark["outputs"]}
    return sorted({request for name in names for request in measure_outputs(suite, name)})


def measure_outputs(suite: Suite, name: str) -> set[str]:
    """Return the output requests of one measure: its terms, items and those of its parts."""
    measure = suite.measures[name]
    found = {term["variable"] for term in (*measure["terms"], *measure.get("items", ()))}
    for part in measure.get("parts", ()):
        found |= measure_outputs(suite, part["measure"])
    return found
