"""Importing a facts feed: all of it with its hashes, or nothing and the row that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselines.targets import load_excluded, load_targets, transaction
from baselines.targets.feeds import import_feed
from baselines.targets.registry import REGISTRY_FILE, TARGET_FILE, load_registry
from baselines.targets.verify import verify_registry
from schemas.canonical import sha256_file
from schemas.errors import BaselineError, MpgateError, RecordError
from tests.baselines.target_feeds import (
    SCHEDULE_C,
    SSI_COUNT,
    SSI_DOLLARS,
    STATE,
    WAGES,
    excluded,
    feed_of_bytes,
    imported,
    registry_folder,
    row,
    write_feed,
)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_feed_is_committed_with_its_hashes_and_verifies(tmp_path: Path) -> None:
    path = write_feed(tmp_path, [row(WAGES), row(SCHEDULE_C)], [excluded("old figure")])
    done = import_feed(path, folder=registry_folder(tmp_path), sha256=sha256_file(path))
    folder = tmp_path / "registry"
    assert (done.feed, done.rows) == ("small", {"facts": 2, "excluded": 1})
    assert [each.target_id for each in load_targets(folder=folder)] == [WAGES, SCHEDULE_C]
    assert [each.fact for each in load_excluded(folder=folder)] == ["old figure"]
    registry = load_registry(folder)
    assert registry["files"][TARGET_FILE] == sha256_file(folder / TARGET_FILE)
    assert [check.name for check in verify_registry(folder) if check.ok is False] == []


def test_an_extension_is_loaded_together_with_the_base(tmp_path: Path) -> None:
    imported(tmp_path, [row(WAGES)])
    imported(tmp_path, [row(SSI_DOLLARS)], part="extension", id="more")
    folder = tmp_path / "registry"
    assert [each.target_id for each in load_targets(folder=folder)] == [WAGES, SSI_DOLLARS]
    assert [each["id"] for each in load_registry(folder)["feeds"]] == ["small", "more"]


def test_an_id_of_the_other_feed_is_refused(tmp_path: Path) -> None:
    imported(tmp_path, [row(WAGES)])
    with pytest.raises(BaselineError, match=f"row 2: target id {WAGES} is in the other feed"):
        imported(tmp_path, [row(WAGES)], part="extension")


BAD_ROWS: list[tuple[str, dict[str, str], str]] = [
    (WAGES, {"source_agency": "Dataset"}, "derived from a dataset.*source_agency"),
    (WAGES, {"source_file": "enhanced_cps_2024.h5"}, "derived from a dataset.*source_file"),
    (WAGES, {"notes": "dataset-derived count"}, "derived from a dataset.*the words"),
    (WAGES, {"source_agency": ""}, "source_agency is empty"),
    (WAGES, {"source_table": "unknown"}, "source_table is 'unknown', which states nothing"),
    (WAGES, {"scope": ""}, "scope is empty"),
    (WAGES, {"entity": " "}, "entity is empty"),
    (WAGES, {"value": "0"}, "finite and not zero"),
    (WAGES, {"value": "inf"}, "finite and not zero"),
    (WAGES, {"variable": "wages_nobody_knows"}, "isn't one of the engine's"),
    (WAGES, {"variable_entity": "tax_unit"}, "employment_income is of the person"),
    (
        WAGES,
        {"variable": "snap", "variable_entity": "spm_unit", "concept": "snap_benefits"},
        "counts it once for each member",
    ),
    (WAGES, {"constraints": '[["nothing", "==", 1]]'}, "the engine doesn't know"),
    (WAGES, {"constraints": '[["age", ">=", 65], ["age", "<", 18]]'}, "contradictory"),
    (WAGES, {"constraints": '[["age", ">", 65], ["age", "<=", 65]]'}, "contradictory"),
    (WAGES, {"constraints": '[["age", "==", 5], ["age", "==", 6]]'}, "contradictory"),
    (WAGES, {"constraints": '[["age", "==", 5], ["age", ">", 6]]'}, "contradictory"),
    (WAGES, {"constraints": '[["age", "in", [1, 2]], ["age", "in", [3]]]'}, "contradictory"),
    (WAGES, {"constraints": '[["age", "==", "old"]]'}, "age is a number"),
    (WAGES, {"constraints": '[["filing_status", "==", 1]]'}, "filing_status is text"),
    (WAGES, {"constraints": '[["filing_status", "==", "ALONE"]]'}, "has no value ALONE"),
    (WAGES, {"constraints": '[["filing_status", ">", "SINGLE"]]'}, "text has no order"),
    (WAGES, {"aggregation": "count"}, "unit usd is a sum"),
    (WAGES, {"variable": "person_count"}, "person_count isn't in usd"),
    (STATE, {"aggregation": "sum"}, "unit persons is a count"),
    (STATE, {"unit": "returns"}, "returns is counted by tax_unit_count"),
    (STATE, {"entity": "household"}, "not at its own entity"),
    (STATE, {"constraints": '[["snap", ">", 0]]'}, "needs the constraint state_fips == 56"),
    (STATE, {"geography_id": "55"}, "needs the constraint state_fips == 55"),
    (STATE, {"geography_level": "national"}, "a national row is of US"),
    (WAGES, {"target_period": "2025"}, "the registry is for 2024"),
    (SCHEDULE_C, {"uprating": "gov.nothing"}, "isn't in the index table"),
    (SCHEDULE_C, {"source_period": "2018"}, "has no value for 2018"),
]


@pytest.mark.parametrize(("target_id", "changes", "said"), BAD_ROWS)
def test_a_bad_row_refuses_the_feed_and_leaves_nothing(
    tmp_path: Path, target_id: str, changes: dict[str, str], said: str
) -> None:
    imported(tmp_path, [row(SSI_COUNT)])
    before = contents(tmp_path / "registry")
    with pytest.raises(BaselineError, match=f"row 3: {target_id}: .*{said}"):
        imported(tmp_path, [row(SSI_DOLLARS), row(target_id, **changes)])
    assert contents(tmp_path / "registry") == before


def test_constraints_that_can_hold_are_taken(tmp_path: Path) -> None:
    held = '[["age", ">=", 65], ["age", "<=", 65], ["age", "in", [64, 65]]]'
    assert imported(tmp_path, [row(WAGES, constraints=held)]).rows == {"facts": 1}


def test_how_many_more_rows_are_bad_is_said(tmp_path: Path) -> None:
    bad = {"target_period": "2023"}
    with pytest.raises(BaselineError, match="and 1 more bad rows"):
        imported(tmp_path, [row(WAGES, **bad), row(SSI_DOLLARS, **bad)])


@pytest.mark.parametrize(
    "fact",
    [
        {"fact": WAGES},
        {
            "fact": "wages, another name",
            "value": "12387929000000",
            "unit": "usd",
            "geography_id": "US",
            "source_agency": "BEA",
            "source_table": "NIPA Table 2.1",
        },
    ],
)
def test_an_excluded_fact_does_not_come_back_as_a_target(
    tmp_path: Path, fact: dict[str, str]
) -> None:
    path = write_feed(tmp_path, [row(WAGES)], [excluded(**fact)])
    with pytest.raises(BaselineError, match=f"row 2: {WAGES} is the excluded fact"):
        import_feed(path, folder=registry_folder(tmp_path))
    assert not (tmp_path / "registry" / REGISTRY_FILE).exists()


FEED_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"sha256": "0" * 64}, "has the sha256"),
    ({"rows": 7}, "has 1 rows, not 7"),
    ({"name": "absent.csv"}, "can't be read"),
    ({"role": "excluded"}, "needs one facts file"),
]


@pytest.mark.parametrize(("change", "said"), FEED_CHANGES)
def test_a_file_that_is_not_the_manifests_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    good = json.loads(write_feed(tmp_path, [row(WAGES)]).read_text())["files"][0]
    path = write_feed(tmp_path, [row(WAGES)], files=[{**good, **change}])
    with pytest.raises(BaselineError, match=f"feed refused: .*{said}"):
        import_feed(path, folder=registry_folder(tmp_path))


def test_another_manifest_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    path = write_feed(tmp_path, [row(WAGES)])
    with pytest.raises(BaselineError, match="has the sha256"):
        import_feed(path, folder=registry_folder(tmp_path), sha256="0" * 64)


@pytest.mark.parametrize("change", [{"licence": ""}, {"columns": 2}, {"surprise": 1}])
def test_a_manifest_that_breaks_its_schema_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = write_feed(tmp_path, [row(WAGES)], **change)
    with pytest.raises(RecordError):
        import_feed(path, folder=registry_folder(tmp_path))


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"a,b\n\0,2\n", b"target_id,value\r\n", b""])
def test_bytes_that_are_no_facts_csv_are_refused(tmp_path: Path, content: bytes) -> None:
    path = feed_of_bytes(tmp_path, content)
    with pytest.raises(MpgateError):
        import_feed(path, folder=registry_folder(tmp_path))


def test_a_write_that_fails_halfway_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(tmp_path, [row(WAGES)])
    before = contents(tmp_path / "registry")
    write = transaction.atomic_write

    def failing(path: Path, data: bytes) -> None:
        if path.name == REGISTRY_FILE and data != before[REGISTRY_FILE]:
            raise OSError("disk full")
        write(path, data)

    monkeypatch.setattr(transaction, "atomic_write", failing)
    with pytest.raises(OSError, match="disk full"):
        imported(tmp_path, [row(SSI_DOLLARS)])
    assert contents(tmp_path / "registry") == before
