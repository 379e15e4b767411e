"""What must hold of every published row before it is committed, and of the set of rows."""

from collections.abc import Mapping, Sequence

from baselines.targets.concepts import concept_problems
from baselines.targets.constraints import constraint_problems
from baselines.targets.indices import Indices, index_problems
from baselines.targets.rows import ExcludedFact
from baselines.targets.target import Target
from schemas.engine_metadata import VariableInfo, variable_table

# The variable that counts each unit; dollars are summed, never counted.
COUNTERS: Mapping[str, tuple[str, ...]] = {
    "persons": ("person_count",),
    "recipients": ("person_count",),
    "returns": ("tax_unit_count",),
    "households": ("household_count", "spm_unit_count"),
}
# Text that fills a cell without saying where a figure comes from.
PLACEHOLDERS = ("unknown", "n/a", "na", "none", "null", "tbd", "?", "-")
SOURCE_COLUMNS = ("source_agency", "source_table", "source_file")
PLACES: Mapping[str, str] = {
    "state": "state_fips",
    "congressional_district": "congressional_district_geoid",
}


def row_problems(target: Target, indices: Indices, year: int) -> list[str]:
    """Return all that is wrong with one published row; empty for one that may be committed."""
    variables = variable_table()
    return [
        *incomplete(target),
        *_variable_problems(target, variables),
        *_unit_problems(target),
        *constraint_problems(target.constraints, variables),
        *_geography_problems(target),
        *_period_problems(target, year),
        *index_problems(target, indices),
        *concept_problems(target),
    ]


def incomplete(target: Target) -> list[str]:
    """Return which of source, scope and entity a row doesn't state."""
    names = (*SOURCE_COLUMNS, "scope", "entity")
    return [
        f"{name} is {getattr(target, name)!r}, which states nothing"
        for name in names
        if getattr(target, name).strip().lower() in ("", *PLACEHOLDERS)
    ]


def excluded_again(targets: Sequence[Target], excluded: Sequence[ExcludedFact]) -> dict[str, str]:
    """Return by target id the excluded fact that it is: same name, or same published figure."""
    names = {fact.fact for fact in excluded}
    figures = {_figure(fact): fact.fact for fact in excluded if _is_number(fact.value)}
    again = {each.target_id: each.target_id for each in targets if each.target_id in names}
    for each in targets:
        key = (each.source_agency, each.source_table, each.geography_id, each.unit, each.value)
        if key in figures:
            again.setdefault(each.target_id, figures[key])
    return again


def _figure(fact: ExcludedFact) -> tuple[str, str, str, str, float]:
    return (
        fact.source_agency,
        fact.source_table,
        fact.geography_id,
        fact.unit,
        float(fact.value),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _variable_problems(target: Target, variables: Mapping[str, VariableInfo]) -> list[str]:
    info = variables.get(target.variable)
    if info is None:
        return [f"variable {target.variable} isn't one of the engine's"]
    if info.entity != target.variable_entity:
        return [
            f"variable_entity is {target.variable_entity}, "
            f"but {target.variable} is of the {info.entity}"
        ]
    if target.aggregation == "sum" and target.entity == "person" != info.entity:
        return [f"{target.variable} summed over persons counts it once for each member"]
    return []


def _unit_problems(target: Target) -> list[str]:
    """Dollars are sums; every other unit is a count of its own unit counter."""
    expected = "sum" if target.unit == "usd" else "count"
    if target.aggregation != expected:
        return [f"unit {target.unit} is a {expected}, not a {target.aggregation}"]
    if expected == "sum":
        counters = {each for names in COUNTERS.values() for each in names}
        return [f"{target.variable} isn't in usd"] if target.variable in counters else []
    counter = COUNTERS[target.unit]
    if target.variable not in counter:
        return [f"unit {target.unit} is counted by {' or '.join(counter)}, not {target.variable}"]
    if target.entity != target.variable_entity:
        return [f"{target.variable} is counted at {target.entity}, not at its own entity"]
    return []


def _geography_problems(target: Target) -> list[str]:
    """A row of a place carries the constraint that selects it; a national row selects none."""
    level, place = target.geography_level, target.geography_id
    selected = [each for each in target.constraints if each.variable in PLACES.values()]
    if level == "national":
        fits = place == "US" and not selected
        return [] if fits else [f"a national row is of US, without a place: {place}, {selected}"]
    name = PLACES.get(level)
    if name is None:
        return [] if target.constraints else ["a local row has no constraint that selects it"]
    held = [each.value for each in selected if each.variable == name and each.operator == "=="]
    if place.isdigit() and held == [int(place)]:
        return []
    return [f"a {level} row needs the constraint {name} == {place}"]


def _period_problems(target: Target, year: int) -> list[str]:
    problems = []
    if target.target_period != year:
        problems.append(f"target_period is {target.target_period}, the registry is for {year}")
    if target.source_period > target.target_period:
        problems.append(f"source_period {target.source_period} is after the target year")
    return problems
