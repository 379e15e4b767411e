"""The page of all benchmarks says what the records say, for every reform, and what is absent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from sample_lookup import CTC, entry, gate, without
from sample_runs import VARIED, sample_run
from shown_pages import belied, notices, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.blocks import Figures, Page, walk
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.microsim import benchmark_page, microsim_page
from dashboard.views.microsim_rules import BLUNT

MEASURES = {"Budget": "fiscal", "Household net income": "household_net_income"}


@pytest.fixture
def run() -> RunData:
    return sample_run(name="varied", **VARIED)


def effects(page: Page, title: str) -> dict[str, Any]:
    return rows_of(tables(page)[f"{title}: effect of each reform"])


@pytest.mark.parametrize("stage", ["beta", "default"])
@pytest.mark.parametrize("title", MEASURES)
def test_every_benchmark_has_its_effects_tolerance_and_gate(
    run: RunData, title: str, stage: str
) -> None:
    shown = effects(microsim_page(run, stage=stage), title)
    assert list(shown) == [each["id"] for each in run.records["suite"]["benchmarks"]]
    for name, row in shown.items():
        judged = gate(run, f"benchmark.{name}.{MEASURES[title]}")
        assert row["Candidate"].raw == entry(run, "evidence", name)["delta"][MEASURES[title]]
        theirs = entry(run, "incumbent_evidence", name)["delta"][MEASURES[title]]
        assert row["Incumbent"].raw == theirs
        assert row["Difference"].raw == judged["delta"]
        assert row["Tolerance"].raw == judged["stages"][stage]["limit"]
        assert row["Status"].status == judged["stages"][stage]["status"]
        assert row["Gate"].link is not None
        assert dict(row["Gate"].link.params) == {
            "run": run.key, "gate": judged["id"], "stage": stage
        }  # fmt: skip
        assert dict(row["Reform"].link.params) == {"run": run.key, "benchmark": name}
    assert shown[CTC]["Status"].status == "fail"
    assert shown["ssi-no-asset-limit-2026"]["Year"].text == "2026"


def test_every_number_stands_in_its_record(run: RunData) -> None:
    require_sourced(microsim_page(run, stage="default"), run)
    for name in (CTC, "capital-gains-indexing", "per-person-transfer"):
        require_sourced(benchmark_page(run, name, stage="beta"), run)


def test_the_chart_holds_each_difference_against_its_band(run: RunData) -> None:
    page = microsim_page(run, stage="default")
    data = data_of(charts(page)["Budget: difference and tolerance"])
    point = next(row for row in data if row.get("benchmark") == CTC and "low" not in row)
    band = next(row for row in data if row.get("benchmark") == CTC and "low" in row)
    judged = gate(run, f"benchmark.{CTC}.fiscal")
    assert point["difference"] == pytest.approx(judged["delta"] / 1e9)
    assert point["status"] == "fail"
    assert band["high"] == pytest.approx(judged["stages"]["default"]["limit"] / 1e9)
    assert band["low"] == -band["high"]
    assert abs(point["difference"]) > band["high"]


def test_a_tolerance_larger_than_the_effect_is_said_to_tell_nothing(run: RunData) -> None:
    judged = gate(run, "benchmark.ctc-repeal.fiscal")
    judged["incumbent"], judged["stages"]["default"]["limit"] = -4.9e9, 5e9
    even = gate(run, "benchmark.eitc-repeal.fiscal")
    even["incumbent"], even["stages"]["default"]["limit"] = -5e9, 5e9
    page = microsim_page(run, stage="default")
    shown = effects(page, "Budget")
    assert shown["ctc-repeal"]["Status"].note == BLUNT
    assert shown["eitc-repeal"]["Status"].note == ""
    (said,) = [each for each in notices(page) if each.text.startswith("Non-discriminating")]
    assert said.tone == "warning"
    assert "ctc-repeal" in said.text
    assert "eitc-repeal" not in said.text
    data = data_of(charts(page)["Budget: difference and tolerance"])
    blunt = {row["benchmark"]: row["blunt"] for row in data if "low" in row}
    assert blunt["ctc-repeal"] is True
    assert blunt["eitc-repeal"] is False
    gates = tables(benchmark_page(run, "ctc-repeal", stage="default"))["Gates of this benchmark"]
    assert gates.rows[0][1].note == BLUNT


def test_a_status_that_the_numbers_do_not_explain_says_why(run: RunData) -> None:
    stages = gate(run, "benchmark.eitc-repeal.fiscal")["stages"]
    stages["default"].update(status="fail", message="wrong sign: fiscal moves by -7, expected +")
    unmeasured = gate(run, "benchmark.ctc-repeal.fiscal")
    why = "the reform hardly moves the incumbent"
    unmeasured.update(delta=None, incumbent=None)
    unmeasured["stages"]["default"].update(
        status="unmeasured", limit=None, margin=None, message=why
    )
    page = microsim_page(run, stage="default")
    shown = effects(page, "Budget")
    assert shown["eitc-repeal"]["Status"].note.startswith("wrong sign")
    assert shown["ctc-repeal"]["Status"].note == why
    assert shown[CTC]["Status"].status == "fail"
    assert shown[CTC]["Status"].note == ""
    data = data_of(charts(page)["Budget: difference and tolerance"])
    assert not [row for row in data if row.get("benchmark") == "ctc-repeal" and "low" in row]


def test_a_difference_is_shown_relative_to_the_incumbents_effect(run: RunData) -> None:
    row = effects(microsim_page(run, stage="default"), "Budget")[CTC]
    effect = abs(entry(run, "incumbent_evidence", CTC)["delta"]["fiscal"])
    assert row["Relative"].raw == pytest.approx(row["Difference"].raw / effect)
    assert row["Relative"].text[0] in "+\N{MINUS SIGN}"
    entry(run, "incumbent_evidence", CTC)["delta"]["fiscal"] = 0.0
    row = effects(microsim_page(run, stage="default"), "Budget")[CTC]
    assert row["Relative"].text == NOTHING


def test_the_tolerance_is_that_of_the_policy_that_judged(run: RunData) -> None:
    page = microsim_page(run, stage="default")
    assert "5 % of the incumbent's effect or $5bn, whichever is larger" in texts(page)
    for each in run.records["policy"]["gates"]:
        if each["group"] == "benchmark":
            each["stages"]["default"]["limit"].update(relative=0.02, absolute=1e9, combine="min")
    page = microsim_page(run, stage="default")
    assert "2 % of the incumbent's effect or $1bn, whichever is smaller" in texts(page)
    assert "5 % of the incumbent's effect" not in texts(page)
    assert "No policy on record" in texts(microsim_page(without(run, "policy"), stage="default"))


def test_without_results_no_gate_is_counted(run: RunData) -> None:
    page = microsim_page(without(run, "gate_results"), stage="default")
    figures = next(block for block in walk(page.blocks) if isinstance(block, Figures))
    assert [figure.label for figure in figures.figures] == ["reforms in the suite"]


def test_winners_losers_and_poverty_of_every_reform(run: RunData) -> None:
    report = entry(run, "evidence", CTC)["report"]
    shares = (("lose_more_than_5pct", 0.01), ("lose_less_than_5pct", 0.02), ("no_change", 0.57))
    gains = (("gain_less_than_5pct", 0.3), ("gain_more_than_5pct", 0.1))
    report["winners_losers"]["all"] = dict((*shares, *gains))
    report["poverty"]["spm"]["all"] = {"baseline": 0.2, "reform": 0.18, "change": -0.02}
    null = {"baseline": None, "reform": None, "change": None, "reason": "not simulated"}
    entry(run, "incumbent_evidence", CTC)["report"]["poverty"]["spm"]["all"] = null
    page = microsim_page(run, stage="default")
    rows = rows_of(tables(page)["Who gains, who loses, and poverty"])
    assert list(rows) == [each["id"] for each in run.records["suite"]["benchmarks"]]
    row = rows[CTC]
    assert (row["Gain, candidate"].text, row["Lose, candidate"].text) == ("40 %", "3 %")
    assert row["Poverty, candidate"].text == "\N{MINUS SIGN}2 percentage points"
    assert row["Poverty, incumbent"].text == NOTHING
    assert row["Poverty, incumbent"].note == "not simulated"


def test_gates_are_counted_by_status(run: RunData) -> None:
    page = microsim_page(run, stage="default")
    figures = next(block for block in walk(page.blocks) if isinstance(block, Figures))
    found = {figure.label: figure.cell.raw for figure in figures.figures}
    statuses = [
        each["stages"]["default"]["status"]
        for each in run.records["gate_results"]["gates"]
        if each["group"] == "benchmark"
    ]
    assert found["gates: pass"] == statuses.count("pass")
    assert found["gates: fail"] == statuses.count("fail") > 0


@pytest.mark.parametrize("stage", ["beta", "default"])
def test_failing_gates_say_whether_they_block_the_stage(run: RunData, stage: str) -> None:
    stopping = [
        each["id"]
        for each in run.records["gate_results"]["gates"]
        if each["group"] == "benchmark"
        and each["stages"][stage]["status"] == "fail"
        and each["stages"][stage]["blocking"]
    ]
    assert bool(stopping) == (stage == "default")
    page = microsim_page(run, stage=stage)
    figures = next(block for block in walk(page.blocks) if isinstance(block, Figures))
    said = {figure.label: figure.against for figure in figures.figures}
    assert said["gates: fail"] == f"{len(stopping)} block {stage}"
    assert said["gates: pass"] == ""


def test_a_gate_without_a_delta_leaves_the_difference_to_be_derived(run: RunData) -> None:
    judged = gate(run, f"benchmark.{CTC}.fiscal")
    judged["delta"] = None
    row = effects(microsim_page(run, stage="default"), "Budget")[CTC]
    ours = entry(run, "evidence", CTC)["delta"]["fiscal"]
    theirs = entry(run, "incumbent_evidence", CTC)["delta"]["fiscal"]
    assert row["Difference"].raw == ours - theirs
    assert row["Difference"].rule == "candidate - incumbent"


@pytest.mark.parametrize(
    "name", ["suite", "evidence", "incumbent_evidence", "gate_results", "cross_engine"]
)
def test_an_absent_record_is_named_with_what_to_run(run: RunData, name: str) -> None:
    bare = without(run, name)
    for page in (microsim_page(bare, stage="beta"), benchmark_page(bare, CTC, stage="beta")):
        assert name == "suite" or not belied(page, [bare])
        if name == "cross_engine" and page.title != "Microsimulation benchmarks":
            continue
        if name == "gate_results" and page.title != "Microsimulation benchmarks":
            gates = tables(page)["Gates of this benchmark"]
            assert {row[1].text for row in gates.rows} == {"not judged"}
            continue
        assert "it was left out" in texts(page)


def test_a_sealed_run_is_told_to_be_built_again_and_an_unsealed_one_to_be_judged(
    run: RunData,
) -> None:
    judge, build = "mpgate bundle judge RUN --incumbent BASELINE", "mpgate build national"

    def command(found: RunData, name: str) -> str:
        page = microsim_page(without(found, name), stage="beta")
        said = (each for each in notices(page) if "it was left out" in each.text)
        return next(said).command

    assert command(run, "gate_results") == judge
    assert command(run, "cross_engine").startswith(build)
    assert command(replace(run, state="unsealed"), "cross_engine") == judge
    assert command(replace(run, product="mp-local-fast"), "cross_engine") == ""


def test_the_external_benchmark_is_shown_or_why_it_is_not(run: RunData) -> None:
    shown = tables(microsim_page(run, stage="beta"))["Published values and the candidate's"]
    assert [row[2].raw for row in shown.rows] == [
        each["expected"] for each in run.records["external"]["rows"]
    ]
    kept = ["within" if row["within"] else "outside" for row in run.records["external"]["rows"]]
    assert [row[5].text for row in shown.rows] == kept
    assert set(kept) == {"within", "outside"}
    bare = sample_run(name="bare", absent=["external"])
    page = microsim_page(bare, stage="beta")
    judged = gate(bare, "benchmark.tara-watson.external")
    assert judged["stages"]["beta"]["status"] == "unmeasured"
    assert f"unmeasured: {judged['message']}" in texts(page)
    assert "--external FILE" in texts(page)
    waiting = rows_of(tables(page)["Benchmarks that wait for the published values"])
    assert set(waiting) == {"ssi-asset-limits-10k-20k-2026", "ssi-no-asset-limit-2026"}


def test_the_second_engine_explains_its_difference(run: RunData) -> None:
    page = microsim_page(run, stage="beta")
    for tax in run.records["cross_engine"]["taxes"]:
        table = tables(page)[tax["title"]]
        explained = [row[2].raw for row in table.rows if row[1].text == "explained"]
        unexplained = rows_of(table)["Not explained"]["Amount"].raw
        assert explained == [part["value"] for part in tax["parts"]]
        assert math.fsum([*explained, unexplained]) == pytest.approx(tax["difference"])
    assert run.records["cross_engine"]["caveat"] in texts(page)


def test_the_identity_shows_both_sides(run: RunData) -> None:
    page = microsim_page(run, stage="beta")
    title = next(name for name in tables(page) if name.endswith(": identity"))
    shown = rows_of(tables(page)[title])
    ours = entry(run, "evidence", "per-person-transfer")["identity"]
    assert shown["People in the file"]["Candidate"].raw == ours["population"]
    assert shown["Cost that was measured"]["Candidate"].raw == ours["measured"]
    status = gate(run, "benchmark.per-person-transfer.identity")["stages"]["beta"]["status"]
    assert shown["Status"]["Candidate"].status == status
