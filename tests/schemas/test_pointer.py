"""The pointer record: read only as it was written, chained, and never from outside its folder."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.bundle import digest_of
from schemas.canonical import canonical_bytes, sha256_json
from schemas.errors import RecordError
from schemas.pointer import (
    EDITED,
    POINTERS,
    PointerError,
    next_pointer,
    pointer_path,
    products,
    read_pointer,
    write_pointer,
)

PRODUCT = "mp-national"


def entry(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "run": f"run-{number}",
        "run_id": f"run-{number}",
        "bundle_digest": "a" * 64,
        "verdict_number": number,
        "verdict_digest": f"{number:064x}",
        "candidate_sha256": "c" * 64,
        "incumbent": {"id": "psl-cps-2024", "sha256": None},
        "stage": "default",
        "verdict": "blocked",
        "demonstration": True,
        "pointed_by": "Jane Doe",
        "pointed_at": "2026-11-29T22:00:00+00:00",
        "reason": "first",
        **changes,
    }


def record_of(*entries: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for each in entries:
        record = next_pointer(record, PRODUCT, each)
    return record


def put(root: Path, record: dict[str, Any], product: str = PRODUCT) -> Path:
    path = pointer_path(root, product)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(canonical_bytes(record))
    return path


def test_entries_are_chained_and_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_pointer(tmp_path, PRODUCT) is None
    record = record_of(entry(1), entry(2), entry(3))
    assert write_pointer(tmp_path, record) == tmp_path / POINTERS / "mp-national.json"
    found = read_pointer(tmp_path, PRODUCT)
    assert found == record
    assert [each["number"] for each in record["entries"]] == [1, 2, 3]
    assert record["entries"][0]["previous"] is None
    assert record["entries"][2]["previous"] == sha256_json(record["entries"][1])


Edit = Callable[[dict[str, Any]], Any]
EDITS: dict[str, Edit] = {
    "first reason": lambda r: r["entries"][0].update(reason="another"),
    "middle verdict": lambda r: r["entries"][1].update(verdict="ready"),
    "last verdict": lambda r: r["entries"][2].update(verdict="ready"),
    "last name": lambda r: r["entries"][2].update(pointed_by="Mallory"),
    "first gone": lambda r: r["entries"].pop(0),
    "middle gone": lambda r: r["entries"].pop(1),
    "last gone": lambda r: r["entries"].pop(),
    "swapped": lambda r: r["entries"].reverse(),
    "product": lambda r: r.update(product="mp-local-fast"),
    "unknown key": lambda r: r.update(extra=1),
    "empty": lambda r: r["entries"].clear(),
    "no path": lambda r: r["entries"][2].update(run="../elsewhere"),
    "absolute": lambda r: r["entries"][2].update(run="/etc"),
    "no line": lambda r: r["entries"][2].update(reason="a\nb"),
    "trailing newline": lambda r: r["entries"][2].update(reason="a\n"),
    "run with newline": lambda r: r["entries"][2].update(run="run\n"),
    "escape": lambda r: r["entries"][2].update(pointed_by="\x1b[2J"),
    "blank": lambda r: r["entries"][2].update(reason="  "),
    "long": lambda r: r["entries"][2].update(reason="a" * 501),
    "no date": lambda r: r["entries"][2].update(pointed_at="2026-13-29T22:00:00+00:00"),
    "no zone": lambda r: r["entries"][2].update(pointed_at="2026-11-29T22:00:00"),
}
SEEN_WITHOUT_DIGEST = set(EDITS) - {"last verdict", "last name", "last gone"}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_record_is_refused(tmp_path: Path, kind: str) -> None:
    record = copy.deepcopy(record_of(entry(1), entry(2), entry(3)))
    EDITS[kind](record)
    put(tmp_path, record)
    with pytest.raises(PointerError) as refused:
        read_pointer(tmp_path, PRODUCT)
    assert refused.value.reason == "pointer.edited"
    assert "mpgate release point" in refused.value.remedy


@pytest.mark.parametrize("kind", sorted(SEEN_WITHOUT_DIGEST))
def test_an_edit_shows_though_the_digest_was_made_anew(tmp_path: Path, kind: str) -> None:
    record = copy.deepcopy(record_of(entry(1), entry(2), entry(3)))
    EDITS[kind](record)
    put(tmp_path, {**record, "digest": digest_of(record)})
    with pytest.raises(PointerError):
        read_pointer(tmp_path, PRODUCT)


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00", '{"a":' * 5000, '"\\ud800"'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    put(tmp_path, {}).write_text(content)
    with pytest.raises(PointerError):
        read_pointer(tmp_path, PRODUCT)


def test_the_same_content_in_other_bytes_is_refused(tmp_path: Path) -> None:
    record = record_of(entry())
    put(tmp_path, record).write_text(json.dumps(record))
    with pytest.raises(PointerError, match="digest"):
        read_pointer(tmp_path, PRODUCT)


def test_a_record_that_is_replaced_while_it_is_read_is_read_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = record_of(entry(1)), record_of(entry(1), entry(2))
    path = put(tmp_path, first)
    read = Path.read_bytes

    def then_replaced(self: Path) -> bytes:
        found = read(self)
        path.write_bytes(canonical_bytes(second))
        return found

    monkeypatch.setattr(Path, "read_bytes", then_replaced)
    assert read_pointer(tmp_path, PRODUCT) == first
    assert read_pointer(tmp_path, PRODUCT) == second


def test_a_lone_surrogate_is_refused_in_words(tmp_path: Path) -> None:
    record = record_of(entry())
    put(tmp_path, record).write_text(json.dumps(record).replace("Jane", "\\ud800"))
    with pytest.raises(PointerError):
        read_pointer(tmp_path, PRODUCT)


def test_the_record_of_another_product_is_refused(tmp_path: Path) -> None:
    put(tmp_path, record_of(entry()), "mp-local-fast")
    with pytest.raises(PointerError, match="it is the record of mp-national"):
        read_pointer(tmp_path, "mp-local-fast")


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    real = put(elsewhere, record_of(entry()))
    root = tmp_path / "root"
    (root / POINTERS).mkdir(parents=True)
    pointer_path(root, PRODUCT).symlink_to(real)
    with pytest.raises(PointerError, match="no plain file"):
        read_pointer(root, PRODUCT)
    other = tmp_path / "other"
    other.mkdir()
    (other / POINTERS).symlink_to(elsewhere / POINTERS)
    with pytest.raises(PointerError, match="no plain file"):
        read_pointer(other, PRODUCT)
    folder = tmp_path / "folder"
    pointer_path(folder, PRODUCT).mkdir(parents=True)
    with pytest.raises(PointerError, match="no plain file"):
        read_pointer(folder, PRODUCT)


@pytest.mark.parametrize("product", ["", "ecps", "../mp-national", "mp-national/../x"])
def test_an_unknown_product_names_no_file(tmp_path: Path, product: str) -> None:
    with pytest.raises(PointerError) as refused:
        read_pointer(tmp_path, product)
    assert all(each in refused.value.remedy for each in products())


def test_what_breaks_the_schema_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        write_pointer(tmp_path, record_of(entry(verdict="released")))
    assert list(tmp_path.iterdir()) == []


def test_a_pointer_that_cannot_be_looked_at_is_an_error_and_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / POINTERS).write_text("a file in the place of the folder")
    with pytest.raises(PointerError, match="Not a directory"):
        read_pointer(tmp_path, "mp-national")

    def refused(path: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refused)
    with pytest.raises(PointerError, match="Permission denied") as caught:
        read_pointer(tmp_path, "mp-national")
    assert caught.value.reason == EDITED
