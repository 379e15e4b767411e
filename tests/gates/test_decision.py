"""After a verdict: release track, another modelling iteration, or undecided, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gates.decision import decide, in_words, load_rules
from gates.policy import load_policy
from gates.results import assemble, error_record, print_results, summary_markdown
from schemas.errors import DatasetError, RecordError
from schemas.records import validate
from tests.gates.losses import inputs, judged

RULES = load_rules()
POLICY = load_policy()


def gate(
    gate_id: str,
    status: str,
    *,
    limit: float | None = 1.0,
    margin: float | None = -0.5,
    blocking: bool = True,
) -> dict[str, Any]:
    """Return the parts of a gate result that a decision looks at; it blocks `default` only."""
    at = {"status": status, "limit": limit, "margin": margin, "message": "over the limit"}
    return {
        "id": gate_id,
        "group": gate_id.partition(".")[0],
        "message": f"finding of {gate_id}",
        "stages": {"default": {**at, "blocking": blocking}, "beta": {**at, "blocking": False}},
    }


def decided(*gates: dict[str, Any], **changes: Any) -> dict[str, Any]:
    results = {
        "stage": "default",
        "status": "judged",
        "error": None,
        "demonstration": False,
        "incumbent": {"id": "enhanced-cps"},
        "gates": list(gates),
        "deselected": [],
        **changes,
    }
    return decide(results, RULES, {"loss.broad": "loss", "size.h5": "size"})


PASSED = gate("loss.broad", "pass", margin=0.2)


def test_all_gates_passed_is_the_release_track_with_nothing_left() -> None:
    found = decided(PASSED, gate("family.snap", "waived"), gate("size.h5", "not_applicable"))
    assert (found["decision"], found["reasons"]) == ("release_track", [])


@pytest.mark.parametrize("status", ["fail", "unmeasured", "error"])
def test_open_process_gates_alone_leave_the_release_track_and_are_named(status: str) -> None:
    found = decided(PASSED, gate("artifacts.bundle", status, limit=0.0))
    assert found["decision"] == "release_track"
    assert [(each["gate"], each["kind"]) for each in found["reasons"]] == [
        ("artifacts.bundle", "process")
    ]
    assert f"Left: artifacts.bundle ({status})" in found["statement"]


@pytest.mark.parametrize("status", ["fail", "error"])
def test_one_failed_modelling_gate_calls_for_another_iteration(status: str) -> None:
    found = decided(PASSED, gate("family.ssi", status, margin=-0.5), gate("size.h5", "fail"))
    assert found["decision"] == "another_modelling_iteration"
    assert found["reasons"][0]["gate"] == "family.ssi"
    assert "size.h5" not in found["statement"]


def test_reasons_are_worst_first_by_the_fraction_past_the_limit() -> None:
    found = decided(
        gate("release.contract", "fail", limit=0.0, margin=-9),
        gate("benchmark.ctc", "unmeasured", limit=None),
        gate("family.snap", "fail", limit=100.0, margin=-50),
        gate("family.ssi", "fail", limit=0.1, margin=-0.2),
        gate("contract.ids", "fail", limit=0.0, margin=-1),
        gate("aggregate.ssi", "error", limit=None),
    )
    assert [(each["gate"], each["excess"]) for each in found["reasons"]] == [
        ("aggregate.ssi", None),
        ("contract.ids", None),
        ("family.ssi", 2.0),
        ("family.snap", 0.5),
        ("benchmark.ctc", None),
        ("release.contract", None),
    ]
    assert (
        "aggregate.ssi (error), contract.ids (fail), family.ssi (200% past its limit)"
        in (found["statement"])
    )
    assert "and 1 more" in found["statement"]
    assert "benchmark.ctc" not in found["statement"]


def test_a_tie_is_past_its_limit_by_nothing_and_a_failure_inside_it_by_no_fraction() -> None:
    found = decided(gate("loss.tie", "fail", margin=0.0), gate("benchmark.x", "fail", margin=0.3))
    assert [(each["gate"], each["excess"]) for each in found["reasons"]] == [
        ("benchmark.x", None),
        ("loss.tie", 0.0),
    ]


def test_a_reason_says_finding_margin_and_limit() -> None:
    (found,) = decided(gate("loss.broad", "fail", limit=2.0, margin=-0.5))["reasons"]
    assert (found["margin"], found["excess"]) == (-0.5, 0.25)
    assert found["message"] == "finding of loss.broad; over the limit"


def test_an_unmeasured_modelling_gate_leaves_it_undecided() -> None:
    found = decided(PASSED, gate("benchmark.ctc", "unmeasured", limit=None))
    assert found["decision"] == "undecided"
    assert "benchmark.ctc (unmeasured)" in found["statement"]


def test_a_failure_decides_even_where_others_are_unmeasured() -> None:
    found = decided(gate("benchmark.ctc", "unmeasured"), gate("loss.broad", "fail", margin=-1))
    assert found["decision"] == "another_modelling_iteration"


def test_a_deselected_modelling_gate_leaves_it_undecided_and_a_process_gate_does_not() -> None:
    assert decided(deselected=["loss.broad"])["decision"] == "undecided"
    found = decided(PASSED, deselected=["size.h5", "benchmark.tara-watson.external"])
    assert found["decision"] == "release_track"
    assert [each["gate"] for each in found["reasons"]] == ["size.h5"]


def test_what_blocks_nothing_decides_nothing() -> None:
    assert decided(gate("loss.broad", "fail", blocking=False))["decision"] == "release_track"
    assert decided(gate("loss.broad", "fail"), stage="beta")["decision"] == "release_track"


def test_a_group_that_the_rules_do_not_name_never_gets_onto_the_release_track() -> None:
    found = decided(gate("novelty.gate", "fail", margin=-1))
    assert found["decision"] == "another_modelling_iteration"


def test_a_demonstration_is_said_in_the_decision() -> None:
    found = decided(PASSED, demonstration=True)
    assert found["demonstration"]
    assert "A demonstration: enhanced-cps is no incumbent" in found["statement"]
    assert "demonstration" not in decided(PASSED)["statement"]


def test_every_gate_group_of_the_policy_has_its_kind() -> None:
    assert {gate.group for gate in POLICY.gates} <= set(RULES["groups"])
    modelling = {name for name, kind in RULES["groups"].items() if kind == "modelling"}
    assert {"contract", "loss", "family", "aggregate", "benchmark", "targets"} == modelling


def test_rules_with_an_unknown_decision_are_refused() -> None:
    with pytest.raises(RecordError):
        validate({**RULES, "decisions": {**RULES["decisions"], "ship_it": "now"}}, "decision_rules")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """Return the results of a small judging in which almost nothing was measured."""
    baseline = {**inputs().records["baseline"], "label": "theirs", "release_eligible": False}
    given = inputs(baseline=baseline)
    results = {each.id: judged(each.id, given) for each in POLICY.gates}
    return assemble(POLICY, given, results, stage="default")


def test_the_decision_is_in_the_record_the_summary_and_the_printed_table(
    record: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    validate(record, "gate_results")
    line = in_words(record["decision"])
    assert record["decision"]["decision"] == "another_modelling_iteration"
    assert line.startswith("another modelling iteration: A modelling gate failed")
    assert f"Decision: {line}" in summary_markdown(record)
    print_results(record, Console(width=120))
    assert f"DECISION {line}" in capsys.readouterr().out


def test_the_reasons_are_the_gates_that_keep_the_verdict_from_ready(record: dict[str, Any]) -> None:
    named = [each["gate"] for each in record["decision"]["reasons"]]
    assert sorted(named) == sorted(record["verdicts"]["default"]["blocking"])
    assert len(named) > 10
    json.dumps(record["decision"], allow_nan=False)


def test_a_file_that_could_not_be_judged_is_undecided_and_says_so(tmp_path: Any) -> None:
    error = DatasetError("run.h5 is no HDF5 file", reason="dataset.format", remedy="write it again")
    found = error_record(POLICY, tmp_path / "run.h5", "enhanced-cps", error, "beta")
    validate(found, "gate_results")
    assert found["decision"]["decision"] == "undecided"
    assert "could not be judged: run.h5 is no HDF5 file" in found["decision"]["statement"]
    assert found["decision"]["stage"] == "beta"
