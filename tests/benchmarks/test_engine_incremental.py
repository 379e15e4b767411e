"""Changing values in place: when that is enough, what it clears, and what is put back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from policyengine_core.periods import instant
from policyengine_core.reforms import Reform
from policyengine_core.simulations import Simulation

from benchmarks.engine.incremental import (
    START_INSTANT,
    apply_reform,
    change_values,
    forget,
    why_full,
)
from tests.benchmarks.mini_country import MiniSystem, build, inputs

AMOUNT = "gov.aid.amount"
REFORM = {AMOUNT: {"2024-01-01.2024-12-31": 200}}


def values(tree: Any, path: str) -> list[tuple[str, Any]]:
    return [(each.instant_str, each.value) for each in tree.get_child(path).values_list]


@pytest.fixture
def structural(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], list[type]]], None]:
    """Return a function that says which structural reforms the engine finds in a tree."""

    def install(found: Callable[[Any], list[type]]) -> None:
        def create(parameters: Any, start: str) -> Any:
            assert start == START_INSTANT
            reforms = found(parameters)

            class Combined:
                def apply(self) -> list[type]:
                    return reforms

            return Combined

        engine = ModuleType("policyengine_us")
        module: Any = ModuleType("policyengine_us.reforms")
        module.create_structural_reforms_from_parameters = create
        monkeypatch.setitem(sys.modules, "policyengine_us", engine)
        monkeypatch.setitem(sys.modules, "policyengine_us.reforms", module)

    return install


class Always(Reform):
    pass


class SwitchedOn(Reform):
    pass


def test_changed_values_alone_need_no_system_of_their_own(structural: Any) -> None:
    structural(lambda tree: [Always])
    assert why_full(MiniSystem(), REFORM) == ""
    assert why_full(MiniSystem(), {}) == ""


def test_a_reform_that_switches_on_formulas_needs_a_full_run(structural: Any) -> None:
    def found(tree: Any) -> list[type]:
        at_start = tree("2024-06-01").gov.aid.amount  # kept at the nodes from then on
        return [Always, SwitchedOn] if at_start == 200 else [Always]

    structural(found)
    system = MiniSystem()
    before = values(system.parameters, AMOUNT)
    read = system.parameters("2024-06-01").gov.aid.amount
    assert "structural" in why_full(system, REFORM)
    assert why_full(system, {AMOUNT: {"2026-01-01": 200}}) == ""
    assert values(system.parameters, AMOUNT) == before
    assert system.parameters("2024-06-01").gov.aid.amount == read == 90


def test_an_engine_that_says_it_otherwise_gets_full_runs(structural: Any) -> None:
    structural(lambda tree: [])
    sys.modules["policyengine_us.reforms"].create_structural_reforms_from_parameters = (  # type: ignore[attr-defined]
        lambda parameters, start: SimpleNamespace(apply=lambda system: None)
    )
    assert "structural" in why_full(MiniSystem(), REFORM)


@pytest.mark.parametrize(
    ("path", "period", "why"),
    [
        ("calibration.gov.irs.wages", "2024-01-01", "derives"),
        ("gov.simulation.labor_supply_responses.elasticities.income", "2024-01-01", "baseline"),
        ("gov.irs.rate", "2021-12-31.2100-12-31", "older law"),
        ("gov.irs.rate", "2017-01-01", "older law"),
    ],
)
def test_what_the_engine_derives_or_pins_needs_a_full_run(path: str, period: str, why: str) -> None:
    assert why in why_full(None, {AMOUNT: {"2024-01-01": 1}, path: {period: 1}})


@pytest.mark.parametrize(
    "changes",
    [
        {"2024-01-01.2024-12-31": 200},
        {"2024-03-01": 150, "2023-01-01.2023-12-31": 7},
        {"2025-01-01": 1, "2024-01-01": 2, "2026-01-01": 3},
        {"2024-05-01.2024-07-31": 20.5, "2024-06-01.2024-06-30": 30},
    ],
)
def test_values_change_as_a_reform_of_the_engine_changes_them(changes: dict[str, float]) -> None:
    system, other = MiniSystem(), MiniSystem()
    kept = change_values(system.parameters, {AMOUNT: changes})
    other.apply_reform_set(Reform.from_dict({AMOUNT: changes}, country_id="us"))
    assert values(system.parameters, AMOUNT) == values(other.parameters, AMOUNT)
    assert [each.value for each in kept[AMOUNT]] == [95, 90]


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("gov.tax.scale[1].rate", lambda node: node.gov.tax.scale.calc(np.array([30_000.0]))[0]),
        (AMOUNT, lambda node: node.gov.aid.amount),
        ("gov.grant.by_region.ISLES.most", lambda node: node.gov.grant.by_region.ISLES.most),
    ],
)
def test_no_node_goes_on_with_an_older_value(path: str, read: Callable[[Any], Any]) -> None:
    tree = MiniSystem().parameters
    before = read(tree("2024-01-01"))
    assert tree.gov("2024-01-01") is tree.gov("2024-01-01")
    change_values(tree, {path: {"2022-01-01": 0.5}})
    assert read(tree("2024-01-01")) != before


def test_what_is_forgotten_is_gone_and_all_else_stays() -> None:
    simulation = build(Simulation, MiniSystem())
    for name, period in (("net_income", "2024"), ("pension", "2025"), ("full_age", "2024")):
        simulation.calculate(name, period)
    simulation.calculate("full_age", "2024-05")
    simulation.get_branch("left_over")
    pairs = [("tax", "2024"), ("aid", "2024-02"), ("pension", "2024"), ("pension", "2025")]
    assert forget(simulation, [*pairs, ("full_age", "2024"), ("nothing", "2024")]) == 4

    def stored(name: str, period: str) -> bool:
        return simulation.get_array(name, period) is not None

    assert not stored("tax", "2024")
    assert not stored("aid", "2024-02")
    assert not stored("pension", "2025")
    assert not stored("full_age", "2024-05")  # the same for all periods
    assert stored("aid", "2024-03")
    assert stored("aid", "2024")
    assert stored("net_income", "2024")
    np.testing.assert_allclose(simulation.get_array("pension", "2024"), inputs()["pension"])
    assert simulation.branches == {}
    cached = {(name, str(period)) for name, period in simulation._fast_cache}
    assert ("net_income", "2024") in cached
    assert not cached & set(pairs)


def test_the_history_is_that_of_a_simulation_without_the_forgotten() -> None:
    simulation = build(Simulation, MiniSystem())
    for name in ("tax", "deductions", "net_income"):
        simulation.calculate(name, "2024")
    before = simulation._store_history
    forget(simulation, [("tax", "2024")])
    after = simulation._store_history
    assert before._first_stored["tax"]
    assert not after._first_stored.get("tax")
    assert after._first_stored["deductions"] == before._first_stored["deductions"]
    assert after._first_derived == before._first_derived
    assert after._unknown_sources_since == before._unknown_sources_since


def test_pinned_systems_are_changed_and_pinned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, unknown = MiniSystem(), MiniSystem()
    pinned: list[Any] = []

    def pin(system: Any) -> None:
        system.parameters.gov.aid.amount.update(
            start=instant("2021-01-01"), stop=instant("2021-12-31"), value=44
        )
        pinned.append(system)

    module: Any = ModuleType("policyengine_us.tools.pinned_tbs")
    module._PINNED_TBS_CACHE = {
        "al_2020_irc": (0, 0, kept),
        "some_later_pin": (0, 0, unknown),
    }
    module._pin_2020_irc = pin
    monkeypatch.setitem(sys.modules, "policyengine_us.tools.pinned_tbs", module)
    system = MiniSystem()
    for each in (system, kept):
        each._parameters_at_instant_cache["2024-01-01"] = "older"
    apply_reform(SimpleNamespace(tax_benefit_system=system), REFORM)
    assert pinned == [kept]
    assert list(module._PINNED_TBS_CACHE) == ["al_2020_irc"]
    for each in (system, kept):
        assert each.parameters.gov.aid.amount("2024-06-01") == 200
        assert each._parameters_at_instant_cache == {}
    assert kept.parameters.gov.aid.amount("2021-06-01") == 44
