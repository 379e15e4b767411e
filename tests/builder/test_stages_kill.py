"""A build that is killed at any point goes on after its last finished stage, to the same result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builder.stages_chain import FIT_STEPS

ROOT = Path(__file__).parents[2]
STAGES = ["sources", "fit", "export"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the uninterrupted result, then one outcome for each point of killing."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.builder.stages_chain", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _of(outcomes: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [each for each in outcomes[1:] if each["from"] == name]


def test_every_resumed_build_equals_the_uninterrupted_one(outcomes: list[dict[str, Any]]) -> None:
    assert len(_of(outcomes, "fresh")) > 40
    assert len(_of(outcomes, "damaged")) > 15
    assert [each for each in outcomes[1:] if each["result"] != outcomes[0]["whole"]] == []


def test_a_finished_stage_never_runs_again(outcomes: list[dict[str, Any]]) -> None:
    seen = set()
    for each in _of(outcomes, "fresh"):
        ran = [name for name in each["ran"] if name in STAGES]
        assert sorted(each["finished"]) == sorted(each["reused"])
        assert each["finished"] == sorted(set(STAGES) - set(ran))
        assert ran == STAGES[len(each["finished"]) :]
        assert each["refused"] == []
        seen.add(len(each["finished"]))
    assert seen == {0, 1, 2, 3}  # killed within every stage, and after the last


def test_nothing_is_left_but_finished_stages(outcomes: list[dict[str, Any]]) -> None:
    assert {tuple(each["states"]) for each in outcomes[1:]} == {("finished",) * 3}


def test_a_killed_stage_goes_on_from_its_scratch(outcomes: list[dict[str, Any]]) -> None:
    seen = set()
    for each in _of(outcomes, "fresh"):
        if "fit" in each["ran"]:
            steps = [name for name in each["ran"] if name.startswith("step")]
            assert len(steps) == FIT_STEPS - each["saved_steps"]
            seen.add(each["saved_steps"])
    assert seen == {0, 1, 2, 3}


def test_a_kill_while_a_damaged_checkpoint_is_redone(outcomes: list[dict[str, Any]]) -> None:
    for each in _of(outcomes, "damaged"):
        assert {"sources", "export"} <= set(each["reused"])
        assert "fit" in each["ran"] or "fit" in each["reused"]
    assert ["fit"] in [each["refused"] for each in _of(outcomes, "damaged")]


def test_a_build_that_is_killed_again_and_again_ends(outcomes: list[dict[str, Any]]) -> None:
    (last,) = _of(outcomes, "again")
    assert last["rounds"] > 2
    assert last["ran"] == []
