"""The Great Expectations suites: what they catch, and that no failure inside reads as a pass."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gates.contract import columns
from gates.contract.columns import columns_range, columns_required, suites
from gates.contract.model import Examined
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError, RecordError
from schemas.records import read_record
from schemas.writers import write_entity_tables, write_period_arrays
from tests.small import PERIOD, Columns, small_columns


def examined(path: Path, changed: Columns, writer: Callable[..., None]) -> Examined:
    writer(path, changed, PERIOD)
    return Examined(open_dataset(path))


def test_the_suites_name_variables_of_their_entity_once_per_bound() -> None:
    table = variable_table()
    seen = []
    for entity, expectations in suites().items():
        for each in expectations:
            column = each["kwargs"]["column"]
            assert table[column].entity == entity, column
            if each["meta"]["check"] == "columns.range":
                assert table[column].value_type in ("float", "int"), column
            seen.append((each["type"], column))
    assert len(seen) == len(set(seen)) > 190


def test_unknown_keys_in_a_suite_are_refused(tmp_path: Path) -> None:
    text = (columns.SUITES / "spm_unit.json").read_text()
    (tmp_path / "s.json").write_text(text.replace('"max_value"', '"maximum"'))
    with pytest.raises(RecordError, match="maximum"):
        read_record(tmp_path / "s.json", "column_suite")


@pytest.mark.parametrize("writer", [write_period_arrays, write_entity_tables])
def test_a_sound_file_meets_all_expectations(tmp_path: Path, writer: Callable[..., None]) -> None:
    file = examined(tmp_path / "f.h5", small_columns(), writer)
    required, ranges = columns_required(file), columns_range(file)
    assert (required.checked, required.violations) == (5, ())
    assert (ranges.checked, ranges.violations) == (6, ())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("age", 130.0, "largest value 130"),
        ("age", -1.0, "smallest value -1"),
        ("employment_income_before_lsr", 2e9, "largest value"),
        ("social_security_retirement", -5.0, "smallest value -5"),
    ],
)
def test_a_value_out_of_range_is_named(tmp_path: Path, name: str, value: float, words: str) -> None:
    changed = small_columns()
    changed[name] = changed[name].copy()
    changed[name][3] = value
    found = columns_range(examined(tmp_path / "f.h5", changed, write_period_arrays))
    assert found.total == 1
    assert words in found.violations[0]


def test_wages_in_thousands_are_out_of_range(tmp_path: Path) -> None:
    changed = small_columns()
    changed["employment_income_before_lsr"] = changed["employment_income_before_lsr"] / 1000
    found = columns_range(examined(tmp_path / "f.h5", changed, write_period_arrays))
    assert "employment_income_before_lsr: the largest" in found.violations[0]


def test_a_missing_column_is_found_and_never_passes_as_in_range(tmp_path: Path) -> None:
    changed = {n: v for n, v in small_columns().items() if n != "age"}
    file = examined(tmp_path / "f.h5", changed, write_period_arrays)
    assert columns_required(file).violations == ("age is not stored",)
    with pytest.raises(DatasetError, match="could not be evaluated"):
        columns_range(file)


def test_an_exception_inside_an_expectation_is_an_error(tmp_path: Path) -> None:
    changed = small_columns()
    name = "employment_income_before_lsr"
    changed[name] = changed[name].astype("U12")
    file = examined(tmp_path / "f.h5", changed, write_period_arrays)
    with pytest.raises(DatasetError, match="employment_income_before_lsr"):
        columns_range(file)


def test_infinite_and_missing_values_give_a_verdict(tmp_path: Path) -> None:
    changed = small_columns()
    changed["age"] = changed["age"].copy()
    changed["age"][:2] = [np.inf, np.nan]
    found = columns_range(examined(tmp_path / "f.h5", changed, write_period_arrays))
    assert "inf" in found.violations[0]


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    columns_range(examined(tmp_path / "f.h5", small_columns(), write_period_arrays))
    assert list(temporary.iterdir()) == []


def test_great_expectations_runs_once_per_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = columns._outcomes

    def counted(*args: object) -> object:
        calls.append(1)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(columns, "_outcomes", counted)
    file = examined(tmp_path / "f.h5", small_columns(), write_period_arrays)
    columns_required(file)
    columns_range(file)
    assert len(calls) == 1  # the small file has columns of one suite only
