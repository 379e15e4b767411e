"""Benign rewrites change no verdict, and no logical hash where the content is the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from baselines.profiles import load_profile
from gates.contract.run import contract_findings
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes
from tests.faults.benign import REWRITES, Benign, rewrite, with_zero_weights
from tests.faults.good import INCUMBENT
from tests.faults.model import LAYOUTS, Layout, sound

CASES = [(entry, layout) for entry in REWRITES for layout in LAYOUTS if layout in entry.writers]
Verdicts = dict[str, str]


def verdict(check: dict[str, Any]) -> str:
    """Return what a finding means for the gate; a rule that does not apply is no breach."""
    if "error" in check:
        return str(check["error"])
    if "unmeasured" in check:
        return "unmeasured"
    return check["message"] if check["count"] else "clean"


def judged(path: Path) -> tuple[Verdicts, str]:
    """Return the verdict of every check and the logical hash of a file."""
    data = open_dataset(path)
    hashes = dataset_hashes(data)
    record = contract_findings(data, hashes, incumbent=load_profile(INCUMBENT))
    return {check["id"]: verdict(check) for check in record["checks"]}, hashes.logical_sha256


@cache
def before(start: Any, layout: Layout) -> tuple[Verdicts, str]:
    """Return verdicts and hash of the file that the rewrites start from."""
    with TemporaryDirectory() as folder:
        return judged(rewrite(Benign("start", "", start=start), layout, Path(folder)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("start", [sound, with_zero_weights])
def test_the_files_to_rewrite_are_clean_in_both_layouts(start: Any, layout: Layout) -> None:
    verdicts, sha256 = before(start, layout)
    assert set(verdicts.values()) == {"clean"}
    assert sha256 == before(start, LAYOUTS[0])[1]


@pytest.mark.parametrize(("entry", "layout"), CASES, ids=[f"{e.id}-{at}" for e, at in CASES])
def test_a_benign_rewrite_changes_no_verdict(tmp_path: Path, entry: Benign, layout: Layout) -> None:
    verdicts, sha256 = judged(rewrite(entry, layout, tmp_path / layout))
    expected, first = before(entry.start, layout)
    assert verdicts == expected
    assert (sha256 == first) == entry.same_content


def test_every_rewrite_of_content_has_a_hash_of_its_own(tmp_path: Path) -> None:
    others = [entry for entry in REWRITES if not entry.same_content and entry.start is sound]
    layout = LAYOUTS[0]
    files = [rewrite(entry, layout, tmp_path / entry.id) for entry in others]
    found = {dataset_hashes(open_dataset(path)).logical_sha256 for path in files}
    # ids.huge.mixed holds the ids of ids.huge in other widths.
    assert len(found) == len(others) - 1


def test_there_are_enough_rewrites_and_none_is_there_twice() -> None:
    assert len({entry.id for entry in REWRITES}) == len(REWRITES)
    assert sum(entry.same_content for entry in REWRITES) >= 25


def test_a_change_of_content_is_no_benign_rewrite(tmp_path: Path) -> None:
    def one_year_older(columns: dict[str, np.ndarray]) -> None:
        columns["age"][0] += 1

    for layout in LAYOUTS:
        changed = rewrite(Benign("older", "", one_year_older), layout, tmp_path / layout)
        assert dataset_hashes(open_dataset(changed)).logical_sha256 != before(sound, layout)[1]
