"""The page on what the targets state, and on those that judge nothing, with reasons."""

from __future__ import annotations

from typing import Any

import pytest
from compared_targets import (
    HOSTILE,
    LOST,
    blocks,
    column,
    figure,
    links,
    loss_of,
    notices,
    prove,
    run_of,
    some_targets,
    table,
)

from dashboard.blocks import Download, Page, Prose, Section, Table
from dashboard.escaping import csv_text
from dashboard.run_data import RunData
from dashboard.views.coverage import CoverageFilters, coverage_options, coverage_page

LOSS = loss_of(some_targets(130))
SUITE = {
    "held_out": [
        {"id": "programs", "kind": "income_program", "groups": ["group3"], "reason": "nothing else"}
    ],
    "excluded_targets": [
        {"target_id": "<b>x</b>", "reason": "cash, not liability"},
        {"holdout_group": "projections", "reason": "the same projections"},
    ],
    "targets": {"registry": "us-facts", "count": 131, "sha256": "e" * 64},
}
RUN = run_of(LOSS, suite=SUITE)


def page(run: RunData = RUN, **filters: Any) -> Page:
    return coverage_page(run, CoverageFilters(**filters))


def blanked(*places: tuple[int, str]) -> RunData:
    targets = [dict(each) for each in LOSS["targets"]]
    for place, field in places:
        targets[place][field] = " "
    return run_of({**LOSS, "targets": targets}, suite=SUITE)


def test_every_number_has_a_source_that_holds_it_or_a_rule() -> None:
    assert prove(page(), RUN) > 400
    lacking = blanked((9, "source"))
    prove(page(lacking), lacking)


def test_complete_provenance_is_told_as_good() -> None:
    assert notices(page(), "good") == ["All 130 compared targets state source, scope and entity."]
    assert notices(page(), "bad") == []
    assert figure(page(), "Lacking something").raw == 0


def test_targets_that_lack_something_come_first_and_are_bad() -> None:
    run = blanked((9, "source"), (40, "scope"), (40, "entity"), (129, "entity"))
    shown = page(run)
    assert "3 of 130" in notices(shown, "bad")[0]
    assert notices(shown, "good") == []
    assert isinstance(shown.blocks[1], Table)
    rows = {row[0].raw: row[1].text for row in shown.blocks[1].rows}
    assert rows == {
        "us.t00009": "source",
        "us.t00040": "scope, entity",
        "us.t00129": "entity",
    }
    first = [cell.raw for cell in column(table(shown, "Targets and what"), "Target")][:4]
    assert first == ["us.t00009", "us.t00040", "us.t00129", HOSTILE[0]]
    assert len(blocks(shown, Download)[0].frame) == 3


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Source", "source"),
        ("Scope (universe)", "scope"),
        ("Entity", "entity"),
        ("Family", "family"),
        ("Geography level", "geography_level"),
        ("Role", "role"),
    ],
)
def test_counts_are_of_the_records_targets(label: str, field: str) -> None:
    counts = {row[0].raw: row[1].raw for row in table(page(), f"By {label.lower()}").rows}
    stated = [each[field] for each in LOSS["targets"]]
    assert counts == {name: stated.count(name) for name in set(stated)}


def test_blank_words_are_counted_as_not_stated() -> None:
    rows = table(page(blanked((9, "source"))), "By source").rows
    assert [row[1].raw for row in rows if row[0].text == "none stated"] == [1]


def test_held_out_sets_have_reasons_and_all_their_groups() -> None:
    shown = table(page(), "Held-out sets")
    assert [cell.text for cell in column(shown, "Reason")] == ["nothing else"]
    held = sum(each["role"] == "held_out" for each in LOSS["targets"])
    assert [cell.raw for cell in column(shown, "Compared targets")] == [held]
    assert figure(page(), "Held out").raw == held > 0
    groups = table(page(), "Held-out groups")
    assert column(groups, "Difference")[0].raw == LOSS["held_out"]["groups"][0]["delta"]


