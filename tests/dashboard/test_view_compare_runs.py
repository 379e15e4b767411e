"""What two runs are, what they share, and which of their targets, limits and roles differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from compared_runs import FIRST, RUN_A, RUN_B, SECOND, STATUSES, but, gate, results
from compared_targets import blocks, column, links, notices, prove, table

from dashboard.blocks import Cell, Download, Page, Section
from dashboard.run_data import RunData
from dashboard.views.compare import compare_page
from dashboard.views.target_filters import ROLES, difference_cell

KEPT = ("us.t00010", "us.t00011")


def page(a: RunData = RUN_A, b: RunData = RUN_B, **asked: Any) -> Page:
    return compare_page(a, b, **{"stage": "default", **asked})


def fact(shown: Page, name: str) -> list[Cell]:
    return next(list(row) for row in table(shown, "Can the two").rows if row[0].text == name)


def with_record(run: RunData, name: str, **fields: Any) -> RunData:
    return replace(run, records={**run.records, name: fields})


def of_candidate(run: RunData, sha256: str, label: str = "c.h5") -> RunData:
    return but(run, "gate_results", candidate={"sha256": sha256, "label": label})


def without_targets(run: RunData, loss: dict[str, Any], reason: str) -> RunData:
    """Return a run that left out two targets, one of them with a reason."""
    kept = [each for each in loss["targets"] if each["target_id"] not in KEPT]
    return but(run, "loss", targets=kept, dropped=[{"target_id": KEPT[0], "reason": reason}])


def test_a_pin_is_shown_with_the_name_of_what_it_pins() -> None:
    named = [
        but(run, "gate_results", incumbent={"sha256": "9" * 64, "id": "psl-cps-2024"})
        for run in (RUN_A, RUN_B)
    ]
    shown = fact(page(*named), "Incumbent")
    assert [cell.text for cell in shown[1:]] == ["9" * 12, "9" * 12, "same"]
    assert (shown[1].raw, shown[1].note) == ("9" * 64, "psl-cps-2024")
    prove(page(*named), *named)


def test_two_judgements_of_one_file_are_told() -> None:
    a, b = of_candidate(RUN_A, "1" * 64), of_candidate(RUN_B, "1" * 64)
    assert "one and the same candidate file" in notices(page(a, b), "info")[0]
    assert notices(page(a, of_candidate(RUN_B, "2" * 64)), "info") == []
    assert notices(page(a, a), "info") == ["A and B are the same run."]


def test_other_measuring_code_is_told_and_forbids_nothing() -> None:
    sides = [
        but(run, "evidence", code_sha256=digit * 64) for run, digit in ((RUN_A, "1"), (RUN_B, "2"))
    ]
    shown = page(*sides)
    assert "the measuring code" in notices(shown, "warning")[0]
    assert notices(shown, "good")
    assert fact(shown, "Measuring code")[3].text == "different"
    assert notices(page(sides[0], sides[0]), "warning") == []


def test_runs_of_other_years_or_products_are_told() -> None:
    a, b = (with_record(run, "suite", period=year) for run, year in ((RUN_A, 2023), (RUN_B, 2024)))
    shown = page(a, b)
    assert "A is about the year 2023, B about 2024." in notices(shown, "warning")
    assert [cell.text for cell in fact(shown, "Year")] == ["Year", "2023", "2024", "different"]
    local = page(RUN_A, replace(RUN_B, product="mp-local-fast"))
    assert [cell.text for cell in fact(local, "Product")[1:]] == [
        "mp-national", "mp-local-fast", "different",
    ]  # fmt: skip
    counts = table(local, "Record counts")
    assert {cell.text for cell in column(counts, "Change")} == {"not comparable"}


def test_each_run_has_its_verdict_and_a_demonstration_is_never_ready() -> None:
    ready = {"default": {"verdict": "ready", "blocking": []}}
    a = but(RUN_A, "gate_results", verdicts=ready)
    b = but(RUN_B, "gate_results", verdicts=ready, demonstration=True)
    shown = table(page(a, b), "What each run was judged to be")
    said = [cell.text for cell in column(shown, "Verdict for default")]
    assert said[0] == "ready: every blocking gate passes"
    assert "ready" not in said[1].replace("release-eligible", "")
    assert "demonstration" in said[1]
    neither = table(page(a, b, stage="beta"), "What each run was judged to be")
    assert [cell.text for cell in column(neither, "Verdict for beta")] == ["not judged"] * 2


@pytest.mark.parametrize("unit", ["share", "fraction of the target"])
def test_figures_in_per_cent_differ_by_percentage_points(unit: str) -> None:
    assert difference_cell(RUN_B, -0.1665, unit, "B - A").text == "−16.65 percentage points"
    assert difference_cell(RUN_B, 0.5, "ratio", "B - A").text == "+0.5000"


def test_a_gate_whose_limit_moved_is_not_among_the_unchanged() -> None:
    moved = gate("size.h5", STATUSES["size.h5"][2])
    moved["stages"]["default"] = {**moved["stages"]["default"], "limit": 1.5}
    other = but(RUN_A, "gate_results", **results(moved))
    shown = page(RUN_A, other)
    rows = table(shown, "Value or limit changed").rows
    assert [row[0].note for row in rows] == ["size.h5"]
    assert [cell.raw for cell in rows[0][6:]] == [1.0, 1.5]


def test_targets_of_one_run_only_are_listed_with_what_the_other_says_of_them() -> None:
    shown = page(RUN_A, without_targets(RUN_B, SECOND, "not measurable"))
    rows = table(shown, "Targets that only one run compares").rows
    assert [[cell.text for cell in row] for row in rows] == [
        [KEPT[0], "A", "not measurable"],
        [KEPT[1], "A", "the other run's record does not name it"],
    ]
    file = blocks(shown, Download)[-1].frame
    assert file.to_dict("list")["target_id"] == list(KEPT)
    turned = page(without_targets(RUN_A, FIRST, "gone"), RUN_B)
    found = table(turned, "Targets that only one run compares")
    assert {cell.text for cell in column(found, "Only in")} == {"B"}
    with pytest.raises(StopIteration):
        table(page(), "Targets that only one run compares")


def test_many_targets_of_one_run_only_are_cut_and_all_in_the_file() -> None:
    fewer = but(RUN_B, "loss", targets=SECOND["targets"][:30])
    shown = page(RUN_A, fewer)
    listed = table(shown, "Targets that only one run compares")
    assert (len(listed.rows), listed.note) == (50, "40 more are in the file.")
    assert len(blocks(shown, Download)[-1].frame) == 90


def test_the_file_holds_what_both_runs_say_of_each_target() -> None:
    file = blocks(page(search="us.t0003"), Download)[-1]
    assert file.file_name == "compare-run-aaaa-with-run-bbbb-search-us.t0003.csv"
    assert next(iter(file.frame["target_id"])) == "us.t00030"
    held = [next(each for each in loss["targets"] if each["target_id"] == "us.t00030")
            for loss in (FIRST, SECOND)]  # fmt: skip
    first = file.frame.iloc[0]
    for field in ("target", "candidate", "incumbent", "candidate_error", "role", "winner"):
        assert [first[f"{field}_a"], first[f"{field}_b"]] == [each[field] for each in held]
    assert first["change_of_error"] == held[1]["candidate_error"] - held[0]["candidate_error"]
    assert not [name for name in file.frame if name.startswith("place")]


def test_roles_are_marked_and_differ_where_the_suites_hold_out_others() -> None:
    roles = {each["target_id"]: ROLES[each["role"]] for each in SECOND["targets"]}
    shown = table(page(), "Paired targets")
    assert "HELD OUT" in roles.values()
    for target, role in zip(column(shown, "Target"), column(shown, "Role"), strict=True):
        assert role.text == roles[str(target.raw)]
    none = [{**each, "role": "train"} for each in FIRST["targets"]]
    other = page(but(RUN_A, "loss", targets=none), RUN_B)
    said = {cell.text for cell in column(table(other, "Paired targets"), "Role")}
    assert said == {"train", "A: train, B: HELD OUT"}


def test_a_target_that_is_listed_twice_is_paired_once_and_told() -> None:
    twice = but(RUN_B, "loss", targets=[*SECOND["targets"], *SECOND["targets"]])
    shown = page(RUN_A, twice)
    assert len(blocks(shown, Download)[-1].frame) == 120
    told = notices(shown, "bad")
    assert told[0].startswith("B: The loss record contradicts itself")
    assert "120 targets are listed twice" in told[0]


def test_held_out_marks_that_prove_nothing_are_told_by_run() -> None:
    held = {
        **gate("loss.broad", 0.0, "unmeasured"),
        "id": "loss.held_out",
        "status": "unmeasured",
        "message": "no manifest",
    }
    gates = [*RUN_A.records["gate_results"]["gates"], held]
    shown = page(but(RUN_A, "gate_results", gates=gates), RUN_B)
    assert "A: The targets marked as held out prove nothing here: no manifest" in str(
        notices(shown, "warning")
    )


def test_both_verdicts_lead_to_the_runs() -> None:
    shown = table(page(stage="beta"), "What each run was judged to be")
    params = [dict(row[0].link.params) for row in shown.rows if row[0].link]
    assert params == [{"run": key * 12, "stage": "beta"} for key in "ab"]
    assert [row[0].text for row in shown.rows] == ["A: run-aaaa", "B: run-bbbb"]
    assert dict(links(page())[0].params) == {"a": "b" * 12, "b": "a" * 12, "stage": "default"}


def test_what_the_runs_share_is_folded_only_where_they_are_comparable() -> None:
    def is_open(shown: Page) -> bool:
        return next(each.open for each in blocks(shown, Section) if "share" in each.title)

    assert not is_open(page())
    assert is_open(page(RUN_A, replace(RUN_B, product="mp-local-rich")))
