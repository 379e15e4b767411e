"""Who gains and who loses from a reform: classes, poverty, inequality, deciles, on both files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dashboard.blocks import Block, Cell, Chart, Column, Prose, Section, Table
from dashboard.run_data import RunData
from dashboard.units import NOTHING, words
from dashboard.views.lookup import POINTS, Side, difference, place_of
from dashboard.views.microsim_charts import CLASSES, classes_chart, paired_bars

_POVERTY = {
    "spm": "Poverty (Supplemental Poverty Measure)",
    "deep_spm": "Deep poverty (below half of the threshold)",
}
_AGES = {
    "all": "everybody",
    "child": "children under 18",
    "adult": "18 to 64",
    "senior": "65 and over",
}
_INEQUALITY = {
    "gini": "Gini index",
    "top_10_share": "Share of the top 10 %",
    "top_1_share": "Share of the top 1 %",
}
_POINTS_RULE = "100 * (reform - baseline), both as shares"


def distribution(run: RunData, pair: tuple[Side, Side]) -> Iterator[Section]:
    """Yield winners and losers, poverty, inequality and deciles; nothing where no side has any."""
    if not any(side.get("report") for side in pair):
        return
    yield Section("Winners and losers", tuple(_winners(pair)))
    yield Section("Poverty", tuple(_poverty(run, pair)))
    yield Section("Inequality", (_inequality(run, pair),))
    yield Section("Mean change by income decile", (_deciles(run, pair),))


def _winners(pair: tuple[Side, Side]) -> Iterator[Block]:
    yield Prose(
        "Shares of people by how their household's net income changes, relative to the baseline; "
        "up to 0.1 % either way is no change."
    )
    for side in pair:
        if side.get("report"):
            yield _classes(side)


def _classes(side: Side) -> Block:
    """Return the shares of people per class: all, and by decile, as stacked bars with a table."""
    groups: list[tuple[str, tuple[str | int, ...]]] = [("everybody", ("all",))]
    groups += [
        (_decile(each["decile"]), ("by_decile", place))
        for place, each in enumerate(side.get("report", "winners_losers", "by_decile"))
    ]
    rows, bars = [], []
    for label, path in groups:
        at = ("report", "winners_losers", *path)
        shares = {key: side.get(*at, key) for key in CLASSES}
        cells = (side.cell(*at, key, unit="share") for key in CLASSES)
        rows.append((Cell(label, note=side.get(*at, "reason") or ""), *cells))
        if all(share is not None for share in shares.values()):
            bars.append((label, shares))
    columns = (Column("People"), *(Column(label, True) for label in CLASSES.values()))
    table = Table(f"Winners and losers: {side.label.lower()}", columns, tuple(rows))
    if not bars:
        return table
    description = (
        "One bar per group of people, split from those who lose more than 5 % (left) to those who "
        "gain more than 5 % (right); shares of 8 % and more are written in the bar."
    )
    return Chart(table.title, description, classes_chart(bars), table)


def _poverty(run: RunData, pair: tuple[Side, Side]) -> Iterator[Table]:
    for key, title in _POVERTY.items():
        rows = [
            _change_row(run, pair, ("report", "poverty", key, age), label, "share")
            for age, label in _AGES.items()
        ]
        yield _change_table(title, rows, "Share of people who live in a poor SPM unit, by age.")
    geographies = {side.label: side.get("report", "poverty", "geography") for side in pair}
    rows = [
        (Cell(label), side.cell("report", "poverty", "geography"))
        for (label, found), side in zip(geographies.items(), pair, strict=True)
        if found
    ]
    columns = (Column("File"), Column("Geography of the poverty threshold"))
    yield Table("Poverty thresholds", columns, tuple(rows))


def _inequality(run: RunData, pair: tuple[Side, Side]) -> Table:
    rows = [
        _change_row(
            run, pair, ("report", "inequality", key), label, "number" if key == "gini" else "share"
        )
        for key, label in _INEQUALITY.items()
    ]
    note = (
        "People ranked by household net income over the square root of household size; negative "
        "incomes count as zero."
    )
    return _change_table("Inequality", rows, note)


def _change_row(
    run: RunData, pair: tuple[Side, Side], at: tuple[str, ...], label: str, unit: str
) -> tuple[Cell, ...]:
    """Return baseline, reform and change of both files; a share changes in percentage points."""
    cells: list[Cell] = []
    for side in pair:
        before, after = (side.cell(*at, key, unit=unit) for key in ("baseline", "reform"))
        change = side.cell(*at, "change", unit=unit, signed=True)
        if unit == "share" and isinstance(change.raw, int | float):
            change = run.derived(100 * change.raw, POINTS, _POINTS_RULE, signed=True)
        reason = side.get(*at, "reason") or ""
        cells += [replace(before, note=reason), after, change]
    return (Cell(label), *cells)


def _change_table(title: str, rows: list[tuple[Cell, ...]], note: str) -> Table:
    columns = [Column("What")]
    for label in ("Candidate", "Incumbent"):
        columns += [Column(f"{label}: {part}", True) for part in ("baseline", "reform", "change")]
    return Table(title, tuple(columns), tuple(rows), note)


def _deciles(run: RunData, pair: tuple[Side, Side]) -> Block:
    """Return mean change per household by decile: dollars and per cent, on both files."""
    rows, bars = [], []
    listed = [side.get("report", "deciles") or [] for side in pair]
    for name in dict.fromkeys(each["decile"] for entries in listed for each in entries):
        label = _decile(name)
        cells: list[Cell] = []
        for side, entries in zip(pair, listed, strict=True):
            change, share = _mean_change(side, place_of(entries, name, "decile"))
            cells += [change, share]
            if isinstance(change.raw, int | float):
                bars.append({"group": label, "side": side.label, "value": change.raw})
        rows.append((Cell(label), *cells, difference(run, cells[0], cells[2], "usd")))
    columns = (
        Column("Decile"),
        Column("Candidate", True, "Mean change of net income per household."),
        Column("Candidate, relative", True),
        Column("Incumbent", True, "Mean change of net income per household."),
        Column("Incumbent, relative", True),
        Column("Difference", True, "Candidate less incumbent, in dollars."),
    )
    note = (
        "Deciles of household net income before the reform hold equal numbers of people; "
        "households with a negative income stand apart."
    )
    table = Table("Mean change per household by decile", columns, tuple(rows), note)
    if not bars:
        return table
    description = (
        "Mean change of household net income in dollars by decile of baseline income, bars of "
        "candidate and incumbent."
    )
    return Chart(table.title, description, paired_bars(bars, "dollars per household"), table)


def _mean_change(side: Side, place: int | None) -> tuple[Cell, Cell]:
    """Return a decile's mean change in dollars and relative; dashes where the side has none."""
    if place is None:
        return Cell(NOTHING), Cell(NOTHING)
    at = ("report", "deciles", place)
    change = side.cell(*at, "absolute_change", unit="usd", signed=True)
    share = side.cell(*at, "relative_change", unit="share", signed=True)
    return replace(change, note=side.get(*at, "reason") or ""), share


def _decile(name: str) -> str:
    return words(name) if not name.isdigit() else f"decile {name}"