def test_excluded_and_dropped_targets_have_reasons() -> None:
    rows = [[cell.text for cell in row] for row in table(page(), "Left out by the suite").rows]
    assert rows == [
        ["<b>x</b>", "one target", "cash, not liability"],
        ["projections", "a whole group", "the same projections"],
    ]
    dropped = [[cell.text for cell in row] for row in table(page(), "Targets of the suite").rows]
    assert dropped == [[LOST, "no estimate of the candidate"]]


def test_many_that_were_not_compared_are_cut_counted_and_all_in_the_file() -> None:
    reasons = ["zero: undefined"] * 40 + ["=1+1"] * 60
    dropped = [{"target_id": f"us.x{i:03}", "reason": why} for i, why in enumerate(reasons)]
    run = run_of({**LOSS, "dropped": dropped}, suite=SUITE)
    shown = page(run)
    counts = table(shown, "Reasons, the most frequent first").rows
    assert [(row[0].text, row[1].raw) for row in counts] == [("=1+1", 60), ("zero: undefined", 40)]
    listed = table(shown, "Targets of the suite")
    assert len(listed.rows) == 50
    assert "50 more are in the file" in listed.note
    file = next(each for each in blocks(shown, Download) if "not compared" in each.label)
    assert file.frame.to_dict("records") == dropped
    assert "us.x099,'=1+1" in csv_text(file.frame)
    none = page(run_of({**LOSS, "dropped": []}, suite=SUITE))
    assert not any("not compared" in each.label for each in blocks(none, Download))
    prove(shown, run)


def test_files_are_named_by_run_and_filters_and_the_page_states_them() -> None:
    shown = page(source="source1", search="US.T")
    assert blocks(shown, Download)[0].file_name == (
        "coverage-run-0123-source-source1-search-US.T.csv"
    )
    said = [block.text for block in blocks(shown, Prose)]
    assert "with source “source1”, search “US.T”" in said[0]
    lacking = blocks(page(blanked((9, "source"))), Download)[0]
    assert lacking.file_name == "targets-lacking-run-0123.csv"


def test_targets_that_nobody_accounts_for_are_told() -> None:
    assert notices(page(), "warning") == []
    more = {**SUITE, "targets": {**SUITE["targets"], "count": 140}}
    said = notices(page(run_of(LOSS, suite=more)), "warning")
    assert "140 targets" in said[0]
    assert "131 only" in said[0]


def test_what_the_targets_are_pinned_to() -> None:
    rows = {row[0].text: row[1].raw for row in table(page(), "What the targets are pinned").rows}
    assert rows["Target registry"] == "us-facts"
    assert rows["Hash of its targets"] == "e" * 64
    assert rows["Hash of the database"] == LOSS["target_db"]["sha256"]
    assert rows["Hash of the compared ids"] == LOSS["kept"]["sha256"]


def test_filters_pages_and_download() -> None:
    shown = page(source="source1", search="US.T")
    expected = [
        each["target_id"]
        for each in LOSS["targets"]
        if each["source"] == "source1" and "us.t" in each["target_id"]
    ]
    assert [cell.raw for cell in column(table(shown, "Targets and what"), "Target")] == expected
    assert list(blocks(shown, Download)[0].frame["target_id"]) == expected
    second = page(page=2)
    assert isinstance(second.blocks[2], Section)
    assert len(table(second, "Targets and what").rows) == 50
    ways = {dict(link.params).get("page") for link in links(second)}
    assert ways >= {"1", "3"}
    assert coverage_options(RUN)["source"] == [f"source{i}" for i in range(5)]
    assert set(coverage_options(RUN)) < set(CoverageFilters.__dataclass_fields__)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids_are_found_as_plain_text_and_linked(name: str) -> None:
    cells = column(table(page(search=name), "Targets and what"), "Target")
    assert [cell.raw for cell in cells] == [name]
    assert cells[0].link is not None
    assert dict(cells[0].link.params) == {"run": RUN.key, "target": name}


def test_without_a_suite_or_a_loss_record_the_page_says_so() -> None:
    bare = run_of(LOSS)
    assert any("held-out sets" in text for text in notices(page(bare), "empty"))
    prove(page(bare), bare)
    assert notices(page(run_of(None)), "empty")
