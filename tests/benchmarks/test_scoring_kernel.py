"""The contribution matrix: entity mapping, months, operators, agreement with MicroSeries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from microdf import MicroSeries

from benchmarks.scoring.kernel import contribution_matrix, estimates, required_outputs
from schemas.errors import MeasureError
from tests.benchmarks.scoring_fakes import WEIGHTS, FakeArrays, target, two_households

FILER = ("tax_unit_is_filer", "==", 1)
CASES: list[tuple[dict[str, Any], list[float]]] = [
    # a person sum, and the same with an age band: lower bound in, upper bound out
    ({}, [1500, 300]),
    ({"constraints": [("age", ">=", 20), ("age", "<", 40)]}, [500, 300]),
    ({"constraints": [("age", ">", 20), ("age", "<=", 40)]}, [1500, 0]),
    # wages summed to the tax unit, filers only; the sign of the whole unit decides
    ({"entity": "tax_unit", "constraints": [FILER, ("employment_income", ">", 600)]}, [1500, 0]),
    # a household variable passed down to persons
    ({"constraints": [("state_fips", "==", 36)]}, [0, 300]),
    # counts of tax units by text
    (
        {
            "aggregation": "count",
            "variable": "tax_unit_count",
            "entity": "tax_unit",
            "constraints": [("filing_status", "in", ("SINGLE", "SEPARATE"))],
        },
        [1, 1],
    ),
    ({"aggregation": "count", "variable": "person_count", "constraints": []}, [3, 1]),
    # SNAP: dollars are annual, counts the average month
    ({"variable": "snap", "entity": "spm_unit"}, [600, 0]),
    (
        {
            "aggregation": "count",
            "variable": "person_count",
            "constraints": [("snap", ">", 0)],
        },
        [1.5, 0],
    ),
    # SSI: December
    (
        {
            "aggregation": "count",
            "variable": "person_count",
            "constraints": [("ssi", ">", 0), ("age", ">=", 65)],
            "period_type": "december",
        },
        [1, 0],
    ),
]


@pytest.mark.parametrize(("reading", "by_hand"), CASES)
def test_contributions_by_hand(reading: dict[str, Any], by_hand: list[float]) -> None:
    one = target(**reading)
    simulated = two_households()
    assert set(required_outputs([one])) <= set(simulated.arrays)
    matrix = contribution_matrix(simulated, [one])
    assert matrix.shape == (2, 1)
    assert matrix.toarray()[:, 0].tolist() == by_hand
    assert estimates(matrix, WEIGHTS)[0] == pytest.approx(100 * by_hand[0] + 10 * by_hand[1])


def _microseries(simulated: FakeArrays, weights: np.ndarray, wanted: str) -> float:
    """Return the same figures the long way: entity-length series under their own weights."""
    arrays, person_to = simulated.arrays, simulated.person_to
    person_weights = weights[person_to["household"]]
    if wanted == "wages of adults under 40":
        values = MicroSeries(arrays["employment_income"].astype(float), weights=person_weights)
        return float(values[(arrays["age"] >= 18) & (arrays["age"] < 40)].sum())
    if wanted == "AGI of filers":
        unit_weights = weights[[0, 0, 1]]
        values = MicroSeries(arrays["adjusted_gross_income"].astype(float), weights=unit_weights)
        return float(values[arrays["tax_unit_is_filer"]].sum())
    months = [arrays[f"snap@2024-{month:02d}"] > 0 for month in range(1, 13)]
    counts = [MicroSeries(month.astype(float), weights=weights).sum() for month in months]
    return float(np.mean(counts))


READINGS: dict[str, dict[str, Any]] = {
    "wages of adults under 40": {"constraints": [("age", ">=", 18), ("age", "<", 40)]},
    "AGI of filers": {
        "variable": "adjusted_gross_income",
        "entity": "tax_unit",
        "constraints": [FILER],
    },
    "SNAP units in the average month": {
        "aggregation": "count",
        "variable": "spm_unit_count",
        "entity": "spm_unit",
        "constraints": [("snap", ">", 0)],
    },
}


@pytest.mark.parametrize("wanted", READINGS)
def test_agrees_with_microseries_to_a_millionth(wanted: str) -> None:
    simulated = two_households()
    rng = np.random.default_rng(3)
    weights = rng.uniform(1, 5, 2)
    for name, rows in (("employment_income", 4), ("adjusted_gross_income", 3)):
        simulated.arrays[name] = rng.lognormal(10, 2, rows).astype(np.float32)
    matrix = contribution_matrix(simulated, [target(**READINGS[wanted])])
    expected = _microseries(simulated, weights, wanted)
    assert expected > 0
    assert estimates(matrix, weights)[0] == pytest.approx(expected, rel=1e-6)


def test_required_outputs_of_monthly_counts() -> None:
    snap = target(aggregation="count", variable="person_count", constraints=[("snap", ">", 0)])
    assert required_outputs([snap]) == [f"snap@2024-{month:02d}" for month in range(1, 13)]
    ssi = target(
        aggregation="count",
        variable="person_count",
        constraints=[("ssi", ">", 0)],
        period_type="december",
    )
    assert required_outputs([ssi]) == ["ssi@2024-12"]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ({"constraints": [("no_such_variable", ">", 0)]}, "scoring.unknown_variable"),
        ({"variable": "ctc_value", "entity": "tax_unit"}, "scoring.missing_output"),
        ({"constraints": [("age", "==", "forty")]}, "scoring.kinds"),
        ({"variable": "snap", "entity": "tax_unit"}, "scoring.sideways"),
        ({"variable": "filing_status", "entity": "household"}, "scoring.text_sum"),
    ],
)
def test_refusals(reading: dict[str, Any], reason: str) -> None:
    one = target(**reading)
    with pytest.raises(MeasureError) as caught:
        contribution_matrix(two_households(), [one])
    assert caught.value.reason == reason


def test_not_finite_and_foreign_weights_are_refused() -> None:
    simulated = two_households()
    matrix = contribution_matrix(simulated, [target()])
    with pytest.raises(MeasureError) as wrong:
        estimates(matrix, np.ones(3))
    assert wrong.value.reason == "scoring.length"
    simulated.arrays["employment_income"][0] = np.nan
    with pytest.raises(MeasureError) as caught:
        contribution_matrix(simulated, [target()])
    assert caught.value.reason == "scoring.not_finite"


def test_group_without_members_is_refused() -> None:
    simulated = two_households()
    simulated.sizes["tax_unit"] = 4
    simulated.arrays["adjusted_gross_income"] = np.zeros(4)
    one = target(variable="adjusted_gross_income", entity="tax_unit")
    with pytest.raises(MeasureError) as caught:
        contribution_matrix(simulated, [one])
    assert caught.value.reason == "scoring.empty_group"
