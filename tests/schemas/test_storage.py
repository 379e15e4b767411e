"""Which relational extensions load on their own: looked at, never declared."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes
from schemas.records import validate
from schemas.storage import storage_record
from schemas.writers import write_entity_tables, write_period_arrays
from tests.small import PERIOD, small_columns

LOTS = {"person_id": [1, 2], "basis": [10.0, 20.0]}


def sqlite(path: Path, script: str = "CREATE TABLE lots(b); INSERT INTO lots VALUES (1)") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["lots/basis"] = np.array(LOTS["basis"])


def parquet(path: Path) -> None:
    pd.DataFrame(LOTS).to_parquet(path)


def table_of_text(path: Path) -> None:
    pd.DataFrame(LOTS).to_csv(path, index=False)


WRITERS: dict[str, Callable[[Path], None]] = {
    "sqlite": sqlite,
    "h5": h5,
    "parquet": parquet,
    "csv": table_of_text,
}


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """Return a sound main file in a folder of its own."""
    path = tmp_path / "files" / "run.h5"
    path.parent.mkdir()
    write_period_arrays(path, small_columns(), PERIOD)
    return path


def stored(main: Path, *declared: dict[str, Any]) -> dict[str, Any]:
    record = storage_record(main, dataset_hashes(open_dataset(main)), declared)
    validate(record, "storage")
    return record


def extension(main: Path, name: str, form: str, **changes: Any) -> dict[str, Any]:
    """Return what storage says of an extension as a manifest declares it."""
    file = main.parent / name
    here = file.is_file()
    declared = {
        "id": "capital-gains-lots",
        "file": name,
        "format": form,
        "sha256": sha256_file(file) if here else "0" * 64,
        "size_bytes": file.stat().st_size if here else 500,
        **changes,
    }
    found: dict[str, Any] = stored(main, declared)["extensions"][0]
    return found


def test_a_file_without_extensions_has_bytes_on_disk_and_logical_bytes(main: Path) -> None:
    record = stored(main)
    assert record["extensions"] == []
    assert record["subject"]["sha256"] == sha256_file(main)
    assert record["h5"]["stored_bytes"] == main.stat().st_size
    columns = small_columns().values()
    assert record["h5"]["logical_bytes"] >= sum(each.nbytes for each in columns if each.ndim)


@pytest.mark.parametrize("form", ["sqlite", "h5", "parquet", "csv", "SQLite"])
def test_an_extension_that_opens_and_holds_a_table_is_separate(main: Path, form: str) -> None:
    file = main.parent / "capital_gains.dat"
    WRITERS[form.lower()](file)
    found = extension(main, file.name, form)
    assert found["reason"] is None
    assert found["separately_loadable"] is True
    assert found["tables"] == (["lots"] if form.lower() in ("sqlite", "h5") else [file.stem])
    assert found["stored_bytes"] == file.stat().st_size


@pytest.mark.parametrize("form", ["sqlite", "h5", "parquet", "csv"])
def test_one_that_does_not_open_is_not(main: Path, form: str) -> None:
    (main.parent / "lots.dat").write_bytes(b'"open quote, then \xff\x00 nothing' * 50)
    found = extension(main, "lots.dat", form)
    assert found["separately_loadable"] is False
    assert "lots.dat does not open on its own (" in found["reason"]
    assert found["tables"] == []


@pytest.mark.parametrize("form", ["sqlite", "h5", "parquet", "csv"])
def test_one_without_any_row_is_not(main: Path, form: str) -> None:
    file = main.parent / "lots.dat"
    if form == "sqlite":
        sqlite(file, "CREATE TABLE lots(b); CREATE VIEW v AS SELECT 1 AS one")
    elif form == "h5":
        with h5py.File(file, "w") as empty:
            empty["lots/basis"] = np.array([])
    elif form == "parquet":
        pd.DataFrame(LOTS).head(0).to_parquet(file)
    else:
        file.write_text("person_id,basis\n")
    assert extension(main, file.name, form)["reason"] == "lots.dat holds no table with a row"


def test_parquet_without_its_reader_is_not_taken_on_trust(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet(main.parent / "lots.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    reason = extension(main, "lots.parquet", "parquet")["reason"]
    assert reason == "no pyarrow is installed to read parquet with"


def test_a_virtual_table_is_no_table_of_the_file(main: Path) -> None:
    script = "CREATE VIRTUAL TABLE lots USING fts5(b); INSERT INTO lots VALUES ('x')"
    sqlite(main.parent / "lots.dat", script)
    assert "lots" not in extension(main, "lots.dat", "sqlite")["tables"]


def test_text_with_rows_of_other_lengths_is_no_csv(main: Path) -> None:
    (main.parent / "lots.csv").write_text("person_id,basis\n1,10\n2\n")
    assert "rows of another length" in extension(main, "lots.csv", "csv")["reason"]


def test_an_absent_one_counts_with_its_declared_bytes(main: Path) -> None:
    found = extension(main, "lots.sqlite", "sqlite")
    assert found["reason"] == "lots.sqlite does not lie beside run.h5"
    assert found["stored_bytes"] == 500


def test_another_content_than_the_manifests_is_not_separate(main: Path) -> None:
    sqlite(main.parent / "lots.sqlite")
    found = extension(main, "lots.sqlite", "sqlite", sha256="f" * 64, size_bytes=1)
    assert "the manifest names another content" in found["reason"]
    assert found["stored_bytes"] == (main.parent / "lots.sqlite").stat().st_size


def test_a_link_out_of_the_folder_is_not_beside_the_file(main: Path, tmp_path: Path) -> None:
    sqlite(tmp_path / "elsewhere.sqlite")
    (main.parent / "lots.sqlite").symlink_to(tmp_path / "elsewhere.sqlite")
    assert "leads away" in extension(main, "lots.sqlite", "sqlite")["reason"]


def test_the_main_file_is_no_extension_of_itself(main: Path) -> None:
    shutil.copy(main, main.parent / "copy.h5")
    for name in ("run.h5", "copy.h5"):
        assert extension(main, name, "h5")["reason"] == f"{name} is run.h5 itself"


@pytest.mark.parametrize("writer", [write_period_arrays, write_entity_tables])
def test_what_the_main_file_holds_already_is_not_separate(
    tmp_path: Path, writer: Callable[..., None]
) -> None:
    main = tmp_path / "run.h5"
    writer(main, small_columns(), PERIOD)
    sqlite(tmp_path / "a.sqlite", "CREATE TABLE tenure_type(b); INSERT INTO tenure_type VALUES (1)")
    assert extension(main, "a.sqlite", "sqlite")["reason"] == "run.h5 itself holds tenure_type"
    sqlite(tmp_path / "lots.sqlite")
    assert extension(main, "lots.sqlite", "sqlite")["separately_loadable"] is True
    with h5py.File(main, "a") as file:
        file["lots/2024"] = np.array([1.0])
    assert "itself holds lots" in extension(main, "lots.sqlite", "sqlite", id="other")["reason"]
    sqlite(tmp_path / "b.sqlite", "CREATE TABLE b(b); INSERT INTO b VALUES (1)")
    assert "itself holds lots" in extension(main, "b.sqlite", "sqlite", id="lots")["reason"]


def test_an_unknown_format_is_named_with_the_known_ones(main: Path) -> None:
    sqlite(main.parent / "lots.xlsx")
    reason = extension(main, "lots.xlsx", "xlsx")["reason"]
    assert reason == "xlsx is no known format: sqlite, h5, parquet, csv"


def test_a_hostile_extension_is_not_opened(main: Path) -> None:
    with h5py.File(main.parent / "lots.h5", "w") as file:
        file["lots"] = h5py.ExternalLink("run.h5", "/")
    assert "link to another file" in extension(main, "lots.h5", "h5")["reason"]


def test_looking_leaves_every_file_and_the_folder_alone(main: Path) -> None:
    sqlite(main.parent / "lots.sqlite")
    before = {each.name: sha256_file(each) for each in main.parent.iterdir()}
    extension(main, "lots.sqlite", "sqlite")
    assert {each.name: sha256_file(each) for each in main.parent.iterdir()} == before
