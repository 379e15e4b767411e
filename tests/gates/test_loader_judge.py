"""The loader gate on made-up records: what fails it, and what it says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from benchmarks.loader_smoke import program_families
from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from schemas.engine_metadata import variable_table
from schemas.records import validate

SHA = "a" * 64
OTHER = "b" * 64


def smoke() -> dict[str, Any]:
    """Return the record of a file on which the engine computed everything."""
    families = {
        family: {
            name: {
                "entity": variable_table()[name].entity,
                "records": 10,
                "finite": 10,
                "nonzero": 4,
                "min": 0.0,
                "max": 9.0,
            }
            for name in names
        }
        for family, names in program_families().items()
    }
    record = {
        "schema": "loader_smoke",
        "schema_version": 1,
        "subject": {
            "label": "made-up.h5",
            "sha256": SHA,
            "logical_sha256": SHA,
            "inputs_sha256": SHA,
            "size_bytes": 1,
            "logical_bytes": 1,
            "layout": "period_arrays",
            "period": 2024,
        },
        "sha256_before": SHA,
        "loaded_sha256": SHA,
        "sha256_after": SHA,
        "engine": {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"},
        "code_sha256": SHA,
        "geography": "national",
        "families": families,
        "poverty": True,
        "error": None,
        "run": {},
    }
    validate(record, "loader_smoke")
    return record


def judged(record: dict[str, Any] | None, sha256: str = SHA) -> dict[str, Any]:
    candidate = {"label": "made-up.h5", "sha256": sha256, "logical_sha256": SHA, "size_bytes": 1}
    records = {} if record is None else {"loader": record}
    gate = next(gate for gate in load_policy().gates if gate.judge == "loader")
    return judge_gate(gate, JudgeInputs(candidate, records), JUDGES)


def changed(path: str, value: Any) -> dict[str, Any]:
    record = copy.deepcopy(smoke())
    *parents, last = path.split(".")
    place = record
    for key in parents:
        place = place[key]
    place[last] = value
    return record


def test_a_sound_record_passes_and_says_what_was_computed() -> None:
    result = judged(smoke())
    assert result["status"] == "pass"
    assert result["value"] == 0
    assert result["message"] == ("16 program families and poverty computed, SPM geography national")
    assert result["details"] == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("sha256_before", OTHER, "sha256_before is bbbbbbbbbbbb, the file is aaaaaaaaaaaa"),
        ("sha256_after", OTHER, "sha256_after is bbbbbbbbbbbb"),
        ("loaded_sha256", OTHER, "loaded_sha256 is bbbbbbbbbbbb"),
        ("loaded_sha256", None, "loaded_sha256 is None"),
        ("families.medicaid.medicaid", None, "medicaid was not computed (medicaid)"),
        ("families.aca", {}, "aca was not computed (no variable)"),
        ("families", {}, "no program family was computed"),
        ("poverty", False, "poverty was not computed"),
        ("families.snap.snap.finite", 7, "snap is not finite for 3 of 10 spm_units"),
        (
            "families.ssi.ssi",
            {"entity": "person", "records": 0, "finite": 0, "nonzero": 0, "min": None, "max": None},
            "ssi has no records",
        ),
    ],
)
def test_one_fault_is_one_violation(path: str, value: Any, words: str) -> None:
    result = judged(changed(path, value))
    assert result["status"] == "fail"
    assert result["value"] == 1
    assert result["message"].startswith(words)
    assert "mend the inputs" in result["remedy"]
    assert all(stage["blocking"] for stage in result["stages"].values())


def test_faults_add_up() -> None:
    record = changed("families.snap.snap.finite", 7)
    record["poverty"] = False
    record["families"]["wic"]["wic"] = None
    result = judged(record)
    assert result["value"] == 3
    assert len(result["details"]) == 3


def test_an_engine_that_refuses_the_file_fails_with_its_message_and_remedy() -> None:
    error = {"reason": "engine.failed", "message": "SPM unit has no adult", "remedy": "mend it"}
    record = changed("error", error)
    for variables in record["families"].values():
        variables.update(dict.fromkeys(variables))
    result = judged(record | {"poverty": False, "loaded_sha256": None})
    assert result["status"] == "fail"
    assert result["value"] == 1
    assert result["remedy"] == "mend it"
    assert "SPM unit has no adult" in result["stages"]["default"]["message"]
    assert result["details"] == ["reason: engine.failed"]


def test_a_variable_that_is_zero_everywhere_is_noted_but_passes() -> None:
    result = judged(changed("families.wic.wic.nonzero", 0))
    assert result["status"] == "pass"
    assert result["details"] == ["note: wic is 0 for every person"]


def test_no_record_is_unmeasured_and_a_foreign_one_an_error() -> None:
    assert judged(None)["status"] == "unmeasured"
    assert judged(smoke(), OTHER)["status"] == "error"
