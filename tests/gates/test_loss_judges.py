"""Losses, held-out groups, families, aggregates and provenance on a hand-made loss record."""

from __future__ import annotations

from typing import Any

import pytest

from gates.inputs import JudgeInputs
from tests.gates.losses import (
    LOSS,
    OTHER,
    OURS,
    SUITE,
    Change,
    candidate_manifest,
    group,
    inputs,
    judged,
    loss_record,
    total,
)

NOISE = {"standard_error": 0.5, "within_noise": True}


def put(path: str, **values: Any) -> Change:
    """Return a change that updates the object at a dotted path."""

    def change(record: dict[str, Any]) -> None:
        place = record
        for key in path.split("/") if path else ():
            place = place[key]
        place.update(values)

    return change


def test_a_lower_loss_passes_with_20_contributors_and_a_rest_that_add_up() -> None:
    result = judged("loss.broad")
    assert result["status"] == "pass"
    assert result["delta"] == pytest.approx(-0.4)
    assert result["contributors"][0] == {"name": "plain.won", "value": -0.4}
    assert len(result["contributors"]) == 21
    assert result["contributors"][-1]["name"] == "all other targets"
    assert total(result) == pytest.approx(result["delta"], abs=1e-12)


def test_a_loss_result_says_what_stands_beside_the_headline() -> None:
    details = judged("loss.broad")["details"]
    assert "26 targets won, 1 lost, 0 tied of 27" in details
    assert "train loss 0.6 against 1" in details
    assert "held_out loss 0.5 against 0.49" in details
    assert "worse on held-out groups: better only on what it was fitted to" in details


def test_a_headline_against_the_win_count_is_said_in_the_finding() -> None:
    assert "disagree" not in judged("loss.broad")["message"]
    contradicted = inputs(put("", headline_agrees=False, wins=3, losses_count=24))
    result = judged("loss.broad", contradicted)
    assert "headline and win count disagree (3 targets won, 24 lost)" in result["message"]
    assert result["status"] == "pass"


def test_noise_is_shown_and_never_flips_a_verdict() -> None:
    quiet, noisy = (
        judged("loss.broad"),
        judged("loss.broad", inputs(put(f"losses/{LOSS}", **NOISE))),
    )
    assert (quiet["within_noise"], noisy["within_noise"]) == (False, True)
    assert noisy["standard_error"] == 0.5
    assert "within noise" in noisy["message"]
    assert any("beyond noise" in line for line in quiet["details"])
    assert quiet["status"] == noisy["status"] == "pass"
    worse = put(f"losses/{LOSS}", delta=0.1, **NOISE)
    assert judged("loss.broad", inputs(worse))["status"] == "fail"


def test_the_reason_for_missing_noise_is_shown() -> None:
    nothing = {"replicates": None, "seeds": None, "agreement": None}
    absent = put("noise", method=None, reason="no contributions", **nothing)
    blank = put(f"losses/{LOSS}", standard_error=None, within_noise=None)
    result = judged("loss.broad", inputs(absent, blank))
    assert "no standard errors: no contributions" in result["details"]
    assert result["within_noise"] is None


@pytest.mark.parametrize(
    ("incumbent", "delta", "status"),
    [(0.05, 0.005, "pass"), (0.05, 0.0051, "fail"), (1.0, 0.05, "pass"), (1.0, 0.051, "fail")],
)
def test_held_out_loss_may_be_worse_by_the_larger_of_both_limits(
    incumbent: float, delta: float, status: str
) -> None:
    held = put(
        f"losses/{LOSS}/held_out", incumbent=incumbent, candidate=incumbent + delta, delta=delta
    )
    result = judged("loss.held_out", inputs(held))
    assert result["status"] == status
    blocking = {stage: each["blocking"] for stage, each in result["stages"].items()}
    assert blocking == {"beta": False, "default": True}


def test_held_out_names_the_worst_group_and_lists_all() -> None:
    groups = put("held_out", groups=[group("worst", 0.1), group("best", -0.1)], worst="worst")
    result = judged("loss.held_out", inputs(groups))
    assert "worst group worst: 0.3 against 0.2" in result["message"]
    lines = [line for line in result["details"] if "mean error" in line]
    assert len(lines) == 2
    assert "income_program best (1 targets): mean error 0.1 against 0.2, -0.1" in lines


def test_without_held_out_rows_or_a_manifest_held_out_is_unmeasured() -> None:
    nothing = inputs(put(f"losses/{LOSS}", held_out=None), put("", held_out=None))
    assert judged("loss.held_out", nothing)["status"] == "unmeasured"
    bare = inputs(candidate_manifest=None)
    assert judged("loss.held_out", bare)["status"] == "unmeasured"
    assert judged("loss.broad", bare)["status"] == "pass"


