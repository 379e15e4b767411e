"""A browser's visits: what a page asked for, what it complained of, and what can be seen on it."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocket, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PROBE = Path(__file__).with_name("browser_probe.js").read_text(encoding="utf-8")
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
LEAST_CONTRAST = 4.5
_HEIGHT, _TALLEST = 900, 5000
_CONTENT_HEIGHT = (
    "(document.querySelector('[data-testid=stMain]') || document.body).scrollHeight + 40"
)
_SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_MOVE = """address => {
  history.pushState({}, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}"""
_PROBED = ("/_stcore/health", "/_stcore/host-config")
_PATIENCE_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's chromium; raises AssertionError where it is not installed."""
    found = shutil.which("chromium")
    assert found, "chromium is not installed: install Debian's chromium package"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """One tab that remembers every request, console error and page error since it was opened."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)
    finished: int = 0  # times that the app has drawn a page

    @classmethod
    def of(cls, browser: Browser, *, scheme: str = "light", width: int = WIDTHS[0]) -> Visitor:
        """Open a tab with nothing in its cache."""
        size = {"width": width, "height": _HEIGHT}
        context = browser.new_context(color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE_MS)
        visitor = cls(context.new_page())
        visitor.page.on("request", visitor._request)
        visitor.page.on("websocket", visitor._socket)
        visitor.page.on("console", visitor._said)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"raised {error}"))
        return visitor

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "file"):
            self.hosts.add(address.hostname or address.scheme)

    def _socket(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).hostname or "")
        socket.on("framereceived", self._received)

    def _received(self, payload: bytes | str) -> None:
        message = ForwardMsg.FromString(payload) if isinstance(payload, bytes) else ForwardMsg()
        if message.WhichOneof("type") == "script_finished":
            self.finished += message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY

    def _said(self, message: ConsoleMessage) -> None:
        # Streamlit looks for its server below a page's own address first, and is told 404.
        probed = message.location.get("url", "").endswith(_PROBED)
        if message.type == "error" and not probed:
            self.complaints.append(f"console: {message.text} {message.location.get('url', '')}")
        elif message.type == "warning":
            self.warnings.add(message.text)

    def open(self, address: str) -> None:
        """Go to a page and wait until it is complete."""
        self.page.goto(address)
        self.settle()

    def go(self, address: str) -> None:
        """Go to a page within the running app, as its own links do, and wait as `open` does."""
        before = self.finished
        self.page.evaluate(_MOVE, address)
        self.wait_until(lambda: self.finished > before)
        self.settle()

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Wait for what the app says; raises AssertionError where it does not come."""
        deadline = time.monotonic() + _PATIENCE_MS / 1000
        while not done():
            assert time.monotonic() < deadline, f"the app did not answer at {self.page.url}"
            self.page.wait_for_timeout(10)

    def settle(self) -> None:
        """Wait until the page stands: its heading, and in the app the end of its script."""
        self.page.wait_for_selector("h1")
        if self.page.url.startswith("http"):
            self.page.wait_for_selector(_SETTLED, state="attached")
            self.page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")

    def probe(self) -> dict[str, Any]:
        """Return what the page shows, see browser_probe.js."""
        found: dict[str, Any] = self.page.evaluate(PROBE)
        return found

    def new_complaints(self) -> list[str]:
        """Return the complaints since the last call."""
        found, self.complaints = self.complaints, []
        return found

    def appear(self, width: int, scheme: str) -> None:
        """Show the same page at another width and in another colour scheme."""
        self.page.set_viewport_size({"width": width, "height": _HEIGHT})
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.page.wait_for_timeout(120)

    def looks(self, addresses: Mapping[str, str], width: int) -> list[str]:
        """Return what is wider than the window or breaks a rule, in light and dark, by name."""
        problems = []
        for name, address in addresses.items():
            self.open(address)
            for scheme in SCHEMES:
                self.appear(width, scheme)
                seen = self.probe()
                broken = [*seen["wide"], *rule_problems(seen)]
                problems += [f"{name}, {width} px, {scheme}: {each}" for each in broken]
                self.shoot(f"{name}-{width}-{scheme}")
        return problems

    def shoot(self, name: str) -> None:
        """Keep a picture in the folder that MPGATE_BROWSER_SHOTS names, if it names one."""
        folder, size = os.environ.get("MPGATE_BROWSER_SHOTS"), self.page.viewport_size
        if not folder or size is None:
            return
        height = self.page.evaluate(_CONTENT_HEIGHT)  # the app scrolls inside the window
        tall = min(max(height, _HEIGHT), _TALLEST)
        self.page.set_viewport_size({"width": size["width"], "height": tall})
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=Path(folder) / f"{name}.png")
        self.page.set_viewport_size(size)

    def close(self) -> None:
        """Close the tab and forget its cache."""
        self.page.context.close()


def rule_problems(found: dict[str, Any]) -> list[str]:
    """Return what of a page breaks a rule of accessibility or lets markup through."""
    problems = [
        f"{what}: {each}"
        for what in (
            "uncaptioned",
            "unlabelled",
            "nameless",
            "unnamedFields",
            "scripts",
            "handlers",
            "headings",
            "exceptions",
        )
        for each in found[what]
    ]
    problems += [
        f"contrast {each['contrast']:.2f} of {each['text']!r}"
        for each in (*found["chips"], *found["small"])
        if each["contrast"] < LEAST_CONTRAST
    ]
    if found["hacked"]:
        problems.append("a script of a record was run")
    if not found["lang"]:
        problems.append("the page names no language")
    return problems


def first_page_seconds(browser: Browser, address: str, ready: str, tries: int) -> float:
    """Return the median time from asking for a page until `ready` can be clicked, caches empty."""
    times = []
    for _ in range(tries):
        visitor = Visitor.of(browser)
        started = time.perf_counter()
        visitor.page.goto(address, wait_until="commit")
        visitor.page.locator(ready).first.click(trial=True)
        times.append(time.perf_counter() - started)
        visitor.close()
    return statistics.median(times)


def switch_seconds(visitor: Visitor, names: list[str], tries: int) -> float:
    """Return the median time from a click in the menu until the other page stands."""
    times = []
    for name in names * tries:
        link = visitor.page.locator("[data-testid=stSidebar] a", has_text=name).first
        before = visitor.page.locator("h1").first.inner_text()
        started = time.perf_counter()
        link.click()
        visitor.page.wait_for_function(
            "before => ![undefined, '', before].includes(document.querySelector('h1')?.innerText)",
            arg=before,
        )
        visitor.settle()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
