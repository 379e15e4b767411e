"""One benchmark: what the reform changes, what it costs on both files, and what makes it up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
)
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, words
from dashboard.views.benchmark_distribution import distribution
from dashboard.views.lookup import (
    Side,
    absent,
    compared,
    gate_cell,
    gate_number,
    place_of,
    row_of,
    short,
    sides,
    year,
)
from dashboard.views.microsim_charts import paired_bars
from dashboard.views.microsim_context import published
from dashboard.views.microsim_rules import (
    JUDGED,
    explained_status,
    gate_of,
    measure_of,
    relative,
    tolerance_words,
)

_METHODS = {
    "incremental": "only what the reform touches was calculated again",
    "full": "everything was calculated again under the reform",
    "exact": "calculated from the rule itself, without the engine's branch",
}
_PARTS = {"contributors": "program", "by_decile": "decile", "by_state": "state"}
_BILLION = 1e9
# What sums of floating point may differ by, as the judge of the gates allows it.
_ROUNDING, _RELATIVE_ROUNDING = 1.0, 1e-9


def benchmark_page(run: RunData, benchmark: str, *, stage: str) -> Page:
    """Return one reform of the suite on candidate and incumbent, side by side.

    A benchmark that the run's suite does not hold gives a page that says so.
    """
    back = Links((Link("microsim", {"run": run.key}, "All benchmarks"),))
    place = place_of(run.get("suite", "/benchmarks"), benchmark)
    if place is None:
        known = run.has("suite")
        missing = Notice("bad", f"The suite of this run holds no benchmark called {benchmark}.")
        blocks: tuple[Block, ...] = (missing if known else absent(run, "suite"), back)
        return Page("microsim", "Benchmark not found", "", blocks)
    entry = run.get("suite", pointer("benchmarks", place))
    pair = sides(run, benchmark)
    absentees = [absent(run, side.record) for side in pair if not run.has(side.record)]
    blocks = (
        *absentees,
        *_unmeasured(pair, benchmark),
        back,
        Section("Gates", (_gates(run, entry, pair, stage),)),
        Section("What the reform changes", tuple(_reform(run, place, entry, pair))),
        Section("Effect by component", tuple(_components(run, entry, pair))),
        *_parts(run, pair),
        *distribution(run, pair),
        Section("Published figures, as context", tuple(published(run, benchmark))),
    )
    lead = "Every figure is reform less baseline unless it says otherwise; candidate and incumbent."
    return Page("microsim", entry["title"], lead, blocks)


def _unmeasured(pair: tuple[Side, Side], benchmark: str) -> Iterator[Notice]:
    for side in pair:
        if side.place is None and side.run.has(side.record):
            whose = f"the evidence of the {side.label.lower()}"
            yield Notice("warning", f"Not measured: {whose} holds no {benchmark}.")


def _gates(run: RunData, entry: Mapping[str, Any], pair: tuple[Side, Side], stage: str) -> Table:
    """Return the gates that judge this benchmark at the stage, each with its own rule."""
    rows = []
    for name in (*JUDGED, *(["identity"] if "identity" in entry else [])):
        gate, unit = gate_of(entry["id"], name), "share" if name == "identity" else "usd"
        delta = gate_number(run, gate, "delta", unit=unit, signed=True)
        rows.append(
            (
                replace(gate_cell(run, gate, stage), note=tolerance_words(run, gate, stage, unit)),
                explained_status(run, gate, stage),
                gate_number(run, gate, "value", unit=unit),
                relative(run, delta, pair[1].cell("delta", name)),
                gate_number(run, gate, "stages", stage, "limit", unit=unit),
                gate_number(run, gate, "stages", stage, "margin", unit=unit, signed=True),
            )
        )
    columns = (
        Column("Gate", hint="With the rule of its limit, from the policy."),
        Column("Status"),
        Column("Value", True, "Size of what the gate judges: a difference, or a relative error."),
        Column("Relative", True, "The difference as a share of the incumbent's effect."),
        Column("Limit", True),
        Column("Margin", True, "How far the value is inside the limit."),
    )
    return Table("Gates of this benchmark", columns, tuple(rows))


def _reform(
    run: RunData, place: int, entry: Mapping[str, Any], pair: tuple[Side, Side]
) -> Iterator[Block]:
    rows = [(Cell("Year"), year(run.cell("suite", pointer("benchmarks", place, "period"))))]
    for side in pair:
        method = side.cell("method")
        why = _METHODS.get(method.text, "")
        shown = Cell(method.text, method.raw, method.source, note=why)
        rows.append((Cell(f"Method, {side.label.lower()}"), shown))
    rows += [
        (Cell(words(key)), run.cell("suite", pointer("benchmarks", place, "indexing", key)))
        for key in entry.get("indexing", {})
    ]
    yield Table("Definition", (Column("What"), Column("Value")), tuple(rows))
    if "reform" in entry:
        yield Table(
            "Parameters that the reform sets",
            (Column("Parameter"), Column("Period"), Column("Value", True)),
            tuple(
                (
                    Cell(name),
                    Cell(period.replace(".", " to ")),
                    run.cell("suite", pointer("benchmarks", place, "reform", name, period)),
                )
                for name, values in entry["reform"].items()
                for period in values
            ),
        )
    yield _expected(run, place, entry)


def _expected(run: RunData, place: int, entry: Mapping[str, Any]) -> Table:
    """Return the sign and the least size that the frozen suite expects of each effect."""
    rows = []
    for name in dict.fromkeys([*entry["sign"], *entry["non_vacuity_floor"]]):
        measure, at = measure_of(run, name), ("benchmarks", place)
        floor = run.cell("suite", pointer(*at, "non_vacuity_floor", name), measure["unit"])
        rows.append((Cell(measure["title"]), run.cell("suite", pointer(*at, "sign", name)), floor))
    columns = (
        Column("Effect"),
        Column("Sign"),
        Column("At least", True, "Non-vacuity floor: a smaller effect of the candidate fails."),
    )
    note = (
        "A candidate's effect below the floor or of the other sign fails; an incumbent's effect "
        f"below the floor leaves the gate unmeasured. The floor: {entry['floor_reason']}."
    )
    return Table("What the suite expects", columns, tuple(rows), note)


def _components(run: RunData, entry: Mapping[str, Any], pair: tuple[Side, Side]) -> Iterator[Block]:
    """Yield every output's change, and the change with the file's own lots where measured."""
    yield _outputs(run, entry, pair, ("delta",), "Change of every output")
    if any(side.get("own_lots") for side in pair):
        yield Prose(
            "The figures above use lots of capital gains that are generated by the same rule for "
            "both files. The figures below use the lots that the file itself brings; they are "
            "shown beside the judged ones and decide nothing."
        )
        yield _lots(pair)
        title = "Change of every output with the file's own lots"
        yield _outputs(run, entry, pair, ("own_lots", "delta"), title)


def _outputs(
    run: RunData,
    entry: Mapping[str, Any],
    pair: tuple[Side, Side],
    path: tuple[str, ...],
    title: str,
) -> Table:
    rows = []
    for name in entry["outputs"]:
        measure = measure_of(run, name)
        unit = measure["unit"]
        cells = (side.cell(*path, name, unit=unit, signed=True) for side in pair)
        rows.append(row_of(run, measure["title"], cells, unit))
    return compared(title, rows)


def _lots(pair: tuple[Side, Side]) -> Table:
    rows = [
        (Cell(side.label), side.cell("own_lots", "lots"), short(side.cell("own_lots", "sha256")))
        for side in pair
    ]
    columns = (Column("File"), Column("Lots", True), Column("sha256"))
    return Table("Lots that the files bring", columns, tuple(rows))


def _parts(run: RunData, pair: tuple[Side, Side]) -> Iterator[Section]:
    """Yield for both judged measures the parts by program, decile and state."""
    for measure, title in JUDGED.items():
        blocks: list[Block] = []
        for key, by in _PARTS.items():
            table, points = _part_table(run, pair, key, measure, f"{title} by {by}")
            if not table.rows:
                continue
            blocks += _unequal(pair, key, measure, table.title)
            blocks.append(_part_block(table, points, key))
        if blocks:
            yield Section(f"{title}: where the effect comes from", tuple(blocks))


def _unequal(pair: tuple[Side, Side], key: str, measure: str, title: str) -> Iterator[Notice]:
    """Yield whose parts do not add up to the effect, by the tolerance of the gate's judge."""
    for side in pair:
        parts, effect = side.get(key, measure), side.get("delta", measure)
        if parts is None or effect is None:
            continue
        gap = math.fsum(part["value"] for part in parts) - effect
        if abs(gap) > _ROUNDING + _RELATIVE_ROUNDING * abs(effect):
            whose = side.label.lower()
            said = (
                f"{title}: the parts of the {whose} do NOT add up to its effect; do not use them."
            )
            yield Notice("bad", said)


