"""Canonical JSON, hashes and records: one byte form, refused when invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.canonical import atomic_write, canonical_bytes, content_sha256, sha256_json, to_plain
from schemas.errors import RecordError
from schemas.records import load_schema, read_record, schema_names, validate, write_record


def waiver() -> dict[str, Any]:
    return {
        "schema": "exception",
        "schema_version": 1,
        "id": "w-1",
        "kind": "waiver",
        "gate": "size.h5",
        "subject": "H5 size",
        "candidate_sha256": "0" * 64,
        "reason": "extension not split off yet",
        "owner": "release",
        "approved_by": "release manager",
        "approved_on": "2026-01-01",
        "expires_on": "2026-02-01",
        "bound": {"value": 2.5, "unit": "ratio"},
    }


def test_equal_content_has_one_byte_form() -> None:
    left = canonical_bytes({"b": np.float32(0.5), "a": (1, np.int64(2))})
    assert left == canonical_bytes({"a": [1, 2], "b": 0.5})
    assert sha256_json({"x": -0.0}) == sha256_json({"x": 0.0})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.array([1.0, np.nan])])
def test_non_finite_numbers_are_refused_with_their_path(bad: Any) -> None:
    with pytest.raises(RecordError, match=r"\$\.deep\.figure"):
        to_plain({"deep": {"figure": bad}})


def test_foreign_types_and_keys_are_refused() -> None:
    with pytest.raises(RecordError, match="a set"):
        to_plain({"x": {1, 2}})
    with pytest.raises(RecordError, match="not text"):
        to_plain({1: "x"})


def test_the_run_block_is_no_content() -> None:
    assert content_sha256({"a": 1, "run": {"at": "now"}}) == content_sha256({"a": 1})
    assert content_sha256({"a": 1}) != content_sha256({"a": 2})


def test_every_schema_is_closed_and_versioned() -> None:
    records = [
        n for n in schema_names() if "schema_version" in load_schema(n).get("properties", {})
    ]
    assert {"evidence", "gate_results", "policy", "exception", "loss_record"} <= set(records)
    for name in records:
        schema = load_schema(name)
        assert schema["additionalProperties"] is False, name
        assert {"schema", "schema_version"} <= set(schema["required"]), name


def test_a_record_survives_the_round_trip(tmp_path: Path) -> None:
    write_record(tmp_path / "w.json", waiver(), "exception")
    assert read_record(tmp_path / "w.json", "exception") == waiver()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"surprise": 1}, r"surprise"),
        ({"bound": {"value": "2", "unit": "ratio"}}, r"\$\.bound\.value"),
        ({"approved_on": "soon"}, r"\$\.approved_on"),
        ({"kind": "favour"}, r"\$\.kind"),
    ],
)
def test_an_invalid_record_is_refused_on_write_and_read(
    tmp_path: Path, change: dict[str, Any], where: str
) -> None:
    record = waiver() | change
    with pytest.raises(RecordError, match=where):
        write_record(tmp_path / "w.json", record, "exception")
    assert not (tmp_path / "w.json").exists()
    (tmp_path / "w.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match=where):
        read_record(tmp_path / "w.json", "exception")


def test_unreadable_and_unknown_records_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(RecordError, match=r"x\.json"):
        read_record(tmp_path / "x.json", "exception")
    with pytest.raises(RecordError, match="no record is called"):
        validate({}, "nothing")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    target = tmp_path / "f"
    atomic_write(target, b"old")

    def broken(self: Path, other: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(RecordError, match="disk full"):
        atomic_write(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_place_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path, tmp_path / "file" / "record.json"):
        with pytest.raises(RecordError, match="can't be written") as caught:
            atomic_write(place, b"{}")
        assert caught.value.reason == "record.unwritable"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_json_nested_beyond_reason_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(RecordError, match="not a readable JSON record"):
        read_record(tmp_path / "deep.json", "evidence")
