"""What the baseline run records is enough: changed alone, each parameter and each input gives,
recomputed incrementally on a small country, what a fresh full simulation gives, array by array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policyengine_core.holders import Holder
from policyengine_core.parameters import (
    Parameter,
    ParameterNode,
    ParameterNodeAtInstant,
    ParameterScale,
)
from policyengine_core.periods import instant
from policyengine_core.simulations import Simulation

from benchmarks.engine.graph import DependencyGraph
from benchmarks.engine.incremental import apply_reform, forget
from benchmarks.engine.recording import Recorder
from tests.benchmarks.mini_country import (
    FORMULAS,
    HOMES,
    INPUTS,
    PEOPLE,
    REQUESTS,
    Household,
    MiniSystem,
    Person,
    build,
    inputs,
    variable,
)
from tests.benchmarks.mini_country import Arrays as Columns

Arrays = dict[tuple[str, str], np.ndarray]
Reform = dict[str, dict[str, Any]]
Damage = Callable[[DependencyGraph], None]
FROM = "2022-01-01"
# What no figure of these people depends on.
IDLE = {
    *("gov.unread", "gov.optional.other", "gov.grant.closed_amount"),
    *("gov.abolitions.closed_grant", "gov.abolitions.has_nobody"),
}


def evaluate(simulation: Any, requests: Sequence[tuple[str, str]] = REQUESTS) -> Arrays:
    found = {(name, period): simulation.calculate(name, period) for name, period in requests}
    return {request: np.asarray(values).copy() for request, values in found.items()}


@contextmanager
def recorded(
    requests: Sequence[tuple[str, str]] = REQUESTS, more: Sequence[Any] = ()
) -> Iterator[tuple[Any, Recorder, Arrays]]:
    """Yield a calculated baseline, its recorder and its arrays; core is as before at the end."""
    watched = type("Watched", (Simulation,), {})
    recorder = Recorder()
    recorder.install(watched)
    try:
        simulation = build(watched, MiniSystem(*more))
        yield simulation, recorder, evaluate(simulation, requests)
    finally:
        if recorder._replaced:  # else stopped by the test
            recorder.stop_recording()


def full(reform: Reform | None = None, columns: Columns | None = None) -> Arrays:
    """Return the arrays of a fresh simulation on a system with the changed parameters."""
    system = MiniSystem()
    for path, changes in (reform or {}).items():
        for start, value in changes.items():
            system.parameters.get_child(path).update(start=instant(start), value=value)
    simulation = build(Simulation, system)
    for name, values in (columns or {}).items():
        simulation.set_input(name, "2024", values)
    return evaluate(simulation)


def recomputed(
    reform: Reform,
    columns: Columns | None = None,
    damage: Damage | None = None,
    requests: Sequence[tuple[str, str]] = REQUESTS,
) -> tuple[Arrays, set[str]]:
    """Return the arrays of an incremental run, and the variables whose formulas ran again."""
    with recorded(requests) as (simulation, recorder, _):
        recorder.stop_recording()
        if damage is not None:
            damage(recorder.graph)
        columns = columns or {}
        affected = recorder.graph.affected(reform, [(name, "2024") for name in columns])
        forgotten = recorder.graph.recomputed(affected)
        apply_reform(simulation, reform)
        forget(simulation, forgotten)
        for name, values in columns.items():
            simulation.set_input(name, "2024", values)
        before = recorder.runs.copy()
        arrays = evaluate(simulation, requests)
        return arrays, {name for name, _ in recorder.runs - before}


def differing(one: Mapping[Any, np.ndarray], two: Mapping[Any, np.ndarray]) -> set[Any]:
    assert one.keys() == two.keys()
    assert all(one[request].dtype == two[request].dtype for request in one)
    return {request for request in one if not np.array_equal(one[request], two[request])}


def leaves() -> list[str]:
    tree = MiniSystem().parameters
    return [each.name for each in tree.get_descendants() if isinstance(each, Parameter)]


def other_value(path: str) -> Any:
    value = MiniSystem().parameters.get_child(path)(instant("2024-01-01"))
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return value[:-1]
    return 1.3 * value if value else 0.07 if value is None else 1_000


BASELINE = full()


@pytest.mark.parametrize("path", leaves())
def test_every_parameter_that_is_read_is_recorded(path: str) -> None:
    reform = {path: {FROM: other_value(path)}}
    expected = full(reform)
    assert differing(recomputed(reform)[0], expected) == set()
    assert bool(differing(BASELINE, expected)) == (path not in IDLE)


@pytest.mark.parametrize("name", sorted(inputs()))
def test_every_input_that_is_read_is_recorded(name: str) -> None:
    columns = {name: np.roll(inputs()[name], 2)}
    expected = full(columns=columns)
    assert differing(recomputed({}, columns)[0], expected) == set()
    assert bool(differing(BASELINE, expected)) == (name != "household_weight")


def test_parameters_and_inputs_change_together() -> None:
    reform = {
        "gov.grant.closed": {FROM: True},
        "gov.grant.closed_amount": {FROM: 99},
        "gov.tax.scale[1].rate": {"2023-01-01": 0.2, "2025-01-01": 0.3},
        "gov.aid.amount": {"2024-09-01": 200},
    }
    columns = {"earnings": inputs()["earnings"][::-1], "is_student": np.ones(PEOPLE, dtype=bool)}
    expected = full(reform, columns)
    assert differing(recomputed(reform, columns)[0], expected) == set()
    assert {("closed_grant", "2024"), ("tax", "2025")} <= differing(BASELINE, expected)
    assert expected["closed_grant", "2024"].max() == 99


OPENERS = {"solo", "shared_first", "shared_second", "thrown_away"}


@pytest.mark.parametrize(
    ("path", "again"),
    [
        ("gov.unread", set()),
        ("gov.lump_sum", {"net_income"}),
        ("gov.aid.amount", {"aid", "aid_of_year", "net_income"}),
        ("gov.full_age", {"full_age", "full_age_in_may"}),
        ("gov.many.first", {"listed_nodes"}),
        ("gov.grant.by_region.NORTH.most", {"grant", "net_income"}),
    ],
)
def test_only_what_is_reached_runs_again(path: str, again: set[str]) -> None:
    assert recomputed({path: {FROM: other_value(path)}})[1] == again


def test_with_a_branch_all_that_reads_what_it_overrides_runs_again() -> None:
    ran = recomputed({"gov.solo_rate": {FROM: 0.5}})[1]
    assert ran >= OPENERS | {"deductions", "tax", "net_income"}
    assert not ran & {"grant", "aid", "voluntary", "gross_income", "full_age", "listed_nodes"}


Y = "2024"
EDGES: list[tuple[str, tuple[str, str], tuple[str, str] | str]] = [
    ("gov.tax.scale[0].rate", ("net_income", Y), ("tax", Y)),
    ("gov.aid.amount", ("aid", "2024-03"), "gov.aid.amount"),
    ("gov.index", ("gross_income", "2025"), ("pension", "2025")),
    ("gov.grant.by_region.ISLES.most", ("grant", Y), "gov.grant.by_region"),
    ("gov.raw.past", ("levies", Y), "gov.raw.past"),
    ("gov.raw.grown", ("levies", Y), "gov.raw.grown"),
    ("gov.raw.copied.inner", ("levies", Y), "gov.raw.copied.inner"),
    ("gov.raw.steps[0].rate", ("levies", Y), "gov.raw.steps"),
    ("gov.raw.listed", ("old_law_tax", Y), "gov.raw.listed"),
    ("gov.optional.rate", ("voluntary", Y), "gov.optional.rate"),
    ("gov.lists.income", ("gross_income", Y), "gov.lists.income"),
    ("gov.solo_rate", ("shared_second", Y), ("shared_first", Y)),
    ("gov.full_age", ("full_age_in_may", "2024-05"), ("full_age", "2024-05")),
    ("gov.abolitions.grant", ("grant", Y), "gov.abolitions.grant"),
]


@pytest.mark.parametrize(("path", "reader", "read"), EDGES)
def test_a_missing_edge_gives_a_wrong_array(
    path: str, reader: tuple[str, str], read: tuple[str, str] | str
) -> None:
    def damage(graph: DependencyGraph) -> None:
        edges: Any = graph.parameters if isinstance(read, str) else graph.values
        edges[reader].remove(read)

    reform = {path: {FROM: other_value(path)}}
    assert differing(recomputed(reform, damage=damage)[0], full(reform))


@pytest.mark.parametrize(
    ("name", "reader", "read"),
    [
        ("pension", ("stored_pension", Y), ("pension", Y)),
        ("pension", ("pension", "2025"), ("pension", Y)),
        ("profit", ("stored_profit", Y), ("profit", Y)),
        ("is_student", ("grant", Y), ("has_student", Y)),
        ("gifts", ("thrown_away", Y), ("gifts", Y)),
    ],
)
def test_a_missing_edge_to_an_input_gives_a_wrong_array(
    name: str, reader: tuple[str, str], read: tuple[str, str]
) -> None:
    def damage(graph: DependencyGraph) -> None:
        graph.values[reader] -= {read, (name, "*"), ("solo", Y)}

    columns = {name: np.roll(inputs()[name], 2)}
    assert differing(recomputed({}, columns, damage)[0], full(columns=columns))


@settings(max_examples=25)
@given(st.permutations(REQUESTS), st.sampled_from(sorted(set(leaves()) - IDLE)))
def test_the_order_of_evaluation_changes_no_result(
    requests: list[tuple[str, str]], path: str
) -> None:
    with recorded(requests) as (_, _, arrays):
        assert differing(arrays, BASELINE) == set()
    reform = {path: {FROM: other_value(path)}}
    assert differing(recomputed(reform, requests=requests)[0], full(reform)) == set()


CLASSES = [Holder, Parameter, ParameterNode, ParameterNodeAtInstant, ParameterScale]


def test_stopping_leaves_core_as_it_was_and_goes_on_counting() -> None:
    before = [dict(vars(each)) for each in CLASSES]
    with recorded() as (simulation, recorder, _):
        assert [dict(vars(each)) for each in CLASSES] != before
        recorder.stop_recording()
        assert [dict(vars(each)) for each in CLASSES] == before
        kept = set(vars(type(simulation))) & set(vars(Simulation))
        assert kept - {"__doc__", "__module__"} == {"calculate", "_run_formula"}
        edges, runs = len(recorder.graph.values), recorder.total
        simulation.calculate("tax", "2026")
        assert (len(recorder.graph.values), recorder.total > runs) == (edges, True)


def ranks(household: Any, period: Any, parameters: Any) -> Any:
    return np.cumsum(household("household_weight", period))


def endless(person: Any, period: Any, parameters: Any) -> Any:
    return person("endless", period.last_year) + 1


def test_only_a_formula_that_asks_has_read_the_weights() -> None:
    more = [variable("ranks", float, Household, formula=ranks)]
    with recorded(more=more) as (simulation, recorder, _):
        assert not recorder.weights_read
        assert len(simulation.calculate("ranks", "2024")) == HOMES
        assert recorder.weights_read


def test_a_value_that_depends_on_itself_is_not_safe() -> None:
    with recorded(more=[variable("endless", float, Person, formula=endless)]) as (
        simulation,
        recorder,
        _,
    ):
        assert not recorder.graph.unsafe
        simulation.calculate("endless", "2024")
        assert recorder.graph.unsafe == "endless depends on itself"


def test_the_recorder_changes_no_result_and_every_formula_is_among_the_requests() -> None:
    with recorded() as (_, recorder, arrays):
        assert differing(arrays, BASELINE) == set()
        asked = {name for name, _ in recorder.runs}
    assert {each.__name__ for each in FORMULAS} <= asked | {"closed_grant"}
    assert {each.__name__ for each in INPUTS} == set(inputs())
