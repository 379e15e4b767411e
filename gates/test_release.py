"""The release gates: one pytest node per gate of the policy, judged from records alone."""

from __future__ import annotations

import pytest

from gates.judging import PASSING
from gates.plugin import GateRun, explain


def test_gate(
    gate_id: str,
    gate_run: GateRun,
    request: pytest.FixtureRequest,
) -> None:
    """Judge one gate; it fails on `fail`, `error` and on `unmeasured` where it blocks."""
    result = gate_run.judge(gate_id)
    request.node.user_properties.append(("gate_result", result))
    stage = result["stages"][gate_run.stage]
    if stage["status"] not in PASSING and stage["blocking"]:
        pytest.fail(explain(result, gate_run.stage), pytrace=False)
