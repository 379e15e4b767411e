"""Loader smoke run: the record says what the engine computed on exactly this file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from baselines.store import cache_dir
from benchmarks import loader_smoke
from benchmarks.loader_smoke import (
    MACHINE_LIMITS,
    WITNESSES,
    cached_smoke,
    program_families,
    smoke_loader,
    smoke_path,
)
from schemas.canonical import content_sha256, sha256_file
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import DatasetError, MeasureError
from schemas.records import load_schema, validate
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.population import generated_households

SIZES = {"person": 9, "household": 4, "tax_unit": 5, "spm_unit": 4}


class FakeEngine:
    """Stands in for the engine session: 0, 1, 2, ... for every output, or a failure."""

    def __init__(self, error: MeasureError | None = None, **arrays: np.ndarray) -> None:
        self.error, self.given, self.calls = error, arrays, 0
        self.outputs: Sequence[str] = ()
        self.store = Path()

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> Any:
        self.calls, self.outputs, self.store = self.calls + 1, outputs, cache_dir()
        if self.error is not None:
            raise self.error
        entity = {name: variable_table()[name].entity for name in outputs}
        dataset = open_dataset(path)
        arrays = {
            name: dataset.read(name)
            if name in WITNESSES
            else np.arange(SIZES[entity[name]], dtype=np.float32)
            for name in outputs
        }
        meta = {"file_sha256": sha256_file(path), "wall_s": 1.0, "peak_rss_gb": 2.0}
        return SimpleNamespace(
            arrays=arrays | self.given, entity=entity, person_to={}, sizes=SIZES, meta=meta
        )


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_period_arrays(tmp_path / "file.h5", generated_households(20), 2024)
    return tmp_path / "file.h5"


def no_adult() -> MeasureError:
    return MeasureError("SPM unit has no adult", reason="engine.failed", remedy="mend the file")


def test_the_list_names_every_family_once_and_only_known_variables() -> None:
    families = program_families()
    wanted = load_schema("loader_smoke")["properties"]["families"]["required"]
    assert sorted(families) == sorted(wanted)
    names = [name for variables in families.values() for name in variables]
    assert len(names) == len(set(names))
    assert all(variable_table()[name].computed for name in names)
    assert {"poverty", "medicaid", "aca", "snap", "eitc", "state_income_tax"} <= set(families)


def test_a_sound_file_gives_figures_per_variable(file: Path) -> None:
    snap = np.array([0.0, 5.0, np.nan, np.inf], dtype=np.float32)
    engine = FakeEngine(snap=snap, ssi=np.full(9, np.nan))
    record = smoke_loader(file, simulator=engine)
    sha256 = sha256_file(file)
    shas = [record[key] for key in ("sha256_before", "loaded_sha256", "sha256_after")]
    assert shas == [sha256] * 3 == [record["subject"]["sha256"]] * 3
    assert record["families"]["snap"]["snap"] == {
        "entity": "spm_unit", "records": 4, "finite": 2, "nonzero": 1, "min": 0.0, "max": 5.0,
    }  # fmt: skip
    assert record["families"]["ssi"]["ssi"]["max"] is None
    assert record["poverty"] is True
    assert record["error"] is None
    assert record["geography"] == "national"
    families = {name for names in program_families().values() for name in names}
    assert set(engine.outputs) == families | set(WITNESSES)


def test_another_file_in_the_engine_is_not_this_one(file: Path) -> None:
    """Incident 27: the dataset argument was ignored."""
    weights = open_dataset(file).read("household_weight") * np.float32(1.001)
    record = smoke_loader(file, simulator=FakeEngine(household_weight=weights))
    assert record["loaded_sha256"] is None
    assert record["sha256_after"] == record["sha256_before"]


@pytest.mark.parametrize("reason", sorted(MACHINE_LIMITS))
def test_a_machine_too_small_says_nothing_of_the_file(file: Path, reason: str) -> None:
    engine = FakeEngine(MeasureError("too small", reason=reason, remedy="give it more"))
    with pytest.raises(MeasureError, match="too small"):
        smoke_loader(file, simulator=engine)


def test_the_engine_loads_this_file_and_not_kept_arrays(file: Path, store: Path) -> None:
    engine = FakeEngine()
    smoke_loader(file, simulator=engine)
    assert engine.store != store
    assert not engine.store.exists()
    assert cache_dir() == store


def test_a_second_run_costs_nothing(file: Path) -> None:
    engine = FakeEngine()
    first = smoke_loader(file, simulator=engine)
    assert smoke_loader(file, simulator=engine) == first
    assert cached_smoke(sha256_file(file)) == first
    assert engine.calls == 1


def test_another_weight_is_another_file(file: Path) -> None:
    engine = FakeEngine()
    smoke_loader(file, simulator=engine)
    with h5py.File(file, "r+") as h5:
        h5["household_weight/2024"][0] = 1.0
    smoke_loader(file, simulator=engine)
    assert engine.calls == 2


def test_new_code_loads_the_file_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smoke_loader(file, simulator=FakeEngine())
    monkeypatch.setattr(loader_smoke, "code_sha256", lambda: "0" * 64)
    assert cached_smoke(sha256_file(file)) is None


def test_what_the_engine_raises_is_a_record_that_is_not_kept(file: Path, store: Path) -> None:
    record = smoke_loader(file, simulator=FakeEngine(no_adult()))
    assert record["error"] == {
        "reason": "engine.failed", "message": "SPM unit has no adult", "remedy": "mend the file",
    }  # fmt: skip
    assert record["loaded_sha256"] is None
    assert record["poverty"] is False
    assert all(each is None for found in record["families"].values() for each in found.values())
    assert cache_dir() == store
    assert smoke_loader(file, simulator=FakeEngine())["error"] is None


def test_a_record_of_a_failure_names_no_folder_of_the_machine(file: Path) -> None:
    message = 'failed: File "/opt/x/site-packages/spm.py", line 7 | ValueError: a/b "c"'
    error = MeasureError(message, reason="engine.failed", remedy="mend the file")
    record = smoke_loader(file, simulator=FakeEngine(error))
    assert record["error"]["message"] == 'failed: File "spm.py", line 7 | ValueError: a/b "c"'


def test_a_file_that_changes_under_the_engine_shows(file: Path) -> None:
    class Meddler(FakeEngine):
        def __call__(self, path: Path, *args: Any, **keywords: Any) -> Any:
            found = super().__call__(path, *args, **keywords)
            path.write_bytes(path.read_bytes() + b"\0")
            return found

    record = smoke_loader(file, simulator=Meddler())
    assert record["sha256_after"] != record["sha256_before"]


def test_a_kept_record_of_another_file_is_refused(file: Path) -> None:
    smoke_loader(file, simulator=FakeEngine())
    path = smoke_path(sha256_file(file))
    record = json.loads(path.read_text())
    record["subject"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    with pytest.raises(MeasureError, match="belongs to another file") as caught:
        cached_smoke(sha256_file(file))
    assert caught.value.reason == "loader.foreign"


def test_a_file_that_is_no_h5_never_reaches_the_engine(tmp_path: Path) -> None:
    (tmp_path / "bad.h5").write_text("no h5")
    engine = FakeEngine()
    with pytest.raises(DatasetError):
        smoke_loader(tmp_path / "bad.h5", simulator=engine)
    assert engine.calls == 0


@pytest.mark.engine
def test_the_real_engine_computes_every_family_and_poverty(file: Path) -> None:
    record = smoke_loader(file)
    validate(record, "loader_smoke")
    assert record["error"] is None, record["error"]
    assert record["poverty"] is True
    assert record["loaded_sha256"] == record["sha256_after"] == sha256_file(file)
    found = {name: each for v in record["families"].values() for name, each in v.items()}
    assert all(each["finite"] == each["records"] > 0 for each in found.values())
    for name in ("income_tax", "household_net_income", "social_security", "person_in_poverty"):
        assert found[name]["nonzero"], name


@pytest.mark.engine
@pytest.mark.nightly
def test_both_layouts_give_the_same_figures(tmp_path: Path, file: Path) -> None:
    write_entity_tables(tmp_path / "tables.h5", generated_households(20), 2024)
    arrays, tables = smoke_loader(file), smoke_loader(tmp_path / "tables.h5")
    for family, variables in arrays["families"].items():
        for name, found in variables.items():
            other = tables["families"][family][name]
            assert other["nonzero"] == found["nonzero"], name
            np.testing.assert_allclose(other["max"], found["max"], atol=0.05, err_msg=name)
    assert content_sha256(arrays) != content_sha256(tables)


@pytest.mark.engine
@pytest.mark.nightly
def test_a_household_of_children_stops_the_engine_at_poverty(tmp_path: Path) -> None:
    columns = generated_households(20)
    first = columns["spm_unit_id"][0]
    columns["age"] = np.where(columns["person_spm_unit_id"] == first, 9, columns["age"])
    write_period_arrays(tmp_path / "children.h5", columns, 2024)
    record = smoke_loader(tmp_path / "children.h5")
    assert record["error"]["reason"] == "engine.failed"
    assert "SPM unit has no classified adult" in record["error"]["message"]
