"""Charts of benchmarks: differences in their tolerance band, winners and losers, deciles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts import (
    BAND,
    BETTER,
    CANDIDATE,
    INCUMBENT,
    STATUS_COLOURS,
    TARGET,
    WORSE,
    styled,
)

WIDTH = 480
# From the largest loss to the largest gain, as in the evidence.
CLASSES: Mapping[str, str] = {
    "lose_more_than_5pct": "lose more than 5 %",
    "lose_less_than_5pct": "lose up to 5 %",
    "no_change": "no change",
    "gain_less_than_5pct": "gain up to 5 %",
    "gain_more_than_5pct": "gain more than 5 %",
}
_CLASS_COLOURS = (WORSE, "#F0B98F", "#BDBDBD", "#8FD0BB", BETTER)
_READABLE_SHARE = 0.08
_SHAPES: Mapping[str, str] = {
    "pass": "circle",
    "fail": "cross",
    "error": "triangle-up",
    "unmeasured": "diamond",
    "waived": "square",
    "not_applicable": "triangle-down",
}


def tolerance_chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return each benchmark's difference as a dot over its tolerance band, in $bn.

    A row holds `benchmark`, `difference`, `limit` (both $bn; the limit may be None), `status` and
    `blunt`: whether the limit is larger than the incumbent's whole effect. Such a band is empty.
    """
    names = [row["benchmark"] for row in rows]
    dots = pd.DataFrame(rows)
    bands = dots[dots["limit"].notna()].assign(
        low=lambda frame: -frame["limit"], high=lambda frame: frame["limit"]
    )
    found = sorted(set(dots["status"]))
    place = alt.Y("benchmark:N", sort=names, title=None)
    band = (
        alt.Chart(bands)
        .mark_bar(color=BAND, stroke=BAND, height=14)
        .encode(
            y=place,
            x=alt.X("low:Q", title="candidate less incumbent, $bn"),
            x2="high:Q",
            fillOpacity=alt.condition("datum.blunt", alt.value(0), alt.value(0.35)),
            tooltip=["benchmark:N", alt.Tooltip("limit:Q", title="tolerance, $bn")],
        )
    )
    dot = (
        alt.Chart(dots)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            y=place,
            x="difference:Q",
            color=alt.Color(
                "status:N", scale=alt.Scale(domain=found, range=[STATUS_COLOURS[s] for s in found])
            ),
            shape=alt.Shape(
                "status:N", scale=alt.Scale(domain=found, range=[_SHAPES[s] for s in found])
            ),
            tooltip=["benchmark:N", alt.Tooltip("difference:Q", title="$bn"), "status:N"],
        )
    )
    return styled((band + _zero() + dot).properties(width=WIDTH, height=alt.Step(24)))


def _zero() -> Any:
    return alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=TARGET).encode(x="zero:Q")


def classes_chart(groups: Sequence[tuple[str, Mapping[str, float]]]) -> Any:
    """Return stacked bars of the shares of people per class of change, a group a bar."""
    frame = pd.DataFrame(_stacked(groups))
    place = alt.Y("group:N", sort=[name for name, _ in groups], title=None)
    bars = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=place,
            x=alt.X(
                "start:Q",
                title="share of people",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            x2="end:Q",
            color=alt.Color(
                "class:N",
                sort=list(CLASSES.values()),
                scale=alt.Scale(domain=list(CLASSES.values()), range=list(_CLASS_COLOURS)),
                legend=alt.Legend(columns=3),
            ),
            tooltip=["group:N", "class:N", alt.Tooltip("share:Q", format=".2%")],
        )
    )
    text = (
        alt.Chart(frame[frame["share"] >= _READABLE_SHARE])
        .mark_text(color="black")
        .encode(y=place, x="middle:Q", text=alt.Text("share:Q", format=".0%"))
    )
    return styled((bars + text).properties(width=WIDTH, height=alt.Step(22)))


def _stacked(groups: Sequence[tuple[str, Mapping[str, float]]]) -> list[dict[str, Any]]:
    rows = []
    for name, shares in groups:
        start = 0.0
        for key, label in CLASSES.items():
            end = start + shares[key]
            row = {"group": name, "class": label, "share": shares[key], "start": start, "end": end}
            rows.append({**row, "middle": (start + end) / 2})
            start = end
    return rows


def paired_bars(rows: Sequence[Mapping[str, Any]], title: str) -> Any:
    """Return bars of candidate and incumbent by group; a row holds `group`, `side`, `value`."""
    order = list(dict.fromkeys(row["group"] for row in rows))
    labels = ["Candidate", "Incumbent"]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            y=alt.Y("group:N", sort=order, title=None),
            yOffset=alt.YOffset("side:N", sort=labels),
            x=alt.X("value:Q", title=title),
            color=alt.Color("side:N", scale=alt.Scale(domain=labels, range=[CANDIDATE, INCUMBENT])),
            tooltip=["group:N", "side:N", alt.Tooltip("value:Q", title=title)],
        )
    )
    return styled(chart.properties(width=WIDTH, height=alt.Step(13)))
