"""Two engines on the same tax units: planted differences are found, named and add up."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.cross_engine import cached_cross_engine, measure, measure_cross_engine
from benchmarks.cross_engine.rules import load_rules
from schemas.dataset import open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError
from schemas.writers import write_period_arrays
from tests.benchmarks.population import generated_households
from tests.small import HOUSEHOLDS, PERIOD, PERSONS, small_columns

# By hand, 2024: a head with a wage of 50,000 and an adult dependant. Taxable 50,000 - 14,600;
# 10 % of 11,600 and 12 % of the rest; less 500 for the dependant. FICA 15.3 %.
WAGE, TAX = 50_000.0, 4_016.0 - 500.0
POOR = np.arange(20, 60)
POOR_WAGE, POOR_CREDIT = 1_000.0, 76.5
# 500 above 200,000 cost the dependant's credit a whole step of 50; wages end at 168,600 for OASDI,
# and 0.9 % of those above 200,000 go to Medicare.
RICH, RICH_WAGE = 8, 200_500.0
RICH_TAX = 1_160 + 4_266 + 11_742.5 + 0.24 * (200_500 - 14_600 - 100_525) - 450
RICH_FICA = 0.124 * 168_600 + 0.029 * RICH_WAGE + 0.009 * 500
PLANTED = {  # unit: the part it makes, and what the engine's tax is above Tax-Calculator's
    0: ("other_gross_income", 0.12 * 1_000),
    1: ("alimony_received", 0.12 * 10_000),
    2: ("input_credits", -300.0),
    3: ("dependants_deductions", -0.12 * (20_000 - 14_600)),
    4: ("dependants_earnings", 0.153 * 10_000),
    5: ("federal_unemployment_tax", 42.0),
    6: ("state_local_employer_tax", 180.0),
    7: ("unexplained", 777.0),
}


class Engine:
    """Stands in for the engine session: heads with one dependant, and the planted differences."""

    def __init__(self, **changes: np.ndarray) -> None:
        self.changes, self.calls = changes, 0

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> Any:
        self.calls += 1
        entity = {name: variable_table()[name].entity for name in outputs}
        sizes = {"person": PERSONS, "household": HOUSEHOLDS, "tax_unit": HOUSEHOLDS}
        arrays = {name: np.zeros(sizes[entity[name]], dtype=np.float32) for name in outputs}
        arrays |= planted(arrays) | self.changes
        groups = np.repeat(np.arange(HOUSEHOLDS), 2)
        return SimpleNamespace(
            arrays=arrays,
            entity=entity,
            person_to={"tax_unit": groups, "household": groups},
            sizes=sizes,
            meta={},
        )


def planted(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a population whose differences are known by hand."""
    found = {name: values.copy() for name, values in arrays.items()}
    head, dependant = np.arange(0, PERSONS, 2), np.arange(1, PERSONS, 2)
    found["is_tax_unit_head"][head] = 1
    found["is_tax_unit_dependent"][dependant] = 1
    found["age"][:] = 40
    found["filing_status"] = np.full(HOUSEHOLDS, "SINGLE")
    for name in ("irs_employment_income", "payroll_tax_gross_wages"):
        found[name][head] = wages()
    found["income_tax"][:] = TAX
    found["income_tax"][POOR] = -POOR_CREDIT
    found["income_tax"][RICH] = RICH_TAX
    found["employee_payroll_tax"][:] = payroll_taxes()
    for unit in (0, 1, 2, 3, 7):
        found["income_tax"][unit] += PLANTED[unit][1]
    found["ak_permanent_fund_dividend"][head[0]] = 1_000
    found["taxable_alimony_income"][head[1]] = 10_000
    found["savers_credit"][2] = 300
    found["charitable_cash_donations"][dependant[3]] = 20_000
    found["employee_social_security_tax"][dependant[4]] = PLANTED[4][1]
    found["employee_payroll_tax"][4] += PLANTED[4][1]
    found["employer_federal_unemployment_tax"][head[5]] = 42
    found["employer_state_payroll_tax"][head[6]] = 180
    found["employer_payroll_tax"][head[[5, 6]]] = [42, 180]
    return found


def wages() -> np.ndarray:
    """Return the wage of each head."""
    found = np.full(HOUSEHOLDS, WAGE)
    found[POOR], found[RICH] = POOR_WAGE, RICH_WAGE
    return found


