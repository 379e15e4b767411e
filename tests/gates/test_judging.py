"""The judges on records alone: limits, ties, foreign evidence, missing evidence, verdicts."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate, stage_verdict
from gates.policy import Gate, Limit, load_policy
from gates.results import assemble, headline, summary_markdown
from schemas.records import validate
from tests.gates.fakes import EFFECT, evidence_of, inputs_of, small_file
from tests.small import small_columns

POLICY = load_policy()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A candidate and an incumbent with other contents."""
    folder = tmp_path_factory.mktemp("files")
    return (
        small_file(folder / "candidate.h5", small_columns(1)),
        small_file(folder / "incumbent.h5", small_columns(2)),
    )


def judged(inputs: JudgeInputs) -> dict[str, dict[str, Any]]:
    return {gate.id: judge_gate(gate, inputs, JUDGES) for gate in POLICY.gates}


@cache
def inputs(files: tuple[Path, Path], **changes: Any) -> JudgeInputs:
    """Return inputs of the two files; they are shared, so a test changes copies only."""
    ours = evidence_of(files[0], **({"error": 0.05} | changes))
    return inputs_of(files[0], ours, evidence_of(files[1], error=0.1))


def test_a_better_candidate_passes_what_is_measured(files: tuple[Path, Path]) -> None:
    results = judged(inputs(files))
    statuses = {gate_id: result["status"] for gate_id, result in results.items()}
    pending = {gate.id for gate in POLICY.gates if gate.judge == "pending"}
    unsupplied = {"benchmark.tara-watson.external", "artifacts.bundle", "cross.taxcalc"}
    assert {g for g, s in statuses.items() if s == "unmeasured"} == pending | unsupplied
    idle = {g for g, s in statuses.items() if s == "not_applicable"}
    assert all(gate_id.startswith("contract.") for gate_id in idle)
    passed = set(statuses) - pending - unsupplied - idle
    assert {g for g, s in statuses.items() if s == "pass"} == passed
    for gate_id in pending:
        assert results[gate_id]["message"] == POLICY.gate(gate_id).unmeasured_reason


def test_a_file_judged_against_itself_has_deltas_of_exactly_zero(files: tuple[Path, Path]) -> None:
    same = evidence_of(files[0])
    results = judged(inputs_of(files[0], same, same))
    for result in results.values():
        assert result["delta"] in (0, None), result["id"]
        lower_than = result["id"] == "loss.broad"
        assert (result["status"] == "fail") == lower_than, result["id"]
    assert results["loss.broad"]["stages"]["default"]["message"].startswith("tie")
    assert results["size.h5"]["value"] == 1


def test_a_worse_loss_fails_with_contributors_that_sum_to_the_delta(
    files: tuple[Path, Path],
) -> None:
    result = judged(inputs(files, error=0.3))["loss.broad"]
    assert result["status"] == "fail"
    assert result["delta"] > 0
    total = sum(part["value"] for part in result["contributors"])
    assert total == pytest.approx(result["delta"], abs=1e-9)


@pytest.mark.parametrize(
    ("effect", "status"),
    [
        (EFFECT + 4.9e9, "pass"),
        (EFFECT + 5.1e9, "fail"),
        (-EFFECT, "fail"),
        (0.0, "fail"),
    ],
)
def test_a_benchmark_may_differ_by_the_larger_of_both_tolerances(
    files: tuple[Path, Path], effect: float, status: str
) -> None:
    result = judged(inputs(files, effect=effect))["benchmark.ssi-asset-limits-10k-20k.fiscal"]
    assert result["status"] == status
    assert result["delta"] == pytest.approx(-(effect - EFFECT))
    for parts in (result["contributors"], *result["breakdowns"].values()):
        total = sum(part["value"] for part in parts)
        assert total == pytest.approx(result["delta"])


