"""The readiness page: verdict first, then what blocks, how bad, how near, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sample_reading import runs_frame
from sample_runs import VARIED, sample_run
from shown_pages import belied, column, links, notices, tables, texts, untraced

from dashboard.blocks import Figures, GateGrid, Link, Page, Section, Table, walk
from dashboard.run_data import RunData
from dashboard.views.readiness import readiness_page
from dashboard.views.verdicts import CLAUSES
from gates.decision import load_rules
from gates.policy import load_policy
from gates.results import error_record
from schemas.bundle import digest_of
from schemas.errors import DatasetError

COMMAND = "mpgate release point RUN --by NAME --reason TEXT"
PRODUCT = "mp-national"
FAILING = ("loss.held_out", "family.snap", "size.h5", "contract.names.computed")


@pytest.fixture(scope="module")
def varied() -> RunData:
    """Failures, a waiver and an error, held against an incumbent that cannot be released on."""
    return sample_run(name="varied", **{**VARIED, "hostile": False})


@pytest.fixture(scope="module")
def eligible() -> RunData:
    """A few failures, held against a release-eligible incumbent."""
    moment = "2026-11-26T12:00:00+00:00"
    return sample_run(name="other", failing=FAILING, release_eligible=True, judged_at=moment)


def entry(run: RunData, number: int = 1) -> dict[str, Any]:
    return {
        "number": number,
        "run": f"folder/{run.run_id}",
        "run_id": run.run_id,
        "bundle_digest": run.records["bundle"]["digest"],
        "verdict_number": 1,
        "verdict_digest": run.records["seal"]["digest"],
        "candidate_sha256": run.records["gate_results"]["candidate"]["sha256"],
        "incumbent": {"id": "psl-cps-2024", "sha256": "b" * 64},
        "stage": "default",
        "verdict": "ready",
        "demonstration": True,
        "pointed_by": f"Manager {number}",
        "pointed_at": f"2026-11-2{number}T09:00:00+00:00",
        "reason": f"because {number}",
    }


def pointed(*runs: RunData) -> dict[str, Any]:
    return {"entries": [entry(run, place) for place, run in enumerate(runs, start=1)]}


def page(
    run: RunData | None,
    stage: str = "default",
    pointer: Mapping[str, Any] | None = None,
    previous: RunData | None = None,
    runs: pd.DataFrame | None = None,
    **given: Any,
) -> Page:
    frame = runs_frame([each for each in (run, previous) if each]) if runs is None else runs
    return readiness_page(
        run,
        product=PRODUCT,
        stage=stage,
        pointer=pointer,
        previous=previous,
        runs=frame,
        **given,
    )


def with_results(run: RunData, **changes: Any) -> RunData:
    records = {**run.records, "gate_results": {**run.records["gate_results"], **changes}}
    return replace(run, records=records)


def test_every_number_is_what_its_record_holds_or_says_its_rule(
    varied: RunData, eligible: RunData
) -> None:
    for stage in ("beta", "default"):
        found = page(varied, stage, pointed(varied), eligible)
        assert untraced(found) == []
        assert belied(found, [varied, eligible]) == []


def test_the_verdict_of_the_chosen_stage_comes_first_then_the_other(eligible: RunData) -> None:
    run = with_results(
        eligible,
        verdicts={
            "beta": {"verdict": "incomplete", "blocking": ["loss.broad"]},
            "default": {"verdict": "blocked", "blocking": ["loss.broad", "size.h5"]},
        },
    )
    said = [(each.tone, each.text) for each in notices(page(run, "beta", pointed(run)))]
    assert said[:2] == [
        ("warning", "Stage beta: incomplete: 1 blocking gate is not measured."),
        ("bad", "Stage default: blocked: 2 blocking gates do not pass."),
    ]


def test_verdict_and_blockers_come_before_decision_figures_and_identity(varied: RunData) -> None:
    blocks = page(varied, pointer=pointed(varied)).blocks
    kinds = [type(each).__name__ for each in blocks[:7]]
    assert kinds == ["Notice", "Notice", "Table", "Table", "Notice", "Figures", "Table"]
    titles = [each.title for each in blocks[2:4] if isinstance(each, Table)]
    assert titles == ["What blocks stage default, worst first", "Waived at stage default"]
    sections = [each.title for each in blocks if isinstance(each, Section)]
    assert (sections[0], sections[2][:18]) == ("Near misses", "Every release gate")


def ready(run: RunData, **changes: Any) -> RunData:
    passed = {"verdict": "ready", "blocking": []}
    return with_results(run, verdicts={"beta": passed, "default": passed}, **changes)


def test_only_a_release_eligible_incumbent_makes_a_candidate_ready(eligible: RunData) -> None:
    said = notices(page(ready(eligible), pointer=pointed(eligible)))[0]
    assert (said.tone, said.text) == ("good", "Stage default: ready: every blocking gate passes.")


def test_a_demonstration_never_reads_ready(varied: RunData) -> None:
    run = ready(varied)
    runs = pd.DataFrame([{**run.row, "verdict_default": "ready", "verdict_beta": "ready"}])
    for found in (page(run, pointer=pointed(run), runs=runs), page(None, runs=runs)):
        words = texts(found).lower().replace("readiness", "")
        # the remedy of the release gate names the verdict, as the policy has it
        assert "ready" not in words.replace("this gate blocks `ready`", "").split()
        assert "ready:" not in words
    said = notices(page(run, pointer=pointed(run)))[0]
    assert said.tone == "warning"
    assert "demonstration: this incumbent is no release-eligible baseline" in said.text


def test_the_page_says_which_run_is_to_replace_which_incumbent(varied: RunData) -> None:
    assert page(varied).lead.startswith("May the run varied replace psl-cps-2024, what")
    nothing = page(None, runs=runs_frame([varied])).lead
    assert nothing.startswith("May the mp-national candidate replace the incumbent, what")


def test_a_verdict_given_after_publication_is_told_from_the_published_one(
    varied: RunData,
) -> None:
    pointer = pointed(varied)
    assert "judged again" not in texts(page(varied, pointer=pointer))
    seal = {**varied.records["seal"], "number": 2, "digest": "d" * 64}
    run = replace(varied, records={**varied.records, "seal": seal})
    said = notices(page(run, pointer=pointer))[0]
    assert said.tone == "warning"
    assert "verdict 1 (stage default: demonstration: every blocking gate passes)" in said.text
    assert "verdict 2 is shown" in said.text
    assert "judged again" not in texts(page(run, pointer=pointer, is_current=False))
    signed = {**varied.records["seal"], "signed_off_by": "Jane Doe", "signed_off_on": "2026-11-27"}
    signed["digest"] = digest_of(signed)
    run = replace(varied, records={**varied.records, "seal": signed})
    assert "judged again" not in texts(page(run, pointer=pointer))


def test_who_published_it_when_and_why_is_beside_candidate_and_incumbent(varied: RunData) -> None:
    table = tables(page(varied, pointer=pointed(varied, varied)))["Candidate against incumbent"]
    results = varied.records["gate_results"]
    assert column(table, "SHA-256")[:2] == [
        results["candidate"]["sha256"][:12],
        results["incumbent"]["sha256"][:12],
    ]
    which = dict(zip(column(table, "What"), column(table, "Which"), strict=True))
    assert which["Published by"] == "Manager 2, 2026-11-22T09:00:00+00:00"
    assert which["Reason"] == "because 2"
    assert which["Judged"] == results["run"]["judged_at"]


def test_the_pointers_history_is_folded_the_newest_first_and_linked(
    varied: RunData, eligible: RunData
) -> None:
    found = page(varied, pointer=pointed(eligible, varied), previous=eligible)
    title = "History of the published candidate"
    (section,) = [e for e in walk(found.blocks) if isinstance(e, Section) and e.title == title]
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert not section.open
    assert column(table, "Entry") == ["2", "1"]
    assert column(table, "Verdict") == ["demonstration: every blocking gate passes"] * 2
    assert [row[1].link for row in table.rows] == [
        Link("readiness", {"run": varied.key}, "varied"),
        Link("readiness", {"run": eligible.key}, "other"),
    ]


def test_a_run_chosen_by_hand_is_not_taken_for_the_published_one(varied: RunData) -> None:
    found = page(varied, pointer=pointed(varied), is_current=False)
    assert "This is not the published candidate" in notices(found)[0].text
    assert Link("readiness", {}, "Show the published candidate") in links(found)
    assert "Published by" not in texts(found).split("History of")[0]
    assert "What differs from the published candidate" in texts(found)
    assert "This is not the published" not in texts(page(varied, pointer=pointed(varied)))


def test_a_published_run_that_is_not_indexed_is_named(varied: RunData) -> None:
    said = notices(page(None, pointer=pointed(varied)))[0]
    assert (said.tone, said.command) == ("bad", "mpgate index --root runs")
    assert "folder/varied" in said.text


def test_a_pointer_with_a_problem_is_a_bad_notice(varied: RunData) -> None:
    for run in (None, varied):
        said = notices(page(run, pointer=pointed(varied), problem="it was edited"))[0]
        assert (said.tone, "it was edited" in said.text) == ("bad", True)


def test_headline_figures_are_held_against_the_incumbent(varied: RunData) -> None:
    found = page(varied, pointer=pointed(varied))
    (figures,) = [each for each in walk(found.blocks) if isinstance(each, Figures)]
    by_label = {each.label: each for each in figures.figures}
    loss, runtime = varied.records["loss"], varied.records["runtime"]
    broad = loss["losses"]["broad_relative_v1"]
    assert by_label["Broad loss"].cell.raw == broad["candidate"]
    assert by_label["Broad loss"].against == f"incumbent {broad['incumbent']:.4f}"
    assert by_label["Held-out loss"].cell.raw == broad["held_out"]["candidate"]
    said = f"{loss['wins']} won : {loss['losses_count']} lost : {loss['ties']} tied"
    assert by_label["Targets won"].against == said
    assert by_label["Median runtime over the incumbent's"].cell.raw == runtime["median_ratio"]
    assert f"interval {runtime['interval']['low']:.3f} to" in (
        by_label["Median runtime over the incumbent's"].against
    )
    share = by_label["Effective sample size, share of records"]
    assert share.cell.raw == varied.records["evidence"]["weights"]["ess_share"]
    assert by_label["H5 size"].against == "incumbent 462.9 kB"


def test_the_grid_has_every_gate_once_under_the_plans_words(varied: RunData) -> None:
    found = page(varied, pointer=pointed(varied))
    (grid,) = [each for each in walk(found.blocks) if isinstance(each, GateGrid)]
    cells = [cell for group in grid.groups for cell in group.cells]
    gates = varied.records["gate_results"]["gates"]
    assert [cell.gate for cell in cells] == [gate["id"] for gate in gates]
    assert [cell.status for cell in cells] == [g["stages"]["default"]["status"] for g in gates]
    assert set(CLAUSES) <= {group.title for group in grid.groups}
    params = {"run": varied.key, "gate": cells[0].gate, "stage": "default"}
    assert cells[0].link == Link("gate", params, cells[0].gate)


def test_the_decision_is_shown_with_its_reasons(varied: RunData) -> None:
    found = page(varied, pointer=pointed(varied))
    decision = varied.records["gate_results"]["decision"]
    said = next(each.text for each in notices(found) if each.text.startswith("Decision"))
    assert "another modelling iteration" in said
    assert load_rules()["decisions"]["another_modelling_iteration"] in said
    table = tables(found)["Reasons for the decision on stage default"]
    assert column(table, "Gate") == [each["gate"] for each in decision["reasons"]]


def test_a_candidate_that_could_not_be_judged_shows_message_and_remedy(varied: RunData) -> None:
    error = DatasetError("it is no HDF5 file", reason="x", remedy="build it again")
    record = error_record(load_policy(), Path("candidate.h5"), "psl-cps-2024", error, "default")
    run = RunData("aaaaaaaaaaaa", "broken", PRODUCT, "unsealed", {"gate_results": record})
    found = page(run, pointer=None, is_current=False, runs=runs_frame([varied]))
    said = next(each for each in notices(found) if "could not be judged" in each.text)
    assert (said.tone, "it is no HDF5 file" in said.text, "build it again" in said.text) == (
        "bad",
        True,
        True,
    )
    assert untraced(found) == []
    assert "undecided" in texts(found)


def test_an_unsealed_run_says_so_and_lacks_what_was_not_measured(varied: RunData) -> None:
    kept = {n: r for n, r in varied.records.items() if n not in ("bundle", "loss", "runtime")}
    run = replace(varied, state="unsealed", records=kept)
    found = page(run, is_current=False)
    assert belied(found, [run]) == []
    assert "not sealed: it can still be changed" in texts(found)
    assert untraced(found) == []
    figures = next(each for each in walk(found.blocks) if isinstance(each, Figures)).figures
    assert {each.label: each.cell.text for each in figures}["Broad loss"] == "–"
    assert {each.label: each.against for each in figures}[
        "Median runtime over the incumbent's"
    ] == "not measured"


def test_a_run_without_a_verdict_says_how_to_get_one() -> None:
    run = RunData("abc", "new", PRODUCT, "sealed", {}, {"gate_results": "it has no verdict yet"})
    said = notices(page(run, is_current=False, runs=runs_frame([])))[-1]
    assert (said.tone, said.command) == ("empty", "mpgate bundle judge RUN")
    assert "it has no verdict yet" in said.text


def test_labels_of_a_record_are_kept_as_they_are(varied: RunData) -> None:
    label = "<script>alert(1)</script>"
    candidate = {**varied.records["gate_results"]["candidate"], "label": label}
    found = page(with_results(varied, candidate=candidate), pointer=pointed(varied))
    assert column(tables(found)["Candidate against incumbent"], "Which")[0] == label
