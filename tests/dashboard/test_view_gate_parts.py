"""What a gate's difference is made of, its scale and its past, in tables and charts."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from app_harness import sample_index, show
from gate_pages import changed, charts, gate_of, page, values
from sample_reading import gates_frame
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, tables, texts

from dashboard import session
from dashboard.blocks import Chart, Link, walk
from dashboard.run_data import RunData
from dashboard.views.gate import gate_page
from dashboard.views.gate_past import PAST


@pytest.fixture(scope="module")
def run() -> RunData:
    """Failures, a waiver and an error."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


def test_contributors_are_listed_and_said_to_add_up(run: RunData) -> None:
    gate = gate_of(run, "family.snap")[1]
    found = tables(page(run, "family.snap"))
    parts, total = found["Contributors"], found["Contributors: do they add up?"]
    assert column(parts, "Part") == [each["name"] for each in gate["contributors"]]
    assert total.rows[0][1].raw == pytest.approx(gate["delta"])
    assert total.rows[1][1].raw == gate["delta"]
    assert total.note == "The parts add up to the difference."
    assert parts.rows[0][0].link == Link(
        "target", {"run": run.key, "target": parts.rows[0][0].text}, parts.rows[0][0].text
    )


def test_parts_that_do_not_add_up_are_called_so(run: RunData) -> None:
    parts = [{"name": "all other targets", "value": 0.5}]
    found = tables(page(changed(run, "family.snap", contributors=parts), "family.snap"))
    assert "do NOT add up" in found["Contributors: do they add up?"].note
    assert found["Contributors"].rows[0][0].link is None
    found = tables(page(changed(run, "family.snap", delta=None), "family.snap"))
    assert "No difference is recorded" in found["Contributors: do they add up?"].note


def test_a_reform_is_broken_down_by_program_state_and_decile_in_dollars(run: RunData) -> None:
    gate = gate_of(run, "benchmark.ctc-arpa.fiscal")[1]
    found = tables(page(run, "benchmark.ctc-arpa.fiscal"))
    for title, parts in (
        ("Contributors", gate["contributors"]),
        ("By state", gate["breakdowns"]["state"]),
        ("By decile", gate["breakdowns"]["decile"]),
    ):
        assert [row[1].raw for row in found[title].rows] == [each["value"] for each in parts]
        assert "$" in found[title].rows[0][1].text
        assert found[f"{title}: do they add up?"].note == "The parts add up to the difference."


def test_a_rounding_of_two_dollars_is_no_gap_and_more_is(run: RunData) -> None:
    gate = gate_of(run, "benchmark.ctc-arpa.fiscal")[1]
    for off, said in ((1.5, "The parts add up"), (2.5, "The parts do NOT")):
        found = changed(run, gate["id"], delta=gate["delta"] + off)
        note = tables(page(found, gate["id"]))["Contributors: do they add up?"].note
        assert note.startswith(said)


def test_a_gate_without_parts_says_so(run: RunData) -> None:
    assert "name no contributors" in texts(page(run, "runtime.median"))


def test_value_and_limits_stand_on_a_scale_with_two_standard_errors(run: RunData) -> None:
    place, gate = gate_of(run, "family.snap")
    assert place
    chart = charts(page(run, "family.snap"))["Value against the limit"]
    rows = {each["stage"]: each for each in values(chart)}
    for stage in ("beta", "default"):
        assert rows[stage]["value"] == gate["value"]
        assert rows[stage]["limit"] == gate["stages"][stage]["limit"]
        half = (rows[stage]["high"] - rows[stage]["low"]) / 2
        assert half == pytest.approx(2 * gate["standard_error"])
    said = next(e for e in walk(page(run, "family.snap").blocks) if isinstance(e, Chart))
    assert "two standard errors" in said.description


def test_dollars_stand_in_billions_on_the_axes(run: RunData) -> None:
    gate = gate_of(run, "benchmark.ctc-arpa.fiscal")[1]
    found = charts(page(run, gate["id"]))
    assert values(found["Value against the limit"])[0]["value"] == gate["value"] / 1e9
    sides = {each["side"]: each["value"] for each in values(found["Candidate and incumbent"])}
    assert sides == {side: gate[side] / 1e9 for side in ("candidate", "incumbent")}
    assert values(found["By state"])[0]["value"] == gate["breakdowns"]["state"][0]["value"] / 1e9


