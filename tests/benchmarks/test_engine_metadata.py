"""Frozen engine metadata: pinned, refused when changed, equal to what the engine says today."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import engine_cli
from benchmarks.engine_metadata import freeze as freezing
from benchmarks.engine_metadata.freeze import differences, freeze, regenerate, render
from benchmarks.engine_metadata.stored_values import (
    LAYOUTS,
    STORED,
    households,
    impossible_values,
    overrides,
)
from schemas import engine_metadata
from schemas.engine_metadata import (
    DEFAULT_ENGINE,
    counties,
    forget_metadata,
    frozen_versions,
    metadata_path,
    rejected_on_load,
    stored_formula_overrides,
    variable_table,
)
from schemas.errors import MeasureError, RecordError
from schemas.records import validate


def frozen() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(metadata_path(DEFAULT_ENGINE).read_text())
    return document


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the frozen folder that the readers now use."""
    folder = Path(shutil.copytree(engine_metadata.ENGINE_DIR, tmp_path / "engine"))
    for module in (engine_metadata, freezing):
        monkeypatch.setattr(module, "ENGINE_DIR", folder)
    forget_metadata()
    yield folder
    monkeypatch.undo()
    forget_metadata()


@pytest.mark.engine
def test_the_installed_engine_says_what_was_frozen() -> None:
    live = regenerate()
    assert differences(frozen(), live) == []
    assert render(live) == metadata_path(DEFAULT_ENGINE).read_bytes()


def test_every_frozen_file_is_a_valid_record_and_pinned() -> None:
    index = frozen_versions()
    validate(index, "engine_index")
    files = {path.name for path in engine_metadata.ENGINE_DIR.glob("*.json")}
    assert files == {"index.json", *(metadata_path(version).name for version in index)}
    for version in index:
        document = json.loads(metadata_path(version).read_text())
        head = document | {"variables": dict(list(document["variables"].items())[::50])}
        validate(head, "engine_metadata")
        assert variable_table(version)


@pytest.mark.alone
def test_the_table_is_read_in_less_than_150_ms() -> None:
    forget_metadata()
    started = time.perf_counter()
    assert len(variable_table()) == 6_914
    assert time.perf_counter() - started < 0.15


@pytest.mark.parametrize(
    "read", [variable_table, rejected_on_load, counties, stored_formula_overrides]
)
def test_an_unknown_version_is_refused(read: Any) -> None:
    with pytest.raises(RecordError, match="no variable metadata is frozen") as caught:
        read("0.0.1")
    assert caught.value.reason == "engine.unknown_version"


def test_one_changed_byte_is_refused(copied: Path) -> None:
    path = metadata_path(DEFAULT_ENGINE)
    path.write_bytes(path.read_bytes().replace(b'"computed": true', b'"computed": trUe', 1))
    with pytest.raises(RecordError, match="is not the file that index") as caught:
        variable_table()
    assert caught.value.reason == "engine.metadata_changed"


@pytest.mark.parametrize("index", ["", "[]", '{"2.68.0": 7}'])
def test_a_damaged_index_is_refused(copied: Path, index: str) -> None:
    (copied / "index.json").write_text(index)
    with pytest.raises(RecordError) as caught:
        counties()
    assert caught.value.reason == "engine.metadata_changed"


def test_a_pinned_file_that_is_gone_is_refused(copied: Path) -> None:
    metadata_path(DEFAULT_ENGINE).unlink()
    with pytest.raises(RecordError, match="is not the file"):
        stored_formula_overrides()


def test_freezing_another_version_pins_it_and_keeps_the_first(copied: Path) -> None:
    document = frozen()
    document["engine"]["policyengine_us"] = "9.9.9"
    document["counties_2020"] = ["01001"]
    freeze(document)
    assert counties("9.9.9") == {"01001"}
    assert len(counties(DEFAULT_ENGINE)) == 3_143
    assert set(frozen_versions()) == {"9.9.9", DEFAULT_ENGINE}


def test_what_was_just_frozen_is_what_is_read(copied: Path) -> None:
    assert variable_table()["snap"].computed
    document = frozen()
    document["variables"]["snap"]["computed"] = False
    freeze(document)
    assert not variable_table()["snap"].computed


def test_freezing_mends_a_changed_file(copied: Path) -> None:
    document, pins = frozen(), frozen_versions()
    metadata_path(DEFAULT_ENGINE).write_text("{}")
    freeze(document)
    assert frozen_versions() == pins
    assert len(variable_table()) == 6_914


