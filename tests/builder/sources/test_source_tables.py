"""Delimited text and zips from outside: what is not the published format is refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from source_publisher import make_zip

from builder.sources.archive import open_member
from builder.sources.derive import derived
from builder.sources.tables import Wanted, read_columns
from schemas.errors import BuildError

WANTED = Wanted(("AGE", "WAGE"), ("SERIAL",))
LIMIT = 1000


def refused(text: str | bytes) -> BuildError:
    body = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(BuildError) as caught:
        read_columns(io.BytesIO(body), "small.csv", WANTED)
    assert "small.csv" in str(caught.value)
    return caught.value


def test_wanted_columns_are_read_and_text_stays_text() -> None:
    text = "AGE,OTHER,SERIAL,WAGE\n40,x,007,1.5\n,y,NA,-2\n"
    table = read_columns(io.BytesIO(text.encode()), "small.csv", WANTED)
    assert list(table.columns) == ["AGE", "WAGE", "SERIAL"]
    assert list(table["SERIAL"]) == ["007", "NA"]
    assert table["AGE"].isna().tolist() == [False, True]
    assert list(table["WAGE"]) == [1.5, -2.0]


def test_rows_that_are_not_kept_are_left_out_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.sources.tables._CHUNK_ROWS", 2)
    text = "AGE,SERIAL,WAGE\n" + "".join(f"{age},s{age},0\n" for age in range(7))
    table = read_columns(
        io.BytesIO(text.encode()), "small.csv", WANTED, keep=lambda rows: rows["AGE"] % 2 == 0
    )
    assert list(table["AGE"]) == [0, 2, 4, 6]


def test_cells_past_the_header_shift_no_column() -> None:
    table = read_columns(io.BytesIO(b"AGE,SERIAL,WAGE\n1,a,2,\n3,b,4,\n"), "small.csv", WANTED)
    assert list(table["AGE"]) == [1, 3]
    assert list(table["WAGE"]) == [2, 4]


def test_a_missing_column_is_named() -> None:
    error = refused("AGE,SERIAL\n1,a\n")
    assert error.reason == "source.missing_column"
    assert "WAGE" in str(error)


@pytest.mark.parametrize("cell", ["12a", "NaN", "inf", "NA", "True", "1;2"])
def test_a_cell_that_is_no_number_is_named_with_its_line(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.sources.tables._CHUNK_ROWS", 2)
    error = refused(f"AGE,SERIAL,WAGE\n1,a,1\n2,b,2\n3,c,{cell}\n")
    assert error.reason == "source.not_numeric"
    assert "line 4: WAGE is" in str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("AGE,SERIAL,WAGE\n", "no_rows"),
        ("", "not_a_table"),
        ('AGE,SERIAL,WAGE\n1,"a,2\n', "not_a_table"),
        (b"AGE,SERIAL,WAGE\n1,\xff\xfe,2\n", "not_a_table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text: str | bytes, reason: str) -> None:
    assert refused(text).reason == f"source.{reason}"


def test_a_fraction_is_no_code() -> None:
    table = read_columns(io.BytesIO(b"AGE,SERIAL,WAGE\n1.5,a,2\n"), "small.csv", WANTED)
    age = {"name": "age", "unit": "years", "from": {"columns": ["AGE"], "rule": "sum"}}
    with pytest.raises(BuildError, match="age is not a whole number") as caught:
        derived(table, [age], "small.csv")
    assert caught.value.reason == "source.not_whole"


def opened(path: Path, member: str = "a.csv") -> bytes:
    with open_member(path, member, LIMIT) as stream:
        return stream.read()


def bad_zip(path: Path, member: str = "a.csv") -> BuildError:
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(BuildError) as caught:
        opened(path, member)
    assert path.name in str(caught.value)
    assert sorted(path.parent.rglob("*")) == before
    return caught.value


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "small.zip"
    path.write_bytes(make_zip({"a.csv": "x\n" * 50, "big.csv": "y\n" * 501}))
    return path


def test_a_member_is_read_where_it_lies(archive: Path) -> None:
    assert opened(archive) == b"x\n" * 50
    assert [each.name for each in archive.parent.iterdir()] == ["small.zip"]


def test_a_missing_member_is_named_with_what_is_there(archive: Path) -> None:
    error = bad_zip(archive, "b.csv")
    assert error.reason == "source.missing_member"
    assert "b.csv" in str(error)
    assert "a.csv, big.csv" in str(error)


def test_a_member_over_its_limit_is_not_read(archive: Path) -> None:
    error = bad_zip(archive, "big.csv")
    assert error.reason == "source.too_large"
    assert "1,002" in str(error)


def test_a_member_that_understates_its_size_gives_no_more_than_it_states(archive: Path) -> None:
    body = archive.read_bytes()
    true, stated = (1002).to_bytes(4, "little"), (10).to_bytes(4, "little")
    archive.write_bytes(body.replace(true, stated))
    assert bad_zip(archive, "big.csv").reason == "source.bad_archive"


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "folder/a.csv"])
def test_a_member_elsewhere_in_the_archive_is_no_member(tmp_path: Path, name: str) -> None:
    path = tmp_path / "small.zip"
    path.write_bytes(make_zip({name: "x"}))
    assert bad_zip(path).reason == "source.missing_member"


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.csv", "two")
    assert "holds 2 members called a.csv" in str(bad_zip(path))


def test_an_encrypted_member_is_refused(archive: Path) -> None:
    body = bytearray(archive.read_bytes())
    body[body.index(b"PK\x01\x02") + 8] |= 1  # the flag of the first entry of the directory
    archive.write_bytes(bytes(body))
    assert "encrypted" in str(bad_zip(archive))


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty"])
def test_a_damaged_zip_is_refused(archive: Path, damage: str) -> None:
    body = bytearray(archive.read_bytes())
    if damage == "flipped":
        body[body.index(b"a.csv") + 6] ^= 0xFF
    archive.write_bytes(
        {
            "cut": bytes(body[: len(body) // 2]),
            "flipped": bytes(body),
            "text": b"<html>moved</html>",
            "empty": b"",
        }[damage]
    )
    assert bad_zip(archive).reason == "source.bad_archive"