def test_an_effect_is_broken_down_by_state_and_by_decile(files: tuple[Path, Path]) -> None:
    found = inputs(files, effect=EFFECT + 4e9)
    result = judged(found)["benchmark.ssi-asset-limits-10k-20k.household_net_income"]
    assert result["breakdowns"]["state"] == [
        {"name": "CA", "value": 6e9},
        {"name": "NY", "value": -2e9},
    ]
    assert [part["name"] for part in result["breakdowns"]["decile"]] == ["10", "1"]
    assert "largest by state, bn dollars: CA +6.000, NY -2.000" in result["details"]


def test_a_vacuous_candidate_fails_even_inside_the_tolerance(files: tuple[Path, Path]) -> None:
    ours = evidence_of(files[0], effect=0.0)
    theirs = evidence_of(files[1], effect=2e9)
    result = judged(inputs_of(files[0], ours, theirs))["benchmark.ssi-asset-limits-10k-20k.fiscal"]
    assert result["value"] == pytest.approx(2e9)
    assert result["status"] == "fail"
    assert "vacuous" in result["stages"]["default"]["message"]


def test_a_vacuous_incumbent_leaves_the_comparison_unmeasured(files: tuple[Path, Path]) -> None:
    ours, theirs = evidence_of(files[0]), evidence_of(files[1], effect=0.0)
    results = judged(inputs_of(files[0], ours, theirs))
    assert results["benchmark.ctc-base-3000.fiscal"]["status"] == "unmeasured"


