"""The static export in a real browser, opened as files: the same numbers, rules and widths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser_findings import KINDS, Findings
from browser_pages import site_pages
from browser_served import Served
from browser_visits import WIDTHS, Visitor
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
THOROUGH = os.environ.get("MPGATE_BROWSER_THOROUGH") == "1"
_KINDS_OF_PAGES = 14
OF_NO_RUN = ("local.html",)


@pytest.fixture(scope="module")
def site(served: Served, exported: Path, browser: Browser) -> Findings:
    """Visit the pages of the export once; a file may ask no host at all."""
    visitor, found = Visitor.of(browser), Findings()
    for file in site_pages(exported, served.main, thorough=THOROUGH):
        visitor.open(file.as_uri())
        where = str(file.relative_to(exported))
        run = "" if where in OF_NO_RUN else served.main.key
        found.look(visitor, served.records, where, run=run)
    found.end(visitor, allowed=())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_static_site_has_no(kind: str, site: Findings) -> None:
    assert not site.of(kind), site.report(kind)


def test_values_were_held_against_records(site: Findings) -> None:
    assert site.values > 1_000


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window_or_hard_to_read(
    width: int, served: Served, exported: Path, browser: Browser
) -> None:
    files = site_pages(exported, served.main, thorough=THOROUGH)[
        : 99 if THOROUGH else _KINDS_OF_PAGES
    ]
    visitor = Visitor.of(browser, width=width)
    named = {f"site-{each.parent.name}-{each.stem}": each.as_uri() for each in files}
    problems = visitor.looks(named, width)
    visitor.close()
    assert not problems, "\n".join(problems)


def test_links_of_the_site_lead_to_files(served: Served, exported: Path, browser: Browser) -> None:
    visitor = Visitor.of(browser)
    visitor.open((exported / "index.html").as_uri())
    visitor.page.locator(".mpg a.gate.st-fail").first.click()
    visitor.page.wait_for_url("**/gate/*.html")
    assert visitor.page.locator("h1").inner_text()
    visitor.close()
