"""The history page: trends that never join what cannot be compared, and all runs as a table."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from sample_reading import gates_frame, runs_frame
from sample_runs import sample_run
from shown_pages import belied, column, links, notices, tables, texts, untraced

from dashboard.blocks import Chart, Link, Page, Section, walk
from dashboard.run_data import RunData
from dashboard.views.history import SHOWN, history_page

FIRST, LATER = "2026-11-25T12:00:00+00:00", "2026-11-26T12:00:00+00:00"


@pytest.fixture(scope="module")
def first() -> RunData:
    return sample_run(name="first", failing=("family.snap", "size.h5"), judged_at=FIRST)


@pytest.fixture(scope="module")
def later() -> RunData:
    return sample_run(name="later", judged_at=LATER)


def page(*runs: RunData, stage: str = "default", frame: pd.DataFrame | None = None) -> Page:
    listed = runs_frame(runs) if frame is None else frame
    gates = gates_frame(runs) if runs else pd.DataFrame()
    return history_page(listed, gates, product="mp-national", stage=stage)


def charts(page: Page) -> dict[str, list[dict[str, Any]]]:
    """Return the points of every chart by its title."""
    found = {}
    for each in walk(page.blocks):
        if isinstance(each, Chart):
            (points,) = each.chart.to_dict()["datasets"].values()
            found[each.title] = json.loads(json.dumps(points))
    return found


def test_every_number_is_what_its_record_holds_or_says_its_rule(
    first: RunData, later: RunData
) -> None:
    found = page(first, later)
    assert untraced(found) == []
    assert belied(found, [first, later]) == []


def test_every_trend_is_there_in_the_order_of_judging(first: RunData, later: RunData) -> None:
    found = charts(page(later, first))
    assert list(found) == [
        "Broad loss",
        "Held-out loss",
        "Effective sample size as a share of the records",
        "H5 size",
        "Median runtime over the incumbent's",
        "Failing gates at stage default",
    ]
    ours = [each for each in found["Broad loss"] if each["side"] == "candidate"]
    assert [each["run"] for each in ours] == ["first", "later"]
    broad = first.records["loss"]["losses"]["broad_relative_v1"]
    assert ours[0]["value"] == broad["candidate"]
    theirs = [each["value"] for each in found["Broad loss"] if each["side"] == "incumbent"]
    assert theirs[0] == broad["incumbent"]
    size = first.records["gate_results"]["candidate"]["size_bytes"]
    assert found["H5 size"][0]["value"] == size / 1e6


def test_failing_gates_are_counted_at_the_chosen_stage(first: RunData, later: RunData) -> None:
    for stage in ("beta", "default"):
        table = tables(page(first, later, stage=stage))[f"Failing gates at stage {stage}"]
        gates = first.records["gate_results"]["gates"]
        failed = [g["stages"][stage]["status"] in ("fail", "error") for g in gates].count(True)
        assert table.rows[1][1].raw == failed
        assert column(table, "Run") == ["later", "first"]


def test_an_error_counts_as_a_failing_gate(later: RunData) -> None:
    results = copy.deepcopy(dict(later.records["gate_results"]))
    stages = results["gates"][0]["stages"]
    before = tables(page(later))["Failing gates at stage default"].rows[0][1].raw
    stages["default"]["status"] = "error"
    run = replace(later, records={**later.records, "gate_results": results})
    assert tables(page(run))["Failing gates at stage default"].rows[0][1].raw == before + 1


def test_lines_join_only_runs_held_against_the_same(first: RunData, later: RunData) -> None:
    same = page(first, later)
    assert len({each["against"] for each in charts(same)["Broad loss"]}) == 1
    assert [each for each in notices(same) if "not all held against" in each.text] == []
    for name, value in (("incumbent_id", "another"), ("suite_sha256", "f" * 64)):
        rows = [dict(later.row) | {name: value}, dict(first.row)]
        found = page(first, later, frame=pd.DataFrame(rows))
        for points in charts(found).values():
            assert len({each["against"] for each in points}) == 2
        (said,) = notices(found)
        assert "not all held against the same incumbent by the same suite" in said.text
    chart = next(each for each in walk(same.blocks) if isinstance(each, Chart))
    assert chart.chart.to_dict()["encoding"]["detail"]["field"] == "against"


def test_of_many_suites_a_few_are_named_and_the_rest_is_counted(first: RunData) -> None:
    rows = [dict(first.row) | {"key": f"{n}", "suite_sha256": f"{n}" * 64} for n in range(9)]
    (said,) = [each.text for each in notices(page(first, frame=pd.DataFrame(rows)))]
    assert (said.count("suite "), "; and 4 more. No line" in said) == (5, True)


def test_all_runs_are_listed_the_newest_first_with_links(first: RunData, later: RunData) -> None:
    found = page(first, later)
    table = tables(found)["All runs, the newest first"]
    assert column(table, "Run") == ["later", "first"]
    verdicts = [f"demonstration: {run.row['verdict_default']}" for run in (later, first)]
    assert column(table, "Default") == verdicts
    params = {"run": later.key, "stage": "default"}
    assert table.rows[0][0].link == Link("readiness", params, "later")
    assert Link("compare", {"a": first.key, "b": later.key}, "compare") in links(found)
    assert table.rows[1][-1].link is None
    assert column(table, "Judged") == ["2026-11-26 12:00 UTC", "2026-11-25 12:00 UTC"]
    sha = later.records["gate_results"]["candidate"]["sha256"]
    assert table.rows[0][0].note == f"sealed, {sha[:12]}"


def test_a_demonstration_that_passes_everything_is_not_listed_as_ready(first: RunData) -> None:
    rows = [dict(first.row) | {"verdict_default": "ready", "verdict_beta": "ready"}]
    table = tables(page(first, frame=pd.DataFrame(rows)))["All runs, the newest first"]
    assert column(table, "Default") == ["demonstration: every blocking gate passes"]
    rows = [rows[0] | {"demonstration": False}]
    table = tables(page(first, frame=pd.DataFrame(rows)))["All runs, the newest first"]
    assert column(table, "Default") == ["ready"]


@pytest.mark.parametrize(
    ("stamp", "shown"),
    [("2026-11-25T23:30:59-05:00", "2026-11-26 04:30 UTC"), ("yesterday", "yesterday")],
)
def test_times_are_shown_to_the_minute_in_utc(first: RunData, stamp: str, shown: str) -> None:
    table = tables(page(first, frame=pd.DataFrame([dict(first.row) | {"judged_at": stamp}])))
    assert column(table["All runs, the newest first"], "Judged") == [shown]


def test_an_unjudged_run_is_listed_but_not_compared(first: RunData, later: RunData) -> None:
    nothing = dict.fromkeys(first.row)
    unjudged = {**nothing, "key": "k", "run_id": "new", "product": "mp-national"}
    unjudged |= {"state": "unjudged", "folder": "new"}
    rows = [dict(later.row), dict(first.row), unjudged]
    found = page(first, later, frame=pd.DataFrame(rows))
    table = tables(found)["All runs, the newest first"]
    assert column(table, "Run") == ["later", "first", "new"]
    assert column(table, "Judged")[2] == "not judged"
    assert column(table, "Compare") == ["with the one before", *["nothing to compare with"] * 2]
    assert {each["run"] for each in charts(found)["Broad loss"]} == {"first", "later"}


def test_broken_runs_are_listed_apart_with_their_reasons(first: RunData) -> None:
    broken = {**first.row, "folder": "half", "state": "broken", "reason": "no seal"}
    found = page(first, frame=pd.DataFrame([dict(first.row), broken]))
    assert isinstance(found.blocks[-1], Section)
    assert column(tables(found)["Runs that cannot be shown"], "Reason") == ["no seal"]
    assert column(tables(found)["All runs, the newest first"], "Run") == ["first"]


def test_runs_of_other_products_are_left_out(first: RunData, later: RunData) -> None:
    rows = [dict(later.row) | {"product": "mp-local-rich"}, dict(first.row)]
    found = page(first, later, frame=pd.DataFrame(rows))
    assert column(tables(found)["All runs, the newest first"], "Run") == ["first"]
    assert column(tables(found)["Failing gates at stage default"], "Run") == ["first"]


def test_runs_of_one_name_are_told_apart(first: RunData) -> None:
    twin = replace(first, key="ffffffffffff", row={**first.row, "key": "ffffffffffff"})
    found = page(first, twin)
    ours = [each["run"] for each in charts(found)["H5 size"] if each["side"] == "candidate"]
    assert sorted(ours) == sorted([f"first ({first.key[:4]})", "first (ffff)"])


def test_a_figure_that_no_run_has_makes_no_chart_and_a_gap_makes_no_point(
    first: RunData, later: RunData
) -> None:
    rows = [dict(later.row) | {"runtime_ratio": None, "ess_share": None}, dict(first.row)]
    rows[1] |= {"ess_share": None}
    found = page(first, later, frame=pd.DataFrame(rows))
    assert "Effective sample size as a share of the records" not in charts(found)
    title = "Median runtime over the incumbent's"
    assert [each["run"] for each in charts(found)[title]] == ["first"]
    assert column(tables(found)[title], "Candidate")[0] == "–"


def test_only_the_newest_runs_are_drawn_and_the_rest_is_counted(first: RunData) -> None:
    rows = [{**first.row, "key": f"{i:012d}", "run_id": f"r{i}"} for i in range(SHOWN + 5)]
    found = page(first, frame=pd.DataFrame(rows))
    runs = column(tables(found)["All runs, the newest first"], "Run")
    assert (runs[0], runs[-1], len(runs)) == ("r0", f"r{SHOWN - 1}", SHOWN)
    assert f"The newest {SHOWN} runs are shown; 5 older ones are left out." in texts(found)


def test_without_runs_it_is_said_what_to_run(first: RunData) -> None:
    empty = page(frame=runs_frame([]))
    assert [each.command for each in notices(empty)] == [
        "mpgate build national --judge psl-cps-2024",
        "mpgate index --root runs",
    ]
    others = pd.DataFrame([dict(first.row)])
    found = history_page(others, pd.DataFrame(), product="mp-local-fast", stage="default")
    assert "No judged run of mp-local-fast is indexed" in texts(found)
    assert notices(found)[0].command == ""
