"""What browser tests share: the browser, and the dashboard served over runs that were written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_served import Served, free_port, served_at
from browser_visits import Visitor, chromium
from playwright.sync_api import Browser
from sample_runs import VARIED, break_run, write_pointer, write_run

from dashboard.export import export_site
from dashboard.index import Index
from dashboard.indexing import update_index
from dashboard.serve import HOST, running

ROOT_VARIABLE = "MPGATE_BROWSER_ROOT"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: a published one that fails, the one before it, and other kinds."""
    root = tmp_path_factory.mktemp("browser") / "runs"
    first = write_run(root, "first", seed=3, judged_at="2026-11-20T10:00:00+00:00")
    candidate = write_run(root, "candidate", seed=2, **VARIED)
    loose = {"sealed": False, "absent": ("runtime", "external")}
    write_run(root, "loose", seed=4, judged_at="2026-11-18T12:00:00+00:00", **loose)
    local = {"product": "mp-local-rich", "judged_at": "2026-11-21T12:00:00+00:00"}
    write_run(root, "local", seed=5, **local)
    break_run(write_run(root, "broken", seed=6), "edited")
    if ROOT_VARIABLE not in os.environ:
        write_pointer(root, first, candidate)
    return root


@pytest.fixture(scope="session")
def served(sample_root: Path) -> Iterator[Served]:
    """The real server, on a free port, over the sample runs and those of MPGATE_BROWSER_ROOT."""
    named = os.environ.get(ROOT_VARIABLE)
    roots = [*([Path(named).resolve()] if named else []), sample_root]
    db = sample_root.parent / "index.duckdb"
    update_index(roots, db)
    port = free_port()
    with running(db, port):
        yield served_at(f"http://{HOST}:{port}", db, roots)


@pytest.fixture(scope="session")
def exported(served: Served) -> Path:
    """A static export of the run that is looked at most."""
    index = Index.open(served.db)
    out = served.db.parent / "site"
    export_site(index, out, run=served.main.key)
    index.close()
    return out


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    opened = Visitor.of(browser)
    yield opened
    opened.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder for gigabytes: it is emptied at once, where pytest keeps those of three sessions."""
    yield tmp_path
    shutil.rmtree(tmp_path)
