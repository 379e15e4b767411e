"""The rules name real variables of both engines; units and parts are formed as they say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.cross_engine.difference import ROUNDING, Comparison, Part
from benchmarks.cross_engine.rules import engine_outputs, load_rules, other_outputs, terms
from benchmarks.cross_engine.units import TaxUnits
from schemas.engine_metadata import variable_table
from schemas.errors import RecordError
from schemas.records import validate

RULES = load_rules()
TAXCALC = importlib.util.find_spec("taxcalc")


def taxcalc_json(name: str) -> dict[str, Any]:
    assert TAXCALC is not None
    assert TAXCALC.origin is not None
    found: dict[str, Any] = json.loads((Path(TAXCALC.origin).parent / name).read_text())
    return found


def test_every_engine_variable_is_a_variable_of_persons_or_tax_units() -> None:
    entities = {variable_table()[name].entity for name in engine_outputs(RULES)}
    assert entities == {"person", "tax_unit"}


def test_a_tax_unit_variable_is_never_asked_of_some_persons_only() -> None:
    table = variable_table()
    wrong = [
        name
        for term in terms(RULES)
        for name in (*term["variables"], *term.get("less", ()))
        if table[name].entity == "tax_unit" and term["persons"] != "all"
    ]
    assert wrong == []


def test_tax_calculator_knows_every_input_parameter_and_output() -> None:
    variables = taxcalc_json("records_variables.json")
    parameters = taxcalc_json("policy_current_law.json")
    formed = [each["input"] for kind in ("inputs", "counts", "sums") for each in RULES[kind]]
    replaced = [each["input"] for step in RULES["steps"] for each in step["inputs"]]
    reformed = [name for step in RULES["steps"] for name in step["reform"]]
    assert set(formed) | set(replaced) <= set(variables["read"])
    assert len(formed) == len(set(formed))
    assert set(reformed) <= set(parameters)
    assert set(other_outputs(RULES)) <= set(variables["calc"])


def test_every_filing_status_of_the_engine_is_a_line_of_the_form() -> None:
    assert sorted(RULES["filing_status"].values()) == [1, 2, 3, 4, 5]


def test_rules_with_an_unknown_key_are_refused() -> None:
    with pytest.raises(RecordError):
        validate({**RULES, "take_up": 1.0}, "cross_engine_rules")


def units(**arrays: np.ndarray) -> TaxUnits:
    """Return two units: head, spouse and child, then a head alone."""
    roles = {
        "is_tax_unit_head": np.array([1, 0, 0, 1]),
        "is_tax_unit_spouse": np.array([0, 1, 0, 0]),
        "is_tax_unit_dependent": np.array([0, 0, 1, 0]),
        "age": np.array([44, 41, 12, 70]),
        "filing_status": np.array(["JOINT", "SINGLE"]),
    }
    held = roles | arrays
    simulated = SimpleNamespace(
        arrays=held,
        entity={name: "tax_unit" if len(held[name]) == 2 else "person" for name in held},
        person_to={"tax_unit": np.array([0, 0, 0, 1]), "household": np.array([1, 1, 1, 0])},
        sizes={"person": 4, "tax_unit": 2, "household": 2},
        meta={},
    )
    return TaxUnits(simulated)


@pytest.mark.parametrize(
    ("persons", "expected"),
    [
        ("all", [111, 1000]),
        ("head", [1, 1000]),
        ("spouse", [10, 0]),
        ("filers", [11, 1000]),
        ("dependents", [100, 0]),
    ],
)
def test_a_term_sums_over_the_persons_it_names(persons: str, expected: list[float]) -> None:
    found = units(wage=np.array([1, 10, 100, 1000])).term(
        {"persons": persons, "variables": ["wage"]}
    )
    assert found.tolist() == expected


def test_less_is_taken_off_down_to_nothing_and_most_is_a_ceiling() -> None:
    made = units(gross=np.array([5, 0, 0, 9]), net=np.array([7, 0, 0, 2]))
    less = {"persons": "all", "variables": ["gross"], "less": ["net"]}
    assert made.term(less).tolist() == [0, 7]
    assert made.term({**less, "most": 3}).tolist() == [0, 3]


def test_persons_are_counted_by_age_and_role_and_the_status_is_a_number() -> None:
    rules = {
        "inputs": [{"input": "e00200p", "persons": "head", "variables": ["age"]}],
        "counts": [
            {"input": "nu13", "persons": "dependents", "from_age": 0, "below_age": 13},
            {"input": "n21", "persons": "all", "from_age": 21, "below_age": 200},
            {"input": "nu12", "persons": "dependents", "from_age": 0, "below_age": 12},
        ],
        "sums": [{"input": "e00200", "of": ["e00200p", "n21"]}],
        "filing_status": {"SINGLE": 1, "JOINT": 2},
    }
    found = {name: values.tolist() for name, values in units().inputs(rules).items()}
    assert found == {
        "e00200p": [44, 70],
        "nu13": [1, 0],
        "n21": [2, 1],
        "nu12": [0, 0],
        "e00200": [46, 71],
        "MARS": [2, 1],
    }


def test_a_unit_belongs_to_the_household_of_its_members() -> None:
    assert units().household_rows().tolist() == [1, 0]


WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0])


def comparison(engine: list[float], *parts: list[float], weights: np.ndarray = WEIGHTS) -> Any:
    known = [
        Part(f"part-{number}", "A part", "a reason", np.array(values, dtype=np.float64))
        for number, values in enumerate(parts)
    ]
    return Comparison(
        np.array(engine), np.array([10.0, 20.0, 30.0, 40.0]), known, weights, np.arange(4) + 100
    )


def test_parts_are_weighted_and_what_they_leave_is_unexplained() -> None:
    found = comparison([11, 20, 30, 45], [1, 0, 0, 0], [0, 0, 0, 3]).record({}, 1.0)
    assert [part["value"] for part in found["parts"]] == [1.0, 12.0]
    assert found["difference"] == 1 + 4 * 5
    assert found["unexplained"] == 4 * 2


def test_what_cancels_is_still_seen_in_the_gross_figure() -> None:
    found = comparison([14, 18, 30, 40]).record({}, 1.0)
    assert found["unexplained"] == 0
    assert found["unexplained_gross"] == 4 * 1 + 2 * 2


def test_a_unit_goes_to_the_first_component_that_differs() -> None:
    components = {"first": np.array([0, -5, 0.5, 0]), "second": np.array([9, 5, 0.5, 0])}
    found = comparison([13, 22, 30.5, 40]).record(components, 1.0)["remaining"]
    assert found == [
        {"component": "first", "tax_units": 1, "value": 4.0},
        {"component": "second", "tax_units": 1, "value": 3.0},
        {"component": ROUNDING, "tax_units": 2, "value": 1.5},
    ]


def test_shares_of_units_are_weighted_and_the_rank_is_not_the_amount() -> None:
    found = comparison([11, 29, 100, 5000], [0, 9, 0, 0]).record({}, 1.0)["agreement"]
    plain, same = found["as_calculated"], found["same_scope"]
    assert (plain["within_1"], plain["within_10"], plain["within_100"]) == (0.1, 0.3, 0.6)
    assert (same["within_1"], same["rank_correlation"]) == (pytest.approx(0.3), pytest.approx(1))
    assert same["correlation"] < 0.9


def test_the_largest_units_are_named_by_their_ids_and_have_a_weight() -> None:
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    found = comparison([10, 999, 33, 35], weights=weights).record({}, 1.0)["largest"]
    assert [(each["tax_unit_id"], each["remaining"]) for each in found] == [(103, -5), (102, 3)]


def test_a_tax_that_is_the_same_for_all_has_no_correlation() -> None:
    found = comparison([7, 7, 7, 7]).record({}, 1.0)["agreement"]["as_calculated"]
    assert found["correlation"] is None
