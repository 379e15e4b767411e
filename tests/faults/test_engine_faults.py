"""The loader gate: the real engine computes on the sound file and not on spoiled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.loader_smoke import smoke_loader
from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from schemas.canonical import sha256_file
from tests.faults.faults_engine import FAULTS
from tests.faults.matrix import killers
from tests.faults.model import Fault, build

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def status(fault: Fault, folder: Path) -> tuple[str, str]:
    """Return status and message of the loader gate after a run of the engine."""
    path = build(fault, "period_arrays", folder)
    candidate = {"label": path.name, "sha256": sha256_file(path)}
    gate = next(gate for gate in load_policy().gates if gate.judge == "loader")
    result = judge_gate(gate, JudgeInputs(candidate, {"loader": smoke_loader(path)}), JUDGES)
    return result["status"], result["message"]


@pytest.mark.nightly
def test_the_sound_file_passes(tmp_path: Path) -> None:
    assert status(Fault("sound", "", "nothing is spoiled"), tmp_path)[0] == "pass"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_only_the_engine_catches_the_fault(fault: Fault, tmp_path: Path) -> None:
    assert killers(fault, "period_arrays") == []
    found, message = status(fault, tmp_path)
    assert found == "fail"
    assert "exactly one HEAD" in message
