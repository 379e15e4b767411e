"""The dataset view, its writers and the logical hash; tests/faults/ holds the hostile files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from schemas.dataset import open_dataset
from schemas.errors import DatasetError
from schemas.logical import DatasetHashes, dataset_hashes
from schemas.writers import write_entity_tables, write_period_arrays
from tests.small import HOUSEHOLDS, PERIOD, Columns, small_columns

Writer = Callable[[Path, Columns, int], None]
WRITERS = [write_period_arrays, write_entity_tables]


def hashes(path: Path) -> DatasetHashes:
    return dataset_hashes(open_dataset(path))


def written(path: Path, columns: Columns, writer: Writer = write_period_arrays) -> Path:
    writer(path, columns, PERIOD)
    return path


def shuffled_households(columns: Columns) -> Columns:
    order = np.random.default_rng(1).permutation(HOUSEHOLDS)
    ids = {"household_id", "household_weight", "state_fips", "tenure_type"}
    return {n: v[order] if n in ids else v for n, v in columns.items()}


@pytest.mark.parametrize("writer", WRITERS)
def test_both_layouts_read_back_what_was_written(tmp_path: Path, writer: Writer) -> None:
    columns = small_columns()
    data = open_dataset(written(tmp_path / "f.h5", columns, writer))
    assert (data.period, set(data.variables)) == (PERIOD, set(columns))
    for name, values in columns.items():
        np.testing.assert_array_equal(data.read(name), values, err_msg=name)
    assert data.size_of("person") == 2 * HOUSEHOLDS
    assert data.entity_of("takes_up_snap_if_eligible") == "spm_unit"


def test_opening_loads_no_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "f.h5", small_columns())

    def refuse(self: h5py.Dataset, *args: object) -> None:
        raise AssertionError("an array was read")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", refuse)
    data = open_dataset(path)
    assert data.header("age").length == 2 * HOUSEHOLDS


def test_the_logical_hash_ignores_layout_row_order_and_widths(tmp_path: Path) -> None:
    columns = small_columns()
    first = hashes(written(tmp_path / "a.h5", columns))
    others = [
        hashes(written(tmp_path / "b.h5", columns, write_entity_tables)),
        hashes(written(tmp_path / "c.h5", shuffled_households(columns))),
        hashes(
            written(
                tmp_path / "d.h5",
                columns
                | {
                    "state_fips": columns["state_fips"].astype(np.int64),
                    "age": columns["age"].astype(np.float64),
                },
            )
        ),
    ]
    assert {each.logical_sha256 for each in others} == {first.logical_sha256}
    assert {each.inputs_sha256 for each in others} == {first.inputs_sha256}
    assert len({each.file_sha256 for each in [first, *others]}) == 4


def test_the_logical_hash_sees_values_ids_names_and_period(tmp_path: Path) -> None:
    columns = small_columns()
    first = hashes(written(tmp_path / "a.h5", columns)).logical_sha256
    older = columns | {"age": columns["age"] + 1}
    renamed = columns | {"person_id": columns["person_id"] + 1}
    fewer = {n: v for n, v in columns.items() if n != "is_blind"}
    found = {
        hashes(written(tmp_path / f"{i}.h5", each)).logical_sha256
        for i, each in enumerate((older, renamed, fewer))
    }
    write_period_arrays(tmp_path / "y.h5", columns, 2025)
    found.add(hashes(tmp_path / "y.h5").logical_sha256)
    assert len(found | {first}) == 5


def test_the_inputs_hash_leaves_only_the_weights_out(tmp_path: Path) -> None:
    columns = small_columns()
    first = hashes(written(tmp_path / "a.h5", columns))
    heavier = hashes(
        written(tmp_path / "b.h5", columns | {"household_weight": columns["household_weight"] * 2})
    )
    assert heavier.inputs_sha256 == first.inputs_sha256
    assert heavier.logical_sha256 != first.logical_sha256


@pytest.mark.parametrize("writer", WRITERS)
def test_equal_columns_give_equal_bytes(tmp_path: Path, writer: Writer) -> None:
    left = written(tmp_path / "a.h5", small_columns(), writer)
    time.sleep(1.1)  # HDF5 timestamps count seconds
    right = written(tmp_path / "b.h5", dict(reversed(small_columns().items())), writer)
    assert left.read_bytes() == right.read_bytes()


def test_a_table_for_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no variable surprise"):
        write_entity_tables(tmp_path / "f.h5", {"surprise": np.ones(2)}, PERIOD)
    assert list(tmp_path.iterdir()) == []


def test_bare_root_arrays_are_seen_but_have_no_period(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as h5:
        h5["age"] = np.ones(3)
    data = open_dataset(tmp_path / "f.h5")
    assert (data.period, data.variables, data.has("age")) == (0, ("age",), False)
    assert "bare array" in data.irregular[0]
    assert dataset_hashes(data).logical_bytes == 24


def test_a_file_without_variables_is_refused(tmp_path: Path) -> None:
    h5py.File(tmp_path / "f.h5", "w").close()
    with pytest.raises(DatasetError, match="no variables"):
        open_dataset(tmp_path / "f.h5")


def test_a_pandas_category_is_refused_because_its_codes_are_no_values(tmp_path: Path) -> None:
    """The engine would read texts where this project would read their codes."""
    path = tmp_path / "f.h5"
    frame = pd.DataFrame(
        {"household_id": [1, 2], "tenure_type": pd.Categorical(["RENTED", "NONE"])}
    )
    with pd.HDFStore(path, mode="w") as store:
        store.put("household", frame, format="table", data_columns=True, track_times=False)
    with pytest.raises(DatasetError, match="tenure_type in the household table"):
        open_dataset(path)


def test_an_enum_is_populated_by_name_and_by_index(tmp_path: Path) -> None:
    """CITIZEN is the index 0: parity must not read it as nothing."""
    columns = small_columns()
    persons = len(columns["person_id"])
    for name, values in (("name", np.full(persons, "CITIZEN")), ("index", np.zeros(persons, int))):
        path = tmp_path / f"{name}.h5"
        write_period_arrays(path, columns | {"ssn_card_type": values}, PERIOD)
        assert open_dataset(path).nonzero_share("ssn_card_type") == 1.0
