"""A small sound national file: 204 households in all 51 states, for checks that need no engine."""

from __future__ import annotations

import numpy as np

from gates.contract.lists import contract_lists
from schemas.dataset import GROUP_ENTITIES, id_name, membership_name

PERIOD = 2024
HOUSEHOLDS = 204
Columns = dict[str, np.ndarray]


def small_columns(seed: int = 0) -> Columns:
    """Return the columns of a file of 204 two-person households that breaks no contract check."""
    random = np.random.default_rng(seed)
    households = np.arange(1, HOUSEHOLDS + 1)
    persons = np.arange(1, 2 * HOUSEHOLDS + 1)
    columns: Columns = {
        "person_id": persons,
        "household_weight": np.full(HOUSEHOLDS, 132e6 / HOUSEHOLDS, dtype=np.float32),
        "state_fips": np.array((contract_lists().state_fips * 4)[:HOUSEHOLDS], dtype=np.int32),
        "age": random.integers(20, 80, persons.size).astype(np.float32),
        "is_blind": random.random(persons.size) < 0.02,
        "employment_income_before_lsr": random.lognormal(10, 1, persons.size)
        .round()
        .astype(np.float32),
        "takes_up_snap_if_eligible": np.ones(HOUSEHOLDS, dtype=bool),
        "takes_up_tanf_if_eligible": np.ones(HOUSEHOLDS, dtype=bool),
        "takes_up_ssi_if_eligible": np.ones(persons.size, dtype=bool),
        "takes_up_medicaid_if_eligible": np.ones(persons.size, dtype=bool),
        "tenure_type": np.full(HOUSEHOLDS, "RENTED"),
    }
    for entity in GROUP_ENTITIES:
        columns[id_name(entity)] = households.copy()
        columns[membership_name(entity)] = np.repeat(households, 2)
    return columns
