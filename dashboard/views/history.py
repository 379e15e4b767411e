"""The history page: losses, sample, size, runtime and failing gates over the runs of a product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Block, Cell, Chart, Column, Link, Notice, Page, Section, Source, Table
from dashboard.charts import CANDIDATE, INCUMBENT, styled
from dashboard.run_data import GATING_LOSS
from dashboard.units import shown
from dashboard.views.empty import no_run_of, no_run_page
from dashboard.views.gate_charts import IN_ORDER, SLANTED
from dashboard.views.gate_past import indexed, number_of
from dashboard.views.published import (
    broken_runs,
    flag,
    moment,
    rows_of,
    run_link,
    text_of,
    told_apart,
)
from dashboard.views.verdicts import STAGES, listed_verdict

SHOWN = 200
_NAMED = 5
_SLUG = "history"
_BROAD = f"/losses/{GATING_LOSS}"
_SIDES = ("candidate", "incumbent")
_COLOURS = {"candidate": CANDIDATE, "incumbent": INCUMBENT}
_SHAPES = {"candidate": "circle", "incumbent": "square"}


@dataclass(frozen=True)
class Trend:
    """One figure over the runs: where the index and the records hold it for each side."""

    title: str
    record: str
    unit: str
    columns: Mapping[str, str]
    pointers: Mapping[str, str]
    by: float = 1.0
    axis: str = ""
    incumbent_record: str = ""

    def record_of(self, side: str) -> str:
        """Return the record that holds the figure of a side."""
        return self.incumbent_record if side == "incumbent" else self.record


TRENDS = (
    Trend(
        "Broad loss",
        "loss",
        "loss",
        {"candidate": "broad_candidate", "incumbent": "broad_incumbent"},
        {side: f"{_BROAD}/{side}" for side in _SIDES},
        incumbent_record="loss",
    ),
    Trend(
        "Held-out loss",
        "loss",
        "loss",
        {"candidate": "held_out_candidate", "incumbent": "held_out_incumbent"},
        {side: f"{_BROAD}/held_out/{side}" for side in _SIDES},
        incumbent_record="loss",
    ),
    Trend(
        "Effective sample size as a share of the records",
        "evidence",
        "share",
        {"candidate": "ess_share"},
        {"candidate": "/weights/ess_share"},
        by=0.01,
        axis="per cent",
    ),
    Trend(
        "H5 size",
        "gate_results",
        "bytes",
        {"candidate": "h5_bytes", "incumbent": "incumbent_h5_bytes"},
        {"candidate": "/candidate/size_bytes", "incumbent": "/subject/size_bytes"},
        by=1e6,
        axis="megabytes",
        incumbent_record="incumbent_evidence",
    ),
    Trend(
        "Median runtime over the incumbent's",
        "runtime",
        "ratio",
        {"candidate": "runtime_ratio"},
        {"candidate": "/median_ratio"},
    ),
)


def history_page(runs: pd.DataFrame, gates: pd.DataFrame, *, product: str, stage: str) -> Page:
    """Return the trends over the judged runs of a product, and all its runs as a table.

    `runs` come the newest first; `gates` are the results of every gate in every run. A line joins
    only runs that were held against the same incumbent by the same suite. The newest 200 runs are
    shown.
    """
    title = f"History of {product}"
    if runs.empty:
        return no_run_page(_SLUG, title)
    broken = tuple(broken_runs(runs, product))
    whole = runs[(runs["product"] == product) & (runs["state"] != "broken")]
    found = _labelled(rows_of(whole.head(SHOWN).iloc[::-1]))
    if not found:
        return Page(_SLUG, title, "", (no_run_of(product), *broken))
    judged = [row for row in found if text_of(row["judged_at"])]
    trends = [*(trend_chart(trend, judged) for trend in TRENDS), _failing(judged, gates, stage)]
    blocks: tuple[Block, ...] = (
        *_caution(judged, len(whole) - len(found)),
        _all_runs(found, stage),
        Section("Trends", tuple(chart for chart in trends if chart)),
        *broken,
    )
    lead = "Every run of this product in the order of judging: how good, how big, how fast."
    return Page(_SLUG, title, lead, blocks)


def _labelled(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with a `label` and what they are held `against`: incumbent and suite."""
    labels = told_apart(rows)
    return [
        {**row, "label": label, "against": _against(row)}
        for row, label in zip(rows, labels, strict=True)
    ]


def _against(row: Mapping[str, Any]) -> str:
    """Return what a run is held against: two runs compare only where this is the same."""
    suite = text_of(row["suite_sha256"])[:8]
    return f"{text_of(row['incumbent_id']) or 'no incumbent'}, suite {suite or 'unknown'}"


def _caution(rows: Sequence[Mapping[str, Any]], left: int) -> Iterator[Block]:
    """Yield what a reader must know before comparing runs."""
    kinds = dict.fromkeys(row["against"] for row in rows)
    if len(kinds) > 1:
        said = "These runs are not all held against the same incumbent by the same suite"
        named = "; ".join([*kinds][:_NAMED])
        more = f"; and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else ""
        yield Notice("warning", f"{said}: {named}{more}. No line joins the one to the other.")
    if left > 0:
        yield Notice("info", f"The newest {SHOWN} runs are shown; {left} older ones are left out.")


