"""The judges of reforms on hand-made entries: proportion, sign, sums, identity, external values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gates.explain import explanation
from gates.inputs import JudgeInputs
from schemas.records import validate
from tests.gates.losses import OTHER, OURS, POLICY, SUITE, THEIRS, evidence, inputs, judged
from tests.gates.test_exceptions import exception, given

ID = "ssi-no-asset-limit"
GATE = f"benchmark.{ID}.fiscal"
TRANSFER = "benchmark.per-person-transfer.identity"
WATSON = "benchmark.tara-watson.external"
FROZEN = {
    "id": ID,
    "sign": {"fiscal": "negative", "ssi": "positive", "ssi_recipients": "any"},
    "non_vacuity_floor": {"fiscal": 2e8, "ssi": 2e8},
}
Edit = Callable[[dict[str, Any]], None]


def entry(effect: float = -30e9) -> dict[str, Any]:
    """Return a reform's effect, a tenth of it outside the two programs, in two states."""
    parts = [("ssi", 0.7), ("snap", 0.2), ("not_itemised", 0.1)]
    places = [("CA", 1.5), ("NY", -0.5)]
    named = {
        key: {"fiscal": [{"name": name, "value": share * effect} for name, share in shares]}
        for key, shares in (("contributors", parts), ("by_state", places), ("by_decile", places))
    }
    return {
        "id": ID,
        "delta": {"fiscal": effect, "ssi": -effect, "ssi_recipients": -1.0},
        **named,
    }


def reform(ours: dict[str, Any], theirs: dict[str, Any], **more: Any) -> JudgeInputs:
    """Return inputs in which both sides hold one reform."""
    sides = {
        "evidence": {**evidence(OURS), "benchmarks": [ours]},
        "incumbent_evidence": {**evidence(THEIRS), "benchmarks": [theirs]},
    }
    return inputs(suite={**SUITE, "benchmarks": [FROZEN]}, **sides, **more)


def compared(candidate: float, incumbent: float) -> dict[str, Any]:
    return judged(GATE, reform(entry(candidate), entry(incumbent)))


def test_a_tolerance_below_the_effect_discriminates() -> None:
    result = compared(-34e9, -30e9)
    assert result["status"] == "pass"
    assert result["details"][0].startswith("discriminating: ")
    assert "non-discriminating" not in result["message"]
    assert not any(line.startswith("relative only") for line in result["details"])


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (-1.04e9, "the difference is 4.00% of the incumbent's effect, within 5%"),
        (-4e9, "the difference is 300.00% of the incumbent's effect, not within 5%"),
    ],
)
def test_a_tolerance_above_the_effect_says_so_and_adds_the_relative_line(
    candidate: float, words: str
) -> None:
    result = compared(candidate, -1e9)
    assert result["status"] == "pass"
    assert result["message"].endswith("; non-discriminating")
    assert (
        "tolerance of 5.000 bn is more than the incumbent's whole effect of 1.000 bn"
        in (result["details"][0])
    )
    assert result["details"][1] == f"relative only: {words}"


def test_an_effect_as_large_as_the_tolerance_still_discriminates() -> None:
    assert "non-discriminating" not in compared(-5e9, -5e9)["message"]
    assert "non-discriminating" in compared(-5e9, -4.999e9)["message"]


def test_a_wrong_sign_fails_even_inside_the_tolerance_and_cannot_be_waived() -> None:
    record = exception(gate=GATE, bound={"value": 9e9, "unit": "dollars"})
    found = reform(entry(1e9), entry(-1e9), exceptions=given(record))
    result = judged(GATE, found)
    assert (result["status"], result["value"]) == ("fail", 2e9)
    message = result["stages"]["default"]["message"]
    assert "wrong sign: fiscal moves by +1,000,000,000, expected negative" in message
    assert "ssi moves by -1,000,000,000, expected positive" in message
    assert "ssi_recipients" not in message
    assert "explanation" not in result["remedy"]  # none would be taken
    assert result["remedy"].startswith("look for the inputs that the reform reads")
    assert "explanation record" in compared(-36e9, -30e9)["remedy"]


def test_a_secondary_effect_of_the_wrong_sign_fails_but_rounding_does_not() -> None:
    for moved, status in ((-2.0, "fail"), (-0.5, "pass")):
        ours, frozen = entry(), copy.deepcopy(FROZEN)
        ours["delta"]["ssi"] = moved
        frozen["non_vacuity_floor"] = {}
        found = reform(ours, entry())
        suite = {**found.records["suite"], "benchmarks": [frozen]}
        changed = JudgeInputs(found.candidate, {**found.records, "suite": suite})
        assert judged(GATE, changed)["status"] == status


def test_vacuity_and_sign_are_both_named() -> None:
    message = compared(1e8, -1e9)["stages"]["default"]["message"]
    assert message.startswith("vacuous: fiscal moves by 100,000,000, below the floor")
    assert "wrong sign: fiscal" in message


@pytest.mark.parametrize("key", ["contributors", "by_state", "by_decile"])
@pytest.mark.parametrize("side", ["candidate", "incumbent"])
@pytest.mark.parametrize(("off", "status"), [(32.0, "error"), (-32.0, "error"), (30.0, "pass")])
def test_parts_that_do_not_sum_to_the_effect_are_an_error(
    key: str, side: str, off: float, status: str
) -> None:
    """One dollar and 1e-9 of 30 bn, 31 dollars, are rounding."""
    sides = {"candidate": entry(), "incumbent": entry()}
    sides[side][key]["fiscal"][0]["value"] += off
    result = judged(GATE, reform(sides["candidate"], sides["incumbent"]))
    assert result["status"] == status
    if status == "error":
        assert f"the {side}'s {key} of fiscal sum to" in result["message"]


