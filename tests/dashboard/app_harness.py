"""Pages of the Streamlit app, opened by their address in its own test harness."""

from __future__ import annotations

import atexit
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sample_runs import VARIED, break_run, write_pointer, write_run
from streamlit.testing.v1 import AppTest

from dashboard import app, draw, serve, session
from dashboard.index import Index
from dashboard.indexing import update_index

SLUGS = (*app.PAGES, *app.UNLISTED)
TITLES = {
    "readiness": "Readiness of mp-national",
    "gate": "All release gates",
    "targets": "Targets",
    "target": "Target",
    "microsim": "Microsimulation benchmarks",
    "artifacts": "Artifacts",
    "local": "Local products",
    "compare": "Compare",
    "history": "History of mp-national",
    "coverage": "Targets coverage",
}
SCRIPT = Path(app.__file__).parent / "app.js"
OF_ONE_RUN = ("gate", "targets", "target", "microsim", "artifacts", "coverage")
HOSTILE = (
    "../../../../etc/passwd",
    "<script>window.hacked=1</script>",
    "' OR 1=1; DROP TABLE runs; --",
    "x" * 5000,
    "\N{RIGHT-TO-LEFT OVERRIDE}\x00\n",
    "[link](https://evil.example) $x^2$ :smile: ![](https://evil.example/a.png)",
)


@dataclass(frozen=True)
class Runs:
    """An index of sample runs, and the keys of its runs by folder name."""

    db: Path
    keys: dict[str, str]


@dataclass
class Shown:
    """What a page showed: its HTML bodies, and the harness to go on with."""

    test: AppTest
    html: str = field(init=False)

    def __post_init__(self) -> None:
        assert not self.test.exception, self.test.exception
        self.html = "\n".join(_bodies(self.test))
        assert not any(each in self.html for each in (draw.PAGE_FAULT, draw.CHART_FAULT)), self.html

    @property
    def title(self) -> str:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.html)
        assert found, self.html[:500]
        return found.group(1)

    @property
    def addresses(self) -> list[tuple[str, dict[str, str]]]:
        """Return slug and parameters of each link."""
        found = re.findall(r'<a href="([^"]*)"', self.html)
        parts = [urlsplit(each.replace("&amp;", "&").replace("&#x27;", "'")) for each in found]
        return [(each.path, dict(parse_qsl(each.query))) for each in parts]

    def follow(self, wanted: Callable[[str, dict[str, str]], bool]) -> Shown:
        """Go where the first link of a kind leads."""
        slug, params = next(each for each in self.addresses if wanted(*each))
        return show(slug, **params)


def _bodies(test: AppTest) -> Iterator[str]:
    for element in test.get("html"):
        body = element.proto.body
        if not body.startswith(("<style", "<script>")):
            yield body


def show(slug: str = "", **params: str) -> Shown:
    """Open an address as a browser does; the bare address for no slug."""
    test = AppTest.from_file(serve.ENTRY, default_timeout=30)
    test.query_params.update(params)
    if slug:
        test.switch_page(f"../pages/{slug}.py")
    test._bidi_component_manager = components()
    return Shown(test.run())


@cache
def components() -> Any:
    """Return what Streamlit finds of other packages' components, which takes longer than a page."""
    test = AppTest.from_string("")
    test.run()
    return test._bidi_component_manager


@cache
def sample_folder() -> Path:
    """Return a folder that is removed when the tests end."""
    held = tempfile.TemporaryDirectory()
    atexit.register(held.cleanup)
    return Path(held.name)


@cache
def sample_root() -> Path:
    """Run folders: two published ones, the last of which fails, a newer one, a broken, a local."""
    root = sample_folder() / "runs"
    root.mkdir()
    before = write_run(root, "before", judged_at="2026-11-20T12:00:00+00:00", seed=2)
    published = write_run(root, "published", **VARIED)
    write_run(root, "newest", judged_at="2026-11-28T12:00:00+00:00", seed=3)
    break_run(write_run(root, "broken", seed=4), "edited")
    write_run(root, "rich", product="mp-local-rich", seed=5)
    write_pointer(root, before, published)
    return root


@cache
def sample_index() -> Runs:
    """Return an index of the run folders of `sample_root`."""
    db = sample_folder() / "index.duckdb"
    update_index([sample_root()], db)
    known = Index.open(db).runs()
    return Runs(db, dict(zip(known["folder"], known["key"], strict=True)))


def index_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *roots: Path) -> Path:
    """Index other runs than those of most tests, and show these."""
    db = folder / "other.duckdb"
    update_index(roots, db)
    monkeypatch.setenv(session.INDEX_VARIABLE, str(db))
    return db
