"""The benchmark pages say what the records say, for every reform, and what is absent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from sample_runs import VARIED, sample_run
from shown_pages import belied, links, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.blocks import Figures, Page, walk
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.microsim import benchmark_page, microsim_page

MEASURES = {"Budget": "fiscal", "Household net income": "household_net_income"}
CTC = "ctc-arpa"


@pytest.fixture
def run() -> RunData:
    return sample_run(name="varied", **VARIED)


def entry(run: RunData, record: str, benchmark: str) -> dict[str, Any]:
    return next(each for each in run.records[record]["benchmarks"] if each["id"] == benchmark)


def gate(run: RunData, name: str) -> dict[str, Any]:
    return next(each for each in run.records["gate_results"]["gates"] if each["id"] == name)


def without(run: RunData, *names: str) -> RunData:
    kept = {name: record for name, record in run.records.items() if name not in names}
    return replace(run, records=kept, absent=dict.fromkeys(names, "it was left out"))


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
        assert "mpgate bundle judge" in texts(page)


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


def test_a_reform_is_defined_by_its_parameters(run: RunData) -> None:
    table = tables(benchmark_page(run, CTC, stage="beta"))["Parameters that the reform sets"]
    stated = {
        (name, value)
        for name, values in run.get("suite", "/benchmarks/4/reform").items()
        for value in values.values()
    }
    assert {row[0].text for row in table.rows} == {name for name, _ in stated}
    assert {row[2].text for row in table.rows} == {"3,600", "3,000", "18", "True"}
    assert {row[1].text for row in table.rows} == {"2024-01-01 to 2100-12-31"}
    indexing = tables(benchmark_page(run, "capital-gains-indexing", stage="beta"))
    assert rows_of(indexing["Definition"])["prices"]["Value"].text == "cpi_u"


def test_every_output_is_shown_in_its_unit(run: RunData) -> None:
    page = benchmark_page(run, "ssi-no-asset-limit", stage="beta")
    shown = tables(page)["Change of every output"]
    outputs = entry(run, "suite", "ssi-no-asset-limit")["outputs"]
    assert len(shown.rows) == len(outputs)
    persons = [row[1].text for row in shown.rows if row[0].text.startswith("Persons")]
    assert len(persons) == 4
    assert all(text.endswith("persons") for text in persons)
    assert shown.rows[0][1].text.startswith("\N{MINUS SIGN}$")


def test_parts_are_summed_and_held_against_the_effect(run: RunData) -> None:
    titles = [f"{measure} by {by}" for measure in MEASURES for by in ("program", "decile", "state")]
    found = tables(benchmark_page(run, CTC, stage="beta"))
    for title in titles:
        rows = rows_of(found[title])
        for side in ("Candidate", "Incumbent"):
            total, effect = rows["Sum of the parts"][side], rows["Effect"][side]
            assert total.rule == "sum of the parts above"
            assert total.raw == pytest.approx(effect.raw, rel=1e-6, abs=1.0)
    entry(run, "evidence", CTC)["by_decile"]["fiscal"][3]["value"] += 7e9
    rows = rows_of(tables(benchmark_page(run, CTC, stage="beta"))["Budget by decile"])
    gap = rows["Sum of the parts"]["Candidate"].raw - rows["Effect"]["Candidate"].raw
    assert gap == pytest.approx(7e9, rel=1e-6)


def test_external_figures_are_context_and_never_judged(run: RunData) -> None:
    for name in (CTC, "ssi-asset-limits-10k-20k", "capital-gains-indexing"):
        each = entry(run, "suite", name)
        table = tables(benchmark_page(run, name, stage="beta"))["Published figures"]
        stated = each["external_comparators"]
        assert [row[1].raw for row in table.rows] == [one["value"] for one in stated]
        assert [row[4].text for row in table.rows] == [one["comparability"] for one in stated]
        assert all(cell.status is None for row in table.rows for cell in row)
        for row, one in zip(table.rows, stated, strict=True):
            assert row[1].text.endswith("over 10 years") == (one["unit"] == "usd_over_10_years")
            assert row[2].text == str(one.get("period", NOTHING))


def test_winners_and_losers_are_shown_for_both_files_and_every_decile(run: RunData) -> None:
    entry(run, "incumbent_evidence", CTC)["report"]["winners_losers"]["all"]["no_change"] = 0.75
    page = benchmark_page(run, CTC, stage="beta")
    for label in ("candidate", "incumbent"):
        rows = rows_of(tables(page)[f"Winners and losers: {label}"])
        assert len(rows) == 12
        assert {"everybody", "decile 1", "decile 10", "negative income"} <= set(rows)
    rows = rows_of(tables(page)["Winners and losers: incumbent"])
    assert rows["everybody"]["no change"].text == "75 %"


def test_what_is_not_defined_is_a_dash_with_its_reason(run: RunData) -> None:
    report = entry(run, "evidence", CTC)["report"]
    null = {"baseline": None, "reform": None, "change": None, "reason": "nobody is that old"}
    report["poverty"]["spm"]["senior"] = null
    report["inequality"]["gini"] = {**null, "reason": "there is no income"}
    classes = report["winners_losers"]["by_decile"][10]
    classes.update(dict.fromkeys([key for key in classes if key != "decile"]), reason="empty group")
    means = report["deciles"][2]
    means.update(relative_change=None, reason="the baseline mean is zero")
    page = benchmark_page(run, CTC, stage="beta")
    require_sourced(page, run)
    found = tables(page)
    poverty = rows_of(found["Poverty (Supplemental Poverty Measure)"])["65 and over"]
    assert poverty["Candidate: baseline"].text == NOTHING
    assert poverty["Candidate: baseline"].note == "nobody is that old"
    assert poverty["Candidate: change"].text == NOTHING
    assert poverty["Incumbent: baseline"].text != NOTHING
    assert rows_of(found["Inequality"])["Gini index"]["Candidate: reform"].text == NOTHING
    losers = rows_of(found["Winners and losers: candidate"])[classes["decile"].replace("_", " ")]
    assert losers["no change"].text == NOTHING
    decile = rows_of(found["Mean change per household by decile"])["decile 3"]
    assert decile["Candidate, relative"].text == NOTHING
    assert decile["Candidate"].note == "the baseline mean is zero"
    drawn = {row["group"] for row in data_of(charts(page)["Winners and losers: candidate"])}
    assert "everybody" in drawn
    assert classes["decile"].replace("_", " ") not in drawn


def test_shares_change_by_percentage_points(run: RunData) -> None:
    report = entry(run, "evidence", CTC)["report"]
    report["poverty"]["spm"]["child"] = {"baseline": 0.16, "reform": 0.11, "change": -0.05}
    found = tables(benchmark_page(run, CTC, stage="beta"))
    row = rows_of(found["Poverty (Supplemental Poverty Measure)"])["children under 18"]
    assert row["Candidate: baseline"].text == "16 %"
    assert row["Candidate: change"].raw == pytest.approx(-5.0)
    assert row["Candidate: change"].text.endswith("percentage points")
    gini = rows_of(found["Inequality"])["Gini index"]["Candidate: change"]
    assert gini.source is not None


def test_own_lots_stand_beside_the_judged_result(run: RunData) -> None:
    name = "capital-gains-indexing"
    title = "Change of every output with the file's own lots"
    assert title not in tables(benchmark_page(run, name, stage="beta"))
    ours = entry(run, "evidence", name)
    delta = {key: value * 2 for key, value in ours["delta"].items()}
    ours["own_lots"] = {"lots": 1234, "sha256": "a" * 64, "delta": delta}
    page = benchmark_page(run, name, stage="beta")
    require_sourced(page, run)
    assert tables(page)[title].rows[0][1].raw == 2 * ours["delta"]["fiscal"]
    assert tables(page)[title].rows[0][2].text == NOTHING
    assert rows_of(tables(page)["Lots that the files bring"])["Candidate"]["Lots"].raw == 1234


def test_an_unknown_benchmark_is_said_to_be_unknown(run: RunData) -> None:
    page = benchmark_page(run, "<b>none</b>", stage="beta")
    assert "no benchmark called <b>none</b>" in texts(page)
    assert [link.text for link in links(page)] == ["All benchmarks"]
