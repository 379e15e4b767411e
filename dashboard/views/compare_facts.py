"""What two runs must have in common before a figure of one is subtracted from the other's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dashboard.blocks import Cell, Column, Notice, Section, Table
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import NOTHING
from dashboard.views.lookup import short
from dashboard.views.target_filters import difference_cell

CHANGE = "B - A"
NOT_COMPARABLE = "not comparable"
_HASH_DIGITS = 64


@dataclass(frozen=True)
class Fact:
    """Something two runs share or not: what it is called, and where a record states it.

    A place is a record, the pointer to what must be the same, and one to its name if it has any.
    """

    label: str
    places: tuple[tuple[str, str, str], ...]


def _pinned(what: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((record, f"/{what}/sha256", f"/{what}/id") for record in ("loss", "evidence"))


def _version(package: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((record, f"/engine/{package}", "") for record in ("evidence", "gate_results"))


PRODUCT = "product"
FACTS: Mapping[str, Fact] = {
    PRODUCT: Fact("product", ()),
    "year": Fact("year", (("suite", "/period", ""),)),
    "candidate": Fact(
        "candidate",
        (
            ("gate_results", "/candidate/sha256", "/candidate/label"),
            ("loss", "/candidate/sha256", "/candidate/label"),
        ),
    ),
    "incumbent": Fact(
        "incumbent",
        (
            ("gate_results", "/incumbent/sha256", "/incumbent/id"),
            ("loss", "/incumbent/sha256", "/incumbent/label"),
        ),
    ),
    "suite": Fact("suite", _pinned("suite")),
    "database": Fact("target database", _pinned("target_db")),
    "kept": Fact("set of compared targets", (("loss", "/kept/sha256", ""),)),
    "definition": Fact(
        "definition of the loss",
        (("loss", pointer("losses", GATING_LOSS, "definition_sha256"), ""),),
    ),
    "policy": Fact("policy", (("gate_results", "/policy/sha256", "/policy/id"),)),
    "engine": Fact("version of policyengine-us", _version("policyengine_us")),
    "core": Fact("version of policyengine-core", _version("policyengine_core")),
    "code": Fact("measuring code", (("evidence", "/code_sha256", ""),)),
    "workloads": Fact("runtime settings", (("runtime", "/settings/sha256", ""),)),
}
# What a kind of figure rests on; a group of gates that is not named rests on all of COMPARABLE.
_ENGINE = ("engine", "core")
OF_FILES = (PRODUCT,)
OF_ERRORS = ("suite", "database", "kept", *_ENGINE)
OF_LOSSES = (*OF_ERRORS, "definition")
AGAINST_INCUMBENT = ("incumbent", *OF_LOSSES)
OF_TARGETS = ("database", *_ENGINE)
OF_BENCHMARKS = ("suite", *_ENGINE)
OF_RUNTIME = ("incumbent", *_ENGINE, "workloads")
COMPARABLE = (PRODUCT, "policy", *AGAINST_INCUMBENT)
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
            same, label = _is_same(self, name), FACTS[name].label
            if same is None:
                said.append(f"the {label} is not stated by both runs")
            elif not same:
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
    """Return what a run states of a fact: the word of the first of its records that the run has.

    A hash is shortened; below it stands the name of what it pins.
    """
    if name == PRODUCT:
        return Cell(run.product, run.product)
    for record, at, named in FACTS[name].places:
        if run.has(record):
            return _named(run.cell(record, at), run.get(record, named) if named else None)
    return Cell(NOTHING)


def _named(cell: Cell, name: object) -> Cell:
    if len(cell.text) != _HASH_DIGITS:
        return replace(cell, text=cell.text.replace(",", ""))  # a year has no thousands
    return replace(short(cell), note=str(name) if name else "")


_SAID: Mapping[bool | None, str] = {True: "same", False: "different", None: "not stated by both"}


def facts_section(pair: Pair) -> Section:
    """Return what both runs state of each fact, folded where nothing stands in the way."""
    title = "What the two runs share"
    return Section(title, (_facts_table(pair),), open=bool(pair.differs(COMPARABLE)))


def _facts_table(pair: Pair) -> Table:
    rows = []
    for name, fact in FACTS.items():
        said = _SAID[_is_same(pair, name)]
        label = fact.label[0].upper() + fact.label[1:]
        rows.append((Cell(label), fact_cell(pair.a, name), fact_cell(pair.b, name), Cell(said)))
    columns = (Column("What"), Column("A"), Column("B"), Column("Same?"))
    return Table("Can the two runs be compared?", columns, tuple(rows))


def told_notices(pair: Pair) -> Iterator[Notice]:
    """Yield what of two runs is the same or differs, without forbidding a subtraction."""
    if _is_same(pair, "candidate") and pair.a.key != pair.b.key:
        yield Notice("info", "A and B are two judgements of one and the same candidate file.")
    if _is_same(pair, "year") is False:
        ours, theirs = (fact_cell(run, "year").text for run in (pair.a, pair.b))
        yield Notice("warning", f"A is about the year {ours}, B about {theirs}.")
    if _is_same(pair, "code") is False:
        said = "A and B were measured by different versions of the measuring code"
        yield Notice("warning", f"{said}: a change may be one of the code.")


def _is_same(pair: Pair, name: str) -> bool | None:
    """Decide whether two runs state the same of a fact; None where not both state it."""
    ours, theirs = pair.values(name)
    return None if ours is None or theirs is None else ours == theirs


def facts_notice(pair: Pair) -> Notice:
    """Return the statement whether the two runs are comparable, and what is not."""
    against = pair.differs(COMPARABLE)
    if not against:
        return Notice(
            "good",
            "The two runs are comparable: same product, incumbent, suite, target database, "
            "compared targets, definition of the loss, policy and engine.",
        )
    return Notice(
        "warning",
        f"The two runs are not comparable throughout: {against}. Figures that rest on it stand "
        "side by side without a difference.",
    )