def _part_block(table: Table, points: list[dict[str, Any]], key: str) -> Block:
    if key == "by_state":
        return Section(table.title, (table,), open=False)
    if not points:
        return table
    description = "Bars of candidate and incumbent, in billions of dollars."
    return Chart(table.title, description, paired_bars(points, "change, $bn"), table)


def _part_table(
    run: RunData, pair: tuple[Side, Side], key: str, measure: str, title: str
) -> tuple[Table, list[dict[str, Any]]]:
    """Return one split with its sum and the effect that it must give, and the bars of a chart."""
    places = [
        {part["name"]: at for at, part in enumerate(side.get(key, measure) or ())} for side in pair
    ]
    rows: list[tuple[Cell, ...]] = []
    points: list[dict[str, Any]] = []
    sums: list[list[float]] = [[], []]
    for name in dict.fromkeys([*places[0], *places[1]]):
        cells = [
            side.cell(key, measure, at[name], "value", unit="usd", signed=True)
            if name in at
            else Cell(NOTHING)
            for side, at in zip(pair, places, strict=True)
        ]
        values = [each.raw if isinstance(each.raw, int | float) else None for each in cells]
        if not any(values):
            continue
        label = f"decile {name}" if name.isdigit() else words(name)
        rows.append(row_of(run, label, cells, "usd"))
        for side, value, total in zip(pair, values, sums, strict=True):
            if value is not None:
                total.append(value)
                points.append({"group": label, "side": side.label, "value": value / _BILLION})
    if rows:
        rows += _sums(run, pair, measure, sums)
    note = "Parts that are zero on both files are left out."
    return compared(title, rows, note=note), points


def _sums(
    run: RunData, pair: tuple[Side, Side], measure: str, sums: list[list[float]]
) -> list[tuple[Cell, ...]]:
    """Return the sum of the parts and, below it, the effect as measured."""
    added = [
        run.derived(math.fsum(each), "usd", "sum of the parts above", signed=True)
        if each
        else Cell(NOTHING)
        for each in sums
    ]
    effects = [side.cell("delta", measure, unit="usd", signed=True) for side in pair]
    return [
        row_of(run, "Sum of the parts", added, "usd"),
        row_of(run, "Effect", effects, "usd"),
    ]
