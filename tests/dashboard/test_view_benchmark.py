"""The page of one reform says what the records say of its definition, its effect and its parts."""

from __future__ import annotations

import pytest
from sample_lookup import CTC, entry
from sample_runs import VARIED, sample_run
from shown_pages import links, notices, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.microsim import benchmark_page, microsim_page

MEASURES = ("Budget", "Household net income")
LARGER = "whichever is larger"
SIDE = "incumbent_evidence"


@pytest.fixture
def run() -> RunData:
    return sample_run(name="varied", **VARIED)


def test_every_gate_of_a_benchmark_has_its_own_rule(run: RunData) -> None:
    page = benchmark_page(run, "per-person-transfer", stage="default")
    rules = rows_of(tables(page)["Gates of this benchmark"])
    assert rules["benchmark.per-person-transfer.identity"]["Gate"].note == "0.0001 %"
    assert rules["benchmark.per-person-transfer.fiscal"]["Gate"].note.endswith("$5bn, " + LARGER)


def test_the_frozen_signs_and_floors_are_shown(run: RunData) -> None:
    frozen = entry(run, "suite", CTC)
    table = tables(benchmark_page(run, CTC, stage="default"))["What the suite expects"]
    assert [row[1].text for row in table.rows] == list(frozen["sign"].values())
    assert {row[2].raw for row in table.rows} == {*frozen["non_vacuity_floor"].values(), None}
    assert frozen["floor_reason"] in table.note


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
    page = benchmark_page(run, CTC, stage="beta")
    assert not notices(page)
    found = tables(page)
    for title in titles:
        rows = rows_of(found[title])
        for side in ("Candidate", "Incumbent"):
            total, effect = rows["Sum of the parts"][side], rows["Effect"][side]
            assert total.rule == "sum of the parts above"
            assert total.raw == pytest.approx(effect.raw, rel=1e-6, abs=1.0)
    entry(run, "evidence", CTC)["by_decile"]["fiscal"][3]["value"] += 7e9
    page = benchmark_page(run, CTC, stage="beta")
    assert [(each.tone, each.text.split(":")[0]) for each in notices(page)] == [
        ("bad", "Budget by decile")
    ]
    rows = rows_of(tables(page)["Budget by decile"])
    gap = rows["Sum of the parts"]["Candidate"].raw - rows["Effect"]["Candidate"].raw
    assert gap == pytest.approx(7e9, rel=1e-6)


def test_a_benchmark_that_a_file_was_not_measured_on_is_named(run: RunData) -> None:
    record = run.records["evidence"]
    record["benchmarks"] = [each for each in record["benchmarks"] if each["id"] != CTC]
    page = benchmark_page(run, CTC, stage="beta")
    (said,) = notices(page)
    assert said.text == f"Not measured: the evidence of the candidate holds no {CTC}."
    assert rows_of(tables(page)["Budget by program"])["Effect"]["Candidate"].text == NOTHING


def test_a_decile_that_one_file_lacks_is_a_dash(run: RunData) -> None:
    deciles = entry(run, "incumbent_evidence", CTC)["report"]["deciles"]
    deciles[:] = [each for each in deciles if each["decile"] != "7"]
    page = benchmark_page(run, CTC, stage="beta")
    row = rows_of(tables(page)["Mean change per household by decile"])["decile 7"]
    assert row["Incumbent"].text == row["Incumbent, relative"].text == NOTHING
    assert row["Candidate"].text != NOTHING


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


@pytest.mark.parametrize("name", [CTC, "ssi-asset-limits-10k-20k", "capital-gains-indexing"])
def test_external_figures_are_context_and_never_judged(run: RunData, name: str) -> None:
    stated = entry(run, "suite", name)["external_comparators"]
    for page in (benchmark_page(run, name, stage="beta"), microsim_page(run, stage="beta")):
        table = tables(page)["Published figures"]
        rows = [row for row in table.rows if row[0].text == name]
        own = [row for row in rows if row[4].text.startswith("this run")]
        others = [row for row in rows if row not in own]
        assert [row[2].raw for row in others] == [one["value"] for one in stated]
        assert [row[1].text for row in others] == [one["source"] for one in stated]
        assert [row[5].text for row in others] == [one["comparability"] for one in stated]
        assert all(cell.status is None for row in table.rows for cell in row)
        for row, one in zip(others, stated, strict=True):
            assert row[2].text.endswith("over 10 years") == (one["unit"] == "usd_over_10_years")
            assert row[3].text == str(one.get("period", NOTHING))
        effects_of = [entry(run, record, name)["delta"] for record in ("evidence", SIDE)]
        assert [row[2].raw for row in own[:2]] == [each["fiscal"] for each in effects_of]
        persons = any(one["unit"] == "persons" for one in stated)
        counts = [each["ssi_recipients"] for each in effects_of] if persons else []
        assert [row[2].raw for row in own[2:]] == counts


def test_persons_are_set_beside_only_where_others_count_them(run: RunData) -> None:
    name = "ssi-asset-limits-10k-20k"
    frozen = entry(run, "suite", name)
    dollars = [one for one in frozen["external_comparators"] if one["unit"] != "persons"]
    frozen["external_comparators"] = dollars
    table = tables(benchmark_page(run, name, stage="beta"))["Published figures"]
    assert len(table.rows) == 2 + len(dollars)


def test_a_reform_without_a_published_figure_says_so(run: RunData) -> None:
    entry(run, "suite", CTC)["external_comparators"] = []
    table = tables(benchmark_page(run, CTC, stage="beta"))["Published figures"]
    assert table.rows[-1][-1].text == "the suite names no published figure"
