"""The readiness page: what blocks, worst first, what is waived, and what was left out."""

from __future__ import annotations

import pytest
from readiness_pages import changed, page, passing, with_results
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, first_notes, notices, tables, texts

from dashboard.run_data import RunData


@pytest.fixture(scope="module")
def varied() -> RunData:
    """Failures, a waiver and an error."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


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


def test_breaches_of_a_limit_of_0_are_ranked_by_size_within_their_group(varied: RunData) -> None:
    small, large = ({"status": "fail", "limit": 0, "margin": by} for by in (-0.001, -0.8))
    run = changed(varied, aggregate_ssi_recipients=small, aggregate_wage_income=large)
    ids = first_notes(tables(page(run))["What blocks stage default, worst first"])
    order = ["contract.names.computed", "aggregate.wage_income", "aggregate.ssi_recipients"]
    assert [each for each in ids if each in order] == order


def test_a_failure_that_does_not_rest_on_the_value_says_what_it_rests_on(varied: RunData) -> None:
    reason = "vacuous: fiscal moves by 0, below the floor of 200,000,000"
    at = {"status": "fail", "limit": 5e9, "margin": 4e9, "message": reason}
    run = changed(varied, **{"benchmark_ctc-repeal_fiscal": at})
    gate = next(
        each
        for each in run.records["gate_results"]["gates"]
        if each["id"] == "benchmark.ctc-repeal.fiscal"
    )
    table = tables(page(run))["What blocks stage default, worst first"]
    (row,) = [row for row in table.rows if row[0].note == gate["id"]]
    assert (row[2].text, row[2].note) == ("–", "does not rest on the value")
    assert row[-1].text == reason
    assert row[-1].note == f"{gate['message']}; {gate['remedy']}"
    assert belied(page(run), [run]) == []


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


def test_that_nothing_blocks_is_good_news_only_where_a_release_can_follow(varied: RunData) -> None:
    for demonstration, tone in ((True, "warning"), (False, "good")):
        run = with_results(passing(varied), demonstration=demonstration)
        (said,) = [each for each in notices(page(run)) if "locks stage default" in each.text]
        assert said.tone == tone
    assert "Nothing can be released on it" in texts(page(passing(varied)))


def test_a_run_that_left_gates_out_is_not_said_to_have_nothing_in_its_way(
    varied: RunData,
) -> None:
    partial = {"verdict": "partial", "blocking": []}
    run = with_results(
        passing(varied),
        deselected=["size.h5"],
        verdicts=dict.fromkeys(("beta", "default"), partial),
    )
    found = texts(page(run))
    assert "locks stage default" not in found
    assert "Gates were left out of this run, size.h5 first, 1 in all" in found
    assert "partial: gates were left out of this run, so it decides nothing" in found


def test_what_was_left_out_is_told_beside_what_blocks(varied: RunData) -> None:
    found = page(with_results(varied, deselected=["size.h5", "loss.broad"]))
    assert "What blocks stage default, worst first" in tables(found)
    assert "Gates were left out of this run, size.h5 first, 2 in all" in texts(found)


def test_what_is_waived_is_counted_in_the_verdict_and_named_with_its_record(
    varied: RunData,
) -> None:
    waived = next(
        each
        for each in varied.records["gate_results"]["gates"]
        if each["id"] == "aggregate.snap_value"
    )
    at = waived["stages"]["default"]
    ready = {"verdict": "ready", "blocking": []}
    run = with_results(
        changed(passing(varied), aggregate_snap_value={"status": at["status"]}),
        verdicts={"beta": ready, "default": ready},
        demonstration=False,
    )
    found = page(run)
    assert [each.text for each in notices(found)][1:3] == [
        "Stage default: ready: every blocking gate passes, 1 of them waived.",
        "Stage beta: ready: every blocking gate passes.",
    ]
    table = tables(found)["Waived at stage default"]
    assert first_notes(table) == ["aggregate.snap_value"]
    assert column(table, "Blocks") == ["yes"]
    said = table.rows[0][-1]
    assert (said.note, said.text) == ("aggregate.snap-value-1", waived["details"][0])
    assert "valid on 2026-11-25" in table.note
    assert "Waived at stage beta" in tables(page(varied, "beta"))
    assert "Waived at stage default" not in tables(page(passing(varied)))
