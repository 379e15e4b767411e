"""`mpgate targets`, coverage, verification and the index table."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baselines import targets_cli
from baselines.targets import coverage_report, load_targets
from baselines.targets.engine_indices import engine_differences, freeze_indices
from baselines.targets.registry import (
    INDEX_FILE,
    REGISTRY_FILE,
    TARGETS_FOLDER,
    load_registry,
)
from baselines.targets.verify import Check, verify_registry
from schemas.canonical import sha256_file
from schemas.engine_metadata import DEFAULT_ENGINE
from schemas.errors import BaselineError, RecordError
from schemas.records import read_record, validate
from tests.baselines.target_feeds import (
    SCHEDULE_C,
    SSI_DOLLARS,
    WAGES,
    imported,
    registry_folder,
    row,
    target,
    write_feed,
)

RUNNER = CliRunner()


def shown(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = RUNNER.invoke(targets_cli.app, [*arguments, "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_list_filters_and_shows_the_growth() -> None:
    ssi = shown("list", "--family", "ssi", "--geography", "national")
    assert ssi["count"] >= 5
    assert {each["family"] for each in ssi["targets"]} == {"ssi"}
    profit = shown("list", "--family", "self_employment_income", "--source", "IRS SOI")
    assert all(each["uprated"]["factor"] > 1 for each in profit["targets"])
    wyoming = shown("list", "--geography", "56", "--product", "mp-local-fast")
    assert {each["geography_id"] for each in wyoming["targets"]} == {"56"}


def test_each_listed_target_is_a_valid_record() -> None:
    for record in shown("list", "--family", "disability")["targets"]:
        validate(record, "target")
    grown = {**targets_cli.target_record(target(WAGES)), "uprated": {"factor": 1}}
    with pytest.raises(RecordError, match="uprated"):
        validate(grown, "target")


def test_list_and_coverage_read_a_built_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "policy_data.db"
    monkeypatch.setattr(targets_cli, "load_targets", lambda: [target(WAGES)])
    assert shown("build", "--out", str(file))["sha256"] == sha256_file(file)
    (wages,) = shown("list", "--target-db", str(file))["targets"]
    assert (wages["target_id"], wages["value"]) == (WAGES, 12_387_929_000_000)
    (report,) = shown("coverage", "--target-db", str(file), "--product", "mp-national")["coverage"]
    assert report["counts"]["covered"] == 1


def test_the_committed_registry_verifies() -> None:
    checks = shown("verify")["checks"]
    assert {each["name"]: each["ok"] for each in checks if each["ok"] is False} == {}
    assert {each["name"] for each in checks} >= {"files", "feeds", "rows", "concepts", "indices"}


def test_a_mismatch_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [Check("files", False, ["changed"]), Check("indices", None, ["no engine"])]
    monkeypatch.setattr(targets_cli, "verify_registry", lambda: failed)
    assert shown("verify", code=1)["checks"][0]["problems"] == ["changed"]
    monkeypatch.setattr(targets_cli, "verify_registry", lambda: failed[1:])
    shown("verify")


def test_every_missing_cell_has_a_reason_and_no_row_lacks_provenance() -> None:
    for report in shown("coverage")["coverage"]:
        uncovered = [cell for cell in report["cells"] if cell["status"] != "covered"]
        assert [cell for cell in uncovered if cell["reason"] == "no reason is recorded"] == []
        assert report["incomplete"] == []
        assert report["rows"] == report["complete"] > 0


def test_coverage_counts_places_and_the_rows_no_index_fits() -> None:
    some = [each for each in load_targets() if each.family in ("snap", "health")]
    some = [each for each in some if each.geography_id != "56"]
    report = coverage_report(some, "mp-national")
    cells = {(cell["family"], cell["level"]): cell for cell in report["cells"]}
    assert cells["snap", "national"]["status"] == "covered"
    assert (cells["snap", "state"]["places"], cells["snap", "state"]["status"]) == (50, "partial")
    assert cells["household_net_income", "national"]["status"] == "missing"
    assert report["not_uprated"]["by_concept"] == {"medicaid_spending 2023": 51}


def test_a_row_without_provenance_is_named_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = target(SSI_DOLLARS, source_table="n/a")
    monkeypatch.setattr(targets_cli, "_targets", lambda path: [bare])
    (report,) = shown("coverage", "--product", "mp-national", code=1)["coverage"]
    assert report["incomplete"][0]["target_id"] == SSI_DOLLARS


def test_errors_exit_with_3_and_say_what_to_do(tmp_path: Path) -> None:
    assert "mp-local-fast" in shown("coverage", "--product", "mp-x", code=3)["remedy"]
    feed = write_feed(tmp_path, [row(WAGES, scope="")])
    refused = shown("import", "--manifest", str(feed), code=3)
    assert (refused["reason"], "row 2" in refused["error"]) == ("targets.row", True)
    result = RUNNER.invoke(targets_cli.app, ["import", "--manifest", str(tmp_path / "no.json")])
    assert result.exit_code == 3


def test_each_command_shows_an_example() -> None:
    for name in ("list", "verify", "coverage", "build", "import", "freeze-indices"):
        help_text = RUNNER.invoke(targets_cli.app, [name, "--help"]).stdout
        assert f"Example: mpgate targets {name}" in " ".join(help_text.split())


def test_a_planted_fault_fails_its_own_check(tmp_path: Path) -> None:
    imported(tmp_path, [row(WAGES), row(SCHEDULE_C)])
    folder = tmp_path / "registry"
    registry = load_registry(folder)
    registry["feeds"][0]["files"][0]["sha256"] = "0" * 64
    (folder / REGISTRY_FILE).write_text(json.dumps(registry))
    (folder / "extensions_2024.csv").write_text("target_id\n")
    failed = {each.name: each.problems for each in verify_registry(folder) if each.ok is False}
    assert set(failed) == {"feeds", "files"}
    assert "the registry doesn't name it" in failed["files"][0]


def parameters(folder: Path, jan_2024: str = "2024-01-01: 110") -> Path:
    yearly = f"values:\n  2023-01-01:\n    value: 100\n  {jan_2024}\n"
    (folder / "yearly.yaml").write_text(yearly)
    months = [f"    2023-{month:02}-01: {month}\n" for month in range(1, 13)]
    months += [f"    2024-{month:02}-01: {2 * month}\n" for month in range(1, 13)]
    (folder / "monthly.yaml").write_text("series:\n  values:\n" + "".join(months))
    return folder


def small_table(folder: Path) -> None:
    common = {
        "unit": "usd",
        "source": "nobody",
        "basis": "tax_year",
        "note": "",
        "file_sha256": "0" * 64,
        "values": {"2023": 1, "2024": 1},
    }
    yearly = {**common, "file": "yearly.yaml", "keys": [], "rule": "year_value"}
    monthly = {**common, "file": "monthly.yaml", "keys": ["series"], "rule": "annual_mean"}
    record = {
        "schema": "target_indices",
        "schema_version": 1,
        "engine": "0",
        "indices": {"yearly": yearly, "monthly": monthly},
    }
    (folder / INDEX_FILE).write_text(json.dumps(record))


def test_indices_are_taken_from_the_engines_files_and_compared(tmp_path: Path) -> None:
    source = parameters(tmp_path)
    small_table(tmp_path)
    assert len(engine_differences(tmp_path, source)) == 4
    assert freeze_indices(tmp_path, source) == ["monthly", "yearly"]
    table = json.loads((tmp_path / INDEX_FILE).read_text())["indices"]
    assert table["yearly"]["values"] == {"2023": 100, "2024": 110}
    assert table["monthly"]["values"] == {"2023": 6.5, "2024": 13}
    assert engine_differences(tmp_path, source) == []
    parameters(tmp_path, "2024-01-01: 120")
    assert "engine {'2023': 100.0, '2024': 120.0}" in engine_differences(tmp_path, source)[0]


def test_a_year_the_engine_does_not_have_is_an_error(tmp_path: Path) -> None:
    small_table(tmp_path)
    source = parameters(tmp_path, "2025-01-01: 110")
    with pytest.raises(BaselineError, match=r"yearly.yaml has no value for 2024"):
        freeze_indices(tmp_path, source)
    parameters(tmp_path)
    (source / "monthly.yaml").write_text("series:\n  2023-01-01: 1\n")
    with pytest.raises(BaselineError, match="has 1 months of 2023, not 12"):
        freeze_indices(tmp_path, source)


def test_frozen_indices_are_pinned_anew(tmp_path: Path) -> None:
    imported(tmp_path, [row(WAGES)])
    folder = registry_folder(tmp_path)
    small_table(folder)
    freeze_indices(folder, parameters(tmp_path))
    assert load_registry(folder)["files"][INDEX_FILE] == sha256_file(folder / INDEX_FILE)


def test_the_table_names_the_engine_in_use() -> None:
    table = read_record(TARGETS_FOLDER / INDEX_FILE, "target_indices")
    assert table["engine"] == DEFAULT_ENGINE
