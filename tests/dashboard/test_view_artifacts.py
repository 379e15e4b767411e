"""The artifacts page says what the records say of size, weights, runtime, build and bundle."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
from sample_lookup import gate, without
from sample_runs import sample_run
from shown_pages import belied, links, tables, texts
from view_checks import charts, data_of, require_sourced, rows_of

from dashboard.blocks import Figures, walk
from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.artifacts import artifacts_page

FAILING = ("runtime.median", "artifacts.bundle")


@pytest.fixture
def run() -> RunData:
    return sample_run(name="artifacts", failing=FAILING)


def shown(run: RunData, title: str) -> Any:
    return rows_of(tables(artifacts_page(run))[title])


def test_every_number_stands_in_its_record(run: RunData) -> None:
    require_sourced(artifacts_page(run), run)


def test_records_and_weights_of_both_files(run: RunData) -> None:
    run.records["evidence"]["counts"]["person"] = 12_345
    run.records["evidence"]["weights"]["ess_share"] = 0.75
    run.records["incumbent_evidence"]["weights"]["ess_share"] = 0.5
    counts, weights = shown(run, "Records per entity"), shown(run, "Weights")
    assert set(counts) >= {"household", "person", "tax unit"}
    assert counts["person"]["Candidate"].text == "12,345"
    share = weights["Effective sample size, share of households"]
    assert (share["Candidate"].text, share["Incumbent"].text) == ("75 %", "50 %")
    assert share["Difference"].text == "+25 percentage points"
    assert len(weights) == len(run.records["evidence"]["weights"])


def test_the_curve_shows_both_files_against_equal_weights(run: RunData) -> None:
    run.records["incumbent_evidence"]["weight_curve"] = [{"households": 0.1, "weight": 0.9}]
    chart = charts(artifacts_page(run))["Concentration of the weights"]
    data = data_of(chart)
    assert {row["file"] for row in data} == {"Candidate", "Incumbent", "Equal weights"}
    assert {"file": "Incumbent", "households": 0.1, "weight": 0.9} in data
    assert all(row["households"] == row["weight"] for row in data if row["file"] == "Equal weights")
    rows = rows_of(chart.table)
    assert len(rows) == len(run.records["evidence"]["weight_curve"])
    assert rows["10 %"]["Incumbent"].text == "90 %"
    assert rows["20 %"]["Incumbent"].text == NOTHING
    assert rows["20 %"]["Equal weights"].text == "20 %"


def test_the_size_is_judged_on_what_does_not_load_alone(run: RunData) -> None:
    judged = gate(run, "size.h5")
    extension = {"id": "lots", "file": "lots.sqlite", "format": "sqlite", "tables": ["lots"]}
    found = [
        {**extension, "stored_bytes": 4096, "separately_loadable": True, "reason": None},
        {**extension, "id": "odd", "stored_bytes": 1, "separately_loadable": False, "reason": "no"},
    ]
    run.records["storage"]["extensions"] = found
    size = shown(run, "Artifact size")
    column = "Candidate over incumbent"
    assert size["Ratio that is judged"][column].raw == judged["value"]
    for stage, label in (("beta", "may enter beta"), ("default", "may become the default")):
        found_status = size[f"Gate: {label}"][column]
        assert found_status.status == judged["stages"][stage]["status"]
        assert found_status.note == "limit 2"
    extensions = shown(run, "Relational extensions")
    assert extensions["lots"]["Loads on its own"].text == "yes"
    assert extensions["odd"]["Loads on its own"].note == "no"


def test_the_runtime_shows_medians_spread_and_decisions(run: RunData) -> None:
    record = run.records["runtime"]
    record["pairs"][0]["candidate"]["total_s"] = 99.0
    seconds = shown(run, "Runtime and memory")["Seconds of all workloads, median"]
    for side in ("candidate", "incumbent"):
        cell = seconds[side.title()]
        assert cell.raw == median(pair[side]["total_s"] for pair in record["pairs"])
        assert cell.rule == "median of total_s over the pairs"
    record["pairs"][1]["incumbent"]["peak_rss_gb"] = 7.5
    costs = shown(run, "Runtime and memory")
    for of, peak in (("median", 2.5), ("lowest", 2.5), ("highest", 7.5)):
        assert costs[f"Peak memory (RSS), {of}"]["Incumbent"].raw == peak
    assert costs["Seconds of all workloads, highest"]["Candidate"].raw == 99.0
    figures = next(b for b in walk(artifacts_page(run).blocks) if isinstance(b, Figures))
    headline = {figure.label: figure.cell.raw for figure in figures.figures}
    assert headline["median runtime"] == seconds["Candidate"].raw
    chart = charts(artifacts_page(run))["Spread of the runtime pairs"]
    assert len(chart.table.rows) == len(record["pairs"])
    ratios = [row["ratio"] for row in data_of(chart) if "pair" in row]
    assert ratios == [pair["ratio"] for pair in record["pairs"]]
    table = tables(artifacts_page(run))["Ratio and decisions"]
    limits = {row[1].text: row[0].note for row in table.rows if row[0].text == "Limit"}
    assert limits == {"1.250": "beyond the limit", "2": "beyond the limit"}
    gates = {row[0].text: row[1].status for row in table.rows if row[1].status}
    assert gates == {"Gate: may enter beta": "fail", "Gate: may become the default": "fail"}


def test_the_workload_that_makes_a_file_slow_can_be_seen(run: RunData) -> None:
    for pair in run.records["runtime"]["pairs"]:
        pair["candidate"]["workloads"]["benefits"] = 8.0
        pair["incumbent"]["workloads"]["benefits"] = 2.0
    page = artifacts_page(run)
    require_sourced(page, run)
    rows = rows_of(tables(page)["Seconds of every workload, median"])
    assert set(rows) == {"load", "benefits"}
    del run.records["runtime"]["pairs"][0]["incumbent"]["workloads"]["load"]
    assert set(shown(run, "Seconds of every workload, median")) == {"benefits"}
    slow = rows["benefits"]
    assert [slow[each].text for each in ("Candidate", "Incumbent", "Difference")] == [
        "8 s", "2 s", "+6 s"
    ]  # fmt: skip


def test_a_run_judged_without_runtime_says_so_at_once() -> None:
    bare = sample_run(name="timeless", absent=["runtime"])
    figures = next(b for b in walk(artifacts_page(bare).blocks) if isinstance(b, Figures))
    (timed,) = [figure for figure in figures.figures if "runtime" in figure.label]
    assert (timed.cell.text, timed.against) == (NOTHING, "not measured")
    assert ("missing", "records/runtime.json") in {
        (row[0].text, row[1].text)
        for row in tables(artifacts_page(bare))["What is wrong with the bundle"].rows
    }


def test_a_gate_that_is_not_judged_says_why(run: RunData) -> None:
    stages = gate(run, "size.h5")["stages"]
    stages["beta"].update(status="unmeasured", limit=None, message="the size is not pinned")
    row = shown(run, "Artifact size")["Gate: may enter beta"]["Candidate over incumbent"]
    assert row.note == "the size is not pinned"


def test_an_undecided_limit_is_said_to_be_undecided(run: RunData) -> None:
    run.records["runtime"]["decisions"][0]["decision"] = "undecided"
    table = tables(artifacts_page(run))["Ratio and decisions"]
    assert "not decided: the limit lies inside the interval" in {row[0].note for row in table.rows}


def test_every_build_stage_shows_what_it_took(run: RunData) -> None:
    stages = run.records["stages"]["stages"]
    stages[1].update(reused=True, peak_rss_bytes=3_000_000_000)
    rows = tables(artifacts_page(run))["Build stages"].rows
    assert [row[1].raw for row in rows] == [stage["wall_s"] for stage in stages]
    assert rows[1][3].text == "3 GB"
    assert rows[1][6].text == "from a checkpoint"
    assert rows[0][6].text == ("from a checkpoint" if stages[0]["reused"] else "run")


def test_the_calibration_shows_losses_and_when_it_stopped(run: RunData) -> None:
    record = run.records["calibration"]
    record["stopping"]["refit_epochs"] = None
    record["losses"]["final"]["validation"] = None
    losses, facts = shown(run, "Loss of the calibration"), shown(run, "Stopping and weights")
    assert losses["held out"]["Loss after"].raw == record["losses"]["final"]["held_out"]
    assert losses["to stop by"]["Loss after"].text == NOTHING
    assert facts["Best epoch"]["Value"].raw == record["stopping"]["best_epoch"]
    assert facts["Epochs of the refit"]["Value"].text == NOTHING
    points = data_of(charts(artifacts_page(run))["Calibration curves"])
    assert {row["targets"] for row in points} == {"to fit", "to stop by", "held out"}


def test_an_unsealed_run_says_what_it_lacks_and_what_to_run() -> None:
    run = sample_run(name="loose", sealed=False, absent=["runtime"])
    page = artifacts_page(run)
    require_sourced(page, run)
    assert "This run is not sealed" in texts(page)
    assert "mpgate bundle judge RUN --incumbent BASELINE" in texts(page)
    lacks = rows_of(tables(page)["Records that this run lacks"])
    assert lacks["runtime"]["Why"].text == run.absent["runtime"]


@pytest.mark.parametrize(
    "name",
    [
        "evidence",
        "incumbent_evidence",
        "storage",
        "runtime",
        "stages",
        "calibration",
        "baseline",
        "sources",
        "bundle",
        "bundle_check",
        "environment",
    ],
)
def test_an_absent_record_is_named_with_what_to_run(run: RunData, name: str) -> None:
    bare = without(run, name)
    page = artifacts_page(bare)
    assert not belied(page, [bare])
    assert "Not available: it was left out." in texts(page)
    assert texts(page).count("mpgate b") >= 1


def test_a_candidate_that_was_not_measured_shows_what_its_manifest_states(run: RunData) -> None:
    title = "Records per entity, as the manifest states"
    assert title not in tables(artifacts_page(run))
    declared = shown(without(run, "evidence"), title)
    counts = run.records["candidate_manifest"]["record_counts"]
    assert {name: row["Candidate"].raw for name, row in declared.items()} == {
        name.replace("_", " "): count for name, count in counts.items()
    }


def test_gates_are_linked_where_they_were_judged(run: RunData) -> None:
    gates = {link.params["gate"] for link in links(artifacts_page(run)) if link.page == "gate"}
    assert gates == {"size.h5", "runtime.median", "artifacts.bundle"}
    # the reader's own stage goes with a link that names none
    assert not [link for link in links(artifacts_page(run)) if "stage" in link.params]
    bare = artifacts_page(without(run, "gate_results"))
    assert not [link for link in links(bare) if link.page == "gate"]
