"""A small H5, evidence of it, and the ids of the incumbents the tests use."""

from pathlib import Path
from typing import Any

import numpy as np

from schemas.canonical import sha256_file
from schemas.dataset import ENTITIES, GROUP_ENTITIES
from schemas.writers import write_period_arrays

BASELINE = "ecps-2024-1.115.5"
BUILT = "psl-cps-2024"
LOCAL = "pe-local-small-l0"
WEIGHTS = (
    "ess_share",
    "household_sum",
    "kish_ess",
    "max_to_mean",
    "person_sum",
    "positive",
    "top_1pct_share",
)
REVISION = "21280dca5995e978d706740a8a4b9b7860cfd7b6"


def make_h5(path: Path, income: float = 10.0) -> Path:
    """Write three single-person households with the given income."""
    ids = np.arange(1, 4)
    columns: dict[str, np.ndarray] = {f"{entity}_id": ids for entity in ENTITIES}
    columns |= {f"person_{entity}_id": ids for entity in GROUP_ENTITIES}
    columns |= {"household_weight": np.ones(3), "employment_income": np.full(3, income)}
    write_period_arrays(path, columns, 2024)
    return path


def make_evidence(h5: Path, *, households: int = 3, suite_sha256: str = "a" * 64) -> dict[str, Any]:
    """Return a valid evidence record of `h5`."""
    return {
        "schema": "evidence",
        "schema_version": 3,
        "subject": {
            "label": h5.name,
            "sha256": sha256_file(h5),
            "logical_sha256": "b" * 64,
            "inputs_sha256": "c" * 64,
            "size_bytes": h5.stat().st_size,
            "logical_bytes": 1,
            "layout": "period_arrays",
            "period": 2024,
        },
        "engine": {"policyengine_us": "2.68.0", "policyengine_core": "3.33.12"},
        "suite": {"id": "us_national_2024", "sha256": suite_sha256},
        "target_db": {"id": "us-2024-facts", "sha256": "d" * 64},
        "contributions": {"sha256": "c" * 64, "households": 2, "columns": 1, "nonzero": 2},
        "geography": "national",
        "counts": {"household": households},
        "weights": dict.fromkeys(WEIGHTS, 1),
        "weight_curve": [{"households": 1.0, "weight": 1.0}],
        "targets": [{"target_id": "us.a", "estimate": 1.5}],
        "baseline": {"income_tax": 2.0},
        "benchmarks": [],
        "code_sha256": "e" * 64,
        "run": {"wall_s": 1.0},
    }