def payroll_taxes() -> np.ndarray:
    """Return the payroll tax of each head, by hand."""
    found = 0.153 * wages()
    found[RICH] = RICH_FICA
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Measure the small file once, with the real Tax-Calculator."""
    folder = tmp_path_factory.mktemp("cross")
    path = folder / "small.h5"
    write_period_arrays(path, small_columns(), PERIOD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(folder / "cache"))
        yield SimpleNamespace(
            path=path,
            weights=open_dataset(path).read("household_weight").astype(np.float64),
            record=measure_cross_engine(path, simulator=Engine()),
        )


def tax_of(kept: Any, tax_id: str) -> dict[str, Any]:
    return next(tax for tax in kept.record["taxes"] if tax["id"] == tax_id)


def weight(kept: Any, unit: int) -> float:
    return float(kept.weights[unit])


@pytest.mark.parametrize("unit", sorted(PLANTED))
def test_a_planted_difference_is_its_part_in_weighted_dollars(kept: Any, unit: int) -> None:
    name, dollars = PLANTED[unit]
    tax = tax_of(kept, "payroll" if unit in (4, 5, 6) else "income")
    parts = {part["id"]: part["value"] for part in tax["parts"]}
    parts["unexplained"] = tax["unexplained"]
    assert parts[name] == pytest.approx(dollars * weight(kept, unit), rel=1e-4)


def test_families_that_tax_calculator_lets_go_without_the_credit_are_a_part(kept: Any) -> None:
    tax = tax_of(kept, "income")
    (part,) = [each for each in tax["parts"] if each["id"] == "credit_claiming"]
    unclaimed = -part["value"] / POOR_CREDIT
    assert 0 < unclaimed < float(kept.weights[POOR].sum())
    assert "eitc_claim_prob_min" in part["reason"]


@pytest.mark.parametrize("tax_id", ["income", "payroll"])
def test_parts_and_the_rest_sum_to_the_difference_of_the_totals(kept: Any, tax_id: str) -> None:
    tax = tax_of(kept, tax_id)
    parts = sum(part["value"] for part in tax["parts"])
    assert tax["difference"] == pytest.approx(tax["engine_total"] - tax["other_total"])
    assert parts + tax["unexplained"] == pytest.approx(tax["difference"])
    assert sum(each["value"] for each in tax["remaining"]) == pytest.approx(tax["unexplained"])


def test_totals_are_of_the_weights_in_the_file(kept: Any) -> None:
    by_hand = float(np.dot(kept.weights, payroll_taxes()))
    assert tax_of(kept, "payroll")["other_total"] == pytest.approx(by_hand)


def test_all_but_the_unexplained_unit_agree_once_the_scope_is_the_same(kept: Any) -> None:
    tax = tax_of(kept, "income")
    share = 1 - weight(kept, 7) / float(kept.weights.sum())
    assert tax["agreement"]["same_scope"]["within_1"] == pytest.approx(share)
    assert tax["agreement"]["as_calculated"]["within_1"] < share
    unit_id = int(open_dataset(kept.path).read("tax_unit_id")[7])
    assert tax["largest"][0]["tax_unit_id"] == unit_id
    assert tax["largest"][0]["remaining"] == pytest.approx(777)


def test_the_record_names_engines_file_and_what_it_cannot_see(kept: Any) -> None:
    record = kept.record
    assert record["other"] == {"name": "taxcalc", "version": importlib.metadata.version("taxcalc")}
    assert record["subject"]["label"] == "small.h5"
    assert record["tax_units"] == HOUSEHOLDS
    assert "common to both" in record["caveat"]


def test_a_file_is_measured_once(kept: Any) -> None:
    engine = Engine()
    assert measure_cross_engine(kept.path, simulator=engine) == kept.record
    assert engine.calls == 0
    assert cached_cross_engine("0" * 64) is None


def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.h5"
    write_period_arrays(path, small_columns(), PERIOD)
    return path


def refused(path: Path, engine: Engine) -> MeasureError:
    with pytest.raises(MeasureError) as found:
        measure_cross_engine(path, simulator=engine)
    return found.value


def test_without_tax_calculator_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    path, engine = small(tmp_path, monkeypatch), Engine()
    monkeypatch.setattr(measure.importlib.metadata, "version", absent)
    error = refused(path, engine)
    assert (error.reason, engine.calls) == ("cross_engine.no_taxcalc", 0)
    assert "pip install" in error.remedy


def test_an_unknown_filing_status_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = np.full(HOUSEHOLDS, "SINGLE", dtype="<U30")
    statuses[3] = "MARRIED_UNDER_PROTEST"
    error = refused(small(tmp_path, monkeypatch), Engine(filing_status=statuses))
    assert error.reason == "cross_engine.filing_status"
    assert "MARRIED_UNDER_PROTEST" in error.message


def test_what_tax_calculator_refuses_is_a_typed_error_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = copy.deepcopy(dict(load_rules()))
    rules["filing_status"] = {"SINGLE": 9}
    monkeypatch.setattr(measure, "load_rules", lambda: rules)
    error = refused(small(tmp_path, monkeypatch), Engine())
    assert error.reason == "engine.failed"
    assert "MARS" in error.message
    assert not list((tmp_path / "cache").rglob("*.json"))


@pytest.mark.nightly
@pytest.mark.engine
def test_the_real_engines_differ_by_known_scope_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "generated.h5"
    write_period_arrays(path, generated_households(200), PERIOD)
    for tax in measure_cross_engine(path)["taxes"]:
        assert abs(tax["unexplained"]) <= 0.01 * abs(tax["engine_total"])
