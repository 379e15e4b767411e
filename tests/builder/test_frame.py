"""The frame between stages: rows, sums, columns of the right length, to disk and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder.frame import Frame, entity_ids, load_frame
from schemas.dataset import REQUIRED_IDS
from schemas.errors import BuildError
from tests.builder.small_frame import small_frame
from tests.small import HOUSEHOLDS, PERSONS


def _small() -> Frame:
    """Three households with ids out of order; the last person lives in the first household."""
    columns = {
        "person_id": np.array([1, 2, 3, 4]),
        "household_id": np.array([30, 10, 20]),
        "person_household_id": np.array([10, 20, 20, 30]),
        "household_weight": np.array([1.5, 2.0, 4.0], dtype=np.float32),
        "age": np.array([40.0, 30.0, 5.0, 70.0], dtype=np.float32),
    }
    return Frame(columns, 2024, np.array(["a", "b", "b"]), np.array([7, 8, 9]))


def test_persons_find_their_row_whatever_the_order_of_the_ids() -> None:
    assert _small().row_of("household").tolist() == [1, 2, 2, 0]


def test_person_values_are_added_up_per_record() -> None:
    frame = _small()
    assert frame.sum_to("household", frame.columns["age"]).tolist() == [70.0, 40.0, 35.0]


def test_a_record_without_persons_adds_up_to_nothing() -> None:
    frame = _small().with_columns({"person_household_id": np.array([10, 10, 10, 10])})
    assert frame.sum_to("household", np.ones(4)).tolist() == [0.0, 4.0, 0.0]


def test_sizes_and_weights() -> None:
    frame = small_frame()
    assert (frame.size("household"), frame.size("person")) == (HOUSEHOLDS, PERSONS)
    assert _small().weights.dtype == np.float64
    assert _small().weights.tolist() == [1.5, 2.0, 4.0]


def test_columns_are_replaced_in_a_copy() -> None:
    frame = _small()
    changed = frame.with_columns({"age": np.zeros(4), "is_disabled": np.ones(4, dtype=bool)})
    assert changed.columns["age"].tolist() == [0.0] * 4
    assert changed.columns["is_disabled"].all()
    assert frame.columns["age"].tolist() == [40.0, 30.0, 5.0, 70.0]
    assert "is_disabled" not in frame.columns
    assert changed.source_key is frame.source_key


@pytest.mark.parametrize(("name", "length"), [("age", 3), ("household_weight", 4)])
def test_a_column_of_another_length_is_refused(name: str, length: int) -> None:
    with pytest.raises(BuildError, match=f"{name} has {length} values") as caught:
        _small().with_columns({name: np.zeros(length)})
    assert caught.value.reason == "builder.column_length"


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    frame = small_frame()
    frame.save(tmp_path)
    loaded = load_frame(tmp_path)
    assert loaded.period == frame.period
    assert loaded.origin.tolist() == frame.origin.tolist()
    assert loaded.source_key.tolist() == frame.source_key.tolist()
    assert loaded.columns.keys() == frame.columns.keys()
    for name, values in frame.columns.items():
        assert loaded.columns[name].dtype == values.dtype, name
        assert np.array_equal(loaded.columns[name], values), name


def test_nothing_is_pickled(tmp_path: Path) -> None:
    frame = _small().with_columns({"age": np.array([1, "b", None, 2.0], dtype=object)})
    with pytest.raises(ValueError, match=r"pickle|Object arrays"):
        frame.save(tmp_path)


def test_ids_and_memberships_are_those_that_a_file_needs() -> None:
    assert set(entity_ids()) == set(REQUIRED_IDS)
    assert set(entity_ids()) <= set(small_frame().columns)
