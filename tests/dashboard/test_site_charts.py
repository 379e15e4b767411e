"""Charts drawn by other processes: as they are drawn here, each once, and none lost in silence."""

from __future__ import annotations

import os
from unittest.mock import patch

import altair as alt
import pandas as pd
import pytest

from dashboard.blocks import Chart, Page, Section, Table
from dashboard.errors import DashboardError
from dashboard.site_charts import drawing
from dashboard.svg import chart_svg

NO_TABLE = Table("", (), ())


def chart(label: str, title: str = "Loss") -> Chart:
    drawn = alt.Chart(pd.DataFrame({"a": [label], "x": [1]})).mark_bar().encode(x="x:Q", y="a:N")
    return Chart(title, "Bars.", drawn, NO_TABLE)


def page(*charts: Chart) -> Page:
    return Page("gate", "Gate", "", (Section("All", charts),))


def test_charts_are_drawn_as_they_are_here_and_alike_ones_once() -> None:
    charts = [chart("a"), chart("b"), chart("a"), chart("a", "Another title")]
    broken = Chart("t", "d", alt.Chart("https://example.org/data.csv").mark_point(), NO_TABLE)
    with drawing(1) as begun:
        submit = begun._pool.submit
        with patch.object(begun._pool, "submit", side_effect=submit) as submitted:
            begun.begin(page(*charts, broken))
        assert submitted.call_count == 4
        assert [begun.svg(each) for each in charts] == [chart_svg(each) for each in charts]
        with pytest.raises(DashboardError) as elsewhere:
            begun.svg(broken)
    with pytest.raises(DashboardError) as here:
        chart_svg(broken)
    assert elsewhere.value.message == here.value.message
    assert elsewhere.value.reason == here.value.reason == "export.chart"


def draw_after_the_end(lost: Chart) -> str:
    with drawing(1) as begun:
        begun._pool.submit(os._exit, 1)
        begun.begin(page(lost))
        return begun.svg(lost)


def test_a_process_that_is_ended_is_an_error() -> None:
    with pytest.raises(DashboardError, match="ended from outside") as caught:
        draw_after_the_end(chart("a"))
    assert caught.value.reason == "export.worker"
