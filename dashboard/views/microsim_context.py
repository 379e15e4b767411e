"""What stands beside the benchmarks: published figures and values, a second engine's taxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dashboard.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Figures,
    Link,
    Notice,
    Prose,
    Table,
    Tone,
)
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.lookup import (
    GATES,
    absent,
    gate_at,
    gate_links,
    gate_status,
    sides,
    year,
)
from dashboard.views.microsim_rules import measure_of

EXTERNAL_GATE = "benchmark.tara-watson.external"
SECOND_ENGINE_GATE = "cross.taxcalc"
_TONES: Mapping[str, Tone] = {"pass": "good", "fail": "bad", "error": "bad"}
_AGREEMENT = {
    "within_1": "share",
    "within_10": "share",
    "within_100": "share",
    "correlation": "number",
    "rank_correlation": "number",
}
_KINDS = {
    "external_estimate": "estimate of others",
    "official_estimate": "official estimate",
    "official_score": "official score",
    "published_model_result": "published result of a model",
}
_CONTEXT = (
    "What others have published on the same or a similar reform. Data, engine, year and law "
    "differ, so these figures show the order of magnitude; no gate passes or fails by them. A "
    "budget effect has a minus where the government loses; payments, costs and persons have none."
)


def published(run: RunData, benchmark: str = "") -> Iterator[Block]:
    """Yield this run's effect and, below it, the published figures: of one benchmark, or of all."""
    yield Prose(_CONTEXT)
    rows = []
    for place, entry in enumerate(run.get("suite", "/benchmarks")):
        if benchmark in ("", entry["id"]):
            link = Link("microsim", {"run": run.key, "benchmark": entry["id"]}, entry["id"])
            name = Cell(entry["id"], link=None if benchmark else link)
            rows += [(name, *row) for row in _published(run, place, entry)]
    columns = (
        Column("Reform"),
        Column("Source"),
        Column("Figure", True),
        Column("Year", True),
        Column("Kind"),
        Column("How far it compares"),
    )
    yield Table("Published figures", columns, tuple(rows))


