"""Two runs side by side: paired, and subtracted only where they are comparable."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from compared_runs import ENGINE, FIRST, RUN_A, RUN_B, SECOND, but, results, without
from compared_targets import (
    HOSTILE,
    blocks,
    figure,
    links,
    notices,
    prove,
    run_of,
    table,
)

from dashboard.blocks import Chart, Download, Page, Section
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.views.compare import compare_page
from dashboard.views.compare_facts import NOT_COMPARABLE


def page(a: RunData = RUN_A, b: RunData = RUN_B, **asked: Any) -> Page:
    return compare_page(a, b, **{"stage": "default", **asked})


def of_definition(sha256: str) -> RunData:
    losses = SECOND["losses"]
    other = {**losses[GATING_LOSS], "definition_sha256": sha256}
    return but(RUN_B, "loss", losses={**losses, GATING_LOSS: other})


def row(shown: Page, title: str, name: str) -> list[Any]:
    return next(list(cells) for cells in table(shown, title).rows if cells[0].text == name)


def test_every_number_has_a_source_that_holds_it_or_a_rule() -> None:
    assert prove(page(), RUN_A, RUN_B) > 300
    prove(page(RUN_A, RUN_A), RUN_A)
    prove(page(RUN_B, RUN_A, stage="beta"), RUN_A, RUN_B)


def test_comparable_runs_are_told_and_subtracted() -> None:
    shown = page()
    assert notices(shown, "good")[0].startswith("The two runs are comparable")
    assert notices(shown, "warning") == []
    same = {row[0].text: row[3].text for row in table(shown, "Can the two").rows}
    assert {name for name, said in same.items() if said != "same"} == {
        "Year", "Candidate", "Measuring code",
    }  # fmt: skip
    loss = row(shown, "Headline figures", "Broad loss")
    values = [each["losses"][GATING_LOSS]["candidate"] for each in (FIRST, SECOND)]
    assert [cell.raw for cell in loss[1:]] == [*values, values[1] - values[0]]
    assert row(shown, "Headline figures", "Effective sample size")[3].raw == 1000
    assert (
        row(shown, "Headline figures", "Median runtime, times the incumbent's")[3].text == "+0.2000"
    )
    within = row(shown, "Headline figures", "Targets within 10 %")
    assert within[3].text.endswith(" percentage points")
    assert row(shown, "Record counts", "household")[3].raw == 2000
    assert row(shown, "What each reform", "eitc")[3].text == "+$500m"


@pytest.mark.parametrize(
    ("other", "said", "refused", "kept"),
    [
        (
            but(RUN_B, "loss", suite={"id": "x", "sha256": "9" * 64}),
            "the suite differs",
            ("Broad loss", "Targets won"),
            ("Effective sample size", "Median runtime, times the incumbent's"),
        ),
        (
            but(RUN_B, "loss", target_db={"id": "x", "sha256": "9" * 64}),
            "the target database differs",
            ("Broad loss", "Median error"),
            ("Size of the H5",),
        ),
        (
            but(RUN_B, "loss", kept={**SECOND["kept"], "sha256": "9" * 64}),
            "the set of compared targets differs",
            ("Broad loss",),
            ("Size of the H5",),
        ),
        (
            but(RUN_B, "gate_results", incumbent={"sha256": "9" * 64}),
            "the incumbent differs",
            ("Targets won", "Median runtime, times the incumbent's"),
            ("Broad loss", "Median error"),
        ),
        (
            but(RUN_B, "evidence", engine={"policyengine_us": "3.0.0"}),
            "the version of policyengine-us differs",
            ("Broad loss", "Peak memory"),
            ("Households with positive weight",),
        ),
        (
            but(RUN_B, "evidence", engine={**ENGINE, "policyengine_core": "9.9"}),
            "the version of policyengine-core differs",
            ("Broad loss", "Peak memory"),
            ("Size of the H5",),
        ),
        (
            of_definition("9" * 64),
            "the definition of the loss differs",
            ("Broad loss", "Held-out loss", "Targets won"),
            ("Median error", "Targets within 10 %", "Size of the H5"),
        ),
        (
            replace(RUN_B, product="mp-local-rich"),
            "the product differs",
            ("Effective sample size", "Size of the H5", "Households with positive weight"),
            ("Broad loss",),
        ),
        (
            but(RUN_B, "loss", suite=None),
            "the suite is not stated by both runs",
            ("Broad loss", "Targets won"),
            ("Size of the H5",),
        ),
        (
            without(RUN_B, "gate_results"),
            "the policy is not stated by both runs",
            (),
            ("Broad loss", "Targets won", "Peak memory"),
        ),
    ],
)
def test_what_is_not_comparable_is_never_subtracted(
    other: RunData, said: str, refused: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    shown = page(RUN_A, other)
    assert said in notices(shown, "warning")[0]
    for label in refused:
        assert row(shown, "Headline figures", label)[3].text == NOT_COMPARABLE, label
    for label in kept:
        assert "B - A" in row(shown, "Headline figures", label)[3].rule, label


def test_gates_that_changed_come_first() -> None:
    shown = page()
    changed = row(shown, "Status changed", "Title loss.broad")
    assert [cell.text for cell in changed[1:3]] == ["pass", "fail"]
    assert changed[5].raw == pytest.approx(0.05)
    assert [cells[0].note for cells in table(shown, "Value or limit").rows] == ["size.h5"]
    assert len(table(shown, "Unchanged").rows) == 4
    limits = row(page(stage="beta"), "Status changed", "Title loss.broad")[6:]
    assert [cell.raw for cell in limits] == [2.0, 2.0]


def test_gates_are_subtracted_only_on_what_they_rest_on() -> None:
    def changes(other: RunData) -> dict[str, str]:
        shown = page(RUN_A, other)
        titles = ("Status changed", "Value or limit", "Unchanged")
        rows = [cells for title in titles for cells in table(shown, title).rows]
        return {cells[0].note: cells[5].text for cells in rows}

    by_suite = changes(but(but(RUN_B, "loss", suite={"sha256": "9" * 64}), "evidence"))
    assert by_suite["loss.broad"] == by_suite["benchmark.ctc.fiscal"] == NOT_COMPARABLE
    assert by_suite["contract.values.finite"] == "0 violations"
    assert by_suite["size.h5"] == "+0.3000"
    by_policy = changes(but(RUN_B, "gate_results", policy={"sha256": "9" * 64}))
    assert set(by_policy.values()) == {NOT_COMPARABLE}
    by_incumbent = changes(but(RUN_B, "gate_results", incumbent={"sha256": "9" * 64}))
    assert by_incumbent["size.h5"] == by_incumbent["runtime.median"] == NOT_COMPARABLE
    assert by_incumbent["contract.values.finite"] == "0 violations"


def test_a_gate_of_one_run_only_is_shown_as_not_judged() -> None:
    fewer = results()["gates"][1:]
    shown = row(
        page(but(RUN_A, "gate_results", gates=fewer)),
        "Status changed",
        "Title contract.values.finite",
    )
    assert [cell.text for cell in shown[1:6]] == ["not judged", "pass", "–", "0 violations", "–"]


def test_targets_are_paired_by_id_whatever_their_order() -> None:
    shuffled = list(SECOND["targets"])
    random.Random(1).shuffle(shuffled)
    other = but(RUN_B, "loss", targets=shuffled)
    ours = {each["target_id"]: each for each in FIRST["targets"]}
    shown = table(page(RUN_A, other), "Paired targets")
    for cells in shown.rows:
        before, after = ours[cells[0].raw]["candidate_error"], cells[4].raw
        assert cells[3].raw == before
        assert cells[5].raw == 100 * (after - before)
    prove(page(RUN_A, other), RUN_A, other)


def test_the_largest_mover_comes_first_and_movers_are_counted() -> None:
    shown = page()
    assert table(shown, "Paired targets").rows[0][0].raw == "us.t00030"
    assert figure(shown, "Paired targets").raw == 120
    assert figure(shown, "Worsened").raw + figure(shown, "Improved").raw == 1
    assert figure(shown, "Unchanged").raw == 119
    fewer = but(RUN_B, "loss", targets=SECOND["targets"][:100])
    assert figure(page(RUN_A, fewer), "Only in A").raw == 20
    assert figure(page(RUN_A, fewer), "Only in B").raw == 0


def test_parts_are_not_subtracted_against_another_incumbent() -> None:
    other = but(RUN_B, "gate_results", incumbent={"sha256": "9" * 64})
    first = table(page(RUN_A, other), "Paired targets").rows[0]
    assert first[0].raw == "us.t00030"
    assert (first[5].rule, first[8].text) == ("100 * (B - A)", NOT_COMPARABLE)
    database = but(RUN_B, "loss", target_db={"sha256": "9" * 64})
    shown = page(RUN_A, database)
    assert {cells[5].text for cells in table(shown, "Paired targets").rows} == {NOT_COMPARABLE}
    assert "change_of_error" not in blocks(shown, Download)[-1].frame
    with pytest.raises(StopIteration):
        figure(shown, "Improved")


def test_search_and_pages_keep_both_runs() -> None:
    shown = page(search="US.T", page=2)
    assert isinstance(shown.blocks[2], Section)
    assert shown.blocks[2].title == "Target by target"
    way = next(link for link in links(shown) if link.text.startswith("Next"))
    assert dict(way.params) == {
        "a": "a" * 12, "b": "b" * 12, "stage": "default", "search": "US.T", "page": "3",
    }  # fmt: skip
    assert len(blocks(shown, Download)[-1].frame) == 115
    for name in HOSTILE:
        found = table(page(search=name), "Paired targets").rows
        assert [cells[0].raw for cells in found] == [name]


def test_families_are_shown_with_the_table_behind_the_chart() -> None:
    chart = blocks(page(), Chart)[0]
    data = max(chart.chart.to_dict()["datasets"].values(), key=len)
    assert len(data) == 14
    cells = row(page(), "Mean error by family", "family2")
    held = [
        each["losses"][GATING_LOSS]["by_family"]["family2"]["candidate"] for each in (FIRST, SECOND)
    ]
    assert [cell.raw for cell in cells[1:3]] == held
    assert cells[3].raw == held[1] - held[0]


def test_a_run_without_verdict_or_records_is_compared_as_far_as_it_goes() -> None:
    bare = run_of(None, "c" * 12)
    shown = page(RUN_A, bare)
    assert notices(shown, "empty") == [
        "The gates cannot be shown: this run has no gate_results record.",
        "One of the runs has no loss by family.",
        "The targets cannot be shown: this run has no loss record.",
    ]
    prove(shown, RUN_A, bare)
    unjudged = without(RUN_B, "gate_results")
    assert figure(page(RUN_A, unjudged), "Paired targets").raw == 120
    assert notices(page(RUN_A, RUN_A), "info") == ["A and B are the same run."]
