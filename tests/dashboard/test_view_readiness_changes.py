"""The readiness page: how near the rest is, what changed, the plan's clauses."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from readiness_pages import changed, page, passing, with_results
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, first_notes, links, notices, tables, texts

from dashboard.blocks import Link
from dashboard.run_data import RunData
from dashboard.views.readiness_changes import BEYOND
from dashboard.views.verdicts import CLAUSES


@pytest.fixture(scope="module")
def varied() -> RunData:
    """Failures, a waiver and an error."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


def test_near_misses_are_ranked_by_what_is_left_of_the_limit(varied: RunData) -> None:
    run = changed(
        varied,
        size_h5={"status": "pass", "limit": 2.0, "margin": 0.02},
        family_ssi={"status": "pass", "limit": 0.1, "margin": 0.0005},
        loss_broad={"status": "pass", "limit": 0.0, "margin": 0.0001},
        family_interest={"status": "fail", "limit": 0.1, "margin": -0.0001},
    )
    found = tables(page(run))
    table = found["Passing gates, the nearest to their limit first"]
    assert first_notes(table)[:2] == ["family.ssi", "size.h5"]
    assert column(table, "Left of the limit")[:2] == ["0.5000 %", "1 %"]
    assert not {"loss.broad", "family.interest"} & set(first_notes(table))


def test_gates_that_noise_could_tip_are_near_misses_whether_they_pass_or_not(
    varied: RunData,
) -> None:
    near = {
        "aggregate_ssi_value": {"status": "pass", "limit": 0.0, "margin": 0.01},
        "loss_broad": {"status": "pass", "limit": 0.0, "margin": 0.2},
        "family_snap": {"status": "fail", "limit": 0.1, "margin": -0.15},
        "family_ssi": {"status": "fail", "limit": 0.1, "margin": -0.21},
    }
    run = changed(varied, **near)
    for gate in run.records["gate_results"]["gates"]:
        gate["standard_error"] = 0.1 if gate["id"].replace(".", "_") in near else None
    title = "Gates within two standard errors of their limit, the nearest first"
    table = tables(page(run))[title]
    assert first_notes(table) == ["aggregate.ssi_value", "family.snap", "loss.broad"]
    assert column(table, "Status") == ["pass", "fail", "pass"]
    assert column(table, "Margin in standard errors") == ["0.1000", "1.500", "2"]


def test_a_pass_by_a_tolerance_larger_than_the_effect_is_said_to_say_little(
    varied: RunData,
) -> None:
    run = copy.deepcopy(varied)
    gates = {each["id"]: each for each in run.records["gate_results"]["gates"]}
    benchmarks = [each for each in gates.values() if each["group"] == "benchmark"]
    for each in benchmarks:
        if each["incumbent"] is not None:
            each["incumbent"] = 1e15
    assert "Passes that say little" not in tables(page(run))
    blunt, failed = (gates[f"benchmark.{name}.fiscal"] for name in ("ctc-repeal", "ctc-arpa"))
    for each in (blunt, failed):
        each["incumbent"] = -0.9 * each["stages"]["default"]["limit"]
    found = page(run)
    table = tables(found)["Passes that say little"]
    assert first_notes(table) == [blunt["id"]]
    assert table.rows[0][-1].raw == blunt["incumbent"]
    assert belied(found, [run]) == []


def test_what_changed_names_status_changes_and_the_largest_moves(varied: RunData) -> None:
    before = changed(
        replace(varied, key="before", run_id="before"),
        runtime_median={"status": "pass"},
        contract_values_finite={"status": "pass"},
        family_ssi={"status": "fail"},
        size_h5={"value": 1.9},
        family_interest={"value": 0.5},
    )
    near = {"limit": 0.01}
    run = changed(
        varied, size_h5={"limit": 0.1}, family_interest=near, family_ssi={"status": "pass"}
    )
    found = tables(page(run, previous=before))
    table = found["Gates with another status"]
    assert first_notes(table) == ["contract.values.finite", "runtime.median", "family.ssi"]
    assert column(table, "Before") == ["pass", "pass", "fail"]
    assert column(table, "Now") == ["error", "fail", "pass"]
    moves = found["The largest moves"]
    assert first_notes(moves) == ["family.interest", "size.h5"]
    value = next(g["value"] for g in run.records["gate_results"]["gates"] if g["id"] == "size.h5")
    assert moves.rows[1][4].raw == pytest.approx((value - 1.9) / 0.1)
    assert moves.rows[1][1].source is not None
    assert moves.rows[1][1].source.run == "before"
    assert Link("compare", {"a": "before", "b": run.key}, "Compare with before") in links(
        page(run, previous=before)
    )


