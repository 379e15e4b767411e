"""What a run costs: seconds and memory of the benchmark runs and of the build."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import altair as alt
import pandas as pd

from dashboard.blocks import Block, Cell, Chart, Column, Link, Links, Table
from dashboard.charts import BAND, CANDIDATE, TARGET, styled
from dashboard.run_data import RunData, pointer
from dashboard.units import words
from dashboard.views.lookup import (
    BUILD,
    GATES,
    absent,
    compared,
    gate_at,
    gate_number,
    gate_status,
    row_of,
)

RUNTIME_GATE = "runtime.median"
_SIDES = ("candidate", "incumbent")
_WIDTH = 480
_DECISIONS = {
    "within": "within the limit",
    "beyond": "beyond the limit",
    "undecided": "not decided: the limit lies inside the interval",
}
_MACHINE = {
    "cpu": ("Processor", ""),
    "cpus": ("Processor cores", ""),
    "memory_gb": ("Memory", "gigabytes"),
    "system": ("System", ""),
    "python": ("Python", ""),
    "numpy": ("numpy", ""),
    "fingerprint": ("Fingerprint of the machine", ""),
}
_RATIO = (
    ("Median ratio, candidate over incumbent", "/median_ratio", "ratio"),
    ("Interval, low", "/interval/low", "ratio"),
    ("Interval, high", "/interval/high", "ratio"),
    ("Confidence of the interval", "/interval/confidence", "share"),
)
_STAGES = {"beta": "may enter beta", "default": "may become the default"}
_MEASURED = {
    "total_s": ("Seconds of all workloads", "seconds"),
    "cpu_s": ("Seconds of CPU", "seconds"),
    "peak_rss_gb": ("Peak memory (RSS)", "gigabytes"),
}
_SPREAD: Mapping[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "lowest": min,
    "highest": max,
}


def runtime(run: RunData) -> Iterator[Block]:
    """Yield medians, ratio, interval and decisions of the runtime record, and every pair."""
    if not run.has("runtime"):
        yield absent(run, "runtime")
        return
    yield _medians(run)
    yield _workloads(run)
    yield _ratio(run)
    yield _pairs(run)
    rows = tuple(
        (Cell(label), run.cell("runtime", pointer("machine", key), unit))
        for key, (label, unit) in _MACHINE.items()
    )
    yield Table("Machine", (Column("What"), Column("Value")), rows)
    yield from gate_page(run, RUNTIME_GATE)


def spread(run: RunData, key: str, of: str) -> tuple[Cell, Cell]:
    """Return median, lowest or highest of a figure of the runtime pairs, for both files.

    `key` is a field of a sample; `of` one of median, lowest, highest.
    """
    unit, rule = _MEASURED[key][1], f"{of} of {key} over the pairs"
    ours, theirs = (
        run.derived(_SPREAD[of]([pair[side][key] for pair in _list(run)]), unit, rule)
        for side in _SIDES
    )
    return ours, theirs


def _medians(run: RunData) -> Table:
    rows = [
        row_of(run, f"{label}, {of}", spread(run, key, of), unit)
        for key, (label, unit) in _MEASURED.items()
        for of in _SPREAD
    ]
    note = f"Over {len(_list(run))} pairs. Starting the engine is not counted in the seconds."
    return compared("Runtime and memory", rows, note=note)


def _workloads(run: RunData) -> Table:
    """Return the median seconds of every workload that all runs have: which makes a file slow."""
    samples = [pair[side]["workloads"] for pair in _list(run) for side in _SIDES]
    names = [name for name in samples[0] if all(name in each for each in samples)]
    rows = []
    for name in names:
        rule = f"median of workloads/{name} over the pairs"
        cells = (
            run.derived(median(p[side]["workloads"][name] for p in _list(run)), "seconds", rule)
            for side in _SIDES
        )
        rows.append(row_of(run, words(name), cells, "seconds"))
    return compared("Seconds of every workload, median", rows)


def gate_page(run: RunData, gate: str) -> Iterator[Links]:
    """Yield the link to a gate's page, at the reader's own stage; nothing where it isn't judged."""
    if gate_at(run, gate) is not None:
        yield Links((Link("gate", {"run": run.key, "gate": gate}, gate),))


def stage_rows(run: RunData, gate: str, unit: str) -> Iterator[tuple[Cell, Cell]]:
    """Yield a gate's status at each stage, and below it the limit, and why it is not judged."""
    for stage, label in _STAGES.items():
        status = gate_status(run, gate, stage)
        limit = gate_number(run, gate, "stages", stage, "limit", unit=unit)
        said = [f"limit {limit.text}"] if limit.raw is not None else []
        if status.status in ("unmeasured", "error", "waived"):
            said.append(run.get(GATES, gate_at(run, gate, "stages", stage, "message") or ""))
        yield Cell(f"Gate: {label}"), replace(status, note="; ".join(said))


def _list(run: RunData) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = run.get("runtime", "/pairs")
    return found


