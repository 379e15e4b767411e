"""The household bootstrap: against the textbook, against itself, and where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_sparse

from benchmarks.contributions import Contributions
from benchmarks.scoring.compare import compare
from benchmarks.scoring.noise import SEEDS, Figure, standard_errors
from benchmarks.scoring.pair import Households, PairDraws
from benchmarks.scoring.scheme import Aggregate, Family, HeldOutSet
from schemas.errors import MeasureError
from schemas.records import validate
from tests.benchmarks.scoring_fakes import FakeSuite, evidence, suite_of, target

HOUSEHOLDS, COUNT = 1_500, 240


def suite() -> FakeSuite:
    targets = [
        target(f"t{i:03d}", 1e9, family=f"family{i % 6}", holdout_group=f"group{i % 8}")
        for i in range(COUNT)
    ]
    return suite_of(
        targets,
        [HeldOutSet("x", "geography", ("group3",))],
        [Family("wages", ("t000", "t001", "t002"), None), Family("household", (), "net")],
        [Aggregate("wage_income", "t005", None), Aggregate("household", None, "net")],
    )


SUITE = suite()


def contributions(seed: int, spread: float) -> Contributions:
    """Return a file whose estimates miss every target by `spread` on average."""
    random = np.random.default_rng(seed)
    shape = {"m": HOUSEHOLDS, "n": COUNT + 1, "density": 0.1, "format": "csr"}
    raw = random_sparse(**shape, random_state=seed, data_rvs=lambda k: random.lognormal(0, 1, k))
    weights = random.lognormal(10, 0.5, HOUSEHOLDS)
    wanted = 1e9 * (1 + spread * random.standard_normal(COUNT + 1))
    scaled = raw.multiply(wanted / (raw.T @ weights))
    columns = (*(t.target_id for t in SUITE.targets), "measure:net")
    return Contributions(csr_matrix(scaled, dtype=np.float32), columns, weights)


def evidence_of(side: Contributions) -> dict[str, Any]:
    figures = side.matrix.T @ side.weights
    named = {name: float(value) for name, value in zip(side.columns, figures, strict=True)}
    return evidence(named, measures={"net": named.pop("measure:net")})


def compared(ours: Contributions, theirs: Contributions) -> dict[str, Any]:
    found = compare(evidence_of(ours), evidence_of(theirs), SUITE, contributions=(ours, theirs))
    validate(found, "loss_record")
    return found


OURS, THEIRS = contributions(1, 0.2), contributions(2, 0.21)


@pytest.fixture(scope="module")
def noisy() -> dict[str, Any]:
    return compared(OURS, THEIRS)


def noted(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every block that carries a standard error."""
    losses = record["losses"].values()
    return [
        *losses,
        *(each["held_out"] for each in losses),
        *record["families"].values(),
        *record["aggregates"].values(),
    ]


def test_everything_carries_a_standard_error_and_the_draws_agree(noisy: dict[str, Any]) -> None:
    assert all(each["standard_error"] > 0 for each in noted(noisy))
    noise = noisy["noise"]
    assert (noise["method"], noise["reason"]) == ("household_bootstrap", None)
    assert noise["seeds"] == list(SEEDS)
    assert len(noise["agreement"]) == len(noted(noisy))
    assert all(0 < each < 0.1 for each in noise["agreement"].values())
    assert "loss.broad_relative_v1" in noise["agreement"]


def test_every_figure_agrees_between_two_independent_draws() -> None:
    """Also on seeds of which the defaults are none: the number of replicates is enough."""
    draws = draws_of(OURS, THEIRS)
    figures = {("target", str(at)): total_of(at, against=True) for at in range(40)}
    one = standard_errors(draws, figures, seeds=(11, 12))
    two = standard_errors(draws, figures, seeds=(21, 22))
    for key in figures:
        assert one[key].value == pytest.approx(two[key].value, rel=0.1)
        assert one[key].agreement < 0.1
        assert one[key].value != two[key].value


def test_within_noise_is_two_standard_errors_and_falls_both_ways(noisy: dict[str, Any]) -> None:
    for each in noted(noisy):
        assert each["within_noise"] is (abs(each["delta"]) <= 2 * each["standard_error"])
    far = compared(OURS, contributions(3, 0.8))
    flags = [r["losses"]["broad_relative_v1"]["within_noise"] for r in (noisy, far)]
    assert flags == [True, False]


def test_noise_changes_no_other_figure(noisy: dict[str, Any]) -> None:
    plain = compare(evidence_of(OURS), evidence_of(THEIRS), SUITE)
    assert plain["targets"] == noisy["targets"]
    for name, loss in plain["losses"].items():
        assert loss["delta"] == noisy["losses"][name]["delta"]


