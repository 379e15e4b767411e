"""The gate page: the rule, how far off, what makes the difference, who waived it, its past."""

from __future__ import annotations

import copy
from dataclasses import replace

import pandas as pd
import pytest
from gate_pages import RESULTS, changed, charts, gate_of, page
from sample_reading import gates_frame
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, links, notices, tables, texts, untraced

from dashboard.blocks import Figures, Link, Links, Page
from dashboard.run_data import RunData
from dashboard.units import shown
from dashboard.views.gate import gate_page, gates_page
from dashboard.views.verdicts import group_title


@pytest.fixture(scope="module")
def run() -> RunData:
    """Failures, a waiver and an error."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


def first_links(page: Page) -> tuple[Link, ...]:
    return next(each for each in page.blocks if isinstance(each, Links)).links


def some_gates(run: RunData) -> list[str]:
    """Return one gate of every group, and all that do not simply pass."""
    gates = run.records[RESULTS]["gates"]
    firsts = {each["group"]: each["id"] for each in reversed(gates)}.values()
    others = [each["id"] for each in gates if each["status"] not in ("pass", "not_applicable")]
    return list(dict.fromkeys([*firsts, *others]))


def test_a_gates_page_shows_the_numbers_of_the_records(run: RunData) -> None:
    history = gates_frame([run])
    for gate in some_gates(run):
        found = gate_page(run, gate, history[history["gate"] == gate], stage="default")
        assert untraced(found) == [], gate
        assert belied(found, [run]) == [], gate
        assert found.title == gate_of(run, gate)[1]["title"]
        assert all(each.params.get("run") == run.key for each in links(found))


def test_the_list_has_every_gate_once_in_the_order_of_the_policy(run: RunData) -> None:
    found = gates_page(run, stage="beta")
    (table,) = tables(found).values()
    gates = run.records[RESULTS]["gates"]
    assert [row[0].note for row in table.rows] == [each["id"] for each in gates]
    assert column(table, "Group") == [group_title(each["group"]) for each in gates]
    assert column(table, "Stage beta") == [
        each["stages"]["beta"]["status"].replace("_", " ") for each in gates
    ]
    assert column(table, "Blocks beta") == [
        "yes" if each["stages"]["beta"]["blocking"] else "no" for each in gates
    ]
    noise = {True: "within noise", False: "beyond noise", None: ""}
    assert [row[-1].note for row in table.rows] == [noise[each["within_noise"]] for each in gates]
    params = {"run": run.key, "gate": "family.snap", "stage": "beta"}
    assert Link("gate", params, "family.snap") in links(found)
    assert untraced(found) == []
    assert belied(found, [run]) == []


def test_the_list_names_the_gates_that_were_left_out(run: RunData) -> None:
    results = {**run.records[RESULTS], "deselected": ["loss.old", "size.old"]}
    partial = replace(run, records={**run.records, RESULTS: results})
    (table,) = tables(gates_page(partial, stage="default")).values()
    assert table.note == "Left out of this run, so not judged: loss.old, size.old."
    (table,) = tables(gates_page(run, stage="default")).values()
    assert table.note == ""


def test_the_finding_comes_first_with_what_to_do(run: RunData) -> None:
    gate = gate_of(run, "family.snap")[1]
    said = notices(page(run, "family.snap"))[0]
    assert said.tone == "bad"
    assert said.text.startswith("Stage default: fail, and this blocks it.")
    assert gate["message"] in said.text
    assert f"What to do: {gate['remedy']}" in said.text
    at_beta = notices(page(run, "family.snap", "beta"))[0].text
    assert at_beta.startswith("Stage beta: fail. ")
    passed = notices(page(run, "size.h5"))[0]
    assert (passed.tone, "What to do" in passed.text) == ("good", False)


def test_a_failure_that_does_not_rest_on_the_value_is_explained_first(run: RunData) -> None:
    gate = gate_of(run, "benchmark.ctc-repeal.fiscal")[1]
    reason = "vacuous: fiscal moves by 0, below the floor of 200,000,000"
    failed = {**gate["stages"]["default"], "status": "fail", "message": reason}
    found = changed(run, gate["id"], stages={**gate["stages"], "default": failed})
    said = notices(page(found, gate["id"]))[0].text
    assert said.startswith(f"Stage default: fail, and this blocks it. {reason}. {gate['message']}.")
    assert notices(page(run, gate["id"]))[0].text == f"Stage default: pass. {gate['message']}."


def test_three_clicks_lead_from_a_failing_gate_to_the_target_that_makes_it_worse(
    run: RunData,
) -> None:
    for gate in ("family.snap", "family.wages", "aggregate.wage_income", "loss.broad"):
        parts = gate_of(run, gate)[1]["contributors"]
        targets = {each["target_id"] for each in run.records["loss"]["targets"]}
        worse = [part for part in parts if part["name"] in targets and part["value"] > 0]
        top = max(worse, key=lambda part: part["value"])["name"]
        link = first_links(page(run, gate))[0]
        if gate != "loss.broad":  # it passes: its largest part may be a better one
            assert link == Link(
                "target", {"run": run.key, "target": top}, f"Top contributor: {top}"
            )
        assert link.page == "target"


def test_a_passing_gates_top_contributor_may_be_what_made_it_better(run: RunData) -> None:
    targets = [each["target_id"] for each in run.records["loss"]["targets"]][:2]
    parts = [{"name": targets[0], "value": -0.9}, {"name": targets[1], "value": 0.1}]
    found = changed(run, "loss.broad", contributors=parts)
    assert first_links(page(found, "loss.broad"))[0].params["target"] == targets[0]
    failed = {"default": {**gate_of(run, "loss.broad")[1]["stages"]["default"], "status": "fail"}}
    stages = {**gate_of(run, "loss.broad")[1]["stages"], **failed}
    found = changed(run, "loss.broad", contributors=parts, stages=stages)
    assert first_links(page(found, "loss.broad"))[0].params["target"] == targets[1]


def test_a_held_out_failure_leads_to_its_worst_held_out_target(run: RunData) -> None:
    found = page(run, "loss.held_out")
    held = [each for each in run.records["loss"]["targets"] if each["role"] == "held_out"]
    worst = max(held, key=lambda each: each["contribution"])["target_id"]
    top, targets = first_links(found)[:2]
    assert (top.page, top.params["target"]) == ("target", worst)
    assert targets.params == {"run": run.key, "gate": "loss.held_out"}
    table = tables(found)["Held-out targets, the worst first"]
    assert column(table, "Target")[0] == worst
    assert "do not add up" in table.note


@pytest.mark.parametrize(
    ("gate", "link"),
    [
        ("family.snap", ("targets", {"gate": "family.snap"})),
        ("targets.provenance", ("targets", {"gate": "targets.provenance"})),
        ("benchmark.ctc-arpa.fiscal", ("microsim", {"benchmark": "ctc-arpa"})),
        ("benchmark.tara-watson.external", ("microsim", {})),
        ("size.h5", ("artifacts", {})),
        ("runtime.median", ("artifacts", {})),
        ("artifacts.bundle", ("artifacts", {})),
    ],
)
def test_each_kind_of_gate_links_to_the_page_that_explains_it(
    run: RunData, gate: str, link: tuple[str, dict[str, str]]
) -> None:
    found = [(each.page, dict(each.params)) for each in first_links(page(run, gate))]
    assert (link[0], {"run": run.key, **link[1]}) in found
    assert found[-1] == ("gate", {"run": run.key, "stage": "default"})


def test_sizes_are_in_bytes_and_their_limit_is_a_ratio(run: RunData) -> None:
    found = page(run, "size.h5")
    sides = tables(found)["Candidate and incumbent"]
    size = run.records[RESULTS]["candidate"]["size_bytes"]
    assert sides.rows[0][1].raw == size
    assert sides.rows[0][1].text == shown(size, "bytes")
    (figures,) = [each for each in found.blocks if isinstance(each, Figures)]
    assert figures.figures[1].cell.text == "2"


@pytest.mark.parametrize("gate", ["release.contract", "contract.values.finite"])
def test_a_gate_without_a_value_has_no_chart_but_its_reason(run: RunData, gate: str) -> None:
    found = page(run, gate)
    assert "Value against the limit" not in charts(found)
    assert gate_of(run, gate)[1]["message"] in notices(found)[0].text
    assert column(tables(found)["At both stages"], "Value") == ["–", "–"]


def test_both_stages_are_shown_the_chosen_one_first(run: RunData) -> None:
    table = tables(page(run, "runtime.median", "beta"))["At both stages"]
    assert column(table, "Stage") == ["beta", "default"]
    assert column(table, "Limit") == ["2", "1.250"]
    gate = gate_of(run, "runtime.median")[1]
    assert column(table, "Why") == [gate["stages"][s]["message"] for s in ("beta", "default")]


@pytest.mark.parametrize(
    ("gate", "said", "without"),
    [
        (
            "loss.broad",
            "The value must be below 0.",
            "The value must be below the limit.",
        ),
        (
            "benchmark.ctc-base-3000.fiscal",
            "The value must be no more than 0.05 times the figure it is held against or $5bn, "
            "whichever is larger.",
            "The value must be no more than the limit.",
        ),
        (
            "family.snap",  # which fails: more than the limit
            "The value must be no more than 0.05 times the figure it is held against or 0.005000, "
            "whichever is larger.",
            "The value must be no more than the limit.",
        ),
        (
            "release.contract",
            "The value must be no more than 0 missing parts.",
            "The records of this run do not state it.",
        ),
    ],
)
def test_the_rule_is_in_the_plans_words(run: RunData, gate: str, said: str, without: str) -> None:
    found = gate_of(run, gate)[1]
    doc = next(each["doc"] for each in run.records["policy"]["gates"] if each["id"] == gate)
    wanted = [found["title"], doc, found["clause"], found["unit"], said]
    assert column(tables(page(run, gate))["The rule"], "In words")[:5] == wanted
    unsealed = replace(run, records={k: v for k, v in run.records.items() if k != "policy"})
    shown = column(tables(page(unsealed, gate))["The rule"], "In words")
    assert (shown[1], shown[4]) == ("–", without)
    assert "this run has no policy record" in texts(page(unsealed, gate))


def test_a_waived_gate_names_its_record_and_who_answers_for_it(run: RunData) -> None:
    table = tables(page(run, "aggregate.snap_value"))["Waiver or explanation"]
    ((record, said),) = table.rows
    assert record.text == "aggregate.snap-value-1"
    assert "owner the benefits team" in said.text
    assert "expires 2026-12-31" in said.text
    assert notices(page(run, "aggregate.snap_value"))[0].tone == "warning"
    assert "Waiver or explanation" not in tables(page(run, "aggregate.wage_income"))


@pytest.mark.parametrize(
    ("gate", "records"),
    [
        ("loss.broad", ["loss", "evidence", "incumbent evidence", "suite", "candidate manifest"]),
        ("contract.loader", ["loader"]),
        ("contract.lengths", ["contract"]),
        ("benchmark.tara-watson.external", ["external"]),
    ],
)
def test_evidence_is_named_with_the_hashes_it_was_judged_by(
    run: RunData, gate: str, records: list[str]
) -> None:
    table = tables(page(run, gate))["What the gate was judged on"]
    assert column(table, "Record") == [*records, "candidate file", "incumbent file", "policy"]
    hashes = run.records[RESULTS]["inputs"]
    names = [each.replace(" ", "_") for each in records]
    assert [row[1].raw for row in table.rows[: len(names)]] == [hashes[each] for each in names]
    assert column(table, "SHA-256")[0] == hashes[names[0]][:12]
    assert table.rows[0][1].note == hashes[names[0]]


def test_a_record_that_was_not_there_is_named_so(run: RunData) -> None:
    table = tables(page(run, "exceptions.valid"))["What the gate was judged on"]
    assert column(table, "Record")[0] == "exceptions"
    absent = copy.deepcopy(dict(run.records))
    absent[RESULTS]["inputs"]["exceptions"] = None
    table = tables(page(replace(run, records=absent), "exceptions.valid"))[
        "What the gate was judged on"
    ]
    assert column(table, "SHA-256")[0] == "not there"


def test_a_gate_that_is_unknown_and_a_run_without_verdict_are_said_to_be_so(run: RunData) -> None:
    found = page(run, "no.such'gate")
    assert 'did not judge a gate "no.such\'gate"' in texts(found)
    assert Link("gate", {"run": run.key, "stage": "default"}, "All gates of this run") in links(
        found
    )
    bare = RunData("abc", "new", "mp-national", "sealed", {}, {"gate_results": "not judged yet"})
    unjudged = gate_page(bare, "loss.broad", pd.DataFrame(), stage="default")
    for each in (gates_page(bare, stage="default"), unjudged):
        assert notices(each)[0].command == "mpgate bundle judge RUN"
        assert "not judged yet" in texts(each)


def test_a_gate_judged_by_the_incumbents_own_estimate_links_to_no_targets(run: RunData) -> None:
    for gate in ("family.household_net_income", "aggregate.household_net_income"):
        assert [each.page for each in first_links(page(run, gate))] == ["gate"]
