"""Published target facts: the rows candidates and incumbents are scored against."""

from baselines.targets.loader import (
    TARGETS_FOLDER,
    ExcludedFact,
    load_excluded,
    load_targets,
    parse_targets,
    state_population,
    target_db_identity,
)
from baselines.targets.target import Constraint, Target

__all__ = [
    "TARGETS_FOLDER",
    "Constraint",
    "ExcludedFact",
    "Target",
    "load_excluded",
    "load_targets",
    "parse_targets",
    "state_population",
    "target_db_identity",
]
