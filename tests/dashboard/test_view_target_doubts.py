"""What the target pages say against themselves: records that disagree, held-out marks, ties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from compared_targets import (
    GATES,
    LOSS,
    LOST,
    RUN,
    TARGETS,
    blocks,
    column,
    figure,
    links,
    loss_of,
    notices,
    prove,
    run_of,
    table,
)

from dashboard.blocks import Download, Figures, Page, cells_of, walk
from dashboard.escaping import csv_text
from dashboard.run_data import GATING_LOSS, RunData
from dashboard.views.coverage import CoverageFilters, coverage_page
from dashboard.views.target_filters import target_frame
from dashboard.views.target_sides import contradictions
from dashboard.views.targets import TargetFilters, target_options, target_page, targets_page

Change = Callable[[dict[str, Any]], dict[str, Any]]
HELD = next(each["target_id"] for each in LOSS["targets"] if each["role"] == "held_out")


def page(run: RunData = RUN, **filters: Any) -> Page:
    return targets_page(run, TargetFilters(**filters))


def gated(status: str, message: str, **others: Any) -> RunData:
    gate = {
        "id": "loss.held_out",
        "title": "Held out",
        "status": status,
        "message": message,
        "stages": {},
    }
    results = {"gates": [*GATES, gate], "stage": "default", **others}
    return replace(RUN, records={**RUN.records, "gate_results": results})


def with_row(**fields: Any) -> Change:
    def changed(loss: dict[str, Any]) -> dict[str, Any]:
        return {"targets": [{**loss["targets"][0], **fields}, *loss["targets"][1:]]}

    return changed


def other_winner(row: dict[str, Any]) -> str:
    return "incumbent" if row["winner"] == "candidate" else "candidate"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda loss: {"wins": loss["wins"] + 1}, "targets with the candidate closer"),
        (lambda loss: {"losses_count": 0}, "it tells of 0 targets with the incumbent closer"),
        (lambda loss: {"ties": 3}, "it tells of 3 ties and lists 0"),
        (lambda loss: {"kept": {**loss["kept"], "count": 231}}, "231 targets and lists 230"),
        (lambda loss: {"targets": loss["targets"][:-1]}, "230 targets and lists 229"),
        (
            lambda loss: {"targets": [*loss["targets"][:-1], loss["targets"][0]]},
            "1 targets are listed twice",
        ),
        (with_row(candidate_error=0.5), "1 errors are not those of target and estimate"),
        (with_row(incumbent=0.0), "1 errors are not those of target and estimate"),
        (with_row(target=0.0), "1 errors are not those of target and estimate"),
        (with_row(contribution=1.0), "the targets do not add up to the loss difference"),
        (
            lambda loss: with_row(winner=other_winner(loss["targets"][0]))(loss),
            "1 targets name another file as the closer one",
        ),
    ],
)
def test_a_loss_record_that_contradicts_itself_is_told(change: Change, said: str) -> None:
    run = run_of({**LOSS, **change(LOSS)})
    told = notices(page(run), "bad")
    assert said in told[0]
    assert contradictions(RUN, target_frame(RUN)) == []
    assert notices(page(), "bad") == []


@pytest.mark.parametrize("name", ["source", "family", "geography"])
def test_parts_that_do_not_add_up_are_told(name: str) -> None:
    loss = LOSS["losses"][GATING_LOSS]
    parts = {
        key: {**part, "delta": part["delta"] + 1e-6} for key, part in loss[f"by_{name}"].items()
    }
    run = run_of({**LOSS, "losses": {GATING_LOSS: {**loss, f"by_{name}": parts}}})
    said = f"the parts by {name} do not add up to the loss difference"
    assert contradictions(run, target_frame(run)) == [said]


def test_a_record_that_names_targets_it_does_not_list_is_shown_all_the_same() -> None:
    top = [{"name": "us.nowhere", "value": 9.0}, *LOSS["top_losses"]]
    family = {**LOSS["families"]["ssi"], "contributors": []}
    run = run_of({**LOSS, "top_losses": top, "families": {"ssi": family}})
    first = table(page(run), "Targets that raise").rows[0]
    assert [cell.text for cell in first] == ["us.nowhere", "–", "–", "–", "–", "+9"]
    named = LOSS["families"]["ssi"]["targets"][0]
    gates = table(target_page(run, named), "Gates that")
    assert [cell.text for cell in column(gates, "Part of the gate's difference")][1] == "–"


def test_targets_that_the_loss_leaves_out_are_in_no_sum() -> None:
    gone = LOSS["targets"][9]
    loss = {**LOSS["losses"][GATING_LOSS], "dropped": [gone["target_id"]]}
    shown = page(run_of({**LOSS, "losses": {GATING_LOSS: loss}}))
    for title in ("Part of the loss difference by family", "By state, the nation"):
        counts = {label: column(table(shown, title), label) for label in ("Won", "Lost", "Tied")}
        for *parts, whole in counts.values():
            assert sum(cell.raw for cell in parts if cell.raw is not None) == whole.raw
        assert sum(cells[-1].raw for cells in counts.values()) == 229
        whole = column(table(shown, title), "Targets")[-1]
        assert (whole.raw, whole.source) == (229, None)


@pytest.mark.parametrize(("status", "tone"), [("unmeasured", "warning"), ("error", "bad")])
def test_held_out_marks_that_prove_nothing_are_told_on_every_page(status: str, tone: str) -> None:
    run = gated(status, "the candidate was calibrated on held-out groups: group3")
    shown = (page(run), target_page(run, HELD), coverage_page(run, CoverageFilters()))
    for each in shown:
        said = [text for text in notices(each, tone) if "prove nothing" in text]
        assert len(said) == 1
        assert "calibrated on held-out groups: group3" in said[0]
        assert f"loss.held_out: {status}" in said[0]
    for status_of_good in ("pass", "fail", "waived"):
        said = notices(page(gated(status_of_good, "m")), tone)
        assert not any("prove nothing" in text for text in said)


def test_a_held_out_target_that_was_calibrated_to_is_told() -> None:
    manifest = {"target_groups": {"calibrated": ["group3"], "held_out": []}}
    run = replace(RUN, records={**RUN.records, "candidate_manifest": manifest})
    assert "calibrated to this held-out target" in notices(target_page(run, HELD), "bad")[0]
    assert notices(target_page(RUN, HELD), "bad") == []


def test_held_out_targets_are_marked_wherever_they_are_named() -> None:
    roles = {each["target_id"]: each["role"] for each in LOSS["targets"]}
    marked = 0
    for shown in (page(), page(gate="family.ssi")):
        for block in walk(shown.blocks):
            rows = getattr(getattr(block, "table", block), "rows", ())
            for row in rows:
                named = [cell for cell in row if cell.link and cell.link.page == "target"]
                for cell in named:
                    said = any(each.text == "HELD OUT" for each in row) or cell.note == "HELD OUT"
                    assert said == (roles[str(cell.raw)] == "held_out"), (cell, row)
                    marked += said
    assert marked > 10


def test_ties_say_how_many_are_of_files_that_estimate_nothing() -> None:
    loss = loss_of(TARGETS, bad={20: 9.0})
    rows = [dict(each) for each in loss["targets"]]
    for row in rows[10:14]:
        row |= {"candidate": 0.0, "incumbent": 0.0, "winner": "tie"}
    rows[14]["candidate"] = 0.0
    shown = page(run_of({**loss, "targets": rows, "ties": 4}))
    said = {each.label: each.against for each in blocks(shown, Figures)[0].figures}
    assert said["Ties"] == "equal errors, 4 because both estimate 0"
    zeros = next(
        row for row in table(shown, "Candidate against").rows if row[0].text.endswith(" 0")
    )
    assert [cell.raw for cell in zeros[1:4]] == [5, 4, 1]


def test_what_was_left_out_is_told_beside_what_was_compared() -> None:
    shown = page()
    said = {each.label: each.against for each in blocks(shown, Figures)[0].figures}
    assert figure(shown, "Compared").raw == 230
    assert said["Compared"] == "1 left out, with reasons"
    assert any(link.page == "coverage" for link in links(shown))
    told = notices(target_page(RUN, LOST), "empty")[0]
    assert "no estimate of the candidate" in told
    suite = {**RUN.records["suite"], "excluded_targets": [
        {"holdout_group": "g", "reason": "another"}, {"target_id": "us.x", "reason": "cash"},
    ]}  # fmt: skip
    excluded = replace(RUN, records={**RUN.records, "suite": suite})
    assert (
        "was not compared in this run: cash." in notices(target_page(excluded, "us.x"), "empty")[0]
    )


def test_the_pages_name_both_files_and_a_demonstration() -> None:
    for shown in (page(), target_page(RUN, HELD)):
        assert f"ours ({'a' * 12}) against the incumbent theirs ({'d' * 12})" in shown.lead
        assert "demonstration" not in shown.lead
    run = gated("pass", "m", demonstration=True, incumbent={"id": "psl-cps-2024"})
    for shown in (page(run), target_page(run, HELD)):
        assert "against the incumbent psl-cps-2024" in shown.lead
        assert "a demonstration: this incumbent is no release-eligible baseline" in shown.lead


def test_of_the_targets_won_the_largest_wins_come_first() -> None:
    won = [each for each in LOSS["targets"] if each["winner"] == "candidate"]
    shown = table(page(winner="candidate"), "Targets, those that lower the loss most first")
    parts = [cell.raw for cell in column(shown, "Part of the loss difference")]
    assert parts == sorted(each["contribution"] for each in won)[:50]
    gate = table(page(winner="candidate", gate="family.ssi"), "Targets, those that lower the gate")
    parts = [cell.raw for cell in column(gate, "Part of the gate's difference")]
    assert len(parts) > 1
    assert parts == sorted(parts)


@pytest.mark.parametrize(
    "gate",
    ["targets.provenance", "family.net", "loss.held_out", "aggregate.total", "family.ssi"],
)
def test_every_gate_whose_page_leads_here_can_be_asked_for(gate: str) -> None:
    assert gate in target_options(RUN)["gate"]
    none = run_of({**LOSS, "held_out": None})
    assert gate in target_options(none)["gate"]
    listed = len(blocks(page(gate="targets.provenance"), Download)[-1].frame)
    assert listed == len(LOSS["targets"])


def test_a_file_says_of_which_run_it_is_and_what_was_asked_for() -> None:
    file = blocks(page(level="state", search="=cmd|' /C calc'!A0"), Download)[-1]
    assert file.file_name == "targets-run-0123-level-state-search-cmd-C-calc-A0.csv"
    assert len(blocks(page(search="x" * 300), Download)[-1].file_name) <= 124
    whole = blocks(page(), Download)[-1]
    assert whole.file_name == "targets-run-0123.csv"
    assert set(whole.frame) == set(LOSS["targets"][0])
    assert len(csv_text(whole.frame).splitlines()) == 231


def test_the_file_of_a_family_gate_has_the_parts_of_its_difference() -> None:
    file = blocks(page(gate="family.ssi"), Download)[-1].frame
    held = {each["name"]: each["value"] for each in LOSS["families"]["ssi"]["contributors"]}
    assert dict(zip(file["target_id"], file["part_of_gate"], strict=True)) == held
    assert "part_of_gate" not in blocks(page(gate="loss.broad"), Download)[-1].frame


def test_every_cell_still_has_its_source() -> None:
    run = gated("error", "m", demonstration=True, incumbent={"id": "x"})
    assert prove(page(run), run) > 900
    assert any(cell.rule for block in walk(page(run).blocks) for cell in cells_of(block))