def test_the_same_comparison_gives_the_same_record(noisy: dict[str, Any]) -> None:
    assert compared(OURS, THEIRS) == noisy


def total_of(at: int, *, against: bool = False) -> Figure:
    """Return the candidate's figure of one target, less the incumbent's if `against`."""
    if against:
        return Figure({"delta": 0.0}, lambda c, i: c.rows[:, at] - i.rows[:, at])
    return Figure({"delta": 0.0}, lambda c, i: c.rows[:, at])


def draws_of(ours: Contributions, theirs: Contributions) -> PairDraws:
    sides = [Households(each.matrix, each.weights) for each in (ours, theirs)]
    return PairDraws(sides[0], sides[1], ("net",), same=False)


def test_the_standard_error_of_a_total_is_the_textbooks() -> None:
    """Ratio to the household total: n times the variance of the weighted residuals from it."""
    at = 17
    found = standard_errors(draws_of(OURS, THEIRS), {("one", "total"): total_of(at)})
    column = OURS.matrix[:, [at]].toarray().ravel().astype(float)
    mean = (column @ OURS.weights) / OURS.weights.sum()
    residuals = (column - mean) * OURS.weights
    textbook = np.sqrt(HOUSEHOLDS * residuals.var())
    assert found["one", "total"].value == pytest.approx(textbook, rel=0.1)


def test_every_household_can_be_drawn() -> None:
    """A figure of one household alone is drawn as often as chance draws it: variance 1."""
    for place in (0, HOUSEHOLDS - 1):
        matrix = csr_matrix(([1.0], ([place], [0])), shape=(HOUSEHOLDS, 1))
        side = Households(matrix, np.full(HOUSEHOLDS, 500.0))
        draws = PairDraws(side, side, (), same=False)
        found = standard_errors(draws, {("one", "household"): total_of(0)})
        assert found["one", "household"].value == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize(("error", "within"), [(0.5, True), (0.49, False), (None, None)])
def test_two_standard_errors_are_the_bound(error: float | None, within: bool | None) -> None:
    noted_record = Figure({"delta": -1.0}, None).noted(error)
    assert (noted_record["standard_error"], noted_record["within_noise"]) == (error, within)


def test_the_sides_are_drawn_independently() -> None:
    """Variances add; with one stream for both sides they would cancel on equal files."""
    figures = {("x", "difference"): total_of(17, against=True), ("x", "single"): total_of(17)}
    found = standard_errors(draws_of(OURS, OURS), figures)
    expected = np.sqrt(2) * found["x", "single"].value
    assert found["x", "difference"].value == pytest.approx(expected, rel=0.1)


def test_one_and_the_same_file_differs_by_exactly_nothing() -> None:
    found = compared(OURS, OURS)
    for each in noted(found):
        assert (each["delta"], each["standard_error"], each["within_noise"]) == (0, 0, True)
    assert set(found["noise"]["agreement"].values()) == {0}


FOREIGN = Contributions(
    THEIRS.matrix, tuple("x" * (i + 1) for i in range(COUNT + 1)), THEIRS.weights
)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ((None, None), "no household contributions"),
        ((None, THEIRS), "the candidate's"),
        ((OURS, None), "the incumbent's"),
        ((OURS, FOREIGN), "the incumbent's contributions lack 240"),
    ],
)
def test_without_contributions_there_is_a_reason_and_no_standard_error(
    sides: tuple[Contributions | None, Contributions | None], said: str
) -> None:
    found = compare(evidence_of(OURS), evidence_of(THEIRS), SUITE, contributions=sides)
    validate(found, "loss_record")
    assert found["noise"]["method"] is None
    assert said in found["noise"]["reason"]
    assert {each["standard_error"] for each in noted(found)} == {None}
    assert {each["within_noise"] for each in noted(found)} == {None}


def test_a_measure_without_contributions_has_no_standard_error() -> None:
    bare = Contributions(THEIRS.matrix[:, :COUNT], THEIRS.columns[:COUNT], THEIRS.weights)
    found = compare(evidence_of(OURS), evidence_of(THEIRS), SUITE, contributions=(OURS, bare))
    family = found["families"]["household"]
    assert (family["basis"], family["standard_error"]) == ("incumbent_estimate", None)
    assert found["families"]["wages"]["standard_error"] > 0


def test_contributions_of_another_file_are_refused() -> None:
    with pytest.raises(MeasureError) as caught:
        compare(evidence_of(OURS), evidence_of(THEIRS), SUITE, contributions=(THEIRS, THEIRS))
    assert caught.value.reason == "noise.contributions"
    assert "candidate" in caught.value.message
