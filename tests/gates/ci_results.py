"""Gate results of a made-up file, with whatever statuses a test of the check needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baselines.registry import load_baseline
from gates.inputs import JudgeInputs
from gates.judging import error_result
from gates.policy import Gate, load_policy
from gates.results import RESULTS, assemble, write_results
from schemas.canonical import sha256_file

ELIGIBLE, EMBEDDED = "ecps-2024-1.115.5", "psl-cps-2024"


def results_of(
    folder: Path,
    statuses: Mapping[str, str] | None = None,
    *,
    incumbent: str = ELIGIBLE,
    value: float | None = None,
    deselected: tuple[str, ...] = (),
) -> tuple[Path, Path]:
    """Write the results of a file that passes every gate but those named; return both paths.

    `value` is what was measured at each of the named gates.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "run.h5"
    file.write_bytes(b"candidate")
    policy = load_policy()
    identity = {"label": "run.h5", "sha256": sha256_file(file), "logical_sha256": "0" * 64}
    records = {"baseline": load_baseline(incumbent)}
    inputs = JudgeInputs({**identity, "size_bytes": 9}, records, {})
    given = statuses or {}
    judged = {gate.id: _result(gate, given.get(gate.id, "pass"), value) for gate in policy.gates}
    left_out = frozenset(deselected)
    write_results(folder, assemble(policy, inputs, judged, stage="default", deselected=left_out))
    return folder / RESULTS, file


def _result(gate: Gate, status: str, value: float | None) -> dict[str, Any]:
    result = error_result(gate, "as wanted", "nothing")
    stages = {name: {**each, "status": status} for name, each in result["stages"].items()}
    measured = None if status == "pass" else value
    return {**result, "status": status, "value": measured, "stages": stages}
