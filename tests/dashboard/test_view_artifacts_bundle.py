"""The artifacts page says what a run is pinned to, made of, and whether its bundle is whole."""

from __future__ import annotations

from typing import Any

import pytest
from sample_runs import sample_run
from shown_pages import notices, tables, texts
from view_checks import rows_of

from dashboard.run_data import RunData
from dashboard.units import NOTHING
from dashboard.views.artifacts import artifacts_page

FAILING = ("runtime.median", "artifacts.bundle")


@pytest.fixture
def run() -> RunData:
    return sample_run(name="artifacts", failing=FAILING)


def shown(run: RunData, title: str) -> Any:
    return rows_of(tables(artifacts_page(run))[title])


def test_pins_are_shown_or_why_they_are_unknown(run: RunData) -> None:
    record = run.records["baseline"]
    record["pins"]["h5_revision"] = None
    record["unknown"]["h5_revision"] = "nobody wrote it down"
    pins = shown(run, "Pins of the incumbent")
    assert pins["H5 sha256"]["Value"].text == record["pins"]["h5_sha256"]
    assert pins["H5 revision"]["Value"].text == NOTHING
    assert pins["H5 revision"]["Value"].note == "nobody wrote it down"
    assert len(pins) >= len(record["pins"])
    judged = shown(run, "What was judged, and by what")
    assert judged["Policy sha256"]["Value"].text == run.get("gate_results", "/policy/sha256")
    assert judged["Candidate sha256"]["Value"].text == run.get("gate_results", "/candidate/sha256")


def test_the_pins_of_a_local_incumbent_are_shown_too() -> None:
    run = sample_run(name="fast", product="mp-local-fast")
    pins = shown(run, "Pins of the incumbent")
    assert pins["Objective"]["Value"].text == NOTHING
    assert "nobody has published" in pins["Objective"]["Value"].note
    files = [{"path": "weights.npy", "sha256": "e" * 64}]
    run.records["baseline"]["local"].update(objective="mean of squares", weight_files=files)
    pins = shown(run, "Pins of the incumbent")
    assert pins["Objective"]["Value"].text == "mean of squares"
    assert pins["Weight file weights.npy, sha256"]["Value"].text == "e" * 64
    assert "Objective" not in shown(sample_run(name="artifacts"), "Pins of the incumbent")


def test_an_absent_source_says_why(run: RunData) -> None:
    source = run.records["sources"]["sources"][0]
    source.update(status="absent", message="it is not for everybody", remedy="ask for it", files=[])
    row = shown(run, "Sources of the build")[source["id"]]
    assert row["Status"].text == "absent"
    assert row["Why it is absent"].text == "it is not for everybody"
    assert row["Why it is absent"].note == "ask for it"


def test_the_bundle_shows_what_it_lacks_and_every_file(run: RunData) -> None:
    check = run.records["bundle_check"]
    check.update(intact=False, changed=["config.json"], unexpected=["more.txt"])
    page = artifacts_page(run)
    assert "the bundle was not intact and not complete" in texts(page)
    findings = {
        (row[0].text, row[1].text) for row in tables(page)["What is wrong with the bundle"].rows
    }
    assert findings >= {("changed", "config.json"), ("unexpected", "more.txt")}
    assert {("missing", gap["what"]) for gap in check["missing"]} <= findings
    files = shown(run, "Files")
    assert set(files) == {file["path"] for file in run.records["bundle"]["files"]}


def test_a_sealed_record_that_was_not_the_one_judged_is_named() -> None:
    run = sample_run(name="swapped")
    assert "What is wrong with the bundle" not in tables(artifacts_page(run))
    run.records["gate_results"]["inputs"]["loss"] = "0" * 64
    page = artifacts_page(run)
    (row,) = tables(page)["What is wrong with the bundle"].rows
    assert [cell.text for cell in row] == ["other record", "loss", "another one was judged"]
    (said,) = [each for each in notices(page) if "the bundle was intact" in each.text]
    assert said.tone == "bad"


def test_a_manifest_of_another_file_is_told_apart(run: RunData) -> None:
    label = "Candidate sha256, as its manifest states"
    assert shown(run, "What was judged, and by what")[label]["Value"].note == ""
    run.records["candidate_manifest"]["h5"]["sha256"] = "f" * 64
    assert "NOT" in shown(run, "What was judged, and by what")[label]["Value"].note


def test_a_whole_bundle_is_said_to_be_whole_and_who_signed_it() -> None:
    run = sample_run(name="signed", signed_off_by="A. Manager")
    seals = shown(run, "Seals")
    assert "the bundle was intact and complete" in texts(artifacts_page(run))
    assert seals["Signed off by"]["Value"].text == "A. Manager"
    assert seals["Verdict number"]["Value"].raw == run.get("seal", "/number")
    assert seals["Digest of the bundle"]["Value"].text == run.get("bundle", "/digest")


def test_a_bundle_that_nobody_signed_says_how_to_sign(run: RunData) -> None:
    signed = shown(run, "Seals")["Signed off by"]["Value"]
    assert (signed.text, signed.note) == ("nobody", "mpgate bundle sign-off RUN")
