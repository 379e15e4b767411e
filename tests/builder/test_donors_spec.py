"""The committed donor specs, and what a spec may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.donors.psl_cps import PSL_CPS_SPEC
from builder.donors.spec import SPEC_DIR, load_donor_spec
from schemas.errors import BuildError, RecordError

SPECS = sorted(SPEC_DIR.glob("*.json"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_committed_specs_load_and_declare_a_range_for_every_column(path: Path) -> None:
    spec = load_donor_spec(path)
    assert spec.id == path.stem
    assert set(spec.support.ranges) == {*spec.predictors, *spec.targets}
    assert not spec.support.extrapolates


def test_the_donors_of_the_plan_are_there() -> None:
    targets: dict[str, set[str]] = {}
    for spec in map(load_donor_spec, SPECS):
        targets.setdefault(spec.donor, set()).update(spec.targets)
    assert targets["irs-puf-2015"] >= {
        "employment_income_before_lsr",
        "long_term_capital_gains_before_response",
        "short_term_capital_gains",
        "self_employment_income_before_lsr",
        "partnership_income",
        "estate_income",
        "taxable_ira_distributions",
        "home_mortgage_interest",
    }
    assert targets["scf-2022"] == {
        "bank_account_assets",
        "stock_assets",
        "bond_assets",
        "net_worth",
    }
    assert targets["sipp-2023"] >= {"is_disabled", "tip_income", "bank_account_assets"}
    assert len(targets["psl-cps"]) == 14


def _load(tmp_path: Path, **changes: Any) -> None:
    record = json.loads(PSL_CPS_SPEC.read_text()) | changes
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(record))
    load_donor_spec(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "hot_deck"}, "hot_deck"),
        ({"predictors": ["age", "shoe_size"]}, "shoe_size"),
        ({"predictors": ["age", "is_head"]}, "is_head says nothing of a tax_unit"),
        ({"predictors": ["age", "mine"], "totals": {"mine": ["shoe_size"]}}, "shoe_size"),
        ({"predictors": ["age", "real_estate_taxes"]}, "its own predictor"),
        (
            {"predictors": ["employment_income"], "targets": ["employment_income_before_lsr"]},
            "its own predictor",
        ),
        ({"universe": {"shoe_size": [1, None]}}, "shoe_size"),
        ({"targets": ["income_tax"]}, "no yearly input"),
        ({"targets": ["net_worth"]}, "net_worth is a float of the household"),
        ({"targets": ["tax_unit_role_input"]}, "tax_unit_role_input is a Enum|is a str"),
        ({"support": {"extrapolates": False, "ranges": {"shoe_size": [0, 1]}}}, "shoe_size"),
        ({"support": {"extrapolates": True, "ranges": {}}}, "scale_by"),
        ({"support": {"extrapolates": False, "scale_by": "age", "ranges": {}}}, "scale_by"),
        (
            {"support": {"extrapolates": True, "scale_by": "age_of_car", "ranges": {}}},
            "scale_by",
        ),
    ],
)
def test_a_spec_that_cannot_work_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BuildError, match=words) as caught:
        _load(tmp_path, **changes)
    assert caught.value.reason == "builder.donor_spec"


@pytest.mark.parametrize("changes", [{"mood": "good"}, {"forest": {"trees": 5}}, {"targets": []}])
def test_a_record_that_breaks_the_schema_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(RecordError):
        _load(tmp_path, **changes)


def test_a_table_makes_the_columns_of_the_spec_and_no_others(tmp_path: Path) -> None:
    record = json.loads((SPEC_DIR / "scf-assets.json").read_text())
    del record["table"]["columns"]["age"]
    record["table"]["columns"]["mood"] = {"from": ["mood"], "growth": None}
    (tmp_path / "spec.json").write_text(json.dumps(record))
    with pytest.raises(BuildError, match="differ in age, mood"):
        load_donor_spec(tmp_path / "spec.json")


def test_the_method_needs_its_settings(tmp_path: Path) -> None:
    record = json.loads(PSL_CPS_SPEC.read_text())
    del record["sign_model"]
    (tmp_path / "spec.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match="sign_model"):
        load_donor_spec(tmp_path / "spec.json")
