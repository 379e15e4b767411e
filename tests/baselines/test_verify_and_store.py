"""Verify and store: a file is believed for its content, never for its name."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from baselines import store
from baselines.freeze import freeze_file
from baselines.verify import FILE_PINS, verify_file
from schemas.canonical import sha256_file
from schemas.errors import BaselineError
from tests.baselines.samples import BASELINE, BUILT, LOCAL, make_h5


def test_the_pinned_file_holds_all_pins(room: Path, h5: Path) -> None:
    freeze_file(BASELINE, h5)
    assert verify_file(BASELINE, h5) == list(FILE_PINS)


def test_every_mismatch_is_named_at_once(room: Path, h5: Path, tmp_path: Path) -> None:
    freeze_file(BASELINE, h5)
    other = make_h5(tmp_path / "enhanced_cps_2024.h5", income=123.456)
    with h5py.File(other, "a") as file:
        file.create_dataset("rent/2024", data=np.arange(3.0))
    with pytest.raises(BaselineError) as caught:
        verify_file(BASELINE, other)
    assert caught.value.reason == "baseline.mismatch"
    for name in ("h5_size_bytes", "h5_sha256", "h5_logical_sha256"):
        assert f"{name} " in str(caught.value)
    assert sha256_file(other) in str(caught.value)


def test_a_text_file_is_a_mismatch_that_says_why(room: Path, h5: Path, tmp_path: Path) -> None:
    freeze_file(BASELINE, h5)
    text = tmp_path / "text.h5"
    text.write_text("not an H5")
    with pytest.raises(BaselineError, match=r"h5_logical_sha256 .* -> unreadable: "):
        verify_file(BASELINE, text)


def test_an_absent_file_and_an_unpinned_incumbent_are_errors(room: Path, h5: Path) -> None:
    freeze_file(BASELINE, h5)
    with pytest.raises(BaselineError, match=r"absent\.h5 can't be read"):
        verify_file(BASELINE, h5.with_name("absent.h5"))
    with pytest.raises(BaselineError, match="missing h5_sha256") as caught:
        verify_file(LOCAL, h5)
    assert caught.value.reason == "baseline.not_pinned"


def test_other_bytes_of_the_same_content_are_only_the_built_incumbent(
    room: Path, h5: Path, tmp_path: Path
) -> None:
    freeze_file(BUILT, h5)
    freeze_file(BASELINE, h5)
    repacked = tmp_path / "repacked.h5"
    with h5py.File(h5) as old, h5py.File(repacked, "w") as new:
        for name in old:
            new.create_dataset(f"{name}/2024", data=old[f"{name}/2024"][()])
    assert sha256_file(repacked) != sha256_file(h5)
    assert verify_file(BUILT, repacked) == ["h5_logical_sha256"]
    with pytest.raises(BaselineError, match="h5_sha256"):
        verify_file(BASELINE, repacked)


def test_a_built_incumbent_with_other_values_is_refused(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    with pytest.raises(BaselineError, match="h5_logical_sha256"):
        verify_file(BUILT, make_h5(h5.with_name("other.h5"), income=11.0))


def test_only_the_pinned_content_is_returned_from_the_store(room: Path, h5: Path) -> None:
    assert store.baseline_path(BUILT) is None
    freeze_file(BUILT, h5)
    assert store.baseline_path(BUILT) is None
    kept = store.adopt(BUILT, h5)
    assert store.baseline_path(BUILT) == kept == store.stored_path(BUILT)
    shutil.copyfile(make_h5(h5.with_name("other.h5"), income=11.0), kept)
    assert store.baseline_path(BUILT) is None


def test_the_cache_folder_is_made_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "a" / "b"))
    assert store.cache_dir() == tmp_path / "a" / "b"
    assert store.cache_dir().is_dir()
    monkeypatch.delenv("MPGATE_CACHE")
    monkeypatch.setattr(store, "PROJECT_ROOT", tmp_path)
    assert store.cache_dir() == tmp_path / ".mpgate"
