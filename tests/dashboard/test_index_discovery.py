"""Which folders are runs: every marker, at any depth up to four, and nothing behind a link."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dashboard.discovery import Place, find_runs


def made(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("{}")


def found(root: Path) -> list[str]:
    return [place.folder for place in find_runs(root.resolve())]


@pytest.mark.parametrize(
    "marker",
    [
        "bundle.json",
        "sha256sums.txt",
        "candidate.h5",
        "results/gate_results.json",
        "results/records/loss.json",
    ],
)
def test_each_marker_makes_a_run(tmp_path: Path, marker: str) -> None:
    made(tmp_path, f"a/{marker}", "b/notes.txt", "c/gate_results.json")
    assert found(tmp_path) == ["a"]


def test_results_beside_their_records_are_a_run(tmp_path: Path) -> None:
    made(tmp_path, "a/gate_results.json", "a/records/loss.json")
    assert found(tmp_path) == ["a"]


def test_runs_are_found_four_folders_deep_and_never_inside_a_run(tmp_path: Path) -> None:
    made(
        tmp_path,
        "1/2/3/4/bundle.json",
        "1/2/3/4b/5/bundle.json",
        "run/bundle.json",
        "run/verdict/1/gate_results.json",
        "run/stages/inner/candidate.h5",
    )
    assert found(tmp_path) == ["1/2/3/4", "run"]


def test_hidden_names_and_links_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    made(root, ".hidden/bundle.json", "current/mp-national.json", "seen/bundle.json")
    made(tmp_path / "away", "run/bundle.json")
    (root / "link").symlink_to(tmp_path / "away", target_is_directory=True)
    assert found(root) == ["seen"]


def test_a_run_in_a_folder_called_current_is_never_passed_over(tmp_path: Path) -> None:
    made(tmp_path, "current/bundle.json", "deep/current/a/bundle.json")
    assert found(tmp_path) == ["current", "deep/current/a"]


def test_the_root_itself_may_be_a_run(tmp_path: Path) -> None:
    made(tmp_path, "candidate.h5")
    assert found(tmp_path) == ["."]


def test_a_folder_that_cannot_be_listed_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "closed/inner/bundle.json", "open/bundle.json")
    listed = os.scandir

    def refused(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert found(tmp_path) == ["closed", "open"]


def test_a_folder_whose_files_cannot_be_looked_at_hides_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "closed/bundle.json", "open/bundle.json")
    looked_at = os.lstat

    def refused(path: Any, **given: Any) -> Any:
        if Path(path).parent.name == "closed":
            raise PermissionError(13, "Permission denied")
        return looked_at(path, **given)

    monkeypatch.setattr(os, "lstat", refused)
    assert found(tmp_path) == ["closed", "open"]


def test_keys_tell_roots_and_folders_apart_and_leak_no_path() -> None:
    keys = {Place(Path(root), folder).key for root in ("/a", "/b") for folder in ("x", "y")}
    assert len(keys) == 4
    assert all(len(key) == 12 and set(key) <= set("0123456789abcdef") for key in keys)
    assert Place(Path("/a"), "x").key == Place(Path("/a"), "x").key
