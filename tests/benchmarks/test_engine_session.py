"""The real engine on generated households: two processes by default, shared by all checks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine.session import SimulationArrays, simulate
from schemas.dataset import ENTITIES, GROUP_ENTITIES
from schemas.errors import MeasureError
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.population import Columns, generated_households

pytestmark = pytest.mark.engine

MONTHS = [f"ssi@2024-{month:02d}" for month in range(1, 13)]
MONEY = [
    "household_net_income",
    "household_market_income",
    "household_benefits",
    "household_tax",
    "household_tax_before_refundable_credits",
    "household_refundable_tax_credits",
    "income_tax",
    "employee_payroll_tax",
    "state_income_tax",
    "snap",
    "ssi",
    "eitc",
    "ctc",
    "adjusted_gross_income",
    "tax_unit_is_filer",
    "taxable_interest_income",
]
OUTPUTS = [*MONEY, *MONTHS, "age", "state_fips", *(f"{entity}_id" for entity in ENTITIES)]
CTC = {"gov.irs.credits.ctc.amount.base[0].amount": {"2024-01-01.2024-12-31": 3000}}


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="session")
def columns() -> Columns:
    """Return households of which a third live in New York, whose child credit opens branches."""
    found = generated_households(80)
    found["state_fips"][::3] = 36
    return found


@pytest.fixture(scope="session")
def planned(store: Path, columns: Columns) -> SimulationArrays:
    write_period_arrays(store / "arrays.h5", columns, 2024)
    return simulate(store / "arrays.h5", OUTPUTS)


@pytest.fixture(scope="session")
def reordered(columns: Columns) -> Columns:
    """Return the same households, every entity in another row order."""
    rng = np.random.default_rng(5)
    orders = {e: rng.permutation(len(columns[f"{e}_id"])) for e in ENTITIES}
    entity = {"household_weight": "household", "state_fips": "household"}
    entity |= {f"{group}_id": group for group in GROUP_ENTITIES}
    entity |= {"spm_unit_pre_subsidy_childcare_expenses": "spm_unit"}
    return {name: v[orders[entity.get(name, "person")]] for name, v in columns.items()}


@pytest.fixture(scope="session")
def tables(store: Path, reordered: Columns) -> SimulationArrays:
    write_entity_tables(store / "tables.h5", reordered, 2024)
    return simulate(store / "tables.h5", OUTPUTS)


@pytest.fixture(scope="session")
def unplanned(store: Path, planned: SimulationArrays) -> SimulationArrays:
    return simulate(store / "arrays.h5", OUTPUTS, planned=False)


def test_planned_order_runs_few_formulas_twice(planned: SimulationArrays) -> None:
    assert planned.meta["formula_runs"] <= 1.3 * planned.meta["unique_pairs"]
    assert planned.meta["unique_pairs"] > 5_000


@pytest.mark.nightly
def test_plan_changes_no_result(planned: SimulationArrays, unplanned: SimulationArrays) -> None:
    assert unplanned.meta["formula_runs"] > planned.meta["formula_runs"]
    for name in OUTPUTS:
        np.testing.assert_array_equal(unplanned.arrays[name], planned.arrays[name], err_msg=name)


def test_rows_are_the_files_own_rows(planned: SimulationArrays, columns: Columns) -> None:
    for name in ("age", "state_fips", *(f"{entity}_id" for entity in ENTITIES)):
        np.testing.assert_array_equal(planned.arrays[name], columns[name], err_msg=name)
    assert (np.diff(columns["household_id"]) < 0).any()  # ids in the file are not sorted


def test_net_income_is_market_income_plus_benefits_less_tax(planned: SimulationArrays) -> None:
    of = planned.arrays
    expected = of["household_market_income"] + of["household_benefits"] - of["household_tax"]
    np.testing.assert_allclose(of["household_net_income"], expected, atol=0.5)
    assert of["household_tax"].sum() > 0


def test_year_of_a_monthly_benefit_is_the_sum_of_its_months(planned: SimulationArrays) -> None:
    months = sum(planned.arrays[month] for month in MONTHS)
    np.testing.assert_allclose(planned.arrays["ssi"], months, atol=0.05)
    assert planned.arrays["ssi"].sum() > 0


def test_layout_and_row_order_change_no_result(
    planned: SimulationArrays, tables: SimulationArrays, reordered: Columns
) -> None:
    for entity in ENTITIES:
        np.testing.assert_array_equal(tables.arrays[f"{entity}_id"], reordered[f"{entity}_id"])
    for name in MONEY:
        key = f"{planned.entity[name]}_id"
        one = planned.arrays[name][np.argsort(planned.arrays[key])]
        two = tables.arrays[name][np.argsort(tables.arrays[key])]
        np.testing.assert_allclose(two, one, atol=0.05, err_msg=name)


def test_memory_stays_below_the_ceiling(planned: SimulationArrays) -> None:
    assert 0.5 < planned.meta["peak_rss_gb"] < 6


@pytest.mark.nightly
def test_unknown_parameter_is_named_before_the_run(store: Path, planned: SimulationArrays) -> None:
    stages: list[str] = []
    with pytest.raises(MeasureError, match=r"no parameter gov\.irs\.no_such") as caught:
        simulate(
            store / "arrays.h5",
            ["ssi"],
            {"gov.irs.no_such": {"2024-01-01": 1}, **CTC},
            progress=lambda stage, done, total: stages.append(stage),
        )
    assert caught.value.reason == "engine.unknown_parameter"
    assert stages == ["import"]


@pytest.mark.nightly
def test_reform_moves_net_income_by_its_budgetary_impact(
    store: Path, planned: SimulationArrays
) -> None:
    reformed = simulate(store / "arrays.h5", OUTPUTS, CTC)

    def change(name: str) -> np.ndarray:
        return reformed.arrays[name] - planned.arrays[name]

    budget = change("household_tax") - change("household_benefits")
    np.testing.assert_allclose(change("household_net_income"), -budget, atol=0.5)
    assert budget.sum() < 0
