"""Relational extensions beside the H5: repeatable bytes, loadable one by one, nothing in the H5."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from builder.extensions.write import write_extensions
from builder.fixed_spine.append import append, fixed_mask
from builder.fixed_spine.wealth import load_wealth_list
from builder.frame import Frame
from schemas.canonical import sha256_file
from schemas.dataset import open_dataset
from schemas.errors import BuildError, RecordError
from schemas.extensions import load_extension
from schemas.logical import dataset_hashes
from schemas.manifests import candidate_manifest_path
from schemas.storage import storage_record
from schemas.writers import write_entity_tables
from tests.builder.small_frame import small_frame
from tests.gates.fakes import manifest_beside
from tests.small import HOUSEHOLDS, PERSONS

WEALTH = load_wealth_list()
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frame() -> Frame:
    return append(small_frame(), WEALTH, seed=1)


@pytest.fixture(scope="module")
def h5(frame: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a candidate H5 with its extensions and manifest beside it."""
    path = tmp_path_factory.mktemp("run") / "candidate.h5"
    write_entity_tables(path, frame.columns, frame.period)
    entries = write_extensions(frame, path.parent, seed=7, initial_weights=_initial(frame))
    manifest_beside(path, relational_extensions=entries)
    return path


def _initial(frame: Frame) -> np.ndarray:
    return np.where(fixed_mask(frame), 1.0, 500.0)


def loaded(h5: Path, identifier: str) -> Tables:
    return load_extension(candidate_manifest_path(h5), identifier)


def without(frame: Frame, *names: str) -> Frame:
    kept = {name: values for name, values in frame.columns.items() if name not in names}
    return replace(frame, columns=kept)


def test_every_extension_is_separately_loadable(frame: Frame, h5: Path) -> None:
    entries = write_extensions(frame, h5.parent, seed=7, initial_weights=_initial(frame))
    record = storage_record(h5, dataset_hashes(open_dataset(h5)), entries)
    found = {each["id"]: each for each in record["extensions"]}
    assert set(found) == {"capital-gains-lots", "assets", "diagnostics", "provenance"}
    for name, each in found.items():
        assert each["separately_loadable"], each["reason"]
        assert each["tables"] == sorted(loaded(h5, name))
        assert each["stored_bytes"] == (h5.parent / each["file"]).stat().st_size


def test_nothing_of_them_is_in_the_h5(frame: Frame, h5: Path) -> None:
    assert set(open_dataset(h5).variables) == set(frame.columns)


def test_entries_name_file_size_and_hash(frame: Frame, tmp_path: Path) -> None:
    for entry in write_extensions(frame, tmp_path, seed=7):
        file = tmp_path / entry["file"]
        assert entry == {
            "id": entry["id"],
            "file": f"{entry['id']}.sqlite",
            "format": "sqlite",
            "sha256": sha256_file(file),
            "size_bytes": file.stat().st_size,
        }
    assert len(list(tmp_path.iterdir())) == 4  # no temporary file is left


def test_the_same_frame_gives_the_same_bytes(frame: Frame, tmp_path: Path) -> None:
    def hashes(name: str, seed: int) -> dict[str, str]:
        entries = write_extensions(frame, tmp_path / name, seed=seed)
        return {entry["id"]: entry["sha256"] for entry in entries}

    first, again, other = hashes("a", 7), hashes("b", 7), hashes("c", 8)
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"capital-gains-lots"}


def test_provenance_names_source_and_key_of_each_household(frame: Frame, h5: Path) -> None:
    table = loaded(h5, "provenance")["household_provenance"]
    assert table["household_id"].tolist() == frame.columns["household_id"].tolist()
    assert table["origin"].tolist() == ["psl-cps"] * HOUSEHOLDS + ["forbes-400"] * 393
    assert table["source_key"].tolist() == [str(key) for key in frame.source_key]