@pytest.mark.parametrize(
    "name",
    ["evidence", "contract", "loader", "incumbent_evidence", "loss", "storage", "runtime"],
)
def test_records_of_another_file_are_an_error(
    files: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    good = inputs(files)
    other = small_file(tmp_path / "other.h5", small_columns(3))
    foreign = inputs_of(other, evidence_of(other, error=0.0), evidence_of(other, error=0.2))
    mixed = replace(good, records={**good.records, name: foreign.records[name]})
    touched = {
        "evidence": "loss.broad",
        "contract": "contract.joins.nested",
        "loader": "contract.loader",
        "incumbent_evidence": "baseline.evidence",
        "loss": "loss.broad",
        "storage": "size.h5",
        "runtime": "runtime.median",
    }
    assert judged(good)[touched[name]]["status"] == "pass"
    assert judged(mixed)[touched[name]]["status"] == "error"


@pytest.mark.parametrize("key", ["engine", "suite", "target_db", "code_sha256"])
def test_two_sides_measured_differently_are_an_error(files: tuple[Path, Path], key: str) -> None:
    good = inputs(files)
    theirs = dict(good.records["incumbent_evidence"])
    theirs[key] = "0" * 64 if key == "code_sha256" else {"id": "other"}
    mixed = replace(good, records={**good.records, "incumbent_evidence": theirs})
    assert judged(mixed)["baseline.evidence"]["status"] == "error"


@pytest.mark.parametrize("run", [{}, {"measured_at": 1_500_000_000}])
def test_evidence_older_than_the_suite_is_an_error(files: tuple[Path, Path], run: Any) -> None:
    good = inputs(files)
    old = {**good.records["evidence"], "run": run}
    stale = judged(replace(good, records={**good.records, "evidence": old}))
    assert stale["baseline.evidence"]["status"] == "error"
    assert "frozen on" in stale["baseline.evidence"]["message"]


def test_absent_records_never_pass(files: tuple[Path, Path]) -> None:
    good = inputs(files)
    bare = replace(good, records={})
    statuses = {gate_id: result["status"] for gate_id, result in judged(bare).items()}
    assert statuses.pop("exceptions.valid") == "pass"  # it needs no record: nobody asked for one
    assert set(statuses.values()) == {"unmeasured"}
    why = {"status": "error", "message": "the engine broke", "remedy": "look"}
    broken = replace(bare, absent={"evidence": why})
    assert judged(broken)["baseline.evidence"]["status"] in {"error", "unmeasured"}
    result = judged(replace(broken, records={"suite": good.records["suite"]}))[
        "benchmark.ctc-base-3000.fiscal"
    ]
    assert (result["status"], result["message"]) == ("error", "the engine broke")


def test_a_missing_pin_fails(files: tuple[Path, Path]) -> None:
    good = inputs(files)
    manifest = dict(good.records["baseline"])
    manifest["pins"] = {**manifest["pins"], "data_repo_commit": None}
    result = judged(replace(good, records={**good.records, "baseline": manifest}))
    assert result["baseline.pinned"]["status"] == "fail"
    assert "data_repo_commit" in result["baseline.pinned"]["message"]


def test_a_file_twice_as_large_is_the_limit(files: tuple[Path, Path]) -> None:
    good = inputs(files)
    pinned = good.records["baseline"]["pins"]["h5_size_bytes"]
    for size, status in ((2 * pinned, "pass"), (2 * pinned + 1, "fail")):
        storage = copy.deepcopy(dict(good.records["storage"]))
        storage["h5"]["stored_bytes"] = size
        sized = replace(good, records={**good.records, "storage": storage})
        assert judged(sized)["size.h5"]["status"] == status


def test_a_judge_that_breaks_down_is_an_error(files: tuple[Path, Path]) -> None:
    def broken(inputs: JudgeInputs, gate: Gate) -> Any:
        raise ZeroDivisionError("boom")

    result = judge_gate(POLICY.gate("size.h5"), inputs(files), {"size": broken})
    assert result["status"] == "error"
    assert "boom" in result["message"]


@pytest.mark.parametrize(
    ("value", "direction", "holds"),
    [
        (5.0, "no_more_than", True),
        (5.1, "no_more_than", False),
        (5.0, "less_than", False),
        (4.9, "less_than", True),
        (-5.1, "within", False),
        (5.0, "at_least", True),
        (4.9, "at_least", False),
    ],
)
def test_limits(value: float, direction: str, holds: bool) -> None:
    limit = Limit(relative=0.05, absolute=5.0, combine="max", direction=direction)
    assert limit.holds(value, 10.0) is holds
    assert limit.bound(-1000.0) == 50.0
    assert Limit(0.05, 5.0, "min", direction).bound(1000.0) == 5.0


def result(status: str, blocking: bool = True) -> dict[str, Any]:
    return {"id": "g", "stages": {"default": {"status": status, "blocking": blocking}}}


@pytest.mark.parametrize(
    ("statuses", "deselected", "verdict"),
    [
        (["pass", "waived", "not_applicable"], [], "ready"),
        (["pass", "unmeasured"], [], "incomplete"),
        (["fail", "unmeasured"], [], "blocked"),
        (["error"], [], "blocked"),
        (["pass"], ["x"], "partial"),
        (["fail"], ["x"], "blocked"),
    ],
)
def test_verdicts(statuses: list[str], deselected: list[str], verdict: str) -> None:
    results = [result(status) for status in statuses]
    assert stage_verdict(results, "default", deselected)["verdict"] == verdict


def test_an_advisory_failure_does_not_block() -> None:
    assert stage_verdict([result("fail", blocking=False)], "default", [])["verdict"] == "ready"


def test_results_are_valid_and_say_demonstration(files: tuple[Path, Path]) -> None:
    good = inputs(files)
    record = assemble(POLICY, good, judged(good), stage="default")
    validate(record, "gate_results")
    assert record["verdicts"]["default"]["verdict"] == "incomplete"
    assert record["demonstration"] is False
    unfit = replace(
        good,
        records={
            **good.records,
            "baseline": {**good.records["baseline"], "release_eligible": False},
        },
    )
    labelled = assemble(POLICY, unfit, judged(unfit), stage="beta")
    assert "demonstration" in headline(labelled)
    assert "| loss.broad | pass | yes |" in summary_markdown(labelled)


def test_a_gate_that_was_never_reached_is_an_error(files: tuple[Path, Path]) -> None:
    good = inputs(files)
    results = judged(good)
    del results["size.h5"]
    record = assemble(POLICY, good, results, stage="default")
    assert {g["id"]: g["status"] for g in record["gates"]}["size.h5"] == "error"
    assert record["verdicts"]["default"]["verdict"] == "blocked"