def _ratio(run: RunData) -> Table:
    """Return ratio and interval, what they say of each limit, and what the gate made of it."""
    rows = [(Cell(label), run.cell("runtime", at, unit)) for label, at, unit in _RATIO]
    for place, each in enumerate(run.get("runtime", "/decisions")):
        limit = run.cell("runtime", pointer("decisions", place, "limit"), "ratio")
        decision = _DECISIONS[each["decision"]]
        rows.append((Cell("Limit", note=decision), limit))
    rows += stage_rows(run, RUNTIME_GATE, "ratio")
    note = "A limit inside the interval is not decided: more pairs or a quieter machine are needed."
    return Table("Ratio and decisions", (Column("What"), Column("Value", True)), tuple(rows), note)


def _pairs(run: RunData) -> Chart:
    """Return every pair's ratio as a dot, with the interval and the limits."""
    rows, points = [], []
    for place, pair in enumerate(_list(run)):
        name = f"pair {place + 1}"
        seconds = (
            run.cell("runtime", pointer("pairs", place, side, "total_s"), "seconds")
            for side in _SIDES
        )
        memory = (
            run.cell("runtime", pointer("pairs", place, side, "peak_rss_gb"), "gigabytes")
            for side in _SIDES
        )
        ratio = run.cell("runtime", pointer("pairs", place, "ratio"), "ratio")
        rows.append((Cell(name), Cell(words(pair["order"])), *seconds, ratio, *memory))
        points.append({"pair": name, "ratio": pair["ratio"]})
    columns = (
        Column("Pair"),
        Column("Order"),
        Column("Candidate", True),
        Column("Incumbent", True),
        Column("Ratio", True),
        Column("Candidate: peak memory", True),
        Column("Incumbent: peak memory", True),
    )
    table = Table("Pairs that were run", columns, tuple(rows))
    description = (
        "One dot per pair: seconds of the candidate over seconds of the incumbent. The grey band "
        "is the interval of the median, the dashed lines are the limits."
    )
    limits = [each["limit"] for each in run.get("runtime", "/decisions")]
    chart = _pairs_chart(points, run.get("runtime", "/interval"), limits)
    return Chart("Spread of the runtime pairs", description, chart, table)


def _pairs_chart(
    points: list[dict[str, Any]], interval: Mapping[str, float], limits: list[float]
) -> Any:
    x = alt.X("ratio:Q", title="candidate over incumbent", scale=alt.Scale(zero=False))
    band = (
        alt.Chart(pd.DataFrame([interval]))
        .mark_rect(color=BAND, opacity=0.3)
        .encode(x="low:Q", x2="high:Q")
    )
    lines = (
        alt.Chart(pd.DataFrame({"ratio": limits}))
        .mark_rule(color=TARGET, strokeDash=[4, 4])
        .encode(x=x, tooltip=[alt.Tooltip("ratio:Q", title="limit")])
    )
    dots = (
        alt.Chart(pd.DataFrame(points))
        .mark_point(filled=True, size=80, color=CANDIDATE, opacity=1)
        .encode(
            x=x,
            y=alt.Y("pair:N", sort=[point["pair"] for point in points], title=None),
            tooltip=["pair:N", "ratio:Q"],
        )
    )
    return styled((band + lines + dots).properties(width=_WIDTH, height=alt.Step(22)))


def stages(run: RunData) -> Iterator[Block]:
    """Yield what each build stage took: seconds, CPU, memory, disk."""
    if not run.has("stages"):
        yield absent(run, "stages", BUILD)
        return
    keys = {
        "wall_s": ("Wall time", "seconds"),
        "cpu_s": ("CPU time", "seconds"),
        "peak_rss_bytes": ("Peak memory", "bytes"),
        "written_bytes": ("Files left", "bytes"),
        "scratch_bytes": ("Scratch disk", "bytes"),
    }
    rows, bars = [], []
    for place, stage in enumerate(run.get("stages", "/stages")):
        cells = (
            run.cell("stages", pointer("stages", place, key), unit)
            for key, (_, unit) in keys.items()
        )
        kept = Cell("from a checkpoint" if stage["reused"] else "run", note=stage["finished_at"])
        rows.append((Cell(words(stage["id"])), *cells, kept))
        bars.append({"stage": words(stage["id"]), "seconds": stage["wall_s"]})
    columns = (
        Column("Stage"),
        *(Column(label, True) for label, _ in keys.values()),
        Column("How", hint="Figures of a checkpoint are those of the run that made it."),
    )
    table = Table("Build stages", columns, tuple(rows))
    chart = (
        alt.Chart(pd.DataFrame(bars))
        .mark_bar(color=CANDIDATE)
        .encode(
            y=alt.Y("stage:N", sort=[bar["stage"] for bar in bars], title=None),
            x=alt.X("seconds:Q", title="wall time, seconds"),
            tooltip=["stage:N", "seconds:Q"],
        )
    )
    description = "Wall time of each build stage in seconds, in the order of the build."
    drawn = styled(chart.properties(width=_WIDTH, height=alt.Step(20)))
    yield Chart("Wall time by stage", description, drawn, table)
