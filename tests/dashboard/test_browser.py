"""The dashboard in a real browser: every kind of page, its numbers, and the way to a cause.

With MPGATE_BROWSER_ROOT=runs the same is held of real runs; MPGATE_BROWSER_SHOTS names a folder for
pictures, MPGATE_BROWSER_THOROUGH=1 visits every gate and benchmark.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from browser_findings import KINDS, Findings
from browser_pages import MENU, app_address, menu_pages, run_pages
from browser_served import Served
from browser_visits import (
    WIDTHS,
    Visitor,
    first_page_seconds,
    switch_seconds,
)
from playwright.sync_api import Browser
from sample_suites import SCRIPT_TARGET

from dashboard.blocks import Link
from dashboard.run_data import RunData

pytestmark = pytest.mark.browser
THOROUGH = os.environ.get("MPGATE_BROWSER_THOROUGH") == "1"
GATE_CELL = ".mpg a.gate"
AT_HEADING = "document.activeElement.tagName === 'H1'"


def pages(served: Served, *, thorough: bool) -> list[Link]:
    """Return every page that is visited: the menu, a main run in full, others in part."""
    links = [*menu_pages(), *run_pages(served.main, other_run(served), thorough=thorough)]
    if served.sample.key != served.main.key:
        links += run_pages(served.sample, None, thorough=False)
    for key in served.others:
        links += [Link(slug, {"run": key}) for slug in ("readiness", "artifacts")[: 1 + thorough]]
    return links + [Link(slug, {"run": served.broken}) for slug in ("readiness", "targets")]


def other_run(served: Served) -> str | None:
    return next(iter(served.others), None)


def visited(served: Served, browser: Browser, *, thorough: bool) -> Findings:
    """Visit every page of the app once, as its own links lead there; others open addresses."""
    visitor, found = Visitor.of(browser), Findings()
    visitor.open(app_address(served.base, Link("start")))
    for link in pages(served, thorough=thorough):
        visitor.go(app_address(served.base, link))
        run = link.params.get("run", link.params.get("b", ""))
        about = "" if run == served.broken else run
        found.look(visitor, served.records, app_address("", link), MENU.get(link.page, ""), about)
    found.end(visitor, allowed={"127.0.0.1"})
    return found


@pytest.fixture(scope="module")
def app(served: Served, browser: Browser) -> Findings:
    return visited(served, browser, thorough=THOROUGH)


@pytest.mark.parametrize("kind", KINDS)
def test_the_app_has_no(kind: str, app: Findings) -> None:
    assert not app.of(kind), app.report(kind)


def test_thousands_of_values_were_held_against_records(app: Findings) -> None:
    assert app.values > 2_000


@pytest.mark.nightly
def test_every_gate_and_benchmark_is_as_sound(served: Served, browser: Browser) -> None:
    found = visited(served, browser, thorough=True)
    assert not any(map(found.of, KINDS)), "\n".join(map(found.report, KINDS))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window_or_hard_to_read(
    width: int, served: Served, browser: Browser
) -> None:
    visitor = Visitor.of(browser, width=width)
    ours = run_pages(served.main, other_run(served), thorough=False)
    kinds = {link.page: app_address(served.base, link) for link in (*menu_pages(), *ours)}
    problems = visitor.looks(kinds, width)
    visitor.close()
    assert not problems, "\n".join(problems)


def test_three_clicks_lead_from_a_failing_gate_to_its_top_target(
    served: Served, visitor: Visitor
) -> None:
    run, failing = _failing_gate(served)
    page = visitor.page
    visitor.open(app_address(served.base, Link("readiness", {"run": run.key})))
    page.locator(f"{GATE_CELL}[href*='{failing['id']}']").first.click()
    page.wait_for_function("id => location.search.includes(id)", arg=failing["id"])
    page.locator("h1", has_text=failing["title"]).wait_for()
    visitor.settle()
    known = {each["target_id"] for each in run.get("loss", "/targets")}
    parts = [each for each in failing["contributors"] if each["name"] in known]
    worse = [each for each in parts if each["value"] > 0]  # what makes the gate fail comes first
    top = max(worse or parts, key=lambda each: abs(each["value"]))["name"]
    page.locator(".mpg a[href^='target?'], .mpg a[href*='/target?']").first.click()
    page.wait_for_url("**/target?**")
    visitor.settle()
    page.locator("[data-testid=stMain]").filter(has_text=top).wait_for()
    assert page.evaluate("new URLSearchParams(location.search).get('target')") == top
    assert not visitor.new_complaints()


def _failing_gate(served: Served) -> tuple[RunData, dict[str, Any]]:
    """Return a run and its first gate that fails because of targets: the sample always has one."""
    for run in (served.main, served.sample):
        known = {each["target_id"] for each in run.get("loss", "/targets")}
        for gate in run.get("gate_results", "/gates"):
            first = [each["name"] for each in gate["contributors"][:1]]
            if gate["status"] == "fail" and known.intersection(first):
                return run, gate
    raise AssertionError("no gate fails because of targets")


def test_the_keyboard_reaches_and_opens_a_gate(served: Served, visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(app_address(served.base, Link("readiness", {"run": served.main.key})))
    on_a_gate = 'document.activeElement.matches(\'.mpg a[href*="gate?"][href*="gate="]\')'
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(on_a_gate):
            break
    style = page.evaluate(
        "(({outlineStyle, outlineWidth, boxShadow}) => [outlineStyle, outlineWidth, boxShadow])"
        "(getComputedStyle(document.activeElement))"
    )
    assert page.evaluate(on_a_gate), "Tab reached no gate"
    assert (style[0] != "none" and style[1] != "0px") or style[2] != "none", style
    page.keyboard.press("Enter")
    page.wait_for_url("**/gate?**")
    visitor.settle()


def test_the_keyboard_skips_the_menu_and_goes_on_at_the_heading(
    served: Served, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.open(app_address(served.base, Link("readiness", {"run": served.main.key})))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('[data-testid=stMain] .mpg')")
    page.locator(GATE_CELL).first.press("Enter")
    page.wait_for_url("**/gate?**")
    page.wait_for_function(AT_HEADING)
    page.locator("[data-testid=stSidebar] a", has_text="Artifacts").press("Enter")
    page.wait_for_url("**/artifacts?**")
    page.wait_for_function(AT_HEADING)


def test_on_a_phone_the_menu_makes_way_for_the_page(served: Served, browser: Browser) -> None:
    visitor = Visitor.of(browser, width=390)
    page = visitor.page
    visitor.open(app_address(served.base, Link("start")))
    page.get_by_test_id("stExpandSidebarButton").click()
    page.locator("[data-testid=stSidebar] a", has_text="Artifacts").click()
    page.locator("h1", has_text="Artifacts").click(timeout=5000)  # fails where it is covered
    assert not visitor.new_complaints()
    visitor.close()


def test_back_and_forward_lead_to_what_was_seen(served: Served, visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(app_address(served.base, Link("readiness", {"run": served.main.key})))
    page.locator(GATE_CELL).first.click()
    page.locator("h1", has_not_text="Readiness of").wait_for()
    visitor.settle()
    gate, address = page.locator("h1").inner_text(), page.url
    for move, heading in ((page.go_back, "Readiness of mp-national"), (page.go_forward, gate)):
        move()
        page.locator("h1", has_text=heading).wait_for()
    assert page.url == address
    assert not visitor.new_complaints()


def test_a_target_named_script_is_shown_and_not_run(served: Served, visitor: Visitor) -> None:
    link = Link("target", {"run": served.sample.key, "target": SCRIPT_TARGET})
    visitor.open(app_address(served.base, link))
    assert SCRIPT_TARGET in visitor.page.locator("[data-testid=stMain]").inner_text()
    assert visitor.page.evaluate("window.hacked") is None


def test_how_long_pages_take(served: Served, browser: Browser) -> None:
    address = app_address(served.base, Link("readiness", {"run": served.main.key}))
    first = first_page_seconds(browser, address, GATE_CELL, tries=3)
    visitor = Visitor.of(browser)
    visitor.open(address)
    switch = switch_seconds(visitor, ["Artifacts", "Targets", "History"], tries=2)
    visitor.close()
    print(f"first page interactive {first:.2f} s, page switch {switch:.2f} s")
    assert first > 0
    assert switch > 0
