"""The cross-engine gate: the worse tax's unexplained rest, and parts that sum to the delta."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.records import validate
from tests.gates.losses import OTHER, OURS, inputs, judged

GATE = "cross.taxcalc"
BILLION = 1e9


def tax(
    tax_id: str, engine: float, unexplained: float, parts: dict[str, float], **changes: Any
) -> dict[str, Any]:
    """Return one tax of the record, in billions of dollars."""
    difference = unexplained + sum(parts.values())
    share = {"within_1": 0.5, "within_10": 0.75, "within_100": 1.0}
    share |= {"correlation": 1.0, "rank_correlation": 1.0}
    return {
        "id": tax_id,
        "title": f"The {tax_id} tax",
        "engine_total": engine * BILLION,
        "other_total": (engine - difference) * BILLION,
        "difference": difference * BILLION,
        "parts": [
            {"id": name, "title": name, "reason": "known", "value": value * BILLION}
            for name, value in parts.items()
        ],
        "unexplained": unexplained * BILLION,
        "unexplained_gross": abs(unexplained) * BILLION,
        "remaining": [],
        "agreement": {"as_calculated": share, "same_scope": share},
        "largest": [],
        **changes,
    }


def record(*taxes: dict[str, Any], sha256: str = OURS) -> dict[str, Any]:
    found = {
        "schema": "cross_engine",
        "schema_version": 1,
        "subject": {
            "label": "run.h5",
            "sha256": sha256,
            "logical_sha256": OTHER,
            "inputs_sha256": OTHER,
            "size_bytes": 1,
            "logical_bytes": 1,
            "layout": "period_arrays",
            "period": 2024,
        },
        "engine": {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"},
        "other": {"name": "taxcalc", "version": "6.8.0"},
        "code_sha256": OTHER,
        "caveat": "common inputs are not seen",
        "tax_units": 4,
        "taxes": list(taxes),
        "run": {"wall_s": 1.0},
    }
    validate(found, "cross_engine")
    return found


INCOME = tax("income", 1000, 1, {"credit_claiming": -17, "input_credits": 0, "alimony": 2})
PAYROLL = tax("payroll", -100, -4, {"state": 50})


def result(*taxes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return judged(GATE, inputs(cross_engine=record(*taxes, **more)))


def test_the_worse_tax_decides_as_a_fraction_of_the_engines_total() -> None:
    found = result(INCOME, PAYROLL)
    assert (found["value"], found["status"]) == (0.04, "pass")
    assert found["candidate"] == -100 * BILLION
    assert found["message"].startswith("The payroll tax")
    assert result(PAYROLL, INCOME)["value"] == 0.04


def test_an_unexplained_rest_above_the_limit_fails_and_blocks_nothing() -> None:
    found = result(INCOME, tax("payroll", 100, 6, {}))
    assert found["status"] == "fail"
    assert not any(at["blocking"] for at in found["stages"].values())
    assert "largest" in found["remedy"]


def test_contributors_sum_to_the_delta_largest_first_without_empty_parts() -> None:
    found = result(INCOME, tax("payroll", 100, 0, {}))
    names = [each["name"] for each in found["contributors"]]
    assert names == ["credit_claiming", "alimony", "unexplained"]
    assert sum(each["value"] for each in found["contributors"]) == found["delta"] == -14 * BILLION


def test_both_taxes_their_agreement_and_the_caveat_are_told() -> None:
    details = " ".join(result(INCOME, PAYROLL)["details"])
    assert "The income tax: 1,000.0 bn, 1,014.0 bn by taxcalc 6.8.0" in details
    assert "75.0% of tax units within 10 dollars" in details
    assert "common inputs are not seen" in details


def test_parts_that_miss_the_difference_are_an_error() -> None:
    wrong = tax("payroll", 100, 6, {}, difference=9 * BILLION)
    assert result(INCOME, wrong)["status"] == "error"


def test_a_total_of_nothing_has_no_fraction() -> None:
    found = result(INCOME, tax("payroll", 0, 6, {}))
    assert found["status"] == "unmeasured"


def test_the_record_of_another_file_is_an_error() -> None:
    assert result(INCOME, PAYROLL, sha256=OTHER)["status"] == "error"


@pytest.mark.parametrize("status", ["unmeasured", "error"])
def test_an_absent_record_keeps_its_reason(status: str) -> None:
    given = inputs()
    why = {"status": status, "message": "nobody asked taxcalc", "remedy": "install it"}
    given.absent["cross_engine"] = why  # type: ignore[index]
    given.records.pop("cross_engine", None)  # type: ignore[attr-defined]
    found = judged(GATE, given)
    assert (found["status"], found["message"]) == (status, "nobody asked taxcalc")
