"""The reforms of a suite: what each asks the engine for, and where its entries must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Measures = Mapping[str, Mapping[str, Any]]

NET_INCOME = "household_net_income"
# What the report of a reform needs of both arms: winners and losers, poverty, inequality. Deciles
# are made of these: the engine's own decile variables read the file's weights.
REPORT_OUTPUTS = (
    NET_INCOME,
    "equiv_household_net_income",
    "household_count_people",
    "spm_unit_is_in_spm_poverty",
    "spm_unit_is_in_deep_spm_poverty",
)
# What only the baseline arm adds: groups of age and state, which no reform changes.
REPORT_BASELINE_OUTPUTS = ("age", "state_fips")


def measures_at(measures: Measures, year: int) -> dict[str, dict[str, Any]]:
    """Return the measures for a year: requests of one month ("ssi@2024-12") move to that year."""
    return {
        name: {
            **measure,
            **{
                part: [_term_at(term, year) for term in measure[part]]
                for part in ("terms", "items")
                if part in measure
            },
        }
        for name, measure in measures.items()
    }


def _term_at(term: Mapping[str, Any], year: int) -> dict[str, Any]:
    variable, at, month = term["variable"].partition("@")
    return {**term, "variable": f"{variable}@{year}{month[4:]}" if at else variable}


def measure_outputs(measures: Measures, name: str) -> list[str]:
    """Return the output requests of one measure, in its order, each once.

    They are those of its terms (with the variable of a `where` condition), of its items and parts.
    """
    measure = measures[name]
    found: list[str] = []
    for term in _terms(measure):
        found.append(term["variable"])
        if "where" in term:
            found.append(term["where"]["variable"])
    for part in measure.get("parts", ()):
        found += measure_outputs(measures, part["measure"])
    return list(dict.fromkeys(found))


def benchmark_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in words, where the measures and benchmarks of a valid manifest disagree."""
    yield from _measure_problems(record["measures"], record["period"])
    counts = Counter(benchmark["id"] for benchmark in record["benchmarks"])
    for benchmark_id, count in counts.items():
        if count > 1:
            yield f"holds the benchmark {benchmark_id} {count} times"
    for benchmark in record["benchmarks"]:
        for problem in (
            *_name_problems(benchmark, record["measures"]),
            *_period_problems(benchmark, record["period"]),
        ):
            yield f"benchmark {benchmark['id']} {problem}"


def _measure_problems(measures: Measures, year: int) -> Iterator[str]:
    for name, measure in measures.items():
        for part in measure.get("parts", ()):
            if part["measure"] not in measures:
                yield f"measure {name} is made of the unknown measure {part['measure']}"
        for term in _terms(measure):
            _, at, month = term["variable"].partition("@")
            if at and not month.startswith(f"{year}-"):
                yield f"measure {name} asks for {term['variable']}, no month of {year}"
            band = term.get("where", {})
            if "at_least" in band and "below" in band and band["at_least"] >= band["below"]:
                yield f"measure {name} has an empty band of {band['variable']}"


def _name_problems(benchmark: Mapping[str, Any], measures: Measures) -> Iterator[str]:
    outputs = set(benchmark["outputs"])
    for name in sorted(outputs - set(measures)):
        yield f"has the unknown measure {name} among its outputs"
    uses = {
        "a sign": set(benchmark["sign"]),
        "a floor": set(benchmark["non_vacuity_floor"]),
        "an identity": {benchmark["identity"]["measure"]} if "identity" in benchmark else set(),
    }
    for use, names in uses.items():
        for name in sorted(names - outputs):
            yield f"has {use} for {name}, which is not among its outputs"


def _period_problems(benchmark: Mapping[str, Any], year: int) -> Iterator[str]:
    period = benchmark["period"]
    if period < year:
        yield f"is for {period}, before the year of the suite ({year})"
    for path, changes in benchmark.get("reform", {}).items():
        if not any(_covers(window, period) for window in changes):
            yield f"does not change {path} for all of {period}"


def _covers(window: str, year: int) -> bool:
    """Return whether a window ("2024-01-01.2100-12-31"; open without an end) holds the year."""
    start, _, stop = window.partition(".")
    return start <= f"{year}-01-01" and (not stop or stop >= f"{year}-12-31")


def _terms(measure: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return (*measure["terms"], *measure.get("items", ()))