def test_counties_are_those_of_2020() -> None:
    codes = counties()
    assert {"09001", "09015", "11001", "02063", "46102"} <= codes
    assert not any(code.startswith("091") for code in codes)  # planning regions, 2022
    assert not codes & {"00000", "02261", "46113", "51515"}  # no county, and ones renamed before
    assert len({code[:2] for code in codes}) == 51
    assert {code for code in codes if code >= "60"} == set()


def test_a_stored_value_overrides_the_rules_in_both_layouts() -> None:
    found = stored_formula_overrides()
    assert set(found) == set(STORED)
    assert all(variable_table()[name].computed for name in found)
    assert found == {name: dict.fromkeys(LAYOUTS, True) for name in STORED}


def test_the_experiment_tells_stored_from_computed() -> None:
    stored, computed = impossible_values("snap", 3), np.array([0.0, 291.0, 40.0])
    assert overrides("snap", stored, stored * (1 + 1e-6), computed)
    assert not overrides("snap", stored, computed, computed)
    for returned, rules in ((computed + 500, computed), (stored, stored)):
        with pytest.raises(MeasureError, match="snap comes back") as caught:
            overrides("snap", stored, returned, rules)
        assert caught.value.reason == "engine.override_unclear"


def test_the_experiment_stores_each_variable_at_its_entity() -> None:
    assert {name: variable_table()[name].entity for name in STORED} == STORED
    for entity, table in households().items():
        assert all(variable_table()[name].entity == entity for name in table)
    starts = {float(impossible_values(name, 1)[0]) for name in STORED}
    assert len(starts) == len(STORED)


def test_every_difference_is_one_line() -> None:
    live = copy.deepcopy(frozen())
    assert differences(frozen(), live) == []
    live["variables"]["snap"]["entity"] = "household"
    del live["variables"]["ssi"]
    live["counties_2020"][0] = "09110"
    live["stored_formula"]["snap"]["entity_tables"] = False
    live["engine"]["policyengine_core"] = "9.9"
    found = differences(frozen(), live)
    assert len(found) == 6
    assert found[0] == "counties_2020: 01001 is gone"
    assert found[1] == "counties_2020: 09110 is new"
    assert found[2] == 'engine.policyengine_core: "3.33.12" frozen, "9.9" now'
    assert found[3].startswith("stored_formula.snap: ")
    assert found[5].endswith("frozen, absent now")


def run(*words: str) -> Any:
    return CliRunner().invoke(engine_cli.app, list(words))


def test_check_lists_differences_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    live = frozen()
    for name in list(live["variables"])[:60]:
        live["variables"][name]["computed"] ^= True
    monkeypatch.setattr(freezing, "regenerate", lambda: live)
    found = run("freeze", "--check")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[-1] == "and 10 more"
    monkeypatch.setattr(freezing, "regenerate", frozen)
    assert run("freeze", "--check").exit_code == 0


def test_freeze_writes_the_frozen_place(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, document = frozen_versions(), frozen()
    metadata_path(DEFAULT_ENGINE).unlink()
    monkeypatch.setattr(engine_cli, "regenerate", lambda: document)
    assert run("freeze").exit_code == 0
    assert frozen_versions() == before
    assert variable_table()


def test_list_shows_versions_and_what_a_stored_value_does() -> None:
    found = run("list")
    assert found.exit_code == 0
    assert DEFAULT_ENGINE in found.stdout
    assert "income_tax" in found.stdout


def test_an_engine_that_fails_is_one_line_and_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "WORKER", "benchmarks.no_such_worker")
    found = run("freeze", "--check")
    assert found.exit_code == 3
    assert "No module named" in " ".join(found.stderr.split())


def test_a_refusal_of_the_worker_keeps_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"message": "tables disagree", "reason": "engine.counties_disagree", "remedy": "look"}

    def refuse(folder: Path, timeout_s: float) -> tuple[int, str]:
        (folder / "refusal.json").write_text(json.dumps(parts))
        return 3, "no message"

    monkeypatch.setattr(freezing, "_run", refuse)
    with pytest.raises(MeasureError, match="tables disagree") as caught:
        regenerate()
    assert caught.value.reason == "engine.counties_disagree"


def test_an_engine_that_hangs_is_stopped() -> None:
    with pytest.raises(MeasureError) as caught:
        regenerate(timeout_s=0.01)
    assert caught.value.reason == "engine.timeout"
