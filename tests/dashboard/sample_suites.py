"""Small suites cut from the frozen one: real targets, families, aggregates and held-out groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from baselines.targets import Target
from benchmarks.suite import Suite, target_list_sha256
from schemas.canonical import sha256_json
from tests.gates.fakes import load_suite

SCRIPT_TARGET = "<script>window.hacked=1</script>"
ODD_TARGET = "us.odd/name~with 'quotes' & %2e%2e?page=2#top"
DISTRICTS = ("3901", "3902", "3903", "0612", "4813")


@cache
def sample_suite(targets: int, seed: int, local: bool, hostile: bool) -> Suite:
    """Return a suite of about this many targets that keeps a part of every family and aggregate.

    `local` takes state targets and makes some of them those of congressional districts. `hostile`
    gives two targets of the SNAP family names that are markup, or hard to quote. A number of
    targets of the frozen suite or more gives that suite itself.
    """
    whole = load_suite()
    if targets >= len(whole.targets):
        return whole
    kept = _kept(whole, targets, seed, local)
    if local:
        kept = [*(each for each in kept), *_districts(kept)]
    if hostile:
        kept = _renamed(kept, whole.record["families"]["snap"]["targets"])
    record = _record(whole.record, kept, hostile, local)
    return Suite(record, sha256_json(record), tuple(kept))


def _kept(whole: Suite, count: int, seed: int, local: bool) -> list[Target]:
    """Return the suite's own order of: every aggregate, two of each family, the held out, others.

    Held-out groups are whole or absent only in what is kept: a role is by group.
    """
    named = {each.target for each in whole.scheme.aggregates if each.target}
    for family in whole.scheme.families:
        named.update(family.targets[:2])
    for held in whole.scheme.held_out:
        in_set = [each for each in whole.targets if each.holdout_group in held.groups]
        named.update(each.target_id for each in in_set[:: max(1, len(in_set) // 3)][:3])
    rest = [each for each in whole.targets if each.target_id not in named]
    if local:
        rest = [each for each in rest if each.geography_level == "state"]
    draw = np.random.default_rng(seed).permutation(len(rest))
    named.update(rest[place].target_id for place in draw[: max(0, count - len(named))])
    return [each for each in whole.targets if each.target_id in named]


def _districts(kept: Sequence[Target]) -> list[Target]:
    """Return targets of congressional districts, at a fiftieth of the state targets' values."""
    states = [each for each in kept if each.geography_level == "state"]
    return [
        replace(
            each,
            target_id=f"{each.target_id.rsplit('.', 1)[0]}.district_{district}",
            geography_level="congressional_district",
            geography_id=district,
            scope="cd",
            value=each.value / 50,
        )
        for number, district in enumerate(DISTRICTS)
        for each in states[number :: len(DISTRICTS)][:3]
    ]


def _renamed(kept: Sequence[Target], family: Sequence[str]) -> list[Target]:
    """Return the targets with two hostile names among those of a family that no aggregate needs."""
    aggregates = {each.target for each in load_suite().scheme.aggregates}
    free = [
        place
        for place, each in enumerate(kept)
        if each.target_id in family and each.target_id not in aggregates
    ]
    renamed = list(kept)
    for place, name in zip(free or range(2), (SCRIPT_TARGET, ODD_TARGET), strict=False):
        renamed[place] = replace(renamed[place], target_id=name)
    return renamed


def _record(
    whole: Mapping[str, Any], kept: Sequence[Target], hostile: bool, local: bool
) -> dict[str, Any]:
    """Return the frozen suite's record with these targets only."""
    ids = {each.target_id for each in kept}
    families = {}
    for name, family in whole["families"].items():
        targets = [each for each in family.get("targets", ()) if each in ids]
        if hostile and name == "snap":
            targets += [each for each in (SCRIPT_TARGET, ODD_TARGET) if each in ids]
        families[name] = {**family, "targets": targets} if "targets" in family else family
    levels = ["national", "state", *(["congressional_district"] if local else [])]
    return {
        **whole,
        "families": families,
        "targets": {
            **whole["targets"],
            "geography_levels": levels,
            "count": len(kept),
            "sha256": target_list_sha256(kept),
        },
    }
