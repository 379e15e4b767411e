"""A small sound national file: 102 households, two in every state, for checks without an engine."""

from __future__ import annotations

import numpy as np

from baselines.targets import state_population
from gates.contract.lists import contract_lists
from schemas.dataset import GROUP_ENTITIES, id_name, membership_name

PERIOD = 2024
HOUSEHOLDS = 102
PERSONS = 2 * HOUSEHOLDS
Columns = dict[str, np.ndarray]


def small_columns(seed: int = 0) -> Columns:
    """Return the columns of a file of 102 two-person households that breaks no contract check."""
    random = np.random.default_rng(seed)
    households = np.arange(1, HOUSEHOLDS + 1)
    states = np.repeat(np.array(contract_lists().state_fips, dtype=np.int32), 2)
    columns: Columns = {
        "person_id": np.arange(1, PERSONS + 1),
        "state_fips": states,
        "household_weight": state_weights(states),
        "age": _ages(random),
        "is_blind": _flags(random, PERSONS, 0.05),
        "is_disabled": _flags(random, PERSONS, 0.1),
        "employment_income_before_lsr": _dollars(random, 10),
        "social_security_retirement": _dollars(random, 9) * _flags(random, PERSONS, 0.2),
        "takes_up_snap_if_eligible": _flags(random, HOUSEHOLDS, 0.8),
        "takes_up_tanf_if_eligible": _flags(random, HOUSEHOLDS, 0.3),
        "takes_up_housing_assistance_if_eligible": _flags(random, HOUSEHOLDS, 0.2),
        "takes_up_ssi_if_eligible": _flags(random, PERSONS, 0.5),
        "takes_up_medicaid_if_eligible": _flags(random, PERSONS, 0.8),
        "tenure_type": random.choice(["RENTED", "OWNED_WITH_MORTGAGE"], HOUSEHOLDS),
    }
    for entity in GROUP_ENTITIES:
        columns[id_name(entity)] = households.copy()
        columns[membership_name(entity)] = np.repeat(households, 2)
    return columns


def state_weights(states: np.ndarray) -> np.ndarray:
    """Return weights that give each state its published population, at two persons a household."""
    population = np.array([state_population()[state] for state in states.tolist()])
    in_state = np.array([np.count_nonzero(states == state) for state in states.tolist()])
    return (population / (2 * in_state)).astype(np.float32)


def _ages(random: np.random.Generator) -> np.ndarray:
    """Return ages of one adult and one person of any age per household."""
    ages = np.stack([random.integers(20, 80, HOUSEHOLDS), random.integers(0, 86, HOUSEHOLDS)])
    return ages.T.ravel().astype(np.float32)


def _flags(random: np.random.Generator, length: int, share: float) -> np.ndarray:
    """Return booleans of which both values occur."""
    flags = random.random(length) < share
    flags[:2] = [True, False]
    return flags


def _dollars(random: np.random.Generator, log_mean: float) -> np.ndarray:
    return random.lognormal(log_mean, 1, PERSONS).round().astype(np.float32)
