"""What is no table of targets is refused with the row and the reason, and nothing is half read."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scoring.table import read_table, table_record
from schemas.errors import MeasureError

GOOD = "target_name,target,candidate,incumbent\nnation/a,9,9,9\n"


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        (GOOD + "nation/a,8,8,8\n", "table.row", "row 3: nation/a repeats row 2"),
        (GOOD + "b,many,8,8\n", "table.row", "row 3: target is 'many'"),
        (GOOD + "b,,8,8\n", "table.row", "row 3: target is ''"),
        (GOOD + "b,8,nan,8\n", "table.row", "row 3: candidate is 'nan'"),
        (GOOD + "b,8,8,inf\n", "table.row", "row 3: incumbent is 'inf'"),
        (GOOD + "b,8,1_0,8\n", "table.row", "row 3: candidate is '1_0'"),
        (GOOD + "b,8,1e31,8\n", "table.row", "row 3: candidate is '1e31', too large"),
        (GOOD + "b,8,1e999,8\n", "table.row", "row 3: candidate is '1e999', too large"),
        (GOOD + '"b","8,000",8,8\n', "table.row", "row 3: target is '8,000'"),
        (GOOD + " ,8,8,8\n", "table.row", "row 3: target_name is empty"),
        (GOOD + "b,8,8\n", "table.row", "row 3: 3 cells, the header has 4"),
        (GOOD + "b,8,8,8,8\n", "table.row", "row 3: 5 cells, the header has 4"),
        (GOOD + "\nb,-1,8,8\n", "table.row", "row 4: target is -1, where"),
        (GOOD + 'b,"8,8,8\n', "table.row", "row 3: not CSV"),
        (GOOD.replace("\n", ",unit\n", 1).replace("9\n", "9,yen\n"), "table.row", "row 2: unit is"),
        (GOOD.split("\n")[0] + "\n", "table.empty", "holds no rows"),
        ("", "table.empty", "the file is empty"),
        (GOOD.replace(",9,9,9", ",0,9,9"), "table.empty", "no row of"),
        (GOOD.replace("incumbent", "incumbant"), "table.columns", "unknown columns: incumbant"),
        (GOOD.replace(",incumbent", "").replace(",9\n", "\n"), "table.columns", "missing columns"),
        (GOOD.replace("incumbent", "target"), "table.columns", "missing columns: incumbent"),
        (GOOD.replace("incumbent\n", "incumbent,\n"), "table.columns", "unknown columns: (no name"),
        (
            GOOD.replace("incumbent", "incumbent,target"),
            "table.columns",
            "repeated columns: target",
        ),
    ],
)
def test_refusals_name_row_and_reason(tmp_path: Path, text: str, reason: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MeasureError) as caught:
        table_record(path)
    assert caught.value.reason == reason
    assert said in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(GOOD.replace("nation/a", "nation/é").encode(encoding))
    with pytest.raises(MeasureError, match=r"isn't UTF-8: row [12], byte"):
        read_table(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="can't be read") as caught:
        read_table(tmp_path / "none.csv")
    assert caught.value.reason == "table.unreadable"
    with pytest.raises(MeasureError, match="can't be read"):
        read_table(tmp_path)


def test_a_byte_order_mark_blanks_and_any_order_of_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = "incumbent, candidate,target,target_name\r\n\r\n 1.5e1,-.5,+7.,x \r\n\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    row = read_table(path).rows[0]
    assert (row.number, row.name) == (3, "x")
    assert (row.target, row.candidate, row.incumbent) == (7.0, -0.5, 15.0)
