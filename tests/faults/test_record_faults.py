"""Every fault of measured figures is caught by its gate; sound records pass every such gate."""

from __future__ import annotations

from typing import Any

import pytest

from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from tests.faults.faults_records import FAULTS, GROUPS, RecordFault, spoiled
from tests.gates.fakes import evidence_of, inputs_of, small_file
from tests.small import small_columns

POLICY = load_policy()
WAITING = "benchmark.tara-watson.external"  # needs a supplied record: tests/gates has its faults


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> JudgeInputs:
    """Return inputs that pass every gate of the measured records."""
    folder = tmp_path_factory.mktemp("files")
    ours = small_file(folder / "run.h5", small_columns(1))
    theirs = small_file(folder / "their.h5", small_columns(2))
    return inputs_of(ours, evidence_of(ours), evidence_of(theirs))


def judged(gate_id: str, inputs: JudgeInputs, records: Any) -> dict[str, Any]:
    changed = JudgeInputs(inputs.candidate, records, {}, inputs.exceptions)
    return judge_gate(POLICY.gate(gate_id), changed, JUDGES)


def test_sound_records_pass(sound: JudgeInputs) -> None:
    for gate in (gate for gate in POLICY.gates if gate.group in GROUPS):
        wanted = "unmeasured" if gate.id == WAITING else "pass"
        assert judged(gate.id, sound, sound.records)["status"] == wanted, gate.id


def test_every_gate_of_the_measured_records_has_a_fault() -> None:
    gates = {gate.id for gate in POLICY.gates if gate.group in GROUPS} - {WAITING}
    assert {fault.gate for fault in FAULTS} == gates
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_named_gate_and_no_other_catches_the_fault(
    fault: RecordFault, sound: JudgeInputs
) -> None:
    records = spoiled(dict(sound.records), fault)
    statuses = {
        gate.id: judged(gate.id, sound, records)["status"]
        for gate in POLICY.gates
        if gate.group in GROUPS
    }
    assert statuses.pop(fault.gate) == "fail"
    twins = {fault.gate.rsplit(".", 1)[0] + end for end in (".fiscal", ".household_net_income")}
    others = {name for name, status in statuses.items() if status == "fail"}
    assert others <= twins  # a vacuous or wrong-signed measure fails both gates of its reform