def trend_chart(trend: Trend, rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return one figure over the runs; None where no run holds it."""
    points = [
        {"run": row["label"], "side": side, "against": row["against"], "value": value / trend.by}
        for row in rows
        for side, column in trend.columns.items()
        if (value := number_of(row[column])) is not None
    ]
    if not points:
        return None
    columns = [Column("Run"), *(Column(side.capitalize(), numeric=True) for side in trend.columns)]
    lines = tuple(_trend_line(trend, row) for row in reversed(rows))
    table = Table(trend.title, (*columns, Column("Held against")), lines)
    ours = [each for each in points if each["side"] == "candidate"]
    description = f"{trend.title} of {len(rows)} runs."
    if ours:
        said = shown(ours[-1]["value"] * trend.by, trend.unit)
        description += f" The newest that has it, {ours[-1]['run']}: {said}."
    return Chart(trend.title, description, _lines(points, trend.axis or trend.unit), table)


def _trend_line(trend: Trend, row: Mapping[str, Any]) -> tuple[Cell, ...]:
    cells = (
        indexed(
            row[column],
            trend.unit,
            Source(str(row["key"]), trend.record_of(side), trend.pointers[side]),
        )
        for side, column in trend.columns.items()
    )
    return (Cell(row["label"], link=run_link(row)), *cells, Cell(row["against"]))


def _lines(points: Sequence[Mapping[str, Any]], axis: str) -> Any:
    """Return points run by run; a line joins those of one side held against the same."""
    sides = [side for side in _SIDES if any(point["side"] == side for point in points)]
    colours = alt.Scale(domain=sides, range=[_COLOURS[side] for side in sides])
    shapes = alt.Scale(domain=sides, range=[_SHAPES[side] for side in sides])
    chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_line(point=alt.OverlayMarkDef(size=60, filled=True))
        .encode(
            x=alt.X("run:N", sort=None, title=IN_ORDER, axis=SLANTED),
            y=alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False, padding=12)),
            color=alt.Color("side:N", scale=colours),
            shape=alt.Shape("side:N", scale=shapes),
            detail="against:N",
            tooltip=["run:N", "side:N", "against:N", "value:Q"],
        )
        .properties(width="container", height=200)
    )
    return styled(chart)


def _failing(rows: Sequence[Mapping[str, Any]], gates: pd.DataFrame, stage: str) -> Chart | None:
    """Return how many gates fail or err at the stage, run by run."""
    if gates.empty or not rows:
        return None
    failed = gates[gates[f"status_{stage}"].isin(("fail", "error"))].groupby("run").size()
    known = set(gates["run"])
    judged = [row for row in rows if row["key"] in known]
    counts = {row["key"]: int(failed.get(row["key"], 0)) for row in judged}
    rule = f"gates with status fail or error at stage {stage}"
    lines = tuple(
        (
            Cell(row["label"], link=run_link(row)),
            Cell(shown(counts[row["key"]], "number"), counts[row["key"]], rule=rule),
            Cell(row["against"]),
        )
        for row in reversed(judged)
    )
    points = [
        {"run": row["label"], "side": "candidate", "against": row["against"]}
        | {"value": counts[row["key"]]}
        for row in judged
    ]
    if not points:
        return None
    title = f"Failing gates at stage {stage}"
    columns = (Column("Run"), Column("Gates", numeric=True), Column("Held against"))
    said = f"How many gates fail or err in each of {len(points)} runs."
    return Chart(title, said, _lines(points, "gates"), Table(title, columns, lines))


def _all_runs(rows: Sequence[Mapping[str, Any]], stage: str) -> Table:
    """Return every run, the newest first, with links to it and to its comparison."""
    columns = tuple(map(Column, ("Run", "Beta", "Default", "Judged", "Held against", "Compare")))
    lines: list[tuple[Cell, ...]] = []
    earlier = None
    for row in rows:
        lines.append(_run_line(row, earlier, stage))
        earlier = row if text_of(row["judged_at"]) else earlier
    note = "Below each run: whether it is sealed, and the SHA-256 of its candidate."
    return Table("All runs, the newest first", columns, tuple(reversed(lines)), note)


def _run_line(
    row: Mapping[str, Any], earlier: Mapping[str, Any] | None, stage: str
) -> tuple[Cell, ...]:
    demonstration = flag(row["demonstration"])
    verdicts = (
        Cell(listed_verdict(text_of(row[f"verdict_{each}"]), demonstration=demonstration))
        for each in STAGES
    )
    link = Link("readiness", {"run": str(row["key"]), "stage": stage}, row["label"])
    compared = Cell("nothing to compare with")
    if earlier is not None and text_of(row["judged_at"]):
        params = {"a": str(earlier["key"]), "b": str(row["key"])}
        compared = Cell("with the one before", link=Link("compare", params, "compare"))
    sha = text_of(row["candidate_sha256"])[:12] or "no candidate"
    return (
        Cell(row["label"], link=link, note=f"{text_of(row['state'])}, {sha}"),
        *verdicts,
        Cell(moment(text_of(row["judged_at"])) or "not judged"),
        Cell(row["against"]),
        compared,
    )
