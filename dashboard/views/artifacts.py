"""The files of a run: records, weights, size, runtime, build, pins and what the bundle holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Figure,
    Figures,
    Notice,
    Page,
    Section,
    Table,
)
from dashboard.charts import CANDIDATE, INCUMBENT, TARGET, styled
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, words
from dashboard.views.artifacts_bundle import bundle, environment, pins, sources
from dashboard.views.artifacts_calibration import calibration
from dashboard.views.artifacts_cost import gate_page, runtime, spread, stage_rows, stages
from dashboard.views.lookup import SIDE_RECORDS, absent, compared, gate_number, row_of

SIZE_GATE = "size.h5"
_WEIGHTS = {
    "household_sum": ("Households that the weights stand for", "households"),
    "person_sum": ("Persons that the weights stand for", "persons"),
    "positive": ("Households with a positive weight", ""),
    "kish_ess": ("Effective sample size (Kish), households", ""),
    "ess_share": ("Effective sample size, share of households", "share"),
    "top_1pct_share": ("Weight of the heaviest 1 % of households", "share"),
    "max_to_mean": ("Largest weight against the mean weight", "ratio"),
}


def artifacts_page(run: RunData) -> Page:
    """Return what the candidate's files are: how large, how heavy, how fast, and whether whole."""
    blocks = (
        *_unsealed(run),
        _headline(run),
        Section("Records and weights", tuple(_weights(run))),
        Section("Size on disk", tuple(_size(run))),
        Section("Runtime", tuple(runtime(run))),
        Section("Build stages", tuple(stages(run))),
        Section("Calibration", tuple(calibration(run))),
        Section("Pins and hashes", tuple(pins(run))),
        Section("Sources", tuple(sources(run))),
        Section("Bundle", tuple(bundle(run))),
        Section("Versions of every package", tuple(environment(run)), open=False),
    )
    lead = "Size, weights, runtime and provenance of the candidate's files, and what is missing."
    return Page("artifacts", "Artifacts", lead, blocks)


def _unsealed(run: RunData) -> Iterator[Block]:
    """Yield what a run without a seal lacks, and what to run."""
    if run.state == "sealed":
        return
    yield Notice(
        "warning",
        "This run is not sealed: its files can still change, so it can neither be released nor "
        "signed off. Sealing measures what is missing and judges what was sealed.",
        "mpgate bundle judge RUN --incumbent BASELINE",
    )
    rows = tuple((Cell(words(name)), Cell(why)) for name, why in run.absent.items())
    if rows:
        yield Table("Records that this run lacks", (Column("Record"), Column("Why")), rows)


def _headline(run: RunData) -> Figures:
    def both(label: str, at: str, unit: str) -> Figure:
        theirs = run.cell("incumbent_evidence", at, unit)
        return Figure(label, run.cell("evidence", at, unit), f"incumbent {theirs.text}")

    size = run.cell("storage", "/h5/stored_bytes", "bytes")
    pinned = run.cell("baseline", "/pins/h5_size_bytes", "bytes")
    return Figures(
        (
            both("households", "/counts/household", ""),
            both("households with a positive weight", "/weights/positive", ""),
            both("effective sample size, households", "/weights/kish_ess", ""),
            both("weight of the heaviest 1 %", "/weights/top_1pct_share", "share"),
            Figure("H5 on disk", size, f"incumbent {pinned.text}"),
            *_runtime(run),
        )
    )


def _runtime(run: RunData) -> Iterator[Figure]:
    """Yield median seconds and memory of the fixed workloads, and the ratio that is judged."""
    if not run.has("runtime"):
        yield Figure("median runtime", Cell(NOTHING), "not measured")
        return
    for label, key in (("median runtime", "total_s"), ("median peak memory", "peak_rss_gb")):
        ours, theirs = spread(run, key, "median")
        yield Figure(label, ours, f"incumbent {theirs.text}")
    ratio = run.cell("runtime", "/median_ratio", "ratio")
    yield Figure("runtime, median of candidate over incumbent", ratio, "1 is as fast")


def _weights(run: RunData) -> Iterator[Block]:
    for record in SIDE_RECORDS:
        if not run.has(record):
            yield absent(run, record)
    if not run.has("evidence"):
        yield from _declared(run)
    if not any(run.has(record) for record in SIDE_RECORDS):
        return
    found = [run.get(record, "/counts") or {} for record in SIDE_RECORDS]
    entities = dict.fromkeys(entity for counts in found for entity in counts)
    rows = [_both(run, words(each), pointer("counts", each), "") for each in entities]
    yield compared("Records per entity", rows)
    rows = [
        _both(run, label, pointer("weights", key), unit) for key, (label, unit) in _WEIGHTS.items()
    ]
    yield compared("Weights", rows)
    yield _curve(run)


def _declared(run: RunData) -> Iterator[Table]:
    """Yield the record counts that the manifest states, for a candidate not measured yet."""
    counts = run.get("candidate_manifest", "/record_counts") or {}
    rows = tuple(
        (Cell(words(each)), run.cell("candidate_manifest", pointer("record_counts", each)))
        for each in counts
    )
    if rows:
        columns = (Column("What"), Column("Candidate", True))
        yield Table("Records per entity, as the manifest states", columns, rows)