def _published(run: RunData, place: int, entry: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    stated = entry["external_comparators"]
    period = year(run.cell("suite", pointer("benchmarks", place, "period")))
    for name in _own(run, entry, {each["unit"] for each in stated}):
        measure = measure_of(run, name)
        for side in sides(run, entry["id"]):
            figure = side.cell("delta", name, unit=measure["unit"], signed=True)
            what = Cell(measure["title"])
            yield Cell(side.label), figure, period, Cell("this run, reform less baseline"), what
    for number, each in enumerate(stated):
        at = ("benchmarks", place, "external_comparators", number)
        yield (
            Cell(each["source"]),
            run.cell("suite", pointer(*at, "value"), each["unit"]),
            year(run.cell("suite", pointer(*at, "period"))),
            Cell(_KINDS.get(each["type"], words(each["type"]))),
            Cell(each["comparability"]),
        )
    if not stated:
        nothing = Cell("–")
        yield Cell("nobody"), nothing, nothing, nothing, Cell("the suite names no published figure")


def _own(run: RunData, entry: Mapping[str, Any], units: Collection[str]) -> list[str]:
    """Return the own measures to set beside: the budget, and the first in persons if others are."""
    counted = [name for name in entry["outputs"] if measure_of(run, name)["unit"] == "persons"]
    return ["fiscal", *(counted[:1] if "persons" in units else ())]


def external(run: RunData, stage: str) -> Iterator[Block]:
    """Yield the supplied external values beside ours, or why there are none."""
    at = gate_at(run, EXTERNAL_GATE)
    if at is not None:
        status = run.get(GATES, f"{at}/stages/{stage}/status")
        said = f"{words(status)}: {run.get(GATES, f'{at}/message')}"
        remedy = run.get(GATES, f"{at}/remedy")
        text = f"{said}. What to do: {remedy}." if remedy else f"{said}."
        yield Notice(_TONES.get(status, "warning"), text)
        yield from gate_links(run, EXTERNAL_GATE, stage)
    if not run.has("external"):
        yield Prose(
            "Nobody has supplied the published values yet, so nothing is compared. They come as a "
            "record of their own, given when a run folder is judged that is not sealed yet: mpgate "
            "bundle judge RUN --external FILE."
        )
        yield _reconstructed(run)
        return
    yield Prose(
        f"Source: {run.get('external', '/source')}, supplied by "
        f"{run.get('external', '/supplied_by')} on {run.get('external', '/supplied_on')}."
    )
    yield _supplied(run)


def _reconstructed(run: RunData) -> Table:
    """Return which benchmarks stand for the external one until its values are supplied."""
    rows = [
        (
            Cell(entry["id"], note=entry["title"]),
            run.cell("suite", pointer("benchmarks", place, "external_record", "id")),
            run.cell("suite", pointer("benchmarks", place, "external_record", "status")),
        )
        for place, entry in enumerate(run.get("suite", "/benchmarks"))
        if "external_record" in entry
    ]
    columns = (Column("Benchmark"), Column("Stands for"), Column("State of the definition"))
    return Table("Benchmarks that wait for the published values", columns, tuple(rows))


def _supplied(run: RunData) -> Table:
    measures = run.get("suite", "/measures") or {}
    rows = []
    for place, row in enumerate(run.get("external", "/rows")):
        measure = measures.get(row["measure"], {"title": row["measure"], "unit": ""})
        numbers = (
            run.cell("external", pointer("rows", place, key), measure["unit"], signed=True)
            for key in ("expected", "measured", "difference")
        )
        within = run.cell("external", pointer("rows", place, "within"))
        answer = replace(within, text="within" if row["within"] else "outside")
        rows.append((Cell(row["benchmark"]), Cell(measure["title"]), *numbers, answer))
    columns = (
        Column("Benchmark"),
        Column("Measure"),
        Column("Published", True),
        Column("Candidate", True),
        Column("Difference", True),
        Column("Tolerance kept"),
    )
    return Table("Published values and the candidate's", columns, tuple(rows))


def second_engine(run: RunData, stage: str) -> Iterator[Block]:
    """Yield what the second engine makes of the candidate, and what of the gap is explained."""
    if not run.has("cross_engine"):
        yield absent(run, "cross_engine")
        return
    other = f"{run.get('cross_engine', '/other/name')} {run.get('cross_engine', '/other/version')}"
    yield Prose(
        f"Taxes of the candidate's own tax units, calculated again by {other}. Advisory. "
        f"{run.get('cross_engine', '/caveat')}"
    )
    status = gate_status(run, SECOND_ENGINE_GATE, stage)
    units = run.cell("cross_engine", "/tax_units")
    yield Figures((Figure("tax units", units), Figure("gate", status)))
    for place, tax in enumerate(run.get("cross_engine", "/taxes")):
        yield _tax(run, place, tax)
    yield _agreement(run)
    yield from gate_links(run, SECOND_ENGINE_GATE, stage)


def _tax(run: RunData, place: int, tax: Mapping[str, Any]) -> Table:
    """Return one tax: both totals, every explained part, and what nobody can explain."""

    def row(label: str, kind: str, *parts: str | int, signed: bool = True, why: str = "") -> Any:
        at = pointer("taxes", place, *parts)
        found = run.cell("cross_engine", at, "usd", signed=signed)
        return Cell(label, note=why), Cell(kind), found

    rows = [
        row("This project's engine", "total", "engine_total", signed=False),
        row("Second engine", "total", "other_total", signed=False),
        row("Difference", "difference", "difference"),
        *(
            row(part["title"], "explained", "parts", number, "value", why=part["reason"])
            for number, part in enumerate(tax["parts"])
        ),
        row("Not explained", "unexplained", "unexplained"),
        row("Not explained, signs ignored", "unexplained", "unexplained_gross", signed=False),
        *(
            row(words(part["component"]), "unexplained, by component", "remaining",
                number, "value")
            for number, part in enumerate(tax["remaining"])
        ),
    ]  # fmt: skip
    columns = (Column("What"), Column("Kind"), Column("Amount", True))
    note = "The explained parts and what is not explained add up to the difference."
    return Table(tax["title"], columns, tuple(rows), note)


def _agreement(run: RunData) -> Table:
    """Return the shares of tax units on which both engines agree."""
    rows = [
        (
            Cell(tax["title"]),
            Cell(label),
            *(
                run.cell("cross_engine", pointer("taxes", place, "agreement", scope, key), unit)
                for key, unit in _AGREEMENT.items()
            ),
        )
        for place, tax in enumerate(run.get("cross_engine", "/taxes"))
        for scope, label in (("as_calculated", "as calculated"), ("same_scope", "same scope"))
    ]
    columns = (
        Column("Tax"),
        Column("Compared"),
        Column("Within $1", True),
        Column("Within $10", True),
        Column("Within $100", True),
        Column("Correlation", True),
        Column("Rank correlation", True),
    )
    return Table("Agreement by tax unit", columns, tuple(rows))