def test_the_past_of_a_gate_is_shown_run_by_run_the_newest_first(run: RunData) -> None:
    older = changed(run, "family.snap", key="older", value=0.25)
    history = gates_frame([run, older], "family.snap")
    found = gate_page(run, "family.snap", history, stage="default")
    table = tables(found)["family.snap by run, the newest first"]
    assert column(table, "Run") == ["varied", "older"]
    assert table.rows[0][0].note == "this run"
    assert table.rows[1][0].link == Link(
        "gate", {"run": "older", "gate": "family.snap", "stage": "default"}, "older"
    )
    assert belied(found, [run, older]) == []
    points = values(charts(found)["This gate over the runs"])
    assert [(each["run"], each["shown"]) for each in points] == [
        ("older", "other run"),
        ("varied", "this run"),
    ]
    assert points[0]["value"] == 0.25


def test_runs_of_one_name_are_told_apart_in_the_past_of_a_gate(run: RunData) -> None:
    twin = replace(changed(run, "family.snap", key="twin", value=0.25), run_id="varied")
    found = gate_page(run, "family.snap", gates_frame([run, twin], "family.snap"), stage="default")
    names = [f"varied ({run.key[:4]})", "varied (twin)"]
    assert column(tables(found)["family.snap by run, the newest first"], "Run") == names
    points = values(charts(found)["This gate over the runs"])
    assert [each["run"] for each in points] == names[::-1]


def test_a_run_that_measured_a_gate_in_another_unit_is_not_on_its_scale(run: RunData) -> None:
    older = changed(run, "family.snap", key="older", unit="dollars")
    found = gate_page(run, "family.snap", gates_frame([run, older], "family.snap"), stage="default")
    assert [each["run"] for each in values(charts(found)["This gate over the runs"])] == ["varied"]
    assert len(tables(found)["family.snap by run, the newest first"].rows) == 2


def test_of_many_runs_the_newest_are_shown_and_all_are_counted(run: RunData) -> None:
    frame = gates_frame([run], "family.snap")
    many = pd.concat([frame.assign(run=f"{n:04d}", run_id=f"r{n}") for n in range(PAST + 5)])
    table = tables(gate_page(run, "family.snap", many, stage="default"))[
        "family.snap by run, the newest first"
    ]
    assert column(table, "Run")[:: PAST - 1] == ["r0", f"r{PAST - 1}"]
    assert table.note.endswith(f"The newest {PAST} of {PAST + 5} runs.")


def test_the_past_of_a_gate_holds_no_other_products_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = sample_index()
    monkeypatch.setenv(session.INDEX_VARIABLE, str(runs.db))
    shown = show("gate", gate="runtime.median")
    assert f'data-source="{runs.keys["before"]}|' in shown.html
    assert f'data-source="{runs.keys["rich"]}|' not in shown.html
    local = show("gate", gate="runtime.median", run=runs.keys["rich"])
    assert f'data-source="{runs.keys["rich"]}|' in local.html
    assert f'data-source="{runs.keys["before"]}|' not in local.html


def test_runs_that_did_not_measure_a_gate_are_in_its_table_but_not_in_its_chart(
    run: RunData,
) -> None:
    older = changed(run, "family.snap", key="older", value=None)
    found = gate_page(run, "family.snap", gates_frame([run, older], "family.snap"), stage="default")
    assert column(tables(found)["family.snap by run, the newest first"], "Value")[1] == "–"
    assert len(values(charts(found)["This gate over the runs"])) == 1


def test_a_gate_that_no_indexed_run_judged_has_no_past(run: RunData) -> None:
    found = gate_page(run, "family.snap", pd.DataFrame(), stage="default")
    assert "No run of the index has judged this gate." in texts(found)


def test_names_of_parts_are_kept_as_they_are(run: RunData) -> None:
    parts = [{"name": "<img src=x>", "value": 1.0}]
    found = page(changed(run, "family.snap", contributors=parts, delta=1.0), "family.snap")
    assert column(tables(found)["Contributors"], "Part") == ["<img src=x>"]
    assert values(charts(found)["Contributors"])[0]["part"] == "<img src=x>"
