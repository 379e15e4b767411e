"""Which published concept may be compared with which variable: rules as data (`concepts.json`).

Two confusions have been published: broad proprietors' income set against Schedule C profit, and a
count of SSI recipients compiled to a sum of dollars. The rules refuse both, and their kin, by the
source and the figure as well as by the label, because the label is what was wrong.
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from baselines.targets.registry import TARGETS_FOLDER
from baselines.targets.target import Target
from schemas.records import read_record

CONCEPT_FILE = "concepts.json"
# Published figures are rounded in different ways; this is wide enough for all of them.
SAME_FIGURE = 1e-4


@cache
def concept_rules() -> Mapping[str, Any]:
    """Return the rules on record: `blocked`, `shapes` and `derived`."""
    return read_record(TARGETS_FOLDER / CONCEPT_FILE, "target_concepts")


def concept_problems(target: Target) -> list[str]:
    """Return the rules that a published row breaks, as sentences; empty if it breaks none.

    Give it the row before uprating: the figures in the rules are the published ones.
    """
    rules = concept_rules()
    blocked = [rule for rule in rules["blocked"] if _is_blocked(target, rule)]
    problems = [
        f"{rule['title']} must not reach {', '.join(_used(target, rule))}: {rule['reason']}"
        for rule in blocked
    ]
    return problems + _shape_problems(target, rules["shapes"]) + derived_from_dataset(target)


def _is_blocked(target: Target, rule: Mapping[str, Any]) -> bool:
    if not _used(target, rule):
        return False
    text = _identifying_text(target)
    named = any(re.search(pattern, text) for pattern in rule["patterns"])
    published = target.uprated.published if target.uprated else target.value
    same = (math.isclose(published, each, rel_tol=SAME_FIGURE) for each in rule["figures"])
    return named or any(same)


def _used(target: Target, rule: Mapping[str, Any]) -> list[str]:
    """Return the rule's variables that a row measures or selects by."""
    names = {target.variable, *(each.variable for each in target.constraints)}
    return sorted(names & set(rule["variables"]))


def _identifying_text(target: Target) -> str:
    """Return agency, concept, id, table and file in plain words; notes may say what it is not."""
    parts = (
        target.source_agency,
        target.concept,
        target.target_id,
        target.source_table,
        target.source_file,
    )
    return " | ".join(plain(part) for part in parts)


def plain(text: str) -> str:
    """Return lower-case words parted by single spaces, without apostrophes or punctuation."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower().replace("'", "").replace("’", "")).strip()


def _shape_problems(target: Target, shapes: list[dict[str, Any]]) -> list[str]:
    """A concept compiles to one shape only, and a variable that a shape owns to no other one."""
    concept = plain(target.concept)
    for shape in shapes:
        if re.search(shape["concept_pattern"], concept):
            return _misshapen(target, shape)
    owners = [shape["title"] for shape in shapes if target.variable in shape["owns"]]
    return [f"{target.variable} takes {owner} alone, not {target.concept}" for owner in owners]


def _misshapen(target: Target, shape: Mapping[str, Any]) -> list[str]:
    wrong = [
        f"{shape['title']} is a {name} of {shape[name]}, not {getattr(target, name)}"
        for name in ("aggregation", "variable", "entity")
        if getattr(target, name) != shape[name]
    ]
    if target.unit not in shape["units"]:
        wrong.append(f"{shape['title']} is in {' or '.join(shape['units'])}, not {target.unit}")
    low, high = shape["plausible"]
    published = target.uprated.published if target.uprated else target.value
    if published and not low <= published <= high:
        wrong.append(
            f"{shape['title']} lies between {low:,.0f} and {high:,.0f}, not {published:,.0f}"
        )
    held = {tuple(each) for each in target.constraints}
    wrong += [
        f"{shape['title']} needs the constraint {' '.join(map(str, each))}"
        for each in shape["constraints"]
        if tuple(each) not in held
    ]
    return wrong


def derived_from_dataset(target: Target) -> list[str]:
    """Return why a figure came out of a dataset; empty if none says so.

    A file can't be judged by itself, nor by the file it was made from.
    """
    rules, signs = concept_rules()["derived"], []
    if plain(target.source_agency) in rules["agencies"]:
        signs.append(f"source_agency {target.source_agency}")
    if target.source_file.lower().strip().endswith(tuple(rules["file_suffixes"])):
        signs.append(f"source_file {target.source_file}")
    said = " | ".join(map(plain, (target.concept, target.source_table, target.notes)))
    signs += [f"the words {each!r}" for each in rules["phrases"] if each in said]
    return [f"derived from a dataset, not published: {', '.join(signs)}"] if signs else []