def manifest(**changes: Any) -> JudgeInputs:
    return inputs(candidate_manifest={**candidate_manifest(), **changes})


@pytest.mark.parametrize("about", ["loss.broad", "loss.held_out"])
def test_calibrating_on_a_held_out_group_is_an_error(about: str) -> None:
    groups = {"calibrated": ["group_train", "group_held"], "held_out": []}
    result = judged(about, manifest(target_groups=groups))
    assert result["status"] == "error"
    assert "calibrated on held-out groups: group_held" in result["message"]


@pytest.mark.parametrize("about", ["loss.broad", "loss.held_out"])
def test_a_manifest_of_another_file_or_an_unreadable_one_is_an_error(about: str) -> None:
    assert judged(about, manifest(h5={"sha256": OTHER}))["status"] == "error"
    why = {"status": "error", "message": "not JSON", "remedy": "write it again"}
    bare = inputs(candidate_manifest=None)
    broken = JudgeInputs(bare.candidate, bare.records, {"candidate_manifest": why}, bare.exceptions)
    result = judged(about, broken)
    assert (result["status"], result["message"]) == ("error", "not JSON")


@pytest.mark.parametrize("about", ["loss.broad", "loss.held_out"])
def test_calibrating_on_what_tells_of_a_held_out_group_is_an_error_too(about: str) -> None:
    told = {"calibrated": ["group_telling"], "held_out": []}
    assert judged(about, manifest(target_groups=told))["status"] == "error"
    apart = {"calibrated": ["group_other"], "held_out": []}
    assert judged(about, manifest(target_groups=apart))["status"] == "pass"


def test_a_manifest_with_other_target_facts_is_noted() -> None:
    found = judged("loss.held_out", manifest(target_db={"id": "old", "sha256": OTHER}))
    assert found["status"] == "pass"
    assert any("calibrated with another target_db: old" in line for line in found["details"])
    assert not any("another" in line for line in judged("loss.held_out")["details"])


@pytest.mark.parametrize("suite", [None, {"id": "old", "sha256": OTHER}])
def test_a_split_of_another_suite_tells_nothing_of_held_out(suite: Any) -> None:
    assert judged("loss.held_out", manifest(suite=suite))["status"] == "unmeasured"
    broad = judged("loss.broad", manifest(suite=suite))
    assert broad["status"] == "pass"
    assert any("suite" in line for line in broad["details"])


COMPARED = ("loss.broad", "loss.held_out", "family.snap", "aggregate.snap_value")


@pytest.mark.parametrize("about", COMPARED)
def test_a_target_the_candidate_has_no_estimate_of_leaves_all_unmeasured(about: str) -> None:
    gone = [{"target_id": "t", "reason": "no estimate of the candidate: not measured"}]
    result = judged(about, inputs(put("", dropped=gone)))
    assert result["status"] == "unmeasured"
    assert "no estimate of 1 targets" in result["message"]
    theirs = [{"target_id": "t", "reason": "no estimate of the incumbent: not measured"}]
    assert judged(about, inputs(put("", dropped=theirs)))["status"] != "unmeasured"


@pytest.mark.parametrize("about", [*COMPARED, "targets.provenance"])
def test_a_loss_record_of_another_suite_or_facts_is_an_error(about: str) -> None:
    other = {"id": "s", "sha256": OTHER}
    assert judged(about, inputs(put("", suite=other)))["status"] == "error"
    assert judged(about, inputs(put("", target_db=other)))["status"] == "error"
    swapped = inputs(suite={**SUITE, "held_out": []})
    assert judged(about, swapped)["status"] == "error"


@pytest.mark.parametrize(
    ("incumbent", "delta", "status"),
    [(0.02, 0.005, "pass"), (0.02, 0.0051, "fail"), (0.4, 0.02, "pass"), (0.4, 0.021, "fail")],
)
def test_a_family_may_be_worse_by_the_larger_of_both_limits(
    incumbent: float, delta: float, status: str
) -> None:
    changed = put("families/snap", incumbent=incumbent, candidate=incumbent + delta, delta=delta)
    assert judged("family.snap", inputs(changed))["status"] == status


def test_a_family_shows_its_contributors_noise_and_what_is_left_out() -> None:
    result = judged("family.snap")
    assert total(result) == pytest.approx(result["delta"], abs=1e-12)
    assert result["standard_error"] == 0.01
    assert "over 2 targets" in result["message"]
    assert "1 of 3 declared targets are not measured on both sides" in result["details"]


