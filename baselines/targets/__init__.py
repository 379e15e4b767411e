"""Published target facts: the rows candidates and incumbents are scored against."""

from baselines.targets.coverage import coverage_report, incomplete_rows
from baselines.targets.loader import (
    load_excluded,
    load_targets,
    state_population,
    target_db_identity,
)
from baselines.targets.registry import TARGETS_FOLDER
from baselines.targets.rows import ExcludedFact, parse_targets
from baselines.targets.target import Constraint, Target, Uprated

__all__ = [
    "TARGETS_FOLDER",
    "Constraint",
    "ExcludedFact",
    "Target",
    "Uprated",
    "coverage_report",
    "incomplete_rows",
    "load_excluded",
    "load_targets",
    "parse_targets",
    "state_population",
    "target_db_identity",
]
