"""Which holdout group is fitted to, which decides when to stop, and which is only watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from baselines.targets import Target
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite
from builder.calibration.settings import ALL_TRAIN, CalibrationSettings
from schemas.errors import BuildError

VALIDATION = "validation"


def group_roles(
    targets: Sequence[Target], suite: Suite, settings: CalibrationSettings
) -> dict[str, str]:
    """Return train, validation or held_out per holdout group; groups not used are left out.

    Raises BuildError for groups that the suite holds out or does not have, for groups without a
    target in `targets`, and for validation groups that are there in part, are not listed as target
    groups, or are told of by a train group.
    """
    train, held_out = suite.groups_of(TRAIN), suite.groups_of(HELD_OUT)
    wanted = train if settings.target_groups == ALL_TRAIN else set(settings.target_groups)
    validation = set(settings.stopping.validation_groups)
    _refuse(
        wanted & held_out | validation & held_out,
        f"held out by suite {suite.id}",
        "calibration.held_out_group",
        "calibrate to the suite's train groups only",
    )
    _refuse(
        (wanted | validation) - train,
        f"not a group of suite {suite.id}",
        "calibration.unknown_group",
        "use groups of the suite: `mpgate targets` lists them",
    )
    _refuse(
        validation - wanted,
        "for validation, but not among the target groups",
        "calibration.validation_group",
        "list every validation group as a target group: a refit is made to it",
    )
    _refuse(
        _incomplete(wanted, validation, targets, suite),
        "not there, or only in part, among the targets",
        "calibration.incomplete_group",
        "give every target of the suite's groups",
    )
    _refuse(
        _told_of(validation, wanted - validation, suite),
        "fitted to, though related to a validation group",
        "calibration.validation_leak",
        "validate on all related groups together (the suite's leak_sets), or on none of them",
    )
    roles = dict.fromkeys(wanted, TRAIN) | dict.fromkeys(held_out, HELD_OUT)
    return roles | dict.fromkeys(validation, VALIDATION)


def _incomplete(
    groups: set[str], whole: set[str], targets: Sequence[Target], suite: Suite
) -> set[str]:
    """Return the groups without a target, and of those to be `whole` the ones that lack some."""
    given = Counter(each.holdout_group for each in targets)
    full = Counter(each.holdout_group for each in suite.targets)
    return {each for each in groups if given[each] < (full[each] if each in whole else 1)}


def _told_of(validation: set[str], train: set[str], suite: Suite) -> set[str]:
    """Return the train groups that share a leak set with a validation group."""
    related = [set(each) for each in suite.record["leak_sets"]]
    return set().union(*(each & train for each in related if each & validation))


def _refuse(groups: set[str], what: str, reason: str, remedy: str) -> None:
    if groups:
        raise BuildError(f"{', '.join(sorted(groups))}: {what}", reason=reason, remedy=remedy)
