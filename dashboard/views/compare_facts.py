"""What two runs must have in common before a figure of one is subtracted from the other's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard.blocks import Cell, Column, Notice, Table
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.lookup import short
from dashboard.views.target_filters import difference_cell

CHANGE = "B - A"
NOT_COMPARABLE = "not comparable"
_HASH_DIGITS = 64


@dataclass(frozen=True)
class Fact:
    """Something two runs share or not: what it is called, and where a record states it."""

    label: str
    places: tuple[tuple[str, str], ...]


FACTS: Mapping[str, Fact] = {
    "incumbent": Fact(
        "incumbent", (("gate_results", "/incumbent/sha256"), ("loss", "/incumbent/sha256"))
    ),
    "suite": Fact("suite", (("loss", "/suite/sha256"), ("evidence", "/suite/sha256"))),
    "database": Fact(
        "target database", (("loss", "/target_db/sha256"), ("evidence", "/target_db/sha256"))
    ),
    "kept": Fact("set of compared targets", (("loss", "/kept/sha256"),)),
    "policy": Fact("policy", (("gate_results", "/policy/sha256"),)),
    "engine": Fact(
        "policyengine-us version",
        (("evidence", "/engine/policyengine_us"), ("gate_results", "/engine/policyengine_us")),
    ),
    "workloads": Fact("runtime settings", (("runtime", "/settings/sha256"),)),
}
# What a kind of figure rests on; a group of gates that is not named rests on all of COMPARABLE.
OF_LOSSES = ("suite", "database", "kept", "engine")
AGAINST_INCUMBENT = ("incumbent", *OF_LOSSES)
OF_TARGETS = ("database", "engine")
OF_BENCHMARKS = ("suite", "engine")
OF_RUNTIME = ("incumbent", "engine", "workloads")
COMPARABLE = ("policy", "incumbent", "suite", "database", "kept", "engine")
OF_GATES: Mapping[str, tuple[str, ...]] = {
    "contract": ("policy",),
    "exceptions": ("policy",),
    "artifacts": ("policy",),
    "release": ("policy",),
    "baseline": ("policy", "incumbent"),
    "size": ("policy", "incumbent"),
    "runtime": ("policy", *OF_RUNTIME),
    "benchmark": ("policy", "incumbent", *OF_BENCHMARKS),
}


@dataclass(frozen=True)
class Pair:
    """Two runs, the first called A and the second B."""

    a: RunData
    b: RunData

    def differs(self, facts: Iterable[str]) -> str:
        """Return in words what stands against a subtraction; empty where nothing does."""
        said = []
        for name in facts:
            label, ours, theirs = FACTS[name].label, *self.values(name)
            if ours is None or theirs is None:
                said.append(f"the {label} is not stated by both runs")
            elif ours != theirs:
                said.append(f"the {label} differs")
        return "; ".join(said)

    def values(self, name: str) -> tuple[object, object]:
        """Return what A and B state of a fact; None for nothing."""
        return fact_cell(self.a, name).raw, fact_cell(self.b, name).raw

    def change(self, ours: Cell, theirs: Cell, unit: str, facts: Iterable[str]) -> Cell:
        """Return B less A of two shown numbers, or why there is none."""
        if not isinstance(ours.raw, int | float) or not isinstance(theirs.raw, int | float):
            return Cell(NOTHING)
        if self.differs(facts):
            return Cell(NOT_COMPARABLE)
        return difference_cell(self.b, theirs.raw - ours.raw, unit, CHANGE)


def fact_cell(run: RunData, name: str) -> Cell:
    """Return what a run states of a fact: the word of the first of its records that the run has."""
    for record, at in FACTS[name].places:
        if run.has(record):
            cell = run.cell(record, at)
            return short(cell) if len(cell.text) == _HASH_DIGITS else cell
    return Cell(NOTHING)


def facts_table(pair: Pair) -> Table:
    """Return what both runs state of each fact, and whether it is the same."""
    rows = []
    for name, fact in FACTS.items():
        ours, theirs = pair.values(name)
        said = "not stated by both" if ours is None or theirs is None else "different"
        said = "same" if ours is not None and ours == theirs else said
        label = fact.label[0].upper() + fact.label[1:]
        rows.append((Cell(label), fact_cell(pair.a, name), fact_cell(pair.b, name), Cell(said)))
    columns = (Column("What"), Column("A"), Column("B"), Column("Same?"))
    return Table("Can the two runs be compared?", columns, tuple(rows))


def facts_notice(pair: Pair) -> Notice:
    """Return the statement whether the two runs are comparable, and what is not."""
    against = pair.differs(COMPARABLE)
    if not against:
        return Notice(
            "good",
            "The two runs are comparable: same incumbent, suite, target database, compared "
            "targets, policy and engine.",
        )
    return Notice(
        "warning",
        f"The two runs are not comparable throughout: {against}. Figures that rest on it stand "
        "side by side without a difference.",
    )
