"""How long pages take over an index of a thousand runs: 3 seconds the first, 1 second the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_served import free_port
from browser_visits import Visitor, first_page_seconds, switch_seconds
from playwright.sync_api import Browser
from sample_runs import write_pointer, write_run

from dashboard.bench_index import GOAL_RUNS, GOAL_TARGETS
from dashboard.bench_runs import many_runs
from dashboard.indexing import update_index
from dashboard.serve import HOST, running

pytestmark = [pytest.mark.browser, pytest.mark.nightly]
FIRST_PAGE_SECONDS, SWITCH_SECONDS = 3.0, 1.0
NAMES = ["Artifacts", "Targets", "History", "Release gates", "Microsimulation", "Readiness"]


def test_pages_over_a_thousand_runs_come_in_time(scratch: Path, browser: Browser) -> None:
    template = write_run(scratch / "template", "template", failing=("family.snap",))
    root, db = scratch / "runs", scratch / "index.duckdb"
    made = list(many_runs(template, root, GOAL_RUNS, GOAL_TARGETS))
    write_pointer(root, *made[-2:])
    assert update_index([root], db).broken == 0
    port = free_port()
    with running(db, port):
        base = f"http://{HOST}:{port}"
        first = first_page_seconds(browser, f"{base}/", ".mpg a.gate", tries=5)
        visitor = Visitor.of(browser)
        visitor.open(f"{base}/")
        switch = switch_seconds(visitor, NAMES, tries=3)
        visitor.close()
    print(f"first page interactive {first:.2f} s, page switch {switch:.2f} s")
    assert first <= FIRST_PAGE_SECONDS
    assert switch <= SWITCH_SECONDS
