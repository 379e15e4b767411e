"""Baseline integrity: a broken incumbent fails its own gate and leaves nothing to compare with."""

from __future__ import annotations

from typing import Any

import pytest

from gates.inputs import JudgeInputs
from tests.gates.losses import POLICY, THEIRS, bands, evidence, inputs, judged

COMPARISONS = [
    gate.id
    for gate in POLICY.gates
    if gate.group in ("loss", "family", "aggregate", "benchmark")
    and gate.judge not in ("identity", "external")  # of the candidate alone
]
FIGURES = {
    "household_weight_sum": ("weights", "household_sum"),
    "wages": ("baseline", "wages"),
    "ssi": ("baseline", "ssi"),
    "snap": ("baseline", "snap"),
}


def broken(name: str, value: float | None) -> JudgeInputs:
    theirs = evidence(THEIRS)
    block, key = FIGURES[name]
    if value is None:
        del theirs[block][key]
    else:
        theirs[block][key] = value
    return inputs(incumbent_evidence=theirs)


def manifest(stated: dict[str, Any] | None) -> JudgeInputs:
    record: dict[str, Any] = {"id": "incumbent", "pins": {"h5_sha256": THEIRS}}
    return inputs(baseline=record if stated is None else {**record, "sanity_bands": stated})


def test_a_sound_incumbent_passes_and_its_figures_are_shown() -> None:
    result = judged("baseline.integrity")
    assert result["status"] == "pass"
    assert all(stage["blocking"] for stage in result["stages"].values())
    assert len(result["details"]) == 4


@pytest.mark.parametrize("name", sorted(FIGURES))
@pytest.mark.parametrize("value", [89.9, 110.1])
def test_a_figure_outside_its_band_fails_and_is_named(name: str, value: float) -> None:
    result = judged("baseline.integrity", broken(name, value))
    assert (result["status"], result["value"]) == ("fail", 1)
    assert result["message"].startswith(f"{name} 90" if value < 90 else f"{name} 110")
    assert "outside 90 to 110 usd" in result["message"]


@pytest.mark.parametrize("about", COMPARISONS)
def test_no_comparison_is_made_with_a_broken_incumbent(about: str) -> None:
    assert len(COMPARISONS) >= 48
    result = judged(about, broken("ssi", 999.0))
    assert result["status"] == "unmeasured"
    assert "the incumbent fails its own bands: ssi 999 outside" in result["message"]
    assert "a broken baseline can't be beaten" in result["message"]


@pytest.mark.parametrize("about", COMPARISONS)
@pytest.mark.parametrize("stated", [None, {}, {"wages": bands()["wages"]}])
def test_no_comparison_is_made_where_a_band_is_missing(
    about: str, stated: dict[str, Any] | None
) -> None:
    result = judged(about, manifest(stated))
    assert result["status"] == "unmeasured"
    assert "nobody knows if the incumbent is sound" in result["message"]


def test_missing_bands_or_figures_leave_integrity_unmeasured() -> None:
    assert judged("baseline.integrity", manifest(None))["status"] == "unmeasured"
    assert judged("baseline.integrity", broken("wages", None))["status"] == "unmeasured"
    assert judged("baseline.integrity", inputs(incumbent_evidence=None))["status"] == "unmeasured"


def test_a_band_for_no_known_figure_is_not_passed_over() -> None:
    result = judged("baseline.integrity", manifest({**bands(), "wage": bands()["wages"]}))
    assert result["status"] == "unmeasured"
    assert "wage: no such figure is checked" in result["message"]


def test_a_broken_figure_fails_even_where_another_band_is_missing() -> None:
    stated = {"ssi": {"low": 0.0, "high": 1.0, "unit": "usd"}}
    assert judged("baseline.integrity", manifest(stated))["status"] == "fail"
