"""The reforms of the suite against the parameters of the installed engine (YAML, not imported)."""

from __future__ import annotations

import pytest
from engine_parameters import listed_values, parameter_value

from benchmarks.suite import load_suite

SUITE = load_suite()
BY_ID = {benchmark["id"]: benchmark for benchmark in SUITE.benchmarks}
WINDOW = "2024-01-01.2100-12-31"
CHANGES = [
    (benchmark["id"], path)
    for benchmark in SUITE.benchmarks
    for path in benchmark.get("reform", ())
]


@pytest.mark.parametrize(("benchmark_id", "path"), CHANGES)
def test_each_change_is_one_of_a_parameter_that_the_engine_has(
    benchmark_id: str, path: str
) -> None:
    changes = BY_ID[benchmark_id]["reform"][path]
    assert list(changes) == [WINDOW]
    current = parameter_value(path, BY_ID[benchmark_id]["period"])
    assert isinstance(changes[WINDOW], bool) == isinstance(current, bool)
    assert changes[WINDOW] != current


@pytest.mark.parametrize(
    "path",
    [
        "gov.ssa.ssi.eligibility.resources.limit",
        "ssa.ssi.eligibility.resources.limit.couple",
        "gov.irs.credits.ctc.amount.base.amount",
        "gov.irs.credits.ctc.amount.base[0]",
        "gov.irs.credits.eitc.phase_out.rates[0].amount",
    ],
)
def test_a_wrong_path_names_no_parameter(path: str) -> None:
    with pytest.raises(KeyError):
        parameter_value(path, 2024)
    with pytest.raises(IndexError):
        parameter_value("gov.irs.credits.ctc.amount.base[2].amount", 2024)


def test_rates_are_one_point_above_current_law() -> None:
    reform = BY_ID["income-tax-rates-plus-1"]["reform"]
    assert len(reform) == 7
    for path, changes in reform.items():
        assert changes[WINDOW] == pytest.approx(parameter_value(path, 2024) + 0.01)


def test_the_arpa_credit_finds_its_own_phase_out_in_the_engine() -> None:
    """Only the switch is in the reform: the thresholds of 2021 have stayed in the parameters."""
    prefix = "gov.irs.credits.ctc.phase_out.arpa"
    found = {
        status: parameter_value(f"{prefix}.threshold.{status}", 2024)
        for status in ("SINGLE", "JOINT", "HEAD_OF_HOUSEHOLD")
    }
    assert found == {"SINGLE": 75_000, "JOINT": 150_000, "HEAD_OF_HOUSEHOLD": 112_500}
    assert parameter_value(f"{prefix}.amount", 2024) == 50
    assert BY_ID["ctc-arpa"]["reform"][f"{prefix}.in_effect"] == {WINDOW: True}


@pytest.mark.parametrize(
    "path",
    [
        "gov.irs.credits.ctc.amount.arpa[0].amount",
        "gov.irs.credits.ctc.amount.arpa[1].amount",
        "gov.irs.credits.ctc.amount.base[1].threshold",
        "gov.irs.credits.ctc.refundable.fully_refundable",
        "gov.irs.credits.eitc.eligibility.age.min",
        "gov.irs.credits.eitc.eligibility.age.min_student",
        "gov.irs.credits.eitc.max[0].amount",
        "gov.irs.credits.eitc.phase_in_rate[0].amount",
        "gov.irs.credits.eitc.phase_out.rate[0].amount",
        "gov.irs.credits.eitc.phase_out.start[0].amount",
    ],
)
def test_the_arpa_reforms_bring_back_the_law_of_2021(path: str) -> None:
    reform = {**BY_ID["ctc-arpa"]["reform"], **BY_ID["eitc-arpa-childless"]["reform"]}
    assert reform[path][WINDOW] == parameter_value(path, 2021)


def test_the_repeals_leave_no_amount() -> None:
    eitc, ctc = BY_ID["eitc-repeal"]["reform"], BY_ID["ctc-repeal"]["reform"]
    assert [*ctc.values(), *eitc.values()] == 6 * [{WINDOW: 0}]
    assert [*eitc] == [f"gov.irs.credits.eitc.max[{i}].amount" for i in range(4)]
    # The bracket beyond the age limit and the amounts of 2021 are 0 in 2024 already.
    for path in ("base[1]", "arpa[0]", "arpa[1]"):
        assert parameter_value(f"gov.irs.credits.ctc.amount.{path}.amount", 2024) == 0


def test_policy_94589_switches_three_structural_reforms_on() -> None:
    reform = BY_ID["policy-94589"]["reform"]
    switches = {path for path in reform if path.startswith("gov.contrib.")} & {
        path for path, change in reform.items() if change[WINDOW] is True
    }
    assert len(reform) == 42
    assert {path.split(".")[3] for path in switches if path.endswith(".in_effect")} == {
        "minimum_refundable",
        "per_child_phase_in",
        "per_child_phase_out",
    }


def test_the_transfer_costs_exactly_population_times_amount() -> None:
    """No phase-in, phase-out, limit or tax touches it, and it is one of the benefits summed."""
    benchmark = BY_ID["per-person-transfer"]
    prefix = "gov.contrib.ubi_center.basic_income"
    for path in ("agi_limit.in_effect", "phase_in.in_effect", "phase_out.rate", "taxable"):
        assert not parameter_value(f"{prefix}.{path}", 2024)
    assert parameter_value(f"{prefix}.phase_out.by_rate", 2024) is True
    assert benchmark["identity"] == {
        "measure": "basic_income",
        "per_person": benchmark["reform"][f"{prefix}.amount.person.flat"][WINDOW],
    }
    counted = listed_values("gov.household.household_benefits", 2024)
    items = {item["variable"] for item in SUITE.measures["benefits"]["items"]}
    assert "basic_income" in items
    assert items <= set(counted)
