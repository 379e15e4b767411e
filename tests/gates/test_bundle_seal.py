"""Layer one: what is sealed, that every change to it is named, and what may not be sealed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gates.release import layer_one
from gates.release.check import bundle_check, require_intact
from gates.release.contents import CONTENTS
from gates.release.layer_one import collect_layer_one, seal_layer_one
from schemas import canonical
from schemas.bundle import (
    BUNDLE,
    EDITED,
    SUMS,
    BundleError,
    Differences,
    differences,
    digest_of,
    is_safe_path,
    read_bundle,
)
from schemas.canonical import canonical_bytes, sha256_bytes
from schemas.errors import RecordError
from schemas.records import read_record
from tests.gates.bundles import MadeRun, copied


def check(run: Path) -> dict[str, object]:
    return bundle_check(run, read_bundle(run)["candidate"]["sha256"])


def changes(run: Path) -> Differences:
    """Return what differs; a change to the seal itself is a change to bundle.json."""
    try:
        return differences(run, read_bundle(run))
    except BundleError as error:
        if error.reason != EDITED:
            raise
        return Differences(changed=(BUNDLE,))


def paths(run: Path) -> list[str]:
    return [each["path"] for each in read_bundle(run)["files"]] + [SUMS, BUNDLE]


def writable(path: Path) -> Path:
    path.chmod(0o644)
    return path


def test_a_complete_run_is_sealed_with_every_file_and_its_role(sealed: Path) -> None:
    bundle = read_bundle(sealed)
    roles = {each["path"]: each["role"] for each in bundle["files"]}
    assert roles["candidate.h5"] == "candidate"
    assert roles["lots.sqlite"] == "relational-extension"
    assert roles["records/evidence.json"] == "evidence"
    assert roles["calibration/curves.csv"] == "curves"
    assert "other" not in roles.values()
    assert not any(path.startswith("stages/") for path in roles)
    assert bundle["incumbent"]["id"] == "incumbent-under-test"
    found = check(sealed)
    assert (found["intact"], found["complete"], found["candidate_matches"]) == (True, True, True)


def test_every_plan_item_is_asked_for(sealed: Path) -> None:
    wanted = read_record(CONTENTS, "bundle_contents")["products"]["mp-national"]
    asked = {each["role"] for each in wanted["files"] if each["required"]}
    asked |= {each["role"] for each in wanted["figures"]}
    assert asked >= {
        "config",
        "sources",
        "target-database-hash",
        "loss",
        "target-deltas",
        "record-counts",
        "nonzero-weights",
        "ess",
        "benchmark-outputs",
        "environment",
        "candidate",
        "candidate-manifest",
    }


def test_sealed_files_are_read_only_and_sha256sum_agrees(sealed: Path) -> None:
    assert {(sealed / path).stat().st_mode & 0o777 for path in paths(sealed)} == {0o444}
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", SUMS], cwd=sealed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert f"{BUNDLE}: OK" in done.stdout


def test_the_digest_can_be_formed_from_the_file_alone(sealed: Path) -> None:
    record = json.loads((sealed / BUNDLE).read_text())
    stated = record.pop("digest")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sha256_bytes(text.encode()) == stated


def test_one_flipped_byte_in_any_sealed_file_is_named(sealed: Path, tmp_path: Path) -> None:
    run = copied(sealed, tmp_path)
    for path in paths(run):
        file = writable(run / path)
        sound = file.read_bytes()
        middle = len(sound) // 2
        file.write_bytes(sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
        assert changes(run) == Differences(changed=(path,)), path
        file.write_bytes(sound)
    assert not changes(run)


def delete(file: Path) -> None:
    file.unlink()


def rename(file: Path) -> None:
    file.rename(file.with_name("renamed.json"))


def truncate(file: Path) -> None:
    writable(file).write_bytes(file.read_bytes()[:-1])


def link(file: Path) -> None:
    twin = file.parents[2] / "twin"
    shutil.copy(file, twin)
    file.unlink()
    file.symlink_to(twin)


def swap(file: Path) -> None:
    other = file.with_name("storage.json")
    ours, theirs = file.read_bytes(), other.read_bytes()
    writable(file).write_bytes(theirs)
    writable(other).write_bytes(ours)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link_folder(file: Path) -> None:
    away = file.parents[2] / "away"
    file.parent.rename(away)
    file.parent.symlink_to(away)


@pytest.mark.parametrize(
    ("spoil", "missing", "changed", "added"),
    [
        (delete, ["records/suite.json"], [], []),
        (rename, ["records/suite.json"], [], ["records/renamed.json"]),
        (truncate, [], ["records/suite.json"], []),
        (link, [], ["records/suite.json"], []),
        (swap, [], ["records/storage.json", "records/suite.json"], []),
        (pipe, [], ["records/suite.json"], []),
    ],
)
def test_every_kind_of_change_is_named(
    sealed: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    missing: list[str],
    changed: list[str],
    added: list[str],
) -> None:
    run = copied(sealed, tmp_path)
    spoil(run / "records" / "suite.json")
    assert changes(run) == Differences(tuple(missing), tuple(changed), tuple(added))
    with pytest.raises(BundleError, match=r"suite\.json"):
        require_intact(run)


def test_a_link_in_place_of_a_folder_is_not_followed(sealed: Path, tmp_path: Path) -> None:
    run = copied(sealed, tmp_path)
    link_folder(run / "records" / "suite.json")
    found = changes(run)
    assert found.unexpected == ("records",)
    assert "records/suite.json" in found.missing


def test_an_added_file_is_named_but_not_one_outside_the_bundle(
    sealed: Path, tmp_path: Path
) -> None:
    run = copied(sealed, tmp_path)
    (run / "stages" / "late.npz").write_bytes(b"1")
    assert not changes(run)
    (run / "records" / "extra.json").write_text("{}")
    (run / ".hidden").write_text("")
    assert changes(run).unexpected == (".hidden", "records/extra.json")


def test_an_edited_seal_with_its_digest_renewed_still_breaks_the_checksums(
    sealed: Path, tmp_path: Path
) -> None:
    run = copied(sealed, tmp_path)
    record = json.loads((run / BUNDLE).read_text())
    record["run_id"] = "another"
    record["digest"] = digest_of(record)
    writable(run / BUNDLE).write_bytes(canonical_bytes(record))
    assert changes(run).changed == (SUMS,)


def test_even_a_seal_that_is_only_written_otherwise_is_refused(
    sealed: Path, tmp_path: Path
) -> None:
    run = copied(sealed, tmp_path)
    writable(run / BUNDLE).write_text(json.dumps(json.loads((run / BUNDLE).read_text())))
    assert changes(run).changed == (BUNDLE,)


def test_sealing_again_gives_the_same_record_or_is_refused(sealed: Path, tmp_path: Path) -> None:
    run = copied(sealed, tmp_path)
    before = (run / BUNDLE).read_bytes()
    assert seal_layer_one(run) == read_bundle(sealed)
    assert (run / BUNDLE).read_bytes() == before
    (run / "more.txt").write_text("late")
    with pytest.raises(BundleError, match=r"added: more\.txt"):
        seal_layer_one(run)
    assert (run / BUNDLE).read_bytes() == before


def test_nothing_is_collected_into_a_sealed_folder(sealed: Path, tmp_path: Path) -> None:
    run = copied(sealed, tmp_path)
    with pytest.raises(BundleError, match="is sealed"):
        collect_layer_one(run, run / "records")
    assert not changes(run)


def test_an_interrupted_sealing_is_told_and_can_be_finished(
    unsealed: MadeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unsealed.copy(tmp_path)
    real = canonical.atomic_write

    def full(path: Path, data: bytes) -> None:
        if path.name == BUNDLE:
            raise RecordError("bundle.json can't be written", reason="x", remedy="make room")
        real(path, data)

    monkeypatch.setattr(layer_one, "atomic_write", full)
    with pytest.raises(RecordError):
        seal_layer_one(run)
    with pytest.raises(BundleError, match="half sealed"):
        read_bundle(run)
    monkeypatch.undo()
    seal_layer_one(run)
    assert not changes(run)


@pytest.mark.parametrize("kind", ["link", "hidden", "name", "link to folder"])
def test_what_may_not_lie_in_a_bundle_is_refused_by_name(
    unsealed: MadeRun, tmp_path: Path, kind: str
) -> None:
    run = unsealed.copy(tmp_path)
    name = {"link": "l.json", "hidden": ".x.tmp", "name": "a\nb", "link to folder": "f"}[kind]
    if kind.startswith("link"):
        (run / name).symlink_to(tmp_path if "folder" in kind else run / "config.json")
    else:
        (run / name).write_text("")
    with pytest.raises(BundleError) as caught:
        seal_layer_one(run)
    assert caught.value.reason == "bundle.path"
    assert " ".join(name.split()) in caught.value.message
    assert not (run / BUNDLE).exists()


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/../b", "a//b", "./a", "a/.b", "a\\b", "a\n", "", "a/", "C:x"]
)
def test_unsafe_paths_are_none(path: str) -> None:
    assert not is_safe_path(path)
    assert is_safe_path("records/a b-1.json")


@pytest.mark.parametrize("path", ["../outside.json", "records/../config.json", "/etc/hosts"])
def test_a_seal_that_names_a_path_outside_is_refused(
    sealed: Path, tmp_path: Path, path: str
) -> None:
    run = copied(sealed, tmp_path)
    record = json.loads((run / BUNDLE).read_text())
    record["files"][0]["path"] = path
    record["digest"] = digest_of(record)
    writable(run / BUNDLE).write_bytes(canonical_bytes(record))
    with pytest.raises(BundleError) as caught:
        read_bundle(run)
    assert caught.value.reason == "bundle.edited"


@pytest.mark.parametrize("name", ["candidate.h5", "candidate.manifest.json"])
def test_a_folder_without_candidate_or_manifest_cannot_be_sealed(
    unsealed: MadeRun, tmp_path: Path, name: str
) -> None:
    run = unsealed.copy(tmp_path)
    (run / name).unlink()
    with pytest.raises(BundleError, match=name):
        seal_layer_one(run)
