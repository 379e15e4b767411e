"""Frozen suites: which targets, measures and reforms a dataset is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from baselines.targets import Target, load_targets
from benchmarks.scoring.kernel import required_outputs
from benchmarks.scoring.scheme import HELD_OUT, TRAIN, Aggregate, Family, HeldOutSet, Scheme
from benchmarks.suite_benchmarks import (
    NET_INCOME,
    REPORT_BASELINE_OUTPUTS,
    REPORT_OUTPUTS,
    benchmark_problems,
    measure_outputs,
    measures_at,
)
from schemas.canonical import sha256_json
from schemas.errors import RecordError, UsageError
from schemas.records import read_record

SUITE_FOLDER = Path(__file__).parent / "suites"
DEFAULT_SUITE = "us_national_2024"
# The default split holds out at least one family of each kind (plan: held-out target evaluation).
HELD_OUT_KINDS = ("geography", "income_program")


@dataclass(frozen=True)
class Suite:
    """One benchmark manifest with its sha256 and its targets, in the order of the registry."""

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

    def measures_at(self, period: int) -> dict[str, dict[str, Any]]:
        """Return the measures for a year: `ssi@2024-12` is December of 2026 in a run for 2026."""
        return measures_at(self.measures, period)

    @cached_property
    def scheme(self) -> Scheme:
        """Return how the targets are grouped: roles, protected families, aggregates, held-out."""
        held_out = tuple(
            HeldOutSet(each["id"], each["kind"], tuple(each["groups"]))
            for each in self.record["held_out"]
        )
        held = {group for each in held_out for group in each.groups}
        return Scheme(
            roles={
                target.target_id: HELD_OUT if target.holdout_group in held else TRAIN
                for target in self.targets
            },
            families=tuple(
                Family(name, tuple(each.get("targets", ())), each.get("measure"))
                for name, each in self.record["families"].items()
            ),
            aggregates=tuple(
                Aggregate(name, each.get("target"), each.get("measure"))
                for name, each in self.record["aggregates"].items()
            ),
            held_out=held_out,
        )

    def roles(self) -> dict[str, str]:
        """Return `train` or `held_out` per target id."""
        return dict(self.scheme.roles)

    def targets_of(self, role: str) -> list[Target]:
        """Return the targets of one role: what a builder may calibrate to, or may not."""
        return [target for target in self.targets if self.scheme.roles[target.target_id] == role]

    def groups_of(self, role: str) -> set[str]:
        """Return the holdout groups of one role."""
        return {target.holdout_group for target in self.targets_of(role)}


def suite_ids() -> list[str]:
    """Return the ids of the suites in the repository."""
    return sorted(path.stem for path in SUITE_FOLDER.glob("*.json"))


def load_suite(suite_id: str = DEFAULT_SUITE) -> Suite:
    """Return a validated suite; raises UsageError for an unknown id, naming the known ones.

    Raises RecordError where the registry no longer holds the targets the suite was frozen with, or
    where groups, families, aggregates or benchmarks contradict each other.
    """
    if suite_id not in suite_ids():
        raise UsageError(
            f"no suite is called {suite_id!r}",
            reason="suite.unknown",
            remedy=f"use one of: {', '.join(suite_ids())}",
        )
    record = read_record(SUITE_FOLDER / f"{suite_id}.json", "benchmark_manifest")
    return suite_of(record, load_targets())


def suite_of(record: Mapping[str, Any], registry: Sequence[Target]) -> Suite:
    """Return the suite that a valid manifest selects from a registry; raises RecordError."""
    targets = _selected(record, registry)
    suite = Suite(record=record, sha256=sha256_json(record), targets=targets)
    for problem in (
        *_frozen_problems(record, targets),
        *_scheme_problems(suite, registry),
        *benchmark_problems(record),
    ):
        raise RecordError(
            f"suite {suite.id}: {problem}",
            reason="suite.inconsistent",
            remedy="mend benchmarks/suites/ on purpose: a changed suite needs new evidence",
        )
    return suite


def target_list_sha256(targets: Sequence[Target]) -> str:
    """Return the identity of a list of targets: the sha256 of its sorted ids."""
    return sha256_json(sorted(target.target_id for target in targets))


def _selected(record: Mapping[str, Any], registry: Sequence[Target]) -> tuple[Target, ...]:
    """Return the registry's targets at the suite's geography levels, the excluded ones left out."""
    levels = set(record["targets"]["geography_levels"])
    ids = {each["target_id"] for each in record["excluded_targets"] if "target_id" in each}
    groups = {
        each["holdout_group"] for each in record["excluded_targets"] if "holdout_group" in each
    }
    return tuple(
        target
        for target in registry
        if target.geography_level in levels
        and target.target_id not in ids
        and target.holdout_group not in groups
    )


def _frozen_problems(record: Mapping[str, Any], targets: Sequence[Target]) -> Iterator[str]:
    frozen, found = record["targets"]["sha256"], target_list_sha256(targets)
    if found != frozen or len(targets) != record["targets"]["count"]:
        yield (
            f"selects {len(targets)} targets with list sha256 {found}, "
            f"frozen with {record['targets']['count']} and {frozen}"
        )


def _scheme_problems(suite: Suite, registry: Sequence[Target]) -> Iterator[str]:
    known = {target.holdout_group for target in registry}
    named = [group for each in suite.scheme.held_out for group in each.groups]
    for group in sorted(set(named) - known):
        yield f"holds out the unknown group {group}"
    if len(named) != len(set(named)):
        yield "holds out a group in two sets"
    for kind in HELD_OUT_KINDS:
        if kind not in {each.kind for each in suite.scheme.held_out}:
            yield f"holds out no {kind} family"
    yield from _leaks(suite, set(named), known)
    yield from _unknown_members(suite)


def _leaks(suite: Suite, held: set[str], known: set[str]) -> Iterator[str]:
    """Name every set of related groups that is partly held out and partly trained on.

    Totals and the cells that sum to them, national rows and their state rows, a part and its
    whole: training on one tells the other (facts: holdout_group).
    """
    trained = suite.groups_of(TRAIN)
    for related in suite.record["leak_sets"]:
        for group in sorted(set(related) - known):
            yield f"a leak set names the unknown group {group}"
        if held & set(related) and trained & set(related):
            left = ", ".join(sorted(trained & set(related)))
            yield f"trains on {left}, which tells of the held-out groups beside it"


def _unknown_members(suite: Suite) -> Iterator[str]:
    ids, measures = set(suite.scheme.roles), set(suite.measures)
    for family in suite.scheme.families:
        for name in sorted(set(family.targets) - ids):
            yield f"family {family.name} names {name}, which is not a target of the suite"
        if len(set(family.targets)) != len(family.targets):
            yield f"family {family.name} names a target twice"
        if family.measure and family.measure not in measures:
            yield f"family {family.name} names the unknown measure {family.measure}"
    for aggregate in suite.scheme.aggregates:
        if aggregate.target and aggregate.target not in ids:
            yield f"aggregate {aggregate.name} names {aggregate.target}, not a target of the suite"
        if aggregate.measure and aggregate.measure not in measures:
            yield f"aggregate {aggregate.name} names the unknown measure {aggregate.measure}"


def periods(suite: Suite) -> tuple[int, ...]:
    """Return the years that the benchmarks are simulated for: the suite's own first, then later."""
    own = int(suite.record["period"])
    return tuple(sorted({own, *(int(each["period"]) for each in suite.benchmarks)}))


