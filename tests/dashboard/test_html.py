"""Blocks as HTML: nothing in a record is markup, every value tells where it stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsed_html import Parsed

from dashboard.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Download,
    Figure,
    Figures,
    GateCell,
    GateGrid,
    GateGroup,
    Link,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Source,
    Table,
)
from dashboard.charts import STATUS_MARKS, styled
from dashboard.errors import DashboardError
from dashboard.escaping import csv_text, visible
from dashboard.html import is_html, render_blocks, render_title
from dashboard.svg import chart_svg

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
ADDRESS = "javascript:alert(3)"
HOSTILE = (SCRIPT, IMAGE, ADDRESS, "' onmouseover='alert(4)", "&lt;b&gt;", "</td></table>")
STYLE = Path(sys.modules["dashboard.html"].__file__ or "").parent / "style.css"


def draw(*blocks: Block, **options: object) -> Parsed:
    return Parsed(render_blocks(blocks, lambda link: f"to?{link.page}", **options))  # type: ignore[arg-type]


def value(text: str = "$1.500bn", raw: float = 1.5e9) -> Cell:
    return Cell(text, raw, Source("k1", "evidence", "/a/b~1c"))


def table(*cells: Cell, numeric: bool = False) -> Table:
    columns = tuple(Column(f"c{place}", numeric) for place in range(len(cells)))
    return Table("The title", columns, (cells,))


def gate(**given: object) -> GateGrid:
    made = {
        "gate": "family.snap", "title": "SNAP", "status": "fail", "blocking": True,
        "value": value(), "limit": value("$1bn"), "margin": value("−$0.5bn"),
        "link": Link("gate"),
    } | given  # fmt: skip
    return GateGrid((GateGroup("Families", (GateCell(**made),)),))  # type: ignore[arg-type]


def chart(label: str = "a", **marks: object) -> Chart:
    frame = pd.DataFrame({"name": [label, "z"], "loss": [1.0, 2.0]})
    drawn = alt.Chart(frame, title=label).mark_bar().encode(x="loss", y="name", **marks)
    return Chart("Loss", "Two bars.", styled(drawn), table(Cell("a"), value()))


def everything(text: str) -> tuple[Block, ...]:
    link = Link(text, {text: text}, text)
    cell = Cell(text, text, Source(text, text, text), text, link, "pass", text)
    rows = Table(text, (Column(text, True, text), Column(text)), ((cell, cell), ()), text)
    grid = gate(gate=text, title=text, value=cell, limit=cell, margin=cell, link=link)
    return (
        Section(text, (rows, Section(text, (grid,), open=False))),
        Figures((Figure(text, cell, text),)),
        Notice("bad", text, text),
        Prose(text),
        Links((link,)),
        Chart(text, text, alt.Chart(), rows),
        Download(text, text, pd.DataFrame()),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_and_never_markup(text: str) -> None:
    plain = draw(*everything("plain"), download=lambda _: "a.csv")
    drawn = draw(*everything(text), download=lambda _: "a.csv")
    assert drawn.faults == []
    assert [each.tag for each in drawn.elements] == [each.tag for each in plain.elements]
    names = [[*each.attributes] for each in drawn.elements]
    assert names == [[*each.attributes] for each in plain.elements]
    assert all(text in each.text for each in (drawn.all("caption")[0], *drawn.all("p")[1:3]))


def test_addresses_come_from_the_caller_only() -> None:
    blocks = everything(ADDRESS)
    drawn = Parsed(render_blocks(blocks, lambda _: "safe", download=lambda _: "safe"))
    assert {each.attributes["href"] for each in drawn.all("a")} == {"safe"}


def test_a_link_without_an_address_is_plain_text() -> None:
    blocks = (Links((Link("gate", {}, "Here"),)), table(Cell("There", link=Link("gate"))), gate())
    drawn = Parsed(render_blocks(blocks, lambda _: None))
    assert drawn.all("a") == []
    assert "Here" in drawn.all("li")[0].text
    assert "There" in drawn.all("th")[-1].text
    assert "SNAP: fail" in drawn.with_class("gate")[0].attributes["aria-label"]


@given(st.text())
def test_any_text_can_be_drawn(text: str) -> None:
    drawn = draw(*everything(text), download=lambda _: "a.csv")
    assert drawn.faults == []
    drawn.source.encode()


@pytest.mark.parametrize(
    ("unseen", "written"),
    [
        ("a\u202eb", "a\\u{202e}b"),
        ("\x00\x1b[31m", "\\u{0}\\u{1b}[31m"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("filler\u3164\ufe0f\u2800", "filler\\u{3164}\\u{fe0f}\\u{2800}"),
        ("\ud800", "\\u{d800}"),
        ("Ohio’s 3ʳᵈ – ünï", "Ohio’s 3ʳᵈ – ünï"),
    ],
)
def test_what_cannot_be_seen_is_written_out(unseen: str, written: str) -> None:
    assert visible(unseen) == written
    assert written in draw(Prose(unseen)).all("p")[0].text


def test_a_value_says_where_it_stands() -> None:
    derived = Cell("+$2", 2, rule="candidate - target")
    drawn = draw(table(value(), derived, Cell("–")))
    first, second, third = drawn.with_class("v")
    assert first.attributes["data-source"] == "k1|evidence|/a/b~1c"
    assert float(first.attributes["data-raw"]) == 1.5e9
    assert first.text == "$1.500bn"
    assert "evidence" in first.attributes["title"]
    assert "/a/b~1c" in first.attributes["title"]
    assert (second.attributes["data-raw"], second.attributes["data-rule"]) == (
        "2",
        "candidate - target",
    )
    assert set(third.attributes) == {"class"}


def test_a_raw_number_loses_nothing() -> None:
    raw = 0.1 + 0.2
    shown = draw(table(Cell("0.3000", raw))).with_class("v")[0]
    assert float(shown.attributes["data-raw"]) == raw


def test_a_table_has_caption_scopes_and_right_aligned_numbers() -> None:
    rows = ((Cell("name"), value()),)
    drawn = draw(Table("The title", (Column("What"), Column("How much", True, "in $")), rows))
    assert drawn.all("caption")[0].text == "The title"
    what, much, name = drawn.all("th")
    assert (what.attributes, name.attributes) == ({"scope": "col"}, {"scope": "row"})
    assert much.attributes == {"scope": "col", "class": "num", "title": "in $"}
    assert "in $" in much.text
    assert drawn.all("td")[0].attributes == {"class": "num"}
    scroll = drawn.with_class("scroll")[0].attributes
    assert (scroll["tabindex"], scroll["aria-label"]) == ("0", "The title")


def test_a_table_without_rows_says_so() -> None:
    assert draw(Table("Empty", (Column("a"), Column("b")), ())).all("td")[0].text == "none"


@pytest.mark.parametrize("status", list(STATUS_MARKS))
def test_a_status_is_a_mark_and_a_word(status: str) -> None:
    word = status.replace("_", " ")
    (chip,) = draw(table(Cell(word, status=status))).with_class("chip")  # type: ignore[arg-type]
    assert chip.text == f"{STATUS_MARKS[status]} {word}"
    assert f"st-{status}" in chip.attributes["class"]


def test_a_status_beside_another_text_keeps_both_and_the_source() -> None:
    cell = Cell("$2", 2, Source("k", "r", "/p"), status="waived", note="until May")
    drawn = draw(table(cell)).all("th")[-1]
    assert drawn.text == f"{STATUS_MARKS['waived']} waived $2until May"


def test_a_gate_is_one_link_that_says_all() -> None:
    drawn = draw(gate(blocking=False, within_noise=True))
    (link,) = drawn.all("a")
    said = "SNAP: fail; value $1.500bn; limit $1bn; margin −$0.5bn; not blocking; within noise"
    assert link.attributes["aria-label"] == said
    assert all(part in link.text for part in ("fail", "$1.500bn", "$1bn", "−$0.5bn", "SNAP"))
    assert len(drawn.with_class("v")) == 3
    assert all("data-source" in each.attributes for each in drawn.with_class("v"))
    assert "1 fail" in drawn.all("h2")[0].text


def test_sections_fold_and_headings_go_one_deeper() -> None:
    inner = Section("Inner", (Prose("text"),), open=False)
    drawn = draw(Section("Outer", (inner,)))
    assert [each.text for each in drawn.all("h2")] == ["Outer"]
    assert [each.text for each in drawn.all("summary")] == ["Inner"]
    assert drawn.all("h3")[0].text == "Inner"
    assert "open" not in drawn.all("details")[0].attributes


def test_a_title_is_the_only_first_heading() -> None:
    drawn = Parsed(render_title(Page("x", SCRIPT, "lead", ())))
    assert [each.text for each in drawn.all("h1")] == [SCRIPT]


def test_charts_and_downloads_are_for_the_app_to_draw() -> None:
    download = Download("CSV", "a.csv", pd.DataFrame())
    assert is_html(Section("s", (Prose("p"), Section("t", (gate(),)))))
    assert not any(map(is_html, (chart(), download, Section("s", (Section("t", (chart(),)),)))))


def test_a_chart_that_is_not_drawn_is_its_words_and_its_table() -> None:
    drawn = draw(chart())
    assert "Two bars." in drawn.all("p")[0].text
    assert len(drawn.all("table")) == 1


def test_a_chart_is_inert_svg_with_a_name_and_the_table_behind() -> None:
    drawn = draw(chart(IMAGE), chart=chart_svg)
    (svg,) = drawn.all("svg")
    assert drawn.faults == []
    assert svg.attributes["role"] == "img"
    assert svg.attributes["aria-label"] == "Loss. Two bars."
    assert IMAGE in svg.text
    assert "currentColor" in drawn.source
    assert len(drawn.all("table")) == 1


def test_a_chart_takes_nothing_from_outside() -> None:
    frame = pd.DataFrame({"at": [ADDRESS], "x": [1]})
    linked = alt.Chart(frame).mark_point().encode(x="x", href="at")
    pictured = alt.Chart(frame).mark_image().encode(x="x", url="at")
    for each in (linked, pictured):
        drawn = chart_svg(Chart("t", "d", each, table(Cell("a"))))
        assert not re.search(r"href|<a\b|<image|javascript|style=", drawn)
    fetched = alt.Chart("https://example.org/data.csv").mark_point().encode(x="x:Q")
    with pytest.raises(DashboardError, match="can't be drawn"):
        chart_svg(Chart("t", "d", fetched, table(Cell("a"))))


def test_the_same_chart_is_the_same_bytes_and_two_share_no_id() -> None:
    clipped = [chart(label) for label in ("a", "b")]
    for each in clipped:
        each.chart.mark = alt.MarkDef(type="bar", clip=True)
    first, other, again = (chart_svg(clipped[place]) for place in (0, 1, 0))
    assert first == again
    ids = [set(re.findall(r'id="([^"]+)"', drawn)) for drawn in (first, other)]
    assert all(ids)
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", first)) <= ids[0]


def test_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    frame = pd.DataFrame({"id": ["=1+1", "@x", "plain", "a,b"], "value": [-1.5, 0.1, 2, 3]})
    assert csv_text(frame) == "id,value\n'=1+1,-1.5\n'@x,0.1\nplain,2.0\n\"a,b\",3.0\n"


def test_the_stylesheet_touches_nothing_else_and_fetches_nothing() -> None:
    css = re.sub(r"/\*.*?\*/", "", STYLE.read_text(), flags=re.DOTALL)
    assert not re.search(r"url\(|@import|@font-face|https?:", css)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", css))
    named = [one for each in selectors for one in re.split(r",(?![^(]*\))", each)]
    assert [
        one for one in named if not one.strip().startswith((".mpg ", ".mpg-site", ".mpg"))
    ] == []