def _both(run: RunData, label: str, at: str, unit: str) -> tuple[Cell, ...]:
    return row_of(run, label, (run.cell(record, at, unit) for record in SIDE_RECORDS), unit)


def _curve(run: RunData) -> Block:
    """Return how concentrated the weights are, on both files, against equal weights."""
    curves = {record: run.get(record, "/weight_curve") or [] for record in SIDE_RECORDS}
    places = {
        record: {point["households"]: place for place, point in enumerate(points)}
        for record, points in curves.items()
    }
    rows = []
    for share in sorted({share for found in places.values() for share in found}):
        cells = [
            run.cell(record, pointer("weight_curve", found[share], "weight"), "share")
            if share in found
            else Cell(NOTHING)
            for record, found in places.items()
        ]
        named = next(record for record, found in places.items() if share in found)
        at = pointer("weight_curve", places[named][share], "households")
        equal = run.derived(share, "share", "share of households")
        rows.append((run.cell(named, at, "share"), *cells, equal))
    columns = (
        Column("Heaviest households", True, "Share of all households, the heaviest first."),
        Column("Candidate", True, "Share of all weight that they carry."),
        Column("Incumbent", True, "Share of all weight that they carry."),
        Column("Equal weights", True),
    )
    table = Table("Concentration of the weights", columns, tuple(rows))
    if not rows:
        return table
    description = (
        "Share of all weight that the heaviest households carry, by their share of all households; "
        "the dashed diagonal is a file with equal weights. The higher the curve, the fewer "
        "households decide the results."
    )
    return Chart(table.title, description, _curve_chart(curves), table)


def _curve_chart(curves: dict[str, list[dict[str, float]]]) -> Any:
    labels = [*SIDE_RECORDS.values(), "Equal weights"]
    points = [
        {"file": SIDE_RECORDS[record], "households": x, "weight": y}
        for record, found in curves.items()
        if found
        for x, y in [(0.0, 0.0), *((point["households"], point["weight"]) for point in found)]
    ]
    points += [{"file": labels[-1], "households": end, "weight": end} for end in (0.0, 1.0)]
    axis = alt.Axis(format="%")
    chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_line(point=True)
        .encode(
            x=alt.X("households:Q", title="heaviest households, share of all", axis=axis),
            y=alt.Y("weight:Q", title="share of all weight", axis=axis),
            color=alt.Color(
                "file:N", scale=alt.Scale(domain=labels, range=[CANDIDATE, INCUMBENT, TARGET])
            ),
            strokeDash=alt.StrokeDash(
                "file:N", scale=alt.Scale(domain=labels, range=[[1, 0], [8, 3], [2, 3]])
            ),
            tooltip=[
                "file:N",
                alt.Tooltip("households:Q", format=".1%"),
                alt.Tooltip("weight:Q", format=".1%"),
            ],
        )
    )
    return styled(chart.properties(width=480, height=300))


def _size(run: RunData) -> Iterator[Block]:
    """Yield bytes of both files, the gate's ratio and limit, and every extension."""
    if not run.has("storage"):
        yield absent(run, "storage")
    pairs = {
        "On disk": (("storage", "/h5/stored_bytes"), ("baseline", "/pins/h5_size_bytes")),
        "All arrays, unpacked": (
            ("storage", "/h5/logical_bytes"),
            ("incumbent_evidence", "/subject/logical_bytes"),
        ),
    }
    rows = [
        row_of(run, label, (run.cell(*each, "bytes") for each in pair), "bytes")
        for label, pair in pairs.items()
    ]
    yield compared("H5 file", rows)
    ratio = gate_number(run, SIZE_GATE, "value", unit="ratio")
    columns = (Column("What"), Column("Candidate over incumbent", True))
    rows = [(Cell("Ratio that is judged"), ratio), *stage_rows(run, SIZE_GATE, "ratio")]
    note = "Extensions that load on their own do not count (plan: Artifact size)."
    yield Table("Artifact size", columns, tuple(rows), note)
    yield from gate_page(run, SIZE_GATE)
    extensions = run.get("storage", "/extensions")
    if extensions is not None:
        yield _extensions(run, extensions)


def _extensions(run: RunData, extensions: list[dict[str, Any]]) -> Table:
    rows = [
        (
            Cell(each["id"], note=each["file"]),
            Cell(each["format"]),
            run.cell("storage", pointer("extensions", place, "stored_bytes"), "bytes"),
            Cell(", ".join(each["tables"]) or NOTHING),
            Cell("yes" if each["separately_loadable"] else "no", note=each["reason"] or ""),
        )
        for place, each in enumerate(extensions)
    ]
    columns = (
        Column("Extension"),
        Column("Format"),
        Column("On disk", True),
        Column("Tables"),
        Column("Loads on its own"),
    )
    return Table("Relational extensions", columns, tuple(rows))
