"""Building, reusing, refusing: whole or not at all, with a stand-in engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from builder.embedded.provider import HOUSEHOLD_KEY
from builder.embedded.sampling import sample_households
from builder.frame import Frame, load_frame
from builder.national import build as building
from builder.national import steps
from builder.national.build import build_national
from builder.sources.acquire import SourceSet
from builder.stages.stage import StageContext
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import BuildError
from schemas.logical import dataset_hashes
from tests.builder.national_sample import (
    FIXED,
    INCUMBENTS,
    SAMPLED,
    STAGES,
    Made,
    StandInEngine,
    small_cache,
    small_config,
    small_record,
    small_source,
)


@pytest.fixture
def place(made: Made) -> Iterator[Path]:
    """Return the folder of the finished build, with its cache and its source in place."""
    folder = made.built.folder.parent
    with small_cache(folder):
        yield folder


def test_without_donors_and_fixed_records_none_are_named(place: Path) -> None:
    config = small_config(
        donors={"forests": [], "sizes": False},
        fixed_spine={"most_units": 0},
        sources=["psl-cps"],
        calibration=small_record()["calibration"] | {"epochs": 1},
    )
    engine = StandInEngine()
    plain = Made(build_national(config, place / "plain", simulator=engine), engine)
    assert plain.manifest["donor_specs"] == []
    assert not (plain.built.folder / "donors").exists()
    assert {each["id"].partition(".")[0] for each in plain.manifest["sources"]} == {"psl-cps"}
    assert plain.manifest["record_counts"]["household"] == SAMPLED + FIXED
    assert set(plain.tables("provenance")["household_provenance"]["origin"]) == {"psl-cps"}


def test_a_second_run_reuses_every_stage_and_leaves_the_folder(made: Made, place: Path) -> None:
    engine, before = StandInEngine(), (made.built.folder / "stages.json").stat()
    again = build_national(small_config(), place / "run", simulator=engine)
    assert [each.reused for each in again.records] == [True] * len(STAGES)
    assert engine.calls == []
    after = (made.built.folder / "stages.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_other_layout_is_made_by_the_last_stage_and_says_the_same(
    made: Made, place: Path
) -> None:
    config = small_config(export={"layout": "period_arrays"})
    other = build_national(config, place / "arrays", simulator=StandInEngine())
    assert [each.reused for each in other.records] == [True] * (len(STAGES) - 1) + [False]
    arrays, h5 = open_dataset(other.candidate), open_dataset(made.built.candidate)
    assert (arrays.layout, h5.layout) == ("period_arrays", "entity_tables")
    assert dataset_hashes(arrays).logical_sha256 == made.manifest["h5"]["logical_sha256"]
    with pytest.raises(BuildError, match="run already holds another build") as caught:
        build_national(config, made.built.folder, simulator=StandInEngine())
    assert caught.value.reason == "national.folder_in_use"
    assert sha256_file(made.built.candidate) == made.manifest["h5"]["sha256"]


def test_a_folder_whose_files_were_changed_is_not_taken_for_the_build(
    made: Made, place: Path
) -> None:
    built = build_national(small_config(), place / "changed", simulator=made.engine)
    (built.folder / "sources.json").write_text("{}")
    with pytest.raises(BuildError, match="changed already holds another build"):
        build_national(small_config(), place / "changed", simulator=made.engine)


def test_a_file_in_the_way_is_refused_and_an_empty_folder_is_filled(
    made: Made, place: Path
) -> None:
    (place / "file").write_text("mine")
    with pytest.raises(BuildError, match="file already holds another build"):
        build_national(small_config(), place / "file", simulator=made.engine)
    assert (place / "file").read_text() == "mine"
    (place / "empty").mkdir()
    built = build_national(small_config(), place / "empty", simulator=made.engine)
    assert sha256_file(built.candidate) == made.manifest["h5"]["sha256"]


def test_the_folder_is_named_after_config_and_content(made: Made, place: Path) -> None:
    (place / "runs").mkdir()
    built = build_national(small_config(), runs=place / "runs", simulator=made.engine)
    key = made.built.records[-1].key
    assert built.folder == place / "runs" / f"embedded-national-{key[:12]}"
    assert sha256_file(built.candidate) == made.manifest["h5"]["sha256"]


def test_a_check_that_fails_leaves_no_folder(made: Made, place: Path) -> None:
    seen: list[str] = []

    def refuse(file: Path) -> None:
        seen.append(sha256_file(file))
        raise BuildError("no", reason="export.contract", remedy="mend it")

    with pytest.raises(BuildError, match="no"):
        build_national(small_config(), place / "refused", simulator=made.engine, check=refuse)
    assert seen == [made.manifest["h5"]["sha256"]]
    assert not list(place.glob("*refused*"))


def test_a_folder_that_cannot_be_completed_does_not_appear(
    made: Made, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(building, "write_record", full)
    with pytest.raises(OSError, match="no space left"):
        build_national(small_config(), place / "half", simulator=made.engine)
    assert not list(place.glob("*half*"))


def test_an_engine_that_fails_costs_no_finished_stage(made: Made, place: Path) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise BuildError("the engine died", reason="engine.died", remedy="try again")

    config = small_config(fixed_spine={"most_units": FIXED + 1})
    reused: list[str] = []
    with pytest.raises(BuildError, match="the engine died"):
        build_national(config, place / "died", simulator=broken)
    assert not (place / "died").exists()

    def told(text: str, done: int, total: int) -> None:
        reused.extend([text.partition(":")[0]] if text.endswith("reused") else [])

    with pytest.raises(BuildError, match="the engine died"):
        build_national(config, place / "died", simulator=broken, progress=told)
    assert reused == ["sources", "spine", "donors", "fixed_spine"]


def test_the_seed_decides_who_is_drawn(made: Made, place: Path) -> None:
    context = _context(place / "other", {})
    context.folder.mkdir()
    other = small_config(seed=2025)
    steps.Steps(other, _sources(), StandInEngine()).make_spine(context)
    keys = [
        set(load_frame(each).source_key.tolist()) for each in (context.folder, made.stage("spine"))
    ]
    assert len(keys[0]) == len(keys[1]) == SAMPLED
    assert len(keys[0] & keys[1]) < 0.9 * SAMPLED


def test_a_forest_without_its_donor_is_absent_and_changes_nothing(made: Made, place: Path) -> None:
    context = _context(place / "absent", {"spine": made.stage("spine")})
    context.folder.mkdir()
    config = small_config(donors={"forests": ["scf-assets"], "sizes": False})
    facts = steps.Steps(config, _sources(), StandInEngine()).apply_donors(context)
    assert facts == {"scf-assets": "absent: scf-2022 is not at hand"}
    assert [path.name for path in context.folder.iterdir()] == ["frame.npz"]
    _assert_equal(load_frame(context.folder), load_frame(made.stage("spine")))


def test_a_forest_on_the_embedded_source_bars_incumbent_and_spine_by_id(
    made: Made, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barred: list[set[int]] = []

    def donors(exclude: set[int], **_: Any) -> pd.DataFrame:
        barred.append(exclude)
        return pd.DataFrame()

    def fit(frame: Frame, *_: Any, exclude_keys: set[int], **__: Any) -> tuple[Frame, Any]:
        barred.append(exclude_keys)
        return frame, {}

    monkeypatch.setattr(steps, "embedded_donors", donors)
    monkeypatch.setattr(steps, "impute", fit)
    monkeypatch.setattr(steps, "write_record", lambda *_: None)
    context = _context(place / "barred", {"spine": made.stage("spine")})
    context.folder.mkdir()
    config = small_config(donors={"forests": ["psl-cps"], "sizes": False})
    facts = steps.Steps(config, _sources(at_hand=True), StandInEngine()).apply_donors(context)
    assert facts == {"psl-cps": "applied"}
    incumbent = sample_households(small_source().units, size=INCUMBENTS, slot=0, seed=7)
    spine = load_frame(made.stage("spine")).source_key.tolist()
    assert barred == [{*incumbent[HOUSEHOLD_KEY].tolist(), *spine}] * 2


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["psl-cps", "cps-2099"], "no source is called cps-2099"),
        (["scf-2022"], "psl-cps is missing"),
    ],
)
def test_unknown_sources_and_none_for_the_spine_are_refused(
    place: Path, sources: list[str], said: str
) -> None:
    config = small_config(sources=sources, fixed_spine={"most_units": 0})
    with pytest.raises(BuildError, match=said) as caught:
        build_national(config, place / "unknown", simulator=StandInEngine())
    assert caught.value.reason == "national.sources"
    assert not (place / "unknown").exists()


def _sources(*, at_hand: bool = False) -> SourceSet:
    """Return sources of which the steps see that every one is at hand, or none."""

    class Sources(SourceSet):
        def has(self, source_id: str) -> bool:
            return at_hand

    return Sources({}, {}, {})


def _context(folder: Path, inputs: dict[str, Path]) -> StageContext:
    return StageContext(folder, inputs, {}, lambda *_: None, folder.with_name("scratch"))


def _assert_equal(frame: Frame, other: Frame) -> None:
    assert frame.columns.keys() == other.columns.keys()
    for name, values in frame.columns.items():
        assert np.array_equal(values, other.columns[name]), name
    assert frame.period == other.period
