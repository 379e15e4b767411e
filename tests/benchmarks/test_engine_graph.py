"""What a change reaches: parameters at, above and below, inputs, any period, cycles, overrides."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine.graph import ANY_PERIOD, DependencyGraph, Pair

YEAR = "2024"


def pair(name: str, period: str = YEAR) -> Pair:
    return name, period


def chain(*names: str) -> DependencyGraph:
    """Return a graph in which each of the names was made from the next one."""
    graph = DependencyGraph()
    for reader, read in pairwise(names):
        graph.note_value(pair(reader), pair(read))
    return graph


def test_a_parameter_reaches_all_that_was_made_from_its_reader() -> None:
    graph = chain("net", "credit", "income")
    graph.note_value(pair("other"), pair("income"))
    graph.note_parameter(pair("credit"), "gov.credit.amount")
    assert graph.affected(["gov.credit.amount"]) == {pair("net"), pair("credit")}
    assert graph.affected(["gov.credit.limit"]) == set()
    assert graph.affected([]) == set()


@pytest.mark.parametrize(
    ("read", "changed", "reached"),
    [
        ("gov.a.b", "gov.a.b", True),
        ("gov.a.b", "gov.a.b[0].amount", True),  # a scale, changed in one bracket
        ("gov.a.b[0]", "gov.a.b[0].amount", True),
        ("gov.a.b[0].amount", "gov.a.b[0].amount", True),
        ("gov.a", "gov.a.NY.rate", True),  # a node indexed by an array
        ("gov", "gov.a.NY.rate", True),
        ("gov.a.NY", "gov.a.NJ", False),
        ("gov.a.b[1].amount", "gov.a.b[0].amount", False),
        ("gov.a.b[1]", "gov.a.b[10].amount", False),
        ("gov.a.b", "gov.a.bb", False),
        ("gov.a.b.c", "gov.a.b", False),  # no parameter contains another
    ],
)
def test_what_contains_a_changed_parameter_was_read(read: str, changed: str, reached: bool) -> None:
    graph = DependencyGraph()
    graph.note_parameter(pair("tax"), read)
    assert graph.affected([changed]) == ({pair("tax")} if reached else set())


def test_an_input_reaches_its_readers_and_is_not_calculated_itself() -> None:
    graph = chain("net", "tax", "earnings")
    assert graph.affected([], [pair("earnings")]) == {pair("net"), pair("tax")}
    assert graph.affected([], [pair("earnings", "2023")]) == set()
    graph.note_parameter(pair("earnings"), "gov.index")
    assert graph.affected(["gov.index"], [pair("earnings")]) == {pair("net"), pair("tax")}
    assert graph.affected(["gov.index"]) == {pair("net"), pair("tax"), pair("earnings")}


def test_who_asked_which_periods_are_known_depends_on_all_of_them() -> None:
    graph = DependencyGraph()
    graph.note_value(pair("county"), ("district", ANY_PERIOD))
    graph.note_value(pair("rent"), pair("county"))
    assert graph.affected([], [("district", "2019")]) == {pair("county"), pair("rent")}
    graph.note_parameter(("district", "2021-03"), "gov.map")
    assert graph.affected(["gov.map"]) == {("district", "2021-03"), pair("county"), pair("rent")}


def test_a_cycle_is_reached_as_a_whole_and_once() -> None:
    graph = chain("itemizes", "tax_itemizing", "deductions", "itemizes")
    graph.note_parameter(pair("deductions"), "gov.gifts")
    assert graph.affected(["gov.gifts"]) == {
        pair("itemizes"),
        pair("tax_itemizing"),
        pair("deductions"),
    }


def test_a_value_does_not_depend_on_itself() -> None:
    graph = DependencyGraph()
    graph.note_value(pair("tax"), pair("tax"))
    assert graph.values == {}


def test_what_branches_of_a_recomputed_value_override_is_forgotten_with_its_readers() -> None:
    graph = chain("net", "deductions", "itemizes")
    graph.overrides[pair("tax_if_itemizing")] = {pair("itemizes")}
    graph.overrides[pair("deductions")] = {pair("gifts")}
    graph.note_value(pair("relief"), pair("gifts"))
    assert graph.recomputed({pair("other")}) == {pair("other")}
    assert graph.recomputed({pair("tax_if_itemizing")}) == {
        *map(pair, ("tax_if_itemizing", "itemizes", "deductions", "net")),
        *map(pair, ("gifts", "relief")),  # overridden by what that reached
    }


NODES = st.sampled_from([pair(name, period) for name in "abcdef" for period in (YEAR, "2025")])
READS = st.one_of(NODES, st.sampled_from([(name, ANY_PERIOD) for name in "abcdef"]))
PATHS = st.sampled_from(["g", "g.a", "g.a.b", "g.a[0]", "g.a[0].rate", "g.c", "g.c.d"])
EDGES = st.lists(st.tuples(NODES, READS), max_size=20)
TAKEN = st.lists(st.tuples(NODES, PATHS), max_size=8)


def built(edges: list[tuple[Pair, Pair]], taken: list[tuple[Pair, str]]) -> DependencyGraph:
    graph = DependencyGraph()
    for reader, read in edges:
        graph.note_value(reader, read)
    for reader, path in taken:
        graph.note_parameter(reader, path)
    return graph


def reachable(
    edges: list[tuple[Pair, Pair]],
    taken: list[tuple[Pair, str]],
    paths: list[str],
    inputs: list[Pair],
) -> set[Pair]:
    """Return what is reached, by going over all edges until nothing is added."""
    found = set(inputs)
    for reader, path in taken:
        if any(p == path or p.startswith((path + ".", path + "[")) for p in paths):
            found.add(reader)
    for _ in edges:
        for reader, (name, period) in edges:
            if any(n == name and period in (p, ANY_PERIOD) for n, p in found):
                found.add(reader)
    return found - set(inputs)


@given(EDGES, TAKEN, st.lists(PATHS, max_size=3), st.lists(NODES, max_size=3))
def test_affected_is_what_plain_reachability_finds(
    edges: list[tuple[Pair, Pair]],
    taken: list[tuple[Pair, str]],
    paths: list[str],
    inputs: list[Pair],
) -> None:
    found = built(edges, taken).affected(paths, inputs)
    assert found == reachable(edges, taken, paths, inputs)


@given(EDGES, EDGES, TAKEN, st.lists(PATHS, max_size=3), st.lists(PATHS, max_size=3))
def test_more_edges_and_more_changes_never_reach_less(
    edges: list[tuple[Pair, Pair]],
    more: list[tuple[Pair, Pair]],
    taken: list[tuple[Pair, str]],
    paths: list[str],
    others: list[str],
) -> None:
    few = built(edges, taken).affected(paths)
    assert few <= built(edges + more, taken).affected(paths)
    assert few <= built(edges, taken).affected(paths + others)


@given(EDGES, EDGES, TAKEN, st.lists(PATHS, max_size=3))
def test_forgotten_is_closed_under_overrides_and_reading_them(
    edges: list[tuple[Pair, Pair]],
    overrides: list[tuple[Pair, Pair]],
    taken: list[tuple[Pair, str]],
    paths: list[str],
) -> None:
    graph = built(edges, taken)
    for opener, overridden in overrides:
        graph.overrides.setdefault(opener, set()).add(overridden)
    affected = graph.affected(paths)
    forgotten = graph.recomputed(affected)
    together = {each for opener in forgotten for each in graph.overrides.get(opener, ())}
    reached = together | graph.affected([], together)
    assert affected | reached == forgotten
