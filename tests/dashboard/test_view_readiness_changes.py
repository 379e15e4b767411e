"""The readiness page: what blocks, how near the rest is, what changed, the plan's clauses."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sample_reading import runs_frame
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, first_notes, links, notices, tables, texts

from dashboard.blocks import Link, Page
from dashboard.run_data import RunData
from dashboard.views.readiness import readiness_page
from dashboard.views.readiness_changes import BEYOND
from dashboard.views.verdicts import CLAUSES


@pytest.fixture(scope="module")
def varied() -> RunData:
    """Failures, a waiver and an error."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


def page(run: RunData, stage: str = "default", previous: RunData | None = None) -> Page:
    return readiness_page(
        run,
        product="mp-national",
        stage=stage,
        pointer=None,
        previous=previous,
        runs=runs_frame([run]),
    )


def changed(run: RunData, **gates: Mapping[str, Any]) -> RunData:
    """Return a run with gates changed at stage default, by id with `_` for `.`."""
    records = copy.deepcopy(dict(run.records))
    for gate in records["gate_results"]["gates"]:
        if (change := gates.get(gate["id"].replace(".", "_"))) is not None:
            gate["stages"]["default"] |= {k: v for k, v in change.items() if k != "value"}
            gate["value"] = change.get("value", gate["value"])
    return replace(run, records=records)


def with_results(run: RunData, **changes: Any) -> RunData:
    records = {**run.records, "gate_results": {**run.records["gate_results"], **changes}}
    return replace(run, records=records)


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


def test_failures_within_noise_are_near_misses_too(varied: RunData) -> None:
    records = copy.deepcopy(dict(varied.records))
    for gate in records["gate_results"]["gates"]:
        gate["within_noise"] = gate["id"] in ("family.snap", "family.ssi") or None
    run = replace(varied, records=records)
    table = tables(page(run))["Failing gates whose difference is within noise"]
    assert first_notes(table) == ["family.snap"]


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


@pytest.mark.parametrize("what", ["policy", "incumbent"])
def test_runs_judged_by_other_rules_are_not_compared_gate_by_gate(
    varied: RunData, what: str
) -> None:
    results = varied.records["gate_results"]
    other = {**results[what], "sha256": "e" * 64}
    before = replace(with_results(varied, **{what: other}), key="before", run_id="before")
    found = page(varied, previous=before)
    assert "The largest moves" not in tables(found)
    assert [f"the {what} is another one" in e.text for e in notices(found)].count(True) == 1


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


def test_what_blocks_is_worst_first_with_finding_and_remedy(varied: RunData) -> None:
    run = changed(
        varied,
        family_wages={"limit": 0.1, "margin": -0.2},
        family_snap={"limit": 0.1, "margin": -0.5},
        runtime_median={"limit": 1.25, "margin": -1.25},
    )
    table = tables(page(run))["What blocks stage default, worst first"]
    ids = first_notes(table)
    statuses = column(table, "Status")
    order = {"error": 0, "fail": 1, "unmeasured": 2}
    assert [order[each] for each in statuses] == sorted(order[each] for each in statuses)
    assert ids[0] == "contract.values.finite"
    assert ids[1] == "contract.names.computed"  # its limit is 0
    assert ids.index("family.snap") < ids.index("family.wages") < ids.index("runtime.median")
    past = dict(zip(ids, column(table, "Past the limit"), strict=True))
    assert (past["family.snap"], past["runtime.median"]) == ("500 %", "100 %")
    assert "aggregate.snap_value" not in ids  # waived
    stopping = varied.records["gate_results"]["verdicts"]["default"]["blocking"]
    assert sorted(ids) == sorted(stopping)
    gates = {gate["id"]: gate for gate in run.records["gate_results"]["gates"]}
    last = [row[-1] for row in table.rows]
    assert [each.text for each in last] == [gates[each]["message"] for each in ids]
    assert [each.note for each in last] == [gates[each]["remedy"] for each in ids]


def test_only_a_failure_is_past_its_limit(varied: RunData) -> None:
    open_still = {"status": "unmeasured", "limit": 1.25, "margin": -0.1}
    run = changed(varied, runtime_median=open_still)
    table = tables(page(run))["What blocks stage default, worst first"]
    past = dict(zip(first_notes(table), column(table, "Past the limit"), strict=True))
    assert past["runtime.median"] == "–"


def test_what_does_not_block_the_stage_is_no_blocker(varied: RunData) -> None:
    table = tables(page(varied, "beta"))["What blocks stage beta, worst first"]
    assert "family.snap" not in first_notes(table)
    assert "runtime.median" in first_notes(table)


def test_a_run_that_left_gates_out_is_not_said_to_have_nothing_in_its_way(
    varied: RunData,
) -> None:
    passing = {"status": "pass"}
    gates = varied.records["gate_results"]["gates"]
    run = changed(varied, **{gate["id"].replace(".", "_"): passing for gate in gates})
    assert "Nothing blocks stage default" in texts(page(run))
    partial = {"verdict": "partial", "blocking": []}
    run = with_results(
        run, deselected=["size.h5"], verdicts=dict.fromkeys(("beta", "default"), partial)
    )
    found = texts(page(run))
    assert "Nothing blocks" not in found
    assert "Gates were left out of this run, size.h5 first" in found
    assert "partial: gates were left out of this run, so it decides nothing" in found
