"""The national problem: cells left out, aggregates stressed, and totals of the frame added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from baselines.targets import Constraint, Target
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite, load_suite
from builder.calibration import Problem
from builder.calibration.groups import VALIDATION
from builder.national.config import load_config
from builder.national.problem import (
    PhaseOneTotals,
    left_out_ids,
    stressing_aggregates,
    with_phase_one,
    without,
)
from schemas.errors import BuildError
from tests.builder.calibration_sample import HOUSEHOLDS, problem

RULES = [{"scope": "filer", "agi_at_most": 15_000, "reason": "no such units"}]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite()


@pytest.fixture(scope="module")
def cell(suite: Suite) -> Target:
    """A filer target between two bounds of AGI."""
    return next(
        each
        for each in suite.targets
        if each.scope == "filer"
        and {c.operator for c in each.constraints if c.variable == "adjusted_gross_income"}
        == {">=", "<"}
    )


def _between(cell: Target, operator: str, top: float, **changes: str) -> Target:
    bound = Constraint("adjusted_gross_income", operator, top)
    return replace(cell, constraints=(bound,), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "top", "out"),
    [
        ("<", 15_000, True),
        ("<=", 15_000, True),
        ("<", 1, True),
        ("<", 15_001, False),
        (">=", 10_000, False),
        ("==", 10_000, False),
    ],
)
def test_cells_up_to_the_bound_are_left_out(
    cell: Target, operator: str, top: float, out: bool
) -> None:
    found = left_out_ids([_between(cell, operator, top)], RULES)
    assert found == ({cell.target_id} if out else set())


def test_other_scopes_and_other_variables_stay(cell: Target) -> None:
    other = replace(cell, constraints=(Constraint("age", "<", 10),))
    assert left_out_ids([_between(cell, "<", 10, scope="all"), other], RULES) == set()
    assert left_out_ids([_between(cell, "<", 10)], []) == set()


def test_the_committed_rule_leaves_out_some_cells_and_says_why(suite: Suite) -> None:
    rules = load_config().record["targets"]["left_out"]
    found = left_out_ids(suite.targets, rules)
    assert 0 < len(found) < 0.2 * len(suite.targets)
    assert all(rule["reason"] for rule in rules)
    assert {each.scope for each in suite.targets if each.target_id in found} == {"filer"}


def test_named_targets_leave_the_fit_and_held_out_ones_stay() -> None:
    full = problem("tvhth")
    left = without(full, {"target-0", "target-1", "target-2"})
    assert left.target_ids == ("target-2", "target-3", "target-4")
    assert left.roles.tolist() == [HELD_OUT, TRAIN, HELD_OUT]
    assert left.groups == full.groups[2:]
    for name in ("values", "scales", "importance"):
        assert getattr(left, name).tolist() == getattr(full, name)[2:].tolist()
    assert np.array_equal(left.matrix.toarray(), full.matrix.toarray()[:, 2:])
    assert np.array_equal(left.initial_weights, full.initial_weights)


def _named(suite: Suite, roles: str) -> tuple[Problem, str]:
    """Return a problem whose first target is an aggregate of the suite."""
    target = next(each.target for each in suite.scheme.aggregates if each.target)
    made = problem(roles)
    return replace(made, target_ids=(target, *made.target_ids[1:])), target


def test_aggregates_share_what_is_added(suite: Suite) -> None:
    targets = [each.target for each in suite.scheme.aggregates if each.target]
    made = problem("t" * (len(targets) + 3))
    made = replace(made, target_ids=(*targets, *made.target_ids[-3:]))
    stressed = stressing_aggregates(made, suite, 1.5)
    added = stressed.importance - made.importance
    assert added.sum() == pytest.approx(1.5)
    assert added[: len(targets)] == pytest.approx(1.5 / len(targets))
    assert added[-3:].tolist() == [0.0] * 3


@pytest.mark.parametrize("role", ["h", "v"])
def test_an_aggregate_that_is_not_fitted_to_gains_nothing(suite: Suite, role: str) -> None:
    made, _ = _named(suite, f"{role}tt")
    with pytest.raises(BuildError) as caught:
        stressing_aggregates(made, suite, 1.0)
    assert caught.value.reason == "national.aggregates"


def test_without_a_share_the_problem_stays(suite: Suite) -> None:
    made = problem("tth")
    assert stressing_aggregates(made, suite, 0) is made


def _totals() -> PhaseOneTotals:
    """Five columns of two tables: one without records enough, one with a total of zero."""
    dense = np.zeros((HOUSEHOLDS, 5))
    dense[:100, 0] = 1
    dense[100:200, 1] = 1
    dense[:2, 2] = 1
    dense[:, 3] = 5
    dense[:50, 4] = 2
    values = np.array([1000.0, 2000.0, 50.0, 0.0, 700.0])
    names = tuple(f"name-{i}" for i in range(5))
    return PhaseOneTotals(csr_matrix(dense), names, ("a", "a", "a", "b", "b"), values)


def test_frame_totals_become_train_targets_with_the_share_asked_for() -> None:
    made = problem("tvh")
    joined = with_phase_one(made, _totals(), share=0.5, least_records=3)
    assert joined.target_ids[3:] == ("phase_one.name-0", "phase_one.name-1", "phase_one.name-4")
    assert joined.groups[3:] == ("phase_one.a", "phase_one.a", "phase_one.b")
    assert joined.roles.tolist() == [TRAIN, VALIDATION, HELD_OUT, TRAIN, TRAIN, TRAIN]
    assert joined.values[3:].tolist() == joined.scales[3:].tolist() == [1000.0, 2000.0, 700.0]
    assert joined.importance[3:] == pytest.approx([0.125, 0.125, 0.25])
    assert np.array_equal(joined.importance[:3], made.importance)
    assert np.array_equal(joined.matrix.toarray()[:, :3], made.matrix.toarray())
    assert joined.matrix.toarray()[:, 3:].sum(axis=0).tolist() == [100.0, 100.0, 100.0]


def test_a_column_that_few_households_have_comes_in_where_few_suffice() -> None:
    joined = with_phase_one(problem("t"), _totals(), share=1.0, least_records=2)
    assert "phase_one.name-2" in joined.target_ids
    assert joined.importance[1:].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("share", "least"), [(0.0, 1), (1.0, HOUSEHOLDS + 1)])
def test_nothing_is_added_where_nothing_is_asked_for_or_left(share: float, least: int) -> None:
    made = problem("tt")
    assert with_phase_one(made, _totals(), share=share, least_records=least) is made
