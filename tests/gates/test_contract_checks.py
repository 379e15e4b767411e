"""Every contract check: a sound file passes it, and a fault of its kind is caught by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gates.contract.checks import CHECKS, Check, Found
from gates.contract.run import contract_findings
from schemas.dataset import Dataset, open_dataset
from schemas.logical import dataset_hashes
from schemas.records import validate
from schemas.writers import write_entity_tables, write_period_arrays
from tests.gates.fakes import small_file
from tests.small import PERIOD, Columns, small_columns

Fault = Callable[[Columns], Columns | None]


def findings(path: Path) -> dict[str, dict[str, Any]]:
    dataset = open_dataset(path)
    record = contract_findings(dataset, dataset_hashes(dataset))
    validate(record, "contract_findings")
    return {check["id"]: check for check in record["checks"]}


def with_first(name: str, value: Any, dtype: Any = None) -> Fault:
    def change(columns: Columns) -> Columns:
        values = columns[name].astype(dtype) if dtype else columns[name].copy()
        values[0] = value
        return columns | {name: values}

    return change


def without(name: str) -> Fault:
    return lambda columns: {n: v for n, v in columns.items() if n != name}


def added(name: str, length_of: str = "person_id", value: float = 1.0) -> Fault:
    return lambda columns: columns | {name: np.full(len(columns[length_of]), value, np.float32)}


def split_tax_unit(columns: Columns) -> Columns:
    members = columns["person_tax_unit_id"].copy()
    members[[1, 2]] = members[[2, 1]]
    return columns | {"person_tax_unit_id": members}


def no_wages(columns: Columns) -> Columns:
    return columns | {
        "employment_income_before_lsr": np.zeros(len(columns["person_id"]), np.float32)
    }


def all_in_california(columns: Columns) -> Columns:
    return columns | {"state_fips": np.full(len(columns["household_id"]), 6, np.int32)}


FAULTS: dict[str, tuple[str, Fault]] = {
    "membership missing": ("ids.present", without("person_spm_unit_id")),
    "person id twice": ("ids.unique", with_first("person_id", 2)),
    "fractional id": ("ids.unique", with_first("family_id", 1.5, np.float64)),
    "person of no household": ("joins", with_first("person_household_id", 9999)),
    "household without members": ("joins", with_first("household_id", 9999)),
    "tax unit over two households": ("joins", split_tax_unit),
    "wages at household length": ("lengths", added("tip_income", "household_id")),
    "weight missing": ("weights", without("household_weight")),
    "weight negative": ("weights", with_first("household_weight", -1)),
    "weight infinite": ("weights", with_first("household_weight", np.inf)),
    "weights of one percent": (
        "weights",
        lambda c: c | {"household_weight": c["household_weight"] / 100},
    ),
    "person weight stored": ("weights.derived", added("person_weight")),
    "income infinite": ("values.finite", with_first("employment_income_before_lsr", np.inf)),
    "age NaN": ("values.finite", with_first("age", np.nan)),
    "boolean of 0.3": ("values.booleans", with_first("is_blind", 0.3, np.float32)),
    "boolean of 2": ("values.booleans", with_first("is_blind", 2, np.int8)),
    "empty enum": ("values.enums", with_first("tenure_type", "")),
    "enum index outside": (
        "values.enums",
        lambda c: c | {"tenure_type": np.full(len(c["household_id"]), 99, np.int32)},
    ),
    "everybody in California": ("geography.states", all_in_california),
    "state of no such code": ("geography.states", with_first("state_fips", 3)),
    "state missing": ("geography.states", without("state_fips")),
    "poverty stored": ("names.rejected", added("spm_unit_net_income", "spm_unit_id")),
    "income tax stored": ("names.computed", added("income_tax", "tax_unit_id")),
    "unknown variable": ("names.unknown", added("favourite_colour")),
    "diagnostic stored": ("names.unknown", added("ssi_reported")),
    "take-up missing": ("take_up", without("takes_up_ssi_if_eligible")),
    "wages missing": ("wages", without("employment_income_before_lsr")),
    "wages all zero": ("wages", no_wages),
}


@pytest.mark.parametrize("writer", [write_period_arrays, write_entity_tables])
def test_a_sound_file_breaks_no_check(tmp_path: Path, writer: Callable[..., None]) -> None:
    writer(tmp_path / "f.h5", small_columns(), PERIOD)
    found = findings(tmp_path / "f.h5")
    assert {name: c["message"] for name, c in found.items() if c["count"] or "error" in c} == {}
    assert all(check["checked"] for check in found.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught_by_its_check(tmp_path: Path, fault: str) -> None:
    check_id, change = FAULTS[fault]
    columns = change(small_columns())
    assert columns is not None
    found = findings(small_file(tmp_path / "f.h5", columns))[check_id]
    assert found["count"] > 0, found
    assert "error" not in found


@pytest.mark.parametrize(
    ("key", "values"), [("2025", np.ones(408)), ("empty group", None)], ids=["2025", "empty"]
)
def test_another_period_or_none_is_caught(tmp_path: Path, key: str, values: Any) -> None:
    path = small_file(tmp_path / "f.h5")
    with h5py.File(path, "a") as h5:
        group = h5.create_group("tip_income")
        if values is not None:
            group[key] = values
    assert findings(path)["periods"]["count"] == 1


def test_every_check_has_a_fault() -> None:
    caught = {check_id for check_id, _ in FAULTS.values()} | {"periods"}
    assert caught == {check.id for check in CHECKS}


def test_a_check_that_breaks_down_is_an_error(tmp_path: Path) -> None:
    def broken(data: Dataset) -> Found:
        raise ZeroDivisionError("boom")

    dataset = open_dataset(small_file(tmp_path / "f.h5"))
    check = Check("joins", "critical", "mend it", broken)
    record = contract_findings(dataset, dataset_hashes(dataset), [check])
    validate(record, "contract_findings")
    assert "boom" in record["checks"][0]["error"]
