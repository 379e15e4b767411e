"""What is shown without an index, a run or a published candidate: what to run, and the choice."""

from __future__ import annotations

import pandas as pd
import pytest
from sample_reading import runs_frame
from sample_runs import VARIED, sample_run
from shown_pages import column, notices, tables, texts

from dashboard.blocks import Link, Page, Section
from dashboard.run_data import RunData
from dashboard.views.empty import broken_run_page, no_index_page, unknown_run_page
from dashboard.views.readiness import readiness_page
from schemas.errors import DatasetError

COMMAND = "mpgate release point RUN --by NAME --reason TEXT"


@pytest.fixture(scope="module")
def varied() -> RunData:
    return sample_run(name="varied", **{**VARIED, "hostile": False})


@pytest.fixture(scope="module")
def later() -> RunData:
    return sample_run(name="later", judged_at="2026-11-26T12:00:00+00:00")


def page(runs: pd.DataFrame) -> Page:
    """Return the readiness page where no candidate is published."""
    return readiness_page(
        None, product="mp-national", stage="default", pointer=None, previous=None, runs=runs
    )


def test_without_a_pointer_the_command_and_the_runs_to_choose_from_are_shown(
    varied: RunData, later: RunData
) -> None:
    found = page(runs_frame([varied, later]))
    (said,) = notices(found)
    assert (said.tone, said.command) == ("empty", COMMAND)
    table = tables(found)["Runs of mp-national to choose from"]
    assert column(table, "Run") == ["later", "varied"]
    assert table.rows[0][0].link == Link("readiness", {"run": later.key}, "later")
    assert "demonstration: blocked" in column(table, "Verdict for default")


def test_of_many_runs_the_newest_are_offered_and_the_rest_counted(varied: RunData) -> None:
    frame = pd.DataFrame([{**varied.row, "key": f"{i:012d}", "run_id": f"r{i}"} for i in range(60)])
    table = tables(page(frame))["Runs of mp-national to choose from"]
    assert column(table, "Run")[-1] == "r49"
    assert table.note.startswith("10 older runs")


@pytest.mark.parametrize("runs", [runs_frame([]), None])
def test_without_any_run_it_is_said_what_makes_one(
    runs: pd.DataFrame | None, varied: RunData
) -> None:
    others = pd.DataFrame([{**varied.row, "product": "mp-local-rich"}])
    said = notices(page(others if runs is None else runs))
    assert [each.tone for each in said] == ["empty", "empty"]
    assert said[1].command == "mpgate build national --judge psl-cps-2024"


def test_broken_runs_are_folded_with_their_reasons(varied: RunData) -> None:
    rows = [
        dict(varied.row),
        {**varied.row, "folder": "half", "state": "broken", "reason": "no seal"},
        {**varied.row, "folder": "lost", "state": "broken", "product": None, "reason": "no JSON"},
        {**varied.row, "folder": "local", "state": "broken", "product": "mp-local-rich"},
    ]
    found = page(pd.DataFrame(rows))
    section = found.blocks[-1]
    assert isinstance(section, Section)
    assert (section.title, section.open) == ("2 broken runs, left out of everything above", False)
    table = tables(found)["Runs that cannot be shown"]
    assert list(zip(column(table, "Folder"), column(table, "Reason"), strict=True)) == [
        ("half", "no seal"),
        ("lost", "no JSON"),
    ]


def test_the_empty_pages_say_what_to_run() -> None:
    error = DatasetError("nothing was indexed yet", reason="index.absent", remedy="run it")
    assert notices(no_index_page(error))[0].command == "mpgate index --root runs"
    assert "nothing was indexed yet" in texts(no_index_page(error))
    assert "'<b>'" in texts(unknown_run_page("<b>"))
    assert "the seal is gone" in texts(broken_run_page("the seal is gone"))
    assert broken_run_page("x", "gate", "Gates").slug == "gate"
