"""Hand-made simulations, targets, suites and pairs, small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baselines.targets import Constraint, Target
from benchmarks.scoring.losses import loss_row
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.scheme import HELD_OUT, TRAIN, Aggregate, Family, HeldOutSet, Scheme

WEIGHTS = np.array([100.0, 10.0])


@dataclass(frozen=True)
class FakeArrays:
    """A simulation written by hand; the same shape as the engine session's result."""

    arrays: dict[str, np.ndarray]
    entity: dict[str, str]
    person_to: dict[str, np.ndarray]
    sizes: dict[str, int]
    meta: dict[str, Any] = field(default_factory=dict)


def two_households() -> FakeArrays:
    """Household 0: a couple with a lodger (two tax units); household 1: one person.

    SNAP: SPM unit 0 gets 100 in six months; SPM unit 1 nothing. SSI: person 2 only in December.
    """
    arrays = {
        "age": np.array([40, 38, 70, 20]),
        "employment_income": np.array([1_000.0, 500.0, 0.0, 300.0], dtype=np.float32),
        "tax_unit_is_filer": np.array([True, False, True]),
        "adjusted_gross_income": np.array([1_500.0, 0.0, 300.0], dtype=np.float32),
        "filing_status": np.array(["JOINT", "SINGLE", "SINGLE"]),
        "state_fips": np.array([6, 36]),
        "snap": np.array([600.0, 0.0]),
        "ssi": np.array([0.0, 0.0, 900.0, 0.0]),
        "household_net_income": np.array([5_000.0, 400.0]),
    }
    levels = {
        "age": "person",
        "employment_income": "person",
        "tax_unit_is_filer": "tax_unit",
        "adjusted_gross_income": "tax_unit",
        "filing_status": "tax_unit",
        "state_fips": "household",
        "snap": "spm_unit",
        "ssi": "person",
        "household_net_income": "household",
    }
    for month in range(1, 13):
        arrays[f"snap@2024-{month:02d}"] = np.array([100.0 if month <= 6 else 0.0, 0.0])
        levels[f"snap@2024-{month:02d}"] = "spm_unit"
    arrays["ssi@2024-12"] = np.array([0.0, 0.0, 900.0, 0.0])
    levels["ssi@2024-12"] = "person"
    return FakeArrays(arrays, levels, *_memberships())


def _memberships() -> tuple[dict[str, np.ndarray], dict[str, int]]:
    home, unit = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2])
    person_to = {"household": home, "spm_unit": home, "family": home, "tax_unit": unit}
    person_to["marital_unit"] = unit
    sizes = {"person": 4, "household": 2, "spm_unit": 2, "family": 2}
    return person_to, sizes | {"tax_unit": 3, "marital_unit": 3}


def target(
    target_id: str = "t",
    value: float = 100.0,
    aggregation: str = "sum",
    variable: str = "employment_income",
    entity: str = "person",
    constraints: Sequence[tuple[Any, ...]] = (),
    **other: Any,
) -> Target:
    """Return a target with the given reading; everything else is harmless."""
    given: dict[str, Any] = {
        "unit": "usd",
        "geography_level": "national",
        "geography_id": "US",
        "period_type": "calendar_year",
        "source_period": 2024,
        "target_period": 2024,
        "scope": "full_population",
        "family": "wages",
        "concept": "c",
        "holdout_group": "g",
        "source_agency": "BEA",
        "source_table": "t",
        "source_file": "f.csv",
        "uprating": "",
        "variable_entity": "person",
        "notes": "",
    }
    return Target(
        target_id=target_id,
        value=value,
        aggregation=aggregation,
        variable=variable,
        entity=entity,
        constraints=tuple(Constraint(*each) for each in constraints),
        **{**given, **other},
    )


@dataclass(frozen=True)
class FakeSuite:
    """The parts of a suite that a comparison reads."""

    targets: tuple[Target, ...]
    scheme: Scheme
    id: str = "s"
    sha256: str = "b" * 64

    def roles(self) -> Mapping[str, str]:
        return self.scheme.roles


def suite_of(
    targets: Sequence[Target],
    held_out: Sequence[HeldOutSet] = (),
    families: Sequence[Family] = (),
    aggregates: Sequence[Aggregate] = (),
) -> FakeSuite:
    """Return a suite of all `targets`, with roles by the held-out groups."""
    held = {group for each in held_out for group in each.groups}
    roles = {t.target_id: HELD_OUT if t.holdout_group in held else TRAIN for t in targets}
    scheme = Scheme(roles, tuple(families), tuple(aggregates), tuple(held_out))
    return FakeSuite(tuple(targets), scheme)


def pair_of(
    suite: FakeSuite,
    candidate: Sequence[float],
    incumbent: Sequence[float],
    measures: Mapping[str, tuple[float, float]] | None = None,
) -> Pair:
    """Return the pair of all targets of `suite` with the given estimates."""
    rows = [loss_row(each, suite.scheme.roles[each.target_id]) for each in suite.targets]
    figures = [np.array(side, dtype=np.float64) for side in (candidate, incumbent)]
    return Pair(rows, figures[0], figures[1], measures or {})


def evidence(
    estimates: Mapping[str, float | None],
    sha: str = "a" * 64,
    measures: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the parts of an evidence record that a comparison reads."""
    return {
        "subject": {"label": "x", "sha256": sha},
        "suite": {"id": "s", "sha256": "b" * 64},
        "target_db": {"id": "d", "sha256": "c" * 64},
        "engine": {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"},
        "targets": [{"target_id": name, "estimate": value} for name, value in estimates.items()],
        "baseline": dict(measures or {}),
    }
