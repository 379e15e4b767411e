"""What fuzzing found, as small files: each once gave a traceback, a hang or far too much memory."""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from gates.contract.run import contract_findings
from schemas.dataset import open_dataset
from schemas.errors import DatasetError
from schemas.logical import dataset_hashes
from schemas.preflight import preflight
from schemas.records import validate
from schemas.writers import write_entity_tables, write_period_arrays
from tests.small import PERIOD, PERSONS, small_columns

TEXT = h5py.string_dtype()


def reason_of(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        dataset_hashes(open_dataset(path))
    return caught.value.reason


def breaches(path: Path) -> dict[str, str]:
    """Return the checks in breach; none may have broken down."""
    dataset = open_dataset(path)
    record = contract_findings(dataset, dataset_hashes(dataset))
    validate(record, "contract_findings")
    assert [each["error"] for each in record["checks"] if "error" in each] == []
    return {each["id"]: each["message"] for each in record["checks"] if each["count"]}


def text_file(path: Path, texts: list[str]) -> tuple[Path, int]:
    """Write a small file with one column of variable-length text; return where its rows lie."""
    write_period_arrays(path, small_columns(), PERIOD)
    with h5py.File(path, "r+") as h5:
        rows = h5.create_dataset(f"ssn_card_type/{PERIOD}", data=texts, dtype=TEXT)
        return path, rows.id.get_offset()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(PERSONS, [("a", "i4"), ("b", "f8")]), "of the type"),
        (np.zeros(PERSONS, "complex64"), "of the type"),
        (np.zeros(PERSONS, "V3"), "of the type"),
        (np.zeros(PERSONS, "longdouble"), "of the type"),
        (h5py.Empty("f4"), "0-dimensional"),
    ],
)
def test_an_array_that_is_neither_numbers_nor_text_is_reported(
    tmp_path: Path, values: object, words: str
) -> None:
    write_period_arrays(tmp_path / "f.h5", small_columns(), PERIOD)
    with h5py.File(tmp_path / "f.h5", "r+") as h5:
        h5[f"ssn_card_type/{PERIOD}"] = values
    found = breaches(tmp_path / "f.h5")
    assert f"ssn_card_type/{PERIOD} is" in found["layout.root"]
    assert words in found["layout.root"]


def table_with(path: Path, field: str, kind: tuple[object, ...], names: object) -> Path:
    """Write entity tables whose person table has one more field, as pandas would name its block."""
    write_entity_tables(path, small_columns(), PERIOD)
    with h5py.File(path, "r+") as h5:
        old = h5["person/table"][()]
        new = np.zeros(len(old), [*old.dtype.descr, (field, *kind)])
        for name in old.dtype.names:
            new[name] = old[name]
        del h5["person/table"]
        node = h5.create_dataset("person/table", data=new)
        node.attrs[f"{field}_kind"] = np.bytes_(pickle.dumps(names, protocol=0))
    return path


@pytest.mark.parametrize(
    ("kind", "names"), [(("f4",), ["a"]), (("f4", (2,)), ["a"]), (("f4", (1, 2)), ["a"])]
)
def test_a_block_that_does_not_fit_its_names_is_refused(
    tmp_path: Path, kind: tuple[object, ...], names: object
) -> None:
    path = table_with(tmp_path / "f.h5", "values_block_0", kind, names)
    assert reason_of(path) == "dataset.layout"


@pytest.mark.parametrize("kind", [("f4", (3,)), ("c8",)])
def test_a_field_of_a_table_that_is_no_column_is_reported(
    tmp_path: Path, kind: tuple[object, ...]
) -> None:
    path = table_with(tmp_path / "f.h5", "ssn_card_type", kind, None)
    assert "ssn_card_type in the table person is of the type" in breaches(path)["layout.root"]


def test_a_file_without_records_is_in_breach_and_breaks_no_check(tmp_path: Path) -> None:
    columns = {name: values[:0] for name, values in small_columns().items()}
    write_period_arrays(tmp_path / "f.h5", columns, PERIOD)
    assert "geography.complete" in breaches(tmp_path / "f.h5")


@pytest.mark.parametrize("size", [0, 8, 2**63, 2**64 - 8])
def test_a_heap_on_which_the_library_would_hang_is_refused(tmp_path: Path, size: int) -> None:
    path, _ = text_file(tmp_path / "f.h5", ["CITIZEN", "NONE"] * (PERSONS // 2))
    preflight(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL") + 16
    content[place : place + 2] = bytes(2)  # object 0: the free space
    content[place + 8 : place + 16] = size.to_bytes(8, "little")
    path.write_bytes(content)
    assert reason_of(path) == "h5.damaged_heap"


def test_rows_that_share_one_long_text_are_counted(tmp_path: Path) -> None:
    path, place = text_file(tmp_path / "f.h5", ["x" * 60_000])
    row, rows = path.read_bytes()[place : place + 16], 20_000
    with h5py.File(path, "r+") as h5:
        many = h5.create_dataset(
            f"cps_race/{PERIOD}", (rows,), TEXT, chunks=(rows,), compression="gzip"
        )
        many.id.write_direct_chunk((0,), zlib.compress(row * rows))
    assert path.stat().st_size < 1_000_000
    assert reason_of(path) == "h5.expansion"


def test_one_long_text_among_many_short_ones_is_accepted(tmp_path: Path) -> None:
    """Were every row as long as the longest, the file would be refused."""
    path, _ = text_file(tmp_path / "f.h5", ["x" * 60_000, *["NONE"] * 1_999])
    assert len(open_dataset(path).read("ssn_card_type")[0]) == 60_000


def test_lengths_of_another_width_are_refused(tmp_path: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    plan.set_sizes(4, 4)
    h5py.h5f.create(str(tmp_path / "f.h5").encode(), h5py.h5f.ACC_TRUNC, fcpl=plan).close()
    assert reason_of(tmp_path / "f.h5") == "h5.widths"


def test_text_of_any_length_in_a_table_or_in_two_dimensions_is_refused(tmp_path: Path) -> None:
    """Its bytes are not counted, and no layout needs it."""
    shapes = {"plane": ((2, 2), TEXT), "table": ((2,), np.dtype([("a", TEXT)]))}
    for name, (shape, kind) in shapes.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as h5:
            h5.create_dataset(f"age/{PERIOD}", shape, kind)
        assert reason_of(tmp_path / f"{name}.h5") == "h5.object_data", name
