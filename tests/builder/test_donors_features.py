"""Predictors computed from a frame, and where imputed values are put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builder.donors.features import (
    Records,
    placed,
    predictor_table,
    records_of,
    target_values,
)
from builder.frame import Frame
from schemas.errors import BuildError

ROLES = np.array(["DEPENDENT", "HEAD", "SPOUSE", "HEAD", "HEAD"])


def family() -> Frame:
    """Two households: a couple with a child and a lodger of 70; a single person."""
    columns = {
        "person_id": np.array([3, 1, 2, 4, 5]),
        "person_household_id": np.array([10, 10, 10, 10, 20]),
        "person_tax_unit_id": np.array([1, 1, 1, 2, 3]),
        "household_id": np.array([20, 10]),
        "tax_unit_id": np.array([2, 1, 3]),
        "tax_unit_role_input": ROLES,
        "age": np.array([9, 40, 38, 70, 25]),
        "is_female": np.array([True, False, True, True, False]),
        "employment_income_before_lsr": np.array([0, 300, 100, 0, 50], dtype=np.float32),
        "self_employment_income_before_lsr": np.array([0, -20, 0, 0, 0], dtype=np.float32),
        "social_security_retirement": np.array([0, 0, 0, 90, 0], dtype=np.float32),
        "social_security_disability": np.array([0, 0, 7, 0, 0], dtype=np.float32),
        "social_security_survivors": np.zeros(5, dtype=np.float32),
        "social_security_dependents": np.zeros(5, dtype=np.float32),
        "is_disabled": np.array([True, False, True, False, False]),
        "state_fips": np.array([6, 36]),
        "household_weight": np.array([2.0, 5.0]),
    }
    return Frame(columns, 2024, np.array(["a", "b"]), np.array([1, 2]))


PLAIN = ("age", "is_joint", "dependants", "household_size", "state_fips", "employment_income")


@pytest.mark.parametrize(
    ("entity", "rows"),
    [
        ("tax_unit", [[70, 0, 0, 4, 36, 0], [40, 1, 1, 4, 36, 400], [25, 0, 0, 1, 6, 50]]),
        ("household", [[25, 0, 0, 1, 6, 50], [70, 0, 1, 4, 36, 400]]),
        (
            "person",
            [
                [9, 1, 1, 4, 36, 0],
                [40, 1, 1, 4, 36, 300],
                [38, 1, 1, 4, 36, 100],
                [70, 0, 0, 4, 36, 0],
                [25, 0, 0, 1, 6, 50],
            ],
        ),
    ],
)
def test_predictors_of_each_entity(entity: str, rows: list[list[float]]) -> None:
    table = predictor_table(records_of(family(), entity), PLAIN, {})
    assert tuple(table.columns) == PLAIN
    np.testing.assert_array_equal(table.to_numpy(), rows)


def test_roles_totals_aliases_and_engine_columns() -> None:
    people = records_of(family(), "person")
    names = ("is_head", "is_spouse", "is_dependent", "is_female")
    table = predictor_table(people, names, {})
    np.testing.assert_array_equal(table["is_head"], ROLES == "HEAD")
    np.testing.assert_array_equal(table["is_spouse"], ROLES == "SPOUSE")
    np.testing.assert_array_equal(table["is_dependent"], ROLES == "DEPENDENT")
    np.testing.assert_array_equal(table["is_female"], [1, 0, 1, 1, 0])
    units = records_of(family(), "tax_unit")
    names = ("social_security", "self_employment_income", "work", "is_female")
    work = ("employment_income_before_lsr", "self_employment_income_before_lsr")
    table = predictor_table(units, names, {"work": work})
    np.testing.assert_array_equal(table["social_security"], [90, 7, 0])
    np.testing.assert_array_equal(table["self_employment_income"], [0, -20, 0])
    np.testing.assert_array_equal(table["work"], [0, 380, 50])
    np.testing.assert_array_equal(table["is_female"], [1, 0, 0])
    sizes = predictor_table(units, ("tax_unit_size",), {})
    np.testing.assert_array_equal(sizes["tax_unit_size"], [1, 3, 1])


def test_weights_and_places_are_of_the_household() -> None:
    units = records_of(family(), "tax_unit")
    np.testing.assert_array_equal(units.weights, [5, 5, 2])
    np.testing.assert_array_equal(units.place(), [3, 0, 0])
    np.testing.assert_array_equal(records_of(family(), "person").place(), [2, 0, 1, 3, 0])


def test_of_heads_as_old_as_each_other_the_first_by_id_stands_for_the_household() -> None:
    frame = family().with_columns({"age": np.array([9, 70, 38, 70, 25])})
    np.testing.assert_array_equal(records_of(frame, "household").head, [4, 1])


@pytest.mark.parametrize("roles", [["HEAD"] * 5, ["DEPENDENT"] * 5])
def test_a_unit_without_one_head_is_refused(roles: list[str]) -> None:
    with pytest.raises(BuildError, match="no one head") as caught:
        records_of(family().with_columns({"tax_unit_role_input": np.array(roles)}), "tax_unit")
    assert caught.value.reason == "builder.record_without_head"


def test_an_absent_predictor_is_named() -> None:
    frame = family()
    columns = {name: values for name, values in frame.columns.items() if name != "is_female"}
    people = records_of(replace(frame, columns=columns), "person")
    with pytest.raises(BuildError, match="is_female") as caught:
        predictor_table(people, ("is_female",), {})
    assert caught.value.reason == "builder.recipient_column"


def test_targets_are_read_per_record() -> None:
    units = records_of(family(), "tax_unit")
    np.testing.assert_array_equal(
        target_values(units, "employment_income_before_lsr"), [0, 400, 50]
    )
    np.testing.assert_array_equal(target_values(units, "is_disabled"), [0, 1, 0])
    np.testing.assert_array_equal(target_values(units, "rental_income"), [0, 0, 0])


def _put(units: Records, name: str, allocation: str, chosen: list[bool]) -> np.ndarray:
    values = np.array([11.0, 800.0, -6.0])
    return placed(units, name, values, np.array(chosen), allocation)


def test_values_go_to_the_head_and_leave_the_rest_alone() -> None:
    frame = family()
    units = records_of(frame, "tax_unit")
    wages = _put(units, "employment_income_before_lsr", "head", [True, True, False])
    np.testing.assert_array_equal(wages, [0, 800, 0, 11, 50])
    assert wages.dtype == np.float32
    new = _put(units, "rental_income", "head", [True, True, True])
    np.testing.assert_array_equal(new, [0, 800, 0, 11, -6])
    np.testing.assert_array_equal(
        frame.columns["employment_income_before_lsr"], [0, 300, 100, 0, 50]
    )


def test_shares_are_kept_where_they_have_one_sign() -> None:
    units = records_of(family(), "tax_unit")
    wages = _put(units, "employment_income_before_lsr", "shares", [True, True, True])
    np.testing.assert_array_equal(wages, [0, 600, 200, 11, -6])
    mixed = family().with_columns({"rental_income": np.array([0, 30.0, -10.0, 0, 0])})
    rents = _put(records_of(mixed, "tax_unit"), "rental_income", "shares", [True, True, True])
    np.testing.assert_array_equal(rents, [0, 800, 0, 11, -6])


def test_flags_whole_numbers_and_group_variables() -> None:
    frame = family()
    people, households = records_of(frame, "person"), records_of(frame, "household")
    flags = placed(
        people, "is_disabled", np.array([0, 1, 0, 1, 1.0]), np.array([1, 1, 1, 1, 0]) > 0, "head"
    )
    assert flags.dtype == np.bool_
    np.testing.assert_array_equal(flags, [False, True, False, True, False])
    worth = placed(households, "net_worth", np.array([5.0, -3.0]), np.array([True, False]), "head")
    np.testing.assert_array_equal(worth, [5, 0])
    ages = placed(people, "age", np.full(5, 30.6), np.array([1, 0, 0, 0, 0]) > 0, "head")
    np.testing.assert_array_equal(ages, [31, 40, 38, 70, 25])
    assert ages.dtype == np.int64