def test_diagnostics_hold_weights_before_and_after(frame: Frame, h5: Path) -> None:
    tables = loaded(h5, "diagnostics")
    households = tables["household_weights"]
    assert households["final_weight"].tolist() == frame.weights.tolist()
    assert households["initial_weight"].tolist() == _initial(frame).tolist()
    assert households["fixed"].sum() == 393
    origins = tables["origins"].set_index("origin")
    assert origins.loc["forbes-400"].tolist() == [393, 393, 393]
    ours = origins.loc["psl-cps"]
    assert ours["records"] == HOUSEHOLDS
    assert ours["initial_households"] == 500 * HOUSEHOLDS
    assert ours["final_households"] == pytest.approx(frame.weights[:HOUSEHOLDS].sum())


def test_unknown_initial_weights_are_null(frame: Frame, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    write_entity_tables(path, frame.columns, frame.period)
    manifest_beside(path, relational_extensions=write_extensions(frame, tmp_path, seed=7))
    tables = loaded(path, "diagnostics")
    assert tables["household_weights"]["initial_weight"].isna().all()
    assert tables["origins"]["initial_households"].isna().all()
    assert tables["origins"]["final_households"].notna().all()


def test_assets_are_the_frames_and_net_worth_the_lists(frame: Frame, h5: Path) -> None:
    tables = loaded(h5, "assets")
    persons = tables["person_assets"]
    assert list(persons) == ["person_id", "household_id", "bank_account_assets", "stock_assets"]
    assert persons["stock_assets"].tolist() == frame.columns["stock_assets"].tolist()
    assert persons["household_id"].tolist() == frame.columns["person_household_id"].tolist()
    net_worth = tables["household_net_worth"]
    fixed = fixed_mask(frame)
    assert net_worth["household_id"].tolist() == frame.columns["household_id"][fixed].tolist()
    assert net_worth["net_worth"].tolist() == WEALTH.net_worth.tolist()
    assert set(net_worth["net_worth_source"]) == {"forbes-400-2024"}


def test_net_worth_of_the_frame_comes_first(tmp_path: Path) -> None:
    values = np.arange(HOUSEHOLDS, dtype=np.float64)
    frame = small_frame(net_worth=values)
    path = tmp_path / "run.h5"
    write_entity_tables(path, frame.columns, frame.period)
    manifest_beside(path, relational_extensions=write_extensions(frame, tmp_path, seed=7))
    table = loaded(path, "assets")["household_net_worth"]
    assert table["net_worth"].tolist() == values.tolist()
    assert set(table["net_worth_source"]) == {"frame"}


def test_an_extension_with_nothing_to_hold_is_not_written(tmp_path: Path) -> None:
    bare = without(
        small_frame(),
        "bank_account_assets",
        "stock_assets",
        "long_term_capital_gains_before_response",
    )
    entries = write_extensions(bare, tmp_path, seed=7)
    assert [each["id"] for each in entries] == ["diagnostics", "provenance"]
    assert {each.name for each in tmp_path.iterdir()} == {each["file"] for each in entries}


def test_initial_weights_of_another_frame_are_refused(frame: Frame, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="3 initial weights") as caught:
        write_extensions(frame, tmp_path, seed=7, initial_weights=np.ones(3))
    assert caught.value.reason == "extensions.initial_weights"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_typed_error(frame: Frame, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(RecordError, match="can't be written"):
        write_extensions(frame, in_the_way, seed=7)


def test_a_fixed_record_of_another_list_is_refused(frame: Frame, tmp_path: Path) -> None:
    shorter: dict[str, Any] = {
        name: getattr(WEALTH, name)[:5] for name in ("rank", "net_worth", "state_fips")
    }
    with pytest.raises(BuildError, match="has no rank 6"):
        write_extensions(frame, tmp_path, seed=7, wealth=replace(WEALTH, **shorter))


def test_persons_of_both_sources_have_assets(h5: Path) -> None:
    assert len(loaded(h5, "assets")["person_assets"]) == PERSONS + 393