def test_a_gate_that_only_one_of_two_runs_judged_is_a_change(varied: RunData) -> None:
    before = replace(
        varied, key="before", run_id="before", records=copy.deepcopy(dict(varied.records))
    )
    before.records["gate_results"]["gates"].pop(0)
    for run, previous, now in ((varied, before, "pass"), (before, varied, "not judged")):
        found = page(run, previous=previous)
        table = tables(found)["Gates with another status"]
        assert first_notes(table) == ["baseline.pinned"]
        assert column(table, "Now") == [now]
        assert belied(found, [varied, before]) == []


def judged_by(run: RunData, record: str, what: str) -> RunData:
    """Return an earlier run that was judged by another thing of this kind."""
    found = run.records[record]
    other = {**found, what: {**found[what], "sha256": "e" * 64}}
    return replace(run, key="before", run_id="before", records={**run.records, record: other})


@pytest.mark.parametrize(
    ("record", "what", "said"),
    [
        ("gate_results", "policy", "the policy differs"),
        ("gate_results", "incumbent", "the incumbent differs"),
        ("loss", "suite", "the suite differs"),
        ("loss", "target_db", "the target database differs"),
        ("loss", "kept", "the set of compared targets differs"),
    ],
)
def test_values_that_rest_on_something_else_are_not_subtracted(
    varied: RunData, record: str, what: str, said: str
) -> None:
    near = {"limit": 0.01, "status": "pass"}
    run = changed(varied, family_interest=near)
    earlier = changed(varied, family_interest={"value": 0.5})
    alike = tables(page(run, previous=replace(earlier, key="before")))["The largest moves"]
    assert first_notes(alike) == ["family.interest"]
    found = page(run, previous=judged_by(earlier, record, what))
    moved = tables(found).get("The largest moves")
    assert moved is None or "family.interest" not in first_notes(moved)
    warned = [each.text for each in notices(found) if "Not comparable throughout" in each.text]
    assert [said in each for each in warned] == [True]


def test_a_status_that_rests_on_another_suite_is_listed_and_called_so(varied: RunData) -> None:
    passed = {"status": "pass"}
    earlier = changed(varied, family_snap=passed, contract_names_computed=passed)
    before = judged_by(earlier, "loss", "suite")
    table = tables(page(varied, previous=before))["Gates with another status"]
    notes = dict(zip(first_notes(table), (row[1].note for row in table.rows), strict=True))
    assert notes == {"family.snap": "the suite differs", "contract.names.computed": ""}


def test_a_candidate_published_twice_is_not_compared_with_itself(varied: RunData) -> None:
    found = texts(page(varied, previous=varied))
    assert "this same run by an earlier verdict" in found
    assert "No gate has another status" not in found


def test_each_clause_of_the_plan_is_counted(varied: RunData) -> None:
    table = tables(page(varied))["The plan's national release gates"]
    assert column(table, "Clause of the plan") == [*CLAUSES, BEYOND]
    counted = [
        sum(int(each) for each in column(table, status))
        for status in ("pass", "fail", "error", "unmeasured", "waived", "not applicable")
    ]
    statuses = [
        gate["stages"]["default"]["status"] for gate in varied.records["gate_results"]["gates"]
    ]
    names = ("pass", "fail", "error", "unmeasured", "waived", "not_applicable")
    assert counted == [statuses.count(each) for each in names]
    stands = dict(
        zip(column(table, "Clause of the plan"), column(table, "Stage default"), strict=True)
    )
    assert stands["Schema compatibility"] == "error"
    assert stands["Protected target families"] == "fail"
    assert stands["Release contract"] == "unmeasured"
    beta = tables(page(varied, "beta"))["The plan's national release gates"]
    stands = dict(zip(column(beta, "Clause of the plan"), column(beta, "Stage beta"), strict=True))
    assert stands["Protected target families"] == "does not block this stage"


def test_a_clause_of_which_gates_were_left_out_does_not_pass(varied: RunData) -> None:
    run = with_results(
        changed(passing(varied), runtime_median={"status": "fail"}),
        deselected=["contract.lengths", "cross.taxcalc", "runtime.peak"],
    )
    table = tables(page(run))["The plan's national release gates"]
    stands = dict(
        zip(column(table, "Clause of the plan"), column(table, "Stage default"), strict=True)
    )
    left = [name for name, said in stands.items() if said == "not all judged"]
    assert left == ["Schema compatibility", BEYOND]
    assert stands["Runtime"] == "fail"
