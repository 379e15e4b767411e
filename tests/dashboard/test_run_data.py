"""A shown number and the place in the record it came from cannot come apart."""

from __future__ import annotations

import pytest

from dashboard.blocks import Cell, Column, Figure, Figures, Section, Source, Table, cells_of, walk
from dashboard.run_data import RunData, pointer, resolve

RUN = RunData(
    "abc123",
    "demo",
    "mp-national",
    "sealed",
    {"loss": {"losses": {"a/b~c": {"candidate": 0.25}}, "kept": {"count": 3}, "flag": True}},
    {"runtime": "the runtime was left out"},
)


def test_a_cell_is_looked_up_shown_and_sourced_at_once() -> None:
    at = pointer("losses", "a/b~c", "candidate")
    assert at == "/losses/a~1b~0c/candidate"
    found = RUN.cell("loss", at, "loss")
    assert found == Cell("0.2500", 0.25, Source("abc123", "loss", at))
    assert resolve(RUN.records["loss"], at) == found.raw


@pytest.mark.parametrize(
    ("record", "at"),
    [("loss", "/losses/no"), ("runtime", "/median_ratio"), ("loss", "/kept/count/deeper")],
)
def test_what_no_record_holds_is_a_dash_without_a_source(record: str, at: str) -> None:
    found = RUN.cell(record, at, "loss")
    assert (found.text, found.raw, found.source) == ("–", None, None)


def test_why_a_record_is_absent_is_told() -> None:
    assert RUN.why_absent("runtime") == "the runtime was left out"
    assert RUN.why_absent("storage") == "this run has no storage record"


def test_text_and_truth_values_are_shown_as_they_are() -> None:
    assert RUN.cell("loss", "/flag").text == "True"
    assert RUN.has("loss", "/kept/count")
    assert not RUN.has("loss", "/kept/none")


def test_a_derived_number_carries_its_rule() -> None:
    found = RUN.derived(1.5e9, "usd", "candidate - target", signed=True)
    assert (found.text, found.rule, found.source) == ("+$1.500bn", "candidate - target", None)


def test_cells_are_found_wherever_they_stand() -> None:
    cell = RUN.cell("loss", "/kept/count")
    table = Table("t", (Column("n", numeric=True),), ((cell,),))
    section = Section("more", (table, Figures((Figure("n", cell),))), open=False)
    assert walk((section,))[1:] == list(section.blocks)
    assert [found for block in walk((section,)) for found in cells_of(block)] == [cell, cell]
