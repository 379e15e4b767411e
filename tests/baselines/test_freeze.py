"""Freeze: pins and evidence are written once; other content is refused with its differences."""

from pathlib import Path

import pytest

from baselines.freeze import (
    freeze_evidence,
    freeze_file,
    frozen_contributions_path,
    frozen_evidence,
)
from baselines.registry import load_baseline, manifest_path
from schemas.dataset import open_dataset
from schemas.errors import BaselineError, DatasetError, RecordError
from schemas.logical import dataset_hashes
from tests.baselines.samples import BASELINE, BUILT, make_evidence, make_h5

ENGINE = {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"}
SUITE = "a" * 64


def test_freezing_a_file_fills_its_pins_and_drops_their_reasons(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    manifest, hashes = load_baseline(BUILT), dataset_hashes(open_dataset(h5))
    assert manifest["pins"]["h5_sha256"] == hashes.file_sha256
    assert manifest["pins"]["h5_logical_sha256"] == hashes.logical_sha256
    assert manifest["pins"]["h5_size_bytes"] == h5.stat().st_size
    assert not {"h5_sha256", "h5_logical_sha256", "h5_size_bytes"} & set(manifest["unknown"])


def test_freezing_the_same_file_again_changes_nothing(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    before = manifest_path(BUILT).read_bytes()
    freeze_file(BUILT, h5)
    assert manifest_path(BUILT).read_bytes() == before


def test_other_content_is_refused_with_the_differing_fields(
    room: Path, h5: Path, tmp_path: Path
) -> None:
    freeze_file(BUILT, h5)
    before = manifest_path(BUILT).read_bytes()
    other = make_h5(tmp_path / "other.h5", income=99.0)
    with pytest.raises(BaselineError) as caught:
        freeze_file(BUILT, other)
    old, new = dataset_hashes(open_dataset(h5)), dataset_hashes(open_dataset(other))
    assert f"pins.h5_sha256 {old.file_sha256} -> {new.file_sha256}" in str(caught.value)
    assert f"{old.logical_sha256} -> {new.logical_sha256}" in str(caught.value)
    assert manifest_path(BUILT).read_bytes() == before


def test_a_published_pin_is_not_overwritten_by_another_file(room: Path, h5: Path) -> None:
    freeze_file(BASELINE, h5)
    with pytest.raises(BaselineError, match="is frozen with other content"):
        freeze_file(BASELINE, make_h5(h5.with_name("other.h5"), income=5.0))


def test_replacing_a_file_removes_the_evidence_of_the_old_one(
    room: Path, h5: Path, tmp_path: Path
) -> None:
    freeze_file(BUILT, h5)
    path = freeze_evidence(BUILT, make_evidence(h5))
    other = make_h5(tmp_path / "other.h5", income=99.0)
    manifest = freeze_file(BUILT, other, replace=True)
    assert manifest["pins"]["h5_sha256"] == dataset_hashes(open_dataset(other)).file_sha256
    assert load_baseline(BUILT)["frozen_evidence"] == []
    assert not path.exists()


def test_contributions_are_kept_with_the_evidence_and_go_with_it(
    room: Path, h5: Path, tmp_path: Path
) -> None:
    freeze_file(BUILT, h5)
    evidence = make_evidence(h5)
    (tmp_path / "c.npz").write_bytes(b"arrays")
    freeze_evidence(BUILT, evidence, contributions=tmp_path / "c.npz")
    kept = frozen_contributions_path(BUILT, evidence)
    assert kept.read_bytes() == b"arrays"
    freeze_file(BUILT, make_h5(tmp_path / "other.h5", income=99.0), replace=True)
    assert not kept.exists()


def test_a_file_that_is_no_dataset_is_not_frozen(room: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.h5"
    text.write_text("not an H5")
    with pytest.raises(DatasetError):
        freeze_file(BUILT, text)


def test_frozen_evidence_is_found_by_engine_and_suite(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    evidence = make_evidence(h5)
    path = freeze_evidence(BUILT, evidence)
    assert path == room / "evidence" / BUILT / "us_national_2024-us-2.68.0-core-3.33.12.json"
    assert frozen_evidence(BUILT, ENGINE, SUITE) == evidence
    assert frozen_evidence(BUILT, ENGINE, "f" * 64) is None
    assert frozen_evidence(BUILT, {**ENGINE, "policyengine_us": "2.69.0"}, SUITE) is None
    assert frozen_evidence(BUILT, {**ENGINE, "policyengine_core": "3.34.0"}, SUITE) is None


def test_evidence_that_differs_only_in_its_run_block_is_frozen_already(
    room: Path, h5: Path
) -> None:
    freeze_file(BUILT, h5)
    path = freeze_evidence(BUILT, make_evidence(h5))
    before = path.read_bytes()
    freeze_evidence(BUILT, {**make_evidence(h5), "run": {"wall_s": 2.0}})
    assert path.read_bytes() == before


def test_other_evidence_is_refused_with_the_differing_fields_unless_replaced(
    room: Path, h5: Path
) -> None:
    freeze_file(BUILT, h5)
    path = freeze_evidence(BUILT, make_evidence(h5))
    before = path.read_bytes()
    other = make_evidence(h5, households=4, suite_sha256="9" * 64)
    with pytest.raises(BaselineError, match=r"counts\.household 3 -> 4; suite\.sha256 a+ -> 9+"):
        freeze_evidence(BUILT, other)
    assert path.read_bytes() == before
    freeze_evidence(BUILT, other, replace=True)
    assert frozen_evidence(BUILT, ENGINE, "9" * 64) == other
    assert frozen_evidence(BUILT, ENGINE, SUITE) is None


def test_evidence_of_another_file_is_refused(room: Path, h5: Path, tmp_path: Path) -> None:
    freeze_file(BUILT, h5)
    other = make_evidence(make_h5(tmp_path / "other.h5", income=99.0))
    with pytest.raises(BaselineError, match="the evidence was measured on"):
        freeze_evidence(BUILT, other)


def test_evidence_of_an_unpinned_incumbent_is_refused(room: Path, h5: Path) -> None:
    with pytest.raises(BaselineError, match="can't be compared against"):
        freeze_evidence(BUILT, make_evidence(h5))


def test_an_invalid_record_is_refused(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    evidence = make_evidence(h5)
    del evidence["subject"]
    with pytest.raises(RecordError, match="subject"):
        freeze_evidence(BUILT, evidence)


def test_frozen_evidence_that_was_changed_is_refused(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    path = freeze_evidence(BUILT, make_evidence(h5))
    path.write_text(path.read_text().replace("1.5", "1.6"))
    with pytest.raises(BaselineError, match="was changed"):
        frozen_evidence(BUILT, ENGINE, SUITE)
    path.unlink()
    with pytest.raises(BaselineError, match="no file"):
        frozen_evidence(BUILT, ENGINE, SUITE)