def test_a_family_without_targets_is_unmeasured() -> None:
    result = judged("family.ssi")
    assert (result["status"], result["value"]) == ("unmeasured", None)
    assert result["message"] == "no target of this family is measured"
    assert judged("family.interest")["status"] == "unmeasured"


def test_household_net_income_is_labelled_and_held_against_the_incumbents_estimate() -> None:
    result = judged("family.household_net_income")
    assert result["status"] == "pass"
    assert "incumbent's own estimate: no administrative target exists" in result["message"]
    assert result["remedy"] == "look for the component that moved"  # it has no targets to mend
    assert total(result) == result["delta"] == 0.004
    far = put("families/household_net_income", candidate=0.006, delta=0.006)
    assert judged("family.household_net_income", inputs(far))["status"] == "fail"


@pytest.mark.parametrize("about", ["family.snap", "aggregate.snap_value"])
def test_another_basis_than_the_policys_is_an_error(about: str) -> None:
    group, name = about.split(".")
    where = {"family": "families", "aggregate": "aggregates"}[group]
    changed = put(f"{where}/{name}", basis="incumbent_estimate")
    assert judged(about, inputs(changed))["status"] == "error"


def test_an_aggregate_is_held_against_the_incumbents_error() -> None:
    result = judged("aggregate.snap_value")
    assert result["status"] == "fail"
    assert (result["candidate"], result["incumbent"], result["value"]) == (0.04, 0.01, 0.03)
    assert total(result) == result["delta"]
    for words in ("4.000% against 1.000%", "104,000,000,000", "99,000,000,000", "target 100,000"):
        assert words in result["message"]
    tie = put("aggregates/snap_value", candidate_error=0.01, delta=0.0)
    assert judged("aggregate.snap_value", inputs(tie))["status"] == "pass"
    assert judged("aggregate.ssi_value")["status"] == "unmeasured"


def test_net_income_may_differ_by_5_percent_or_5_billion_dollars() -> None:
    place = "aggregates/household_net_income"
    result = judged("aggregate.household_net_income")
    assert (result["status"], result["value"], result["unit"]) == ("pass", 9e9, "dollars")
    assert "no administrative target exists" in result["message"]
    assert result["standard_error"] == pytest.approx(0.01 * 200e9)
    assert (
        judged("aggregate.household_net_income", inputs(put(place, candidate=189.9e9)))["status"]
        == "fail"
    )
    small = put(place, incumbent=10e9, candidate=14.9e9)
    assert judged("aggregate.household_net_income", inputs(small))["status"] == "pass"


@pytest.mark.parametrize("field", ["source", "scope", "entity"])
def test_a_target_without_source_scope_or_entity_fails(field: str) -> None:
    assert judged("targets.provenance")["status"] == "pass"

    def blank(record: dict[str, Any]) -> None:
        record["targets"][3][field] = " "

    result = judged("targets.provenance", inputs(blank))
    assert (result["status"], result["value"]) == ("fail", 1)
    assert result["details"] == [f"small.01 lacks {field}"]


def test_a_published_table_is_judged_by_its_losses_alone() -> None:
    table = loss_record(
        put("", suite=None, target_db=None, source={"kind": "table", "sha256": OTHER}),
        put("candidate", sha256=None),
    )
    found = JudgeInputs.from_table("published.csv", table)
    assert judged("loss.broad", found)["status"] == "pass"
    assert judged("family.snap", found)["status"] == "pass"
    for about in ("loss.broad", "family.snap", "aggregate.snap_value"):
        details = judged(about, found)["details"]
        assert "a published table has no incumbent manifest: no bands were checked" in details
        assert not any("published table" in line for line in judged(about)["details"])
    for about in ("loss.held_out", "baseline.pinned", "baseline.integrity", "contract.periods"):
        result = judged(about, found)
        assert result["status"] == "unmeasured", about
        assert result["message"] == "a published table was judged: it holds estimates only"
    assert judged("exceptions.valid", found)["status"] == "not_applicable"


def test_a_table_cannot_stand_in_for_the_loss_record_of_a_file() -> None:
    table = loss_record(put("", source={"kind": "table", "sha256": OTHER}))
    good = inputs(loss=table)
    assert judged("loss.broad", good)["status"] == "error"
    alone = JudgeInputs(good.candidate, {"loss": table})
    assert judged("loss.broad", alone)["status"] == "unmeasured"
    assert table["candidate"]["sha256"] == OURS