@pytest.mark.parametrize("key", ["contributors", "by_state", "by_decile"])
def test_an_output_without_parts_is_unmeasured(key: str) -> None:
    ours = entry()
    del ours[key]["fiscal"]
    result = judged(GATE, reform(ours, entry()))
    assert result["status"] == "unmeasured"
    assert f"no {key} of fiscal" in result["message"]


def test_a_part_that_one_side_lacks_counts_whole() -> None:
    ours = entry()
    ours["by_state"]["fiscal"][1]["name"] = "TX"
    result = judged(GATE, reform(ours, entry()))
    assert result["breakdowns"]["state"] == [
        {"name": "NY", "value": -15e9},
        {"name": "TX", "value": 15e9},
        {"name": "CA", "value": 0.0},
    ]


def test_the_explanation_groups_the_difference_by_program_state_and_decile() -> None:
    found = reform(entry(-40e9), entry(-30e9))
    parts = explanation(found, POLICY.gate(GATE), judged(GATE, found), "default")["parts"]
    assert list(parts["by"]) == ["program", "state", "decile"]
    for ranks in parts["by"].values():
        shown = [part["value"] for part in (*ranks["wins"], *ranks["losses"])]
        assert sum(shown) + ranks["rest"]["value"] == pytest.approx(-10e9)


def test_an_explanation_record_waives_a_difference_up_to_its_bound() -> None:
    record = exception(gate=GATE, bound={"value": 1e10, "unit": "dollars"})
    found = reform(entry(-40e9), entry(-30e9), exceptions=given(record))
    result = judged(GATE, found)
    assert (result["status"], result["value"]) == ("waived", 1e10)
    assert {stage["status"] for stage in result["stages"].values()} == {"waived"}
    tight = exception(gate=GATE, bound={"value": 9.9e9, "unit": "dollars"})
    foreign = {**record, "candidate_sha256": OTHER}
    for other in (tight, foreign, {**record, "kind": "waiver"}):
        found = reform(entry(-40e9), entry(-30e9), exceptions=given(other))
        assert judged(GATE, found)["status"] == "fail"


def identity(edit: Edit = lambda found: None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "population": 340e6,
        "expected": 408e9,
        "measured": 408e9,
        "relative_difference": 0.0,
    }
    edit(found)
    ours = {**evidence(OURS), "benchmarks": [{"id": "per-person-transfer", "identity": found}]}
    return judged(TRANSFER, inputs(evidence=ours, incumbent_evidence=None))


def test_a_transfer_that_costs_what_it_pays_passes_without_any_incumbent() -> None:
    result = identity()
    assert (result["status"], result["value"]) == ("pass", 0.0)


@pytest.mark.parametrize(
    ("off", "status"), [(4e5, "pass"), (-4e5, "pass"), (4.2e5, "fail"), (-4.2e5, "fail")]
)
def test_a_cost_that_is_not_what_is_paid_fails_in_both_directions(off: float, status: str) -> None:
    result = identity(lambda found: found.update(measured=408e9 + off))
    assert result["status"] == status
    assert result["value"] == pytest.approx(abs(off) / 408e9)


@pytest.mark.parametrize(
    "change",
    [{"population": 341e6}, {"expected": 0.0}, {"population": 0.0, "expected": 0.0}],
)
def test_an_identity_that_contradicts_itself_is_an_error(change: dict[str, float]) -> None:
    result = identity(lambda found: found.update(change))
    assert result["status"] == "error"
    assert "persons times 1,200 are stated as" in result["message"]


def test_evidence_without_the_transfer_or_its_identity_is_unmeasured() -> None:
    assert judged(TRANSFER)["status"] == "unmeasured"
    bare = {**evidence(OURS), "benchmarks": [{"id": "per-person-transfer"}]}
    assert judged(TRANSFER, inputs(evidence=bare))["status"] == "unmeasured"


def external(*rows: tuple[str, bool], sha256: str = OURS) -> dict[str, Any]:
    """Return an external comparison with one row per benchmark."""
    record = {
        "schema": "external_comparison",
        "schema_version": 1,
        "subject": {"sha256": sha256},
        "id": "tara-watson-ssi-asset-limits",
        "source": "a published table",
        "supplied_by": "an analyst",
        "supplied_on": "2026-11-20",
        "rows": [
            {
                "benchmark": benchmark,
                "measure": "ssi",
                "expected": 8e9,
                "measured": 9e9,
                "difference": 1e9,
                "within": within,
            }
            for benchmark, within in rows
        ],
    }
    validate(record, "external_comparison")
    return record


def test_external_values_are_counted_and_never_block() -> None:
    good = judged(WATSON, inputs(external=external((f"{ID}-2026", True))))
    assert (good["status"], good["value"]) == ("pass", 0)
    rows = ((f"{ID}-2026", False), ("ssi-asset-limits-10k-20k-2026", True), ("eitc-repeal", False))
    result = judged(WATSON, inputs(external=external(*rows)))
    assert (result["status"], result["value"]) == ("fail", 1)
    assert f"{ID}-2026 ssi: 9e+09 against 8e+09, outside its tolerance" in result["message"]
    assert len(result["details"]) == 3
    assert not any(stage["blocking"] for stage in result["stages"].values())


def test_without_a_record_the_external_line_is_unmeasured_and_another_files_is_an_error() -> None:
    assert judged(WATSON)["status"] == "unmeasured"
    other = external(("eitc-repeal", True))
    assert judged(WATSON, inputs(external=other))["status"] == "unmeasured"
    foreign = external((f"{ID}-2026", True), sha256=OTHER)
    assert judged(WATSON, inputs(external=foreign))["status"] == "error"