def required_baseline_outputs(suite: Suite, period: int | None = None) -> list[str]:
    """Return the sorted output requests of the baseline simulation for `period`.

    In the suite's own year (the default) they cover targets, every measure and the report: builder
    and measuring ask for exactly these, so that both share the cached simulation. In another year
    they cover the benchmarks of that year and the report.
    """
    wanted = {*required_reform_outputs(suite, period), *REPORT_BASELINE_OUTPUTS}
    if period in (None, suite.record["period"]):
        for name in suite.measures:
            wanted.update(measure_outputs(suite.measures, name))
        wanted.update(required_outputs(suite.targets))
    return sorted(wanted)


def required_reform_outputs(suite: Suite, period: int | None = None) -> list[str]:
    """Return the sorted output requests of every reform's simulation for `period`.

    One list for all reforms of a year, so that they share one evaluation plan.
    """
    return sorted(listed_outputs(suite, period))


def listed_outputs(suite: Suite, period: int | None = None) -> list[str]:
    """Return the reform outputs for `period` in the order of the manifest, each once.

    `household_net_income` comes first: the habit of documented scripts, which the plain
    comparison script follows. The default period is the suite's own year.
    """
    year = suite.record["period"] if period is None else period
    measures = suite.measures_at(year)
    found = [NET_INCOME]
    for benchmark in suite.benchmarks:
        if benchmark["period"] == year:
            for name in benchmark["outputs"]:
                found += measure_outputs(measures, name)
    return list(dict.fromkeys([*found, *REPORT_OUTPUTS]))
